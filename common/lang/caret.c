/*
 * caret.c - an error under the place that it means; see lex.h.
 */
#include "common/base/utf8.h"
#include "common/lang/lex.h"

/* Columns on a terminal: combining marks take none, East Asian and emoji two. */
static unsigned rune_width(uint32_t rune)
{
	if (rune < 0x300)
		return 1;
	if (rune < 0x370 || (rune >= 0x200b && rune <= 0x200f) ||
	    (rune >= 0xfe00 && rune <= 0xfe0f))
		return 0;
	return (rune >= 0x1100 && rune < 0x1160) || (rune >= 0x2e80 && rune < 0xa4d0) ||
			       (rune >= 0xac00 && rune < 0xd7a4) ||
			       (rune >= 0xf900 && rune < 0xfb00) ||
			       (rune >= 0xfe30 && rune < 0xfe70) ||
			       (rune >= 0xff00 && rune < 0xff61) ||
			       (rune >= 0x1f300 && rune < 0x1fb00) ||
			       (rune >= 0x20000 && rune < 0x40000)
		       ? 2
		       : 1;
}

static unsigned text_width(struct span text)
{
	unsigned width = 0;
	uint32_t rune;

	while (text.len) {
		text = span_skip(text, utf8_decode(text, &rune));
		width += rune_width(rune);
	}
	return width;
}

/* The line that byte `at` is in; *ret_at counts from its start. */
static struct span line_at(struct span query, size_t at, size_t *ret_at)
{
	size_t begin = at;

	while (begin > 0 && query.ptr[begin - 1] != '\n')
		begin--;
	struct span line = span_skip(query, begin);
	ptrdiff_t end = span_chr(line, '\n');

	*ret_at = at - begin;
	return end < 0 ? line : span_take(line, (size_t)end);
}

/* Cut characters off the front until what is before the caret fits; bytes cut. */
static size_t cut_front(struct span line, size_t at, unsigned width)
{
	size_t cut = 0;
	uint32_t rune;

	while (cut < at && text_width(span_take(span_skip(line, cut), at - cut)) > width)
		cut += utf8_decode(span_skip(line, cut), &rune);
	return cut;
}

static struct span cut_back(struct span line, unsigned width)
{
	size_t kept = 0;
	unsigned used = 0;
	uint32_t rune;

	while (kept < line.len) {
		size_t n = utf8_decode(span_skip(line, kept), &rune);

		used += rune_width(rune);
		if (used > width)
			break;
		kept += n;
	}
	return span_take(line, kept);
}

/* Tabs and control characters would put the caret elsewhere. */
static void print_line(struct buf *out, struct span line)
{
	for (size_t i = 0; i < line.len; i++)
		buf_putc(out,
			 (uint8_t)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f ? ' ' : line.ptr[i]);
}

/* A line longer than this is not searched for the caret's column in full. */
#define CARET_LINE_MAX 4096

void lex_print_error(struct buf *out, struct span query, const struct err *err, unsigned width)
{
	size_t at, cut = 0;
	struct span line = line_at(query, err->offset < query.len ? err->offset : query.len, &at);
	unsigned column;

	if (at > CARET_LINE_MAX) {
		cut = at - CARET_LINE_MAX;
		while (cut < at && ((uint8_t)line.ptr[cut] & 0xc0) == 0x80)
			cut++;
	}
	if (width)
		cut += cut_front(span_skip(line, cut), at - cut, width * 3 / 4);
	line = span_skip(line, cut);
	at -= cut;
	if (cut)
		buf_puts(out, SPAN("…"));
	line = width ? cut_back(line, width - (cut > 0)) : span_take(line, at + CARET_LINE_MAX);
	print_line(out, line);
	buf_putc(out, '\n');
	column = text_width(span_take(line, at)) + (cut > 0);
	for (unsigned i = 0; i < column; i++)
		buf_putc(out, ' ');
	if (width && column + 2 + text_width(span_cstr(err->text)) > width)
		buf_printf(out, "^\n%s\n", err->text); /* from the margin it wraps less */
	else
		buf_printf(out, "^ %s\n", err->text);
}
