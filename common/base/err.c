#include "common/base/err.h"
#include "common/base/span.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((__format__(__printf__, 4, 0))) static void
set_text(struct err *err, int code, size_t offset, const char *fmt, va_list args)
{
	if (!err)
		return;
	char text[sizeof(err->text)];

	/* The arguments may point into err->text itself: format aside first. */
	vsnprintf(text, sizeof(text), fmt, args);
	*err = (struct err){.code = code, .offset = offset};
	memcpy(err->text, text, sizeof(text));
}

int err_set(struct err *reterr, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_text(reterr, code, 0, fmt, args);
	va_end(args);
	return code;
}

int err_at(struct err *reterr, int code, size_t offset, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_text(reterr, code, offset, fmt, args);
	va_end(args);
	return code;
}

int err_prefix(struct err *reterr, int code, const char *fmt, ...)
{
	if (!reterr)
		return code;
	char text[sizeof(reterr->text)];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);

	va_end(args);
	size_t used = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	struct span parts[] = {SPAN(": "), span_cstr(reterr->text)};

	for (size_t i = 0; i < 2; i++) {
		struct span part = span_take(parts[i], sizeof(text) - 1 - used);

		memcpy(text + used, part.ptr, part.len);
		used += part.len;
	}
	text[used] = '\0';
	memcpy(reterr->text, text, sizeof(text));
	reterr->code = code;
	return code;
}
