/* notice.c - see notice.h. */
#include "aggregator/logq/notice.h"
#include "common/base/io.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_uint count;

void notice(const char *format, ...)
{
	char text[1024] = "logq: ";
	size_t room = sizeof(text) - 1, len = sizeof("logq: ") - 1;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + len, room - len, format, args);
	va_end(args);
	len += n < 0 ? 0 : (size_t)n < room - len ? (size_t)n : room - len - 1;
	text[len++] = '\n';
	(void)io_write_full(STDERR_FILENO, text, len);
	count++;
}

unsigned notice_count(void)
{
	return count;
}
