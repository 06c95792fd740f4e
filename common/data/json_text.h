/*
 * json_text.h - the inner loops over JSON text; for the files of this folder.
 *
 * json_find_special() runs over the body of a string to the first byte that
 * needs a look: a quote, a backslash or a control.  Sixteen bytes a step with
 * SSE2, else by a table; both forms are here, and a test holds them together.
 */
#ifndef SLUICE_DATA_JSON_TEXT_H
#define SLUICE_DATA_JSON_TEXT_H

#include "common/base/span.h"
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool json_is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static inline bool json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *json_skip_space(const char *p, const char *end)
{
	while (p < end && json_is_space(*p))
		p++;
	return p;
}

/* The first special byte in [p, end), or end; bit 7 of *high: a byte before it was not ASCII. */
static inline const char *json_find_special_portable(const char *p, const char *end, unsigned *high)
{
	unsigned seen = *high;

	for (; p < end && !json_is_special((unsigned char)*p); p++)
		seen |= (unsigned char)*p & 0x80;
	*high = seen;
	return p;
}

#ifdef __SSE2__
static inline const char *json_find_special_sse2(const char *p, const char *end, unsigned *high)
{
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i last_control = _mm_set1_epi8(0x1f);

	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v);
		__m128i hit = _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(v, quote),
								 _mm_cmpeq_epi8(v, backslash)));
		unsigned hits = (unsigned)_mm_movemask_epi8(hit);
		unsigned highs = (unsigned)_mm_movemask_epi8(v);

		if (hits) {
			unsigned before = (hits & -hits) - 1;

			*high |= highs & before ? 0x80 : 0;
			return p + __builtin_ctz(hits);
		}
		*high |= highs ? 0x80 : 0;
	}
	return json_find_special_portable(p, end, high);
}
#endif

static inline const char *json_find_special(const char *p, const char *end, unsigned *high)
{
#ifdef __SSE2__
	return json_find_special_sse2(p, end, high);
#else
	return json_find_special_portable(p, end, high);
#endif
}

#endif
