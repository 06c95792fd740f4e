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

/*
 * Whether the reader's locale has UTF-8.  One that isn't installed here, as
 * happens behind ssh, still says by its name what the terminal can show.
 * Afterwards the process has C.UTF-8, by which wcwidth() knows all characters.
 */
static bool locale_is_ascii(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	bool known = setlocale(LC_CTYPE, "") != NULL;
	bool ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	const char *name = NULL;

	for (size_t i = 0; i < 3 && !(name && name[0]); i++)
		name = getenv(names[i]);
	if (!known && name)
		ascii = !strcasestr(name, "utf-8") && !strcasestr(name, "utf8");
	setlocale(LC_CTYPE, "C.UTF-8");
	return ascii;
}

void style_init(struct style *style, int fd, int color_when, bool utc)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool tty = isatty(fd);
	struct winsize size;

	*style = (struct style){.escape = tty, .utc = utc};
	style->color = color_when == COLOR_ALWAYS ||
		       (color_when == COLOR_AUTO && tty && !(no_color && no_color[0]) &&
			!(term && strcmp(term, "dumb") == 0));
	style->ascii = locale_is_ascii();
	style->ascii_text = style->ascii && tty;
	if (tty && ioctl(fd, TIOCGWINSZ, &size) == 0)
		style->width = size.ws_col;
}

/* Controls, and what hides or reorders text: zero-width, bidi, byte order mark, tags. */
static bool is_hostile(uint32_t rune)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x061c, 0x061c},
		{0x115f, 0x1160}, {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
		{0x2060, 0x206f}, {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
		{0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (rune >= ranges[i].first && rune <= ranges[i].last)
			return true;
	return false;
}

static void put_escaped(struct buf *out, uint32_t rune)
{
	if (rune == '\n')
		buf_puts(out, SPAN("\\n"));
	else if (rune == '\r')
		buf_puts(out, SPAN("\\r"));
	else if (rune < 0xa0)
		buf_printf(out, "\\x%02x", rune);
	else
		buf_printf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
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
			buf_printf(out, "\\x%02x", (unsigned char)text.ptr[0]);
		else if (rune == '\t' || !(is_hostile(rune) || (style->ascii_text && rune >= 0x80)))
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
		[PAINT_DEBUG] = "2",    [PAINT_BAR] = "36",  [PAINT_MATCH] = "1;35",
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

void style_zone(const struct style *style, struct span time, struct buf *out)
{
	struct tm tm;
	int64_t ns;
	time_t t;

	if (style->utc || timestamp_parse(time, &ns) < 0) {
		buf_puts(out, SPAN("UTC"));
		return;
	}
	t = (time_t)(ns / NS_PER_SEC);
	if (localtime_r(&t, &tm))
		buf_puts(out, span_cstr(tm.tm_zone));
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
