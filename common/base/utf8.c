#include "common/base/utf8.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * Unicode 15, table 3-7.  The first byte fixes the length and the range of the
 * second; all further bytes are 80..BF.
 *
 *	C2..DF             80..BF                  2 bytes
 *	E0                 A0..BF  80..BF          3, no overlong forms
 *	E1..EC EE EF       80..BF  80..BF
 *	ED                 80..9F  80..BF          no surrogates
 *	F0                 90..BF  80..BF 80..BF   4, no overlong forms
 *	F1..F3             80..BF  80..BF 80..BF
 *	F4                 80..8F  80..BF 80..BF   nothing above U+10FFFF
 */
struct lead {
	unsigned len; /* 0: not a first byte */
	unsigned char low, high;
};

static struct lead lead_of(unsigned char byte)
{
	if (byte < 0xc2 || byte > 0xf4)
		return (struct lead){0, 0, 0};
	if (byte < 0xe0)
		return (struct lead){2, 0x80, 0xbf};
	if (byte < 0xf0)
		return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
	return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
}

/*
 * How many bytes at `p` (n ≥ 1) belong together: a whole character (*ret_ok),
 * or the maximal subpart of one that breaks off, at least 1.
 */
static size_t measure(const unsigned char *p, size_t n, bool *ret_ok)
{
	*ret_ok = true;
	if (p[0] < 0x80)
		return 1;
	struct lead lead = lead_of(p[0]);

	*ret_ok = false;
	if (!lead.len || n < 2 || p[1] < lead.low || p[1] > lead.high)
		return 1;
	for (size_t i = 2; i < lead.len; i++)
		if (i >= n || (p[i] & 0xc0) != 0x80)
			return i;
	*ret_ok = true;
	return lead.len;
}

/* Skip bytes below 0x80, 16 or 8 at a time. */
static const unsigned char *skip_ascii(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)p));

		if (high)
			return p + __builtin_ctz((unsigned)high);
	}
#endif
	for (; end - p >= 8; p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (p < end && *p < 0x80)
		p++;
	return p;
}

size_t utf8_valid_prefix(struct span text)
{
	const unsigned char *begin = (const unsigned char *)text.ptr, *p = begin;
	const unsigned char *end = text.len ? begin + text.len : begin;

	while (p < end) {
		p = skip_ascii(p, end);
		/* Text that is not ASCII seldom goes back to it after one character. */
		while (p < end && *p >= 0x80) {
			bool ok;
			size_t n = measure(p, (size_t)(end - p), &ok);

			if (!ok)
				return (size_t)(p - begin);
			p += n;
		}
	}
	return text.len;
}

#define REPLACEMENT     "\xef\xbf\xbd"
#define REPLACEMENT_LEN (sizeof(REPLACEMENT) - 1)

/* Cut the longest valid prefix off *rest, and the invalid subpart behind it. */
static struct span cut_valid(struct span *rest)
{
	struct span good = span_take(*rest, utf8_valid_prefix(*rest));
	bool ok;

	*rest = span_skip(*rest, good.len);
	if (rest->len)
		*rest = span_skip(*rest, measure((const unsigned char *)rest->ptr, rest->len, &ok));
	return good;
}

size_t utf8_repaired_len(struct span text)
{
	size_t len = 0;

	while (text.len) {
		size_t before = text.len;
		struct span good = cut_valid(&text);

		len += good.len + (before > good.len + text.len ? REPLACEMENT_LEN : 0);
	}
	return len;
}

size_t utf8_repair_to(char *out, struct span text)
{
	char *p = out;

	while (text.len) {
		size_t before = text.len;
		struct span good = cut_valid(&text);

		memcpy(p, good.ptr, good.len);
		p += good.len;
		if (before > good.len + text.len) {
			memcpy(p, REPLACEMENT, REPLACEMENT_LEN);
			p += REPLACEMENT_LEN;
		}
	}
	return (size_t)(p - out);
}

void utf8_repair(struct span text, struct buf *out)
{
	size_t len = utf8_repaired_len(text);

	if (buf_reserve(out, len) < 0)
		return;
	if (len)
		out->len += utf8_repair_to(out->ptr + out->len, text);
}

size_t utf8_decode(struct span text, uint32_t *ret_rune)
{
	*ret_rune = 0xfffd;
	if (!text.len)
		return 0;
	const unsigned char *p = (const unsigned char *)text.ptr;
	bool ok;
	size_t n = measure(p, text.len, &ok);

	if (!ok)
		return 1;
	static const unsigned char lead_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t rune = p[0] & lead_bits[n];

	for (size_t i = 1; i < n; i++)
		rune = rune << 6 | (p[i] & 0x3f);
	*ret_rune = rune;
	return n;
}

size_t utf8_encode(char text[4], uint32_t rune)
{
	if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		rune = 0xfffd;
	if (rune < 0x80) {
		text[0] = (char)rune;
		return 1;
	}
	size_t n = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	static const unsigned char mark[5] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--, rune >>= 6)
		text[i] = (char)(0x80 | (rune & 0x3f));
	text[0] = (char)(mark[n] | rune);
	return n;
}
