#include "common/conf/regex_jit.h"

/* Bytes of the escape at the front; of \Q the text up to its \E, too. */
static size_t escape_len(struct span rest)
{
	ptrdiff_t end;

	if (rest.len < 2)
		return rest.len;
	if (rest.ptr[1] == 'c')
		return rest.len < 3 ? rest.len : 3;
	if (rest.ptr[1] != 'Q')
		return 2;
	end = span_find(rest, SPAN("\\E"));
	return end < 0 ? rest.len : (size_t)end + 2;
}

/* Bytes of the class at the front, brackets included. */
static size_t class_len(struct span rest)
{
	size_t n = span_starts(rest, SPAN("[^")) ? 2 : 1;

	n += span_starts(span_skip(rest, n), SPAN("]"));
	while (n < rest.len && rest.ptr[n] != ']') {
		struct span at = span_skip(rest, n);
		ptrdiff_t end = span_starts(at, SPAN("[:")) ? span_find(at, SPAN(":]")) : -1;

		n += end >= 0 ? (size_t)end + 2 : at.ptr[0] == '\\' ? escape_len(at) : 1;
	}
	return n < rest.len ? n + 1 : rest.len;
}

bool regex_put_in_brackets(struct span pattern, struct buf *out)
{
	bool any = false;

	while (pattern.len) {
		char c = pattern.ptr[0];
		size_t n = c == '\\' ? escape_len(pattern) : c == '[' ? class_len(pattern) : 1;
		bool bare = c == '\\' && n == 2 && strchr("DSW", pattern.ptr[1]);

		buf_puts(out, bare ? SPAN("[") : SPAN(""));
		buf_puts(out, span_take(pattern, n));
		buf_puts(out, bare ? SPAN("]") : SPAN(""));
		pattern = span_skip(pattern, n);
		any |= bare;
	}
	return any;
}
