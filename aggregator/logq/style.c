/* style.c - see style.h for what is escaped and why. */
#include "aggregator/logq/style.h"
#include "aggregator/logq/options.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/data/record.h"
#include "common/data/timestamp.h"
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

void style_init(struct style *style, int fd, int color_when, bool utc)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool tty = isatty(fd);
	struct winsize size;

	setlocale(LC_CTYPE, "");
	*style = (struct style){.escape = tty, .utc = utc};
	style->color = color_when == COLOR_ALWAYS ||
		       (color_when == COLOR_AUTO && tty && !(no_color && no_color[0]) &&
			!(term && strcmp(term, "dumb") == 0));
	style->ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (tty && ioctl(fd, TIOCGWINSZ, &size) == 0)
		style->width = size.ws_col;
}

/* Controls, and what hides or reorders text: zero-width, bidi, byte order mark. */
static bool is_hostile(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x200b && rune <= 0x200f) ||
	       (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2060 && rune <= 0x2069) ||
	       rune == 0xfeff || rune == 0x061c;
}

static void put_escaped(struct buf *out, uint32_t rune)
{
	if (rune == '\n')
		buf_puts(out, SPAN("\\n"));
	else if (rune == '\r')
		buf_puts(out, SPAN("\\r"));
	else if (rune < 0x100)
		buf_printf(out, "\\x%02x", rune);
	else
		buf_printf(out, "\\u%04x", rune);
}

/* Bytes at the front that need no look: printable ASCII. */
static size_t plain_len(struct span text)
{
	size_t n = 0;

	while (n < text.len && text.ptr[n] >= 0x20 && text.ptr[n] < 0x7f)
		n++;
	return n;
}

void style_text(const struct style *style, struct span text, struct buf *out)
{
	if (!style->escape) {
		buf_puts(out, text);
		return;
	}
	while (text.len) {
		size_t n = plain_len(text);
		uint32_t rune;

		buf_puts(out, span_take(text, n));
		text = span_skip(text, n);
		if (!text.len)
			break;
		n = utf8_decode(text, &rune);
		if (n == 1 && (unsigned char)text.ptr[0] >= 0x80)
			put_escaped(out, (unsigned char)text.ptr[0]);
		else if (rune == '\t' || !is_hostile(rune))
			buf_puts(out, span_take(text, n));
		else
			put_escaped(out, rune);
		text = span_skip(text, n);
	}
}

void style_lines(const struct style *style, struct span text, unsigned indent, struct buf *out)
{
	struct span line;
	bool first = true;

	while (span_cut(&text, '\n', &line)) {
		if (!first)
			buf_printf(out, "\n%*s", (int)indent, "");
		first = false;
		style_text(style, line, out);
	}
}

void style_begin(const struct style *style, enum paint paint, struct buf *out)
{
	static const char *const codes[] = {
		[PAINT_TIME] = "2",     [PAINT_NAME] = "2",  [PAINT_SERVICE] = "36",
		[PAINT_ERROR] = "1;31", [PAINT_WARN] = "33", [PAINT_INFO] = "32",
		[PAINT_DEBUG] = "2",    [PAINT_BAR] = "36",
	};

	if (style->color)
		buf_printf(out, "\033[%sm", codes[paint]);
}

void style_end(const struct style *style, struct buf *out)
{
	if (style->color)
		buf_puts(out, SPAN("\033[0m"));
}

void style_paint(const struct style *style, enum paint paint, struct span text, struct buf *out)
{
	style_begin(style, paint, out);
	style_text(style, text, out);
	style_end(style, out);
}

enum paint style_level(struct span level)
{
	uint32_t severity = severity_parse(level);

	if (severity >= 17)
		return PAINT_ERROR;
	if (severity >= 13)
		return PAINT_WARN;
	return severity >= 9 || !severity ? PAINT_INFO : PAINT_DEBUG;
}

size_t style_columns(struct span text)
{
	size_t columns = 0;

	while (text.len) {
		uint32_t rune;
		size_t n = utf8_decode(text, &rune);
		int width = rune < 0x80 ? 1 : wcwidth((wchar_t)rune);

		columns += width > 0 ? (size_t)width : width < 0;
		text = span_skip(text, n);
	}
	return columns;
}

void style_time(const struct style *style, struct span time, bool iso, struct buf *out)
{
	int64_t ns, seconds;
	char text[64];
	struct tm tm;
	time_t t;
	size_t n;

	if (timestamp_parse(time, &ns) < 0) {
		style_text(style, time, out);
		return;
	}
	seconds = ns / NS_PER_SEC - (ns % NS_PER_SEC < 0);
	t = (time_t)seconds;
	if (!(style->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm))) {
		style_text(style, time, out);
		return;
	}
	n = strftime(text, sizeof(text), iso ? "%Y-%m-%dT%H:%M:%S" : "%b %d %H:%M:%S", &tm);
	buf_puts(out, span_of(text, n));
	buf_printf(out, ".%03d", (int)((ns - seconds * NS_PER_SEC) / NS_PER_MS));
	if (iso && style->utc)
		buf_putc(out, 'Z');
	else if (iso)
		buf_printf(out, "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+',
			   labs(tm.tm_gmtoff) / 3600, labs(tm.tm_gmtoff) / 60 % 60);
}
