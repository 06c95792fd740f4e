/* cell.c - see cell.h. */
#include "aggregator/logq/cell.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"

#define SPACES   80
#define EIGHTHS  8
#define SMALLEST 0.05 /* percent that is not shown as 0.0% */

static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] >= 0x7f)
			return false;
	return true;
}

struct span cell_text(const struct style *style, struct span text, struct buf *scratch)
{
	struct style always = *style;

	if (is_plain(text))
		return text;
	always.escape = true;
	buf_reset(scratch);
	style_text(&always, text, scratch);
	for (size_t i = 0; i < scratch->len; i++)
		if (scratch->ptr[i] == '\t')
			scratch->ptr[i] = ' ';
	return buf_span(scratch);
}

static void put_spaces(struct buf *out, size_t n)
{
	static const char spaces[SPACES + 1] = "                                        "
					       "                                        ";

	for (; n > SPACES; n -= SPACES)
		buf_put(out, spaces, SPACES);
	buf_put(out, spaces, n);
}

void cell_label(struct span label, size_t columns, enum cell_side side, struct buf *out)
{
	size_t width = style_columns(label);
	size_t pad = width < columns ? columns - width : 0;

	if (side == CELL_RIGHT)
		put_spaces(out, pad);
	buf_puts(out, label);
	if (side == CELL_LEFT)
		put_spaces(out, pad);
}

/* As many characters of the front as have room. */
static struct span fit(struct span text, size_t columns)
{
	size_t used = 0, n;

	for (struct span rest = text; rest.len; rest = span_skip(rest, n)) {
		uint32_t rune;

		n = utf8_decode(rest, &rune);
		used += style_columns(span_take(rest, n));
		if (used > columns)
			return span_between(text.ptr, rest.ptr);
	}
	return text;
}

void cell_put(const struct style *style, struct span shown, size_t columns, enum cell_side side,
	      struct buf *out)
{
	struct span dots = style->ascii ? SPAN("...") : SPAN("…");
	size_t wide = style_columns(dots), before = out->len;

	if (style_columns(shown) <= columns) {
		cell_label(shown, columns, side, out);
		return;
	}
	buf_puts(out, fit(shown, columns > wide ? columns - wide : 0));
	buf_puts(out, columns < wide ? span_take(dots, style->ascii ? columns : 0) : dots);
	shown = span_skip(buf_span(out), before);
	if (side == CELL_LEFT && style_columns(shown) < columns) /* half of a wide character */
		put_spaces(out, columns - style_columns(shown));
}

void cell_bar(const struct style *style, uint64_t value, uint64_t most, size_t columns,
	      struct buf *out)
{
	static const struct span parts[] = {SPAN(""),  SPAN("▏"), SPAN("▎"), SPAN("▍"),
					    SPAN("▌"), SPAN("▋"), SPAN("▊"), SPAN("▉")};
	unsigned fine = style->ascii ? 1 : EIGHTHS;
	size_t n = most ? (size_t)((double)value / (double)most * (double)(columns * fine)) : 0;

	if (value && !n && columns)
		n = 1;
	style_begin(style, PAINT_BAR, out);
	for (size_t i = 0; i < n / fine; i++)
		buf_puts(out, style->ascii ? SPAN("#") : SPAN("█"));
	if (fine > 1)
		buf_puts(out, parts[n % fine]);
	style_end(style, out);
}

void cell_share(uint64_t part, uint64_t whole, struct buf *out)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part && percent < SMALLEST)
		buf_puts(out, SPAN("<0.1%"));
	else
		buf_printf(out, "%.1f%%", percent);
}

void cell_duration(const struct style *style, int64_t ns, struct buf *out)
{
	static const struct {
		int64_t ns;
		const char *name, *ascii;
	} units[] = {{3600 * NS_PER_SEC, "h", "h"},  {60 * NS_PER_SEC, "m", "m"},
		     {NS_PER_SEC, "s", "s"},         {NS_PER_MS, "ms", "ms"},
		     {NS_PER_MS / 1000, "µs", "us"}, {1, "ns", "ns"}};
	int64_t size = ns < 0 ? -ns : ns;
	size_t i = 0;
	double n;

	if (!ns) {
		buf_putc(out, '0');
		return;
	}
	while (size < units[i].ns)
		i++;
	n = (double)ns / (double)units[i].ns;
	buf_printf(out, "%.*f%s",
		   size / units[i].ns >= 100 || units[i].ns == 1 ? 0
		   : size / units[i].ns >= 10                    ? 1
								 : 2,
		   n, style->ascii ? units[i].ascii : units[i].name);
}
