/* notice.c - see notice.h. */
#include "aggregator/logq/notice.h"
#include "aggregator/logq/options.h"
#include "aggregator/logq/style.h"
#include "common/base/io.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#define TEXT_MAX (4u << 20)

static atomic_uint count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct style style;

static void set_style(void)
{
	style_init(&style, STDERR_FILENO, COLOR_NEVER, false);
}

/* Our own dots take one column in any locale: a caret may stand below. */
static void put(struct span text, struct buf *out)
{
	struct span dots = SPAN("…");
	ptrdiff_t at;

	while (style.ascii && (at = span_find(text, dots)) >= 0) {
		style_lines(&style, span_take(text, (size_t)at), 0, out);
		buf_putc(out, '.');
		text = span_skip(text, (size_t)at + dots.len);
	}
	style_lines(&style, text, 0, out);
}

static void say(struct span text)
{
	struct buf out = BUF_INIT(TEXT_MAX);

	pthread_once(&once, set_style);
	put(text, &out);
	buf_putc(&out, '\n');
	(void)io_write_full(STDERR_FILENO, out.ptr, out.len);
	buf_release(&out);
	count++;
}

void notice(const char *format, ...)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	char *said;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&said, format, args);
	va_end(args);
	if (n < 0)
		return;
	buf_puts(&text, SPAN("logq: "));
	buf_put(&text, said, (size_t)n);
	free(said);
	say(span_trim(buf_span(&text)));
	buf_release(&text);
}

void notice_lines(struct span text)
{
	while (text.len && text.ptr[text.len - 1] == '\n')
		text.len--;
	say(text);
}

unsigned notice_count(void)
{
	return count;
}
