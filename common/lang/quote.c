/*
 * quote.c - quoted texts; see quote.h.
 */
#include "common/lang/quote.h"
#include "common/base/utf8.h"
#include <errno.h>
#include <stdint.h>

/* `digits` digits of the base at the front of `at`. */
static int parse_digits(struct span at, size_t digits, unsigned base, uint32_t *ret)
{
	uint32_t n = 0;

	if (at.len < digits)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		char c = at.ptr[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: base;

		if (digit >= base)
			return -EINVAL;
		n = n * base + digit;
	}
	*ret = n;
	return 0;
}

/* One escape behind the backslash: bytes to `out` (≤ 4), returns how many of `at` it took. */
static int parse_escape(struct span at, char quote, char *out, size_t *ret_out)
{
	static const char plain[] = "abfnrtv\\", meaning[] = "\a\b\f\n\r\t\v\\";
	uint32_t value;

	if (at.len == 0)
		return -EINVAL;
	const char *found = memchr(plain, at.ptr[0], sizeof(plain) - 1);

	*ret_out = 1;
	if (found || at.ptr[0] == quote) {
		*out = found ? meaning[found - plain] : quote;
		return 1;
	}
	if (at.ptr[0] >= '0' && at.ptr[0] <= '7') {
		if (parse_digits(at, 3, 8, &value) < 0 || value > 255)
			return -EINVAL;
		*out = (char)value;
		return 3;
	}
	size_t digits = at.ptr[0] == 'x' ? 2 : at.ptr[0] == 'u' ? 4 : at.ptr[0] == 'U' ? 8 : 0;

	if (digits == 0 || parse_digits(span_skip(at, 1), digits, 16, &value) < 0)
		return -EINVAL;
	if (digits == 2)
		*out = (char)value;
	else if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return -EINVAL;
	else
		*ret_out = utf8_encode(out, value);
	return (int)digits + 1;
}

/* Byte of the closing quote, behind the opening one at 0; *ret_plain: no escape on the way. */
static int find_end(struct span rest, char quote, size_t *ret_end, bool *ret_plain)
{
	*ret_plain = true;
	for (size_t i = 1; i < rest.len; i++) {
		if (rest.ptr[i] == quote) {
			*ret_end = i;
			return 0;
		}
		if (rest.ptr[i] == '\n' && quote == '"')
			return -EINVAL;
		if (rest.ptr[i] == '\\' && quote != '`') {
			*ret_plain = false;
			i++;
		}
	}
	return -EINVAL;
}

int quote_unescape(struct span body, char quote, struct buf *out)
{
	char bytes[4];
	size_t n;

	while (body.len) {
		ptrdiff_t escape = span_chr(body, '\\');

		buf_puts(out, escape < 0 ? body : span_take(body, (size_t)escape));
		if (escape < 0)
			break;
		body = span_skip(body, (size_t)escape + 1);
		int took = parse_escape(body, quote, bytes, &n);

		if (took < 0)
			return took;
		buf_put(out, bytes, n);
		body = span_skip(body, (size_t)took);
	}
	return out->failed;
}

int quote_parse(struct span rest, struct arena *arena, struct span *ret_text, size_t *ret_len)
{
	char quote = rest.len ? rest.ptr[0] : 0;
	size_t end;
	bool plain;
	int r;

	if ((quote != '"' && quote != '\'' && quote != '`') ||
	    find_end(rest, quote, &end, &plain) < 0)
		return -EINVAL;
	struct span body = span_between(rest.ptr + 1, rest.ptr + end);

	*ret_len = end + 1;
	if (plain) {
		*ret_text = body;
		return 0;
	}
	struct buf text = BUF_INIT(body.len); /* an escape is never shorter than what it means */

	r = quote_unescape(body, quote, &text);
	if (r >= 0) {
		*ret_text = arena_dup(arena, buf_span(&text));
		r = text.len && !ret_text->ptr ? -ENOMEM : 0;
	}
	buf_release(&text);
	return r;
}

size_t quote_len(struct span rest)
{
	char quote = rest.len ? rest.ptr[0] : 0;
	size_t end;
	bool plain;

	if ((quote != '"' && quote != '\'' && quote != '`') ||
	    find_end(rest, quote, &end, &plain) < 0)
		return 0;
	return end + 1;
}

const char *quote_problem(struct span rest)
{
	if (quote_len(rest))
		return "a quoted text with a wrong escape (write \\\\ for a backslash, or put it "
		       "in "
		       "`…`)";
	return span_starts(rest, SPAN("\""))  ? "a \" without its end, on this line"
	       : span_starts(rest, SPAN("'")) ? "a ' without its end"
					      : "a ` without its end";
}
