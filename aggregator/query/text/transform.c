/* transform.c - see transform.h. */
#include "aggregator/query/text/transform.h"
#include "common/base/num.h"
#include "common/lang/token.h"

bool transform_lower(struct span text, struct buf *out)
{
	text_lower(text, out);
	return true;
}

bool transform_upper(struct span text, struct buf *out)
{
	text_upper(text, out);
	return true;
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool transform_base64_encode(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i += 3) {
		size_t n = text.len - i < 3 ? text.len - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? (uint8_t)text.ptr[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			buf_putc(out, k <= n ? base64_digits[bits >> (18 - 6 * k) & 63] : '=');
	}
	return true;
}

bool transform_base64_decode(struct span text, struct buf *out)
{
	size_t start = out->len;
	uint32_t bits = 0;
	unsigned held = 0;

	if (text.len % 4)
		return false;
	for (unsigned pad = 0; pad < 2 && text.len && text.ptr[text.len - 1] == '='; pad++)
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = memchr(base64_digits, text.ptr[i], 64);

		if (!digit) {
			out->len = start;
			return false;
		}
		bits = bits << 6 | (uint32_t)(digit - base64_digits);
		held += 6;
		if (held >= 8)
			buf_putc(out, (char)(bits >> (held -= 8)));
	}
	return true;
}

/* The byte that two digits at the front of `text` spell, or -1. */
static int hex_byte(struct span text)
{
	int high = text.len >= 2 ? num_hex_digit(text.ptr[0]) : -1;
	int low = text.len >= 2 ? num_hex_digit(text.ptr[1]) : -1;

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static void put_hex(struct buf *out, char c)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_putc(out, digits[(uint8_t)c >> 4]);
	buf_putc(out, digits[(uint8_t)c & 15]);
}

bool transform_hex_encode(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++)
		put_hex(out, text.ptr[i]);
	return true;
}

bool transform_hex_decode(struct span text, struct buf *out)
{
	while (text.len >= 2) {
		int byte = hex_byte(text);

		if (byte < 0)
			buf_put(out, text.ptr, 2);
		else
			buf_putc(out, (char)byte);
		text = span_skip(text, 2);
	}
	buf_puts(out, text);
	return true;
}

bool transform_hex_number_decode(struct span text, struct buf *out)
{
	uint64_t n = 0;

	if (text.len == 0 || text.len > 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int digit = num_hex_digit(text.ptr[i]);

		if (digit < 0)
			return false;
		n = n << 4 | (uint64_t)digit;
	}
	buf_put_u64(out, n);
	return true;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_.~", c));
}

bool transform_url_encode(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_unreserved(text.ptr[i])) {
			buf_putc(out, text.ptr[i]);
		} else if (text.ptr[i] == ' ') {
			buf_putc(out, '+');
		} else {
			buf_putc(out, '%');
			put_hex(out, text.ptr[i]);
		}
	}
	return true;
}

bool transform_url_decode(struct span text, struct buf *out)
{
	while (text.len) {
		int byte = text.ptr[0] == '%' ? hex_byte(span_skip(text, 1)) : -1;

		if (byte >= 0) {
			buf_putc(out, (char)byte);
			text = span_skip(text, 3);
			continue;
		}
		buf_putc(out, text.ptr[0] == '+' ? ' ' : text.ptr[0]);
		text = span_skip(text, 1);
	}
	return true;
}

/* Bytes of `text` from its front that lie in [low, high]. */
static size_t run_of(struct span text, unsigned char low, unsigned char high)
{
	size_t n = 0;

	while (n < text.len && (unsigned char)text.ptr[n] >= low &&
	       (unsigned char)text.ptr[n] <= high)
		n++;
	return n;
}

bool transform_decolorize(struct span text, struct buf *out)
{
	for (ptrdiff_t at; (at = span_find(text, SPAN("\x1b["))) >= 0;) {
		buf_puts(out, span_take(text, (size_t)at));
		text = span_skip(text, (size_t)at + 2);
		text = span_skip(text, run_of(text, 0x30, 0x3f)); /* parameters */
		text = span_skip(text, run_of(text, 0x20, 0x2f)); /* intermediates */
		if (run_of(text, 0x30, 0x7e))                     /* the final byte */
			text = span_skip(text, 1);
	}
	buf_puts(out, text);
	return true;
}
