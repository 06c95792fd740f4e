#include "common/parse/lines.h"

void lines_init(struct lines *lines, struct span bytes, size_t max, unsigned flags)
{
	*lines = (struct lines){
		.bytes = bytes,
		.max = max,
		.flags = flags & (LINES_CONTINUED | LINES_SKIPPING),
	};
}

/* Go past the rest of a line that was cut; false while its end is not there. */
static bool skip_rest(struct lines *lines)
{
	struct span rest = span_skip(lines->bytes, lines->at);
	ptrdiff_t newline = span_chr(rest, '\n');
	size_t n = newline < 0 ? rest.len : (size_t)newline + 1;

	lines->at += n;
	lines->skipped += n;
	if (newline < 0)
		return false;
	lines->flags &= ~(unsigned)(LINES_SKIPPING | LINES_CONTINUED);
	return true;
}

/*
 * Go past what stands before a line and is no text: a BOM, a hole of NULs.
 * NULs up to the end of the bytes stay: the writer may fill them in later
 * (preallocated files); only when they are more than a line can have they go.
 */
static void skip_noise(struct lines *lines)
{
	struct span rest = span_skip(lines->bytes, lines->at);
	size_t n = 0;

	if (lines->flags & LINES_CONTINUED)
		return;
	if (lines->at_zero && lines->at == 0 && span_starts(rest, SPAN("\xef\xbb\xbf"))) {
		lines->at = 3;
		rest = span_skip(rest, 3);
	}
	while (n < rest.len && rest.ptr[n] == '\0')
		n++;
	if (n < rest.len || n > lines->max)
		lines->at += n;
}

static void emit(struct lines *lines, size_t len, size_t consumed, struct line *ret)
{
	*ret = (struct line){
		.text = span_of(lines->bytes.ptr + lines->at, len),
		.start = lines->at,
		.end = lines->at + consumed,
		.flags = lines->flags & LINES_CONTINUED ? LINE_CONTINUED : 0,
	};
	lines->at += consumed;
}

/* A line of more than `max` bytes: its head is a record, its rest goes by. */
static void emit_cut(struct lines *lines, struct line *ret)
{
	const char *text = lines->bytes.ptr + lines->at;
	size_t len = lines->max;

	/* Not in the middle of a character. */
	for (int i = 0; i < 3 && len > 1 && (text[len] & 0xc0) == 0x80; i++)
		len--;
	emit(lines, len, len, ret);
	ret->flags |= LINE_TRUNCATED;
	lines->flags |= LINES_SKIPPING | LINES_CONTINUED;
}

/* A line that ends with its newline, which is byte `len`. */
static bool emit_whole(struct lines *lines, size_t len, struct line *ret)
{
	size_t consumed = len + 1;
	bool continued = lines->flags & LINES_CONTINUED;

	if (len && lines->bytes.ptr[lines->at + len - 1] == '\r')
		len--;
	lines->flags &= ~(unsigned)LINES_CONTINUED;
	if (continued && len == 0) {
		lines->at += consumed; /* only the newline of what was flushed before */
		return false;
	}
	emit(lines, len, consumed, ret);
	ret->flags = continued ? LINE_CONTINUED : 0;
	return true;
}

bool lines_next(struct lines *lines, bool flush, struct line *ret)
{
	for (;;) {
		if (lines->flags & LINES_SKIPPING && !skip_rest(lines))
			return false;
		skip_noise(lines);
		struct span rest = span_skip(lines->bytes, lines->at);
		ptrdiff_t newline = span_chr(rest, '\n');

		if ((newline < 0 ? rest.len : (size_t)newline) > lines->max) {
			emit_cut(lines, ret);
			return true;
		}
		if (newline >= 0) {
			if (emit_whole(lines, (size_t)newline, ret))
				return true;
			continue;
		}
		if (!flush || rest.len == 0 || rest.ptr[0] == '\0')
			return false;
		emit(lines, rest.len, rest.len, ret);
		lines->flags |= LINES_CONTINUED;
		return true;
	}
}
