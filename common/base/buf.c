#include "common/base/buf.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_release(struct buf *buf)
{
	if (!buf)
		return;
	free(buf->ptr);
	buf_init(buf, buf->max);
}

static int fail(struct buf *buf, int code)
{
	if (!buf->failed)
		buf->failed = code;
	return code;
}

int buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed)
		return buf->failed;
	if (buf->cap - buf->len >= more)
		return 0;
	if (more > buf->max - buf->len)
		return fail(buf, -ENOBUFS);
	size_t need = buf->len + more, cap = buf->cap ? buf->cap : 64;

	while (cap < need)
		cap = cap > buf->max / 2 ? buf->max : cap * 2;
	if (cap > buf->max) /* capacity never passes max: buf_put() looks at it alone */
		cap = buf->max;
	char *ptr = realloc(buf->ptr, cap);

	if (!ptr)
		return fail(buf, -ENOMEM);
	buf->ptr = ptr;
	buf->cap = cap;
	return 0;
}

void buf_put_u64(struct buf *buf, uint64_t n)
{
	char text[NUM_TEXT_MAX];

	buf_put(buf, text, num_format_u64(text, n));
}

void buf_put_i64(struct buf *buf, int64_t n)
{
	char text[NUM_TEXT_MAX];

	buf_put(buf, text, num_format_i64(text, n));
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);

	va_end(args);
	if (n < 0) {
		fail(buf, -EINVAL);
		return;
	}
	/* vsnprintf wants room for its NUL, which max need not have. */
	if ((size_t)n > buf->max - buf->len) {
		fail(buf, -ENOBUFS);
		return;
	}
	_Bool tight = (size_t)n == buf->max - buf->len;
	char *text = NULL;

	if (tight && !(text = malloc((size_t)n + 1))) {
		fail(buf, -ENOMEM);
		return;
	}
	if (!tight && buf_reserve(buf, (size_t)n + 1) < 0)
		return;
	va_start(args, fmt);
	vsnprintf(tight ? text : buf->ptr + buf->len, (size_t)n + 1, fmt, args);
	va_end(args);
	if (tight)
		buf_put(buf, text, (size_t)n);
	else
		buf->len += (size_t)n;
	free(text);
}

void buf_consume(struct buf *buf, size_t n)
{
	if (n >= buf->len) {
		buf->len = 0;
		return;
	}
	if (n)
		memmove(buf->ptr, buf->ptr + n, buf->len - n);
	buf->len -= n;
}

const char *buf_cstr(struct buf *buf)
{
	if (buf_reserve(buf, 1) < 0)
		return NULL;
	buf->ptr[buf->len] = '\0';
	return buf->ptr;
}
