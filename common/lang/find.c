/*
 * find.c - first and last byte, 16 places at a time (W. Mula, "SIMD-friendly
 * algorithms for substring searching"); see find.h.
 */
#include "common/lang/find.h"
#include <stdint.h>

static char lower_ascii(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_bytes(const char *at, struct span piece)
{
	return memcmp(at, piece.ptr, piece.len) == 0;
}

static bool same_letters(const char *at, struct span piece)
{
	for (size_t i = 0; i < piece.len; i++)
		if (lower_ascii(at[i]) != piece.ptr[i])
			return false;
	return true;
}

/* What is set in a byte before it is compared: the bit that tells a from A. */
static uint8_t fold_bit(char c)
{
	return c >= 'a' && c <= 'z' ? 0x20 : 0;
}

/* A search: its piece, and how bytes are compared. */
struct search {
	struct span text, piece;
	uint8_t first_fold, last_fold;
	bool (*same)(const char *at, struct span piece);
};

/* Candidates [from, to), one by one. */
static ptrdiff_t find_slowly(const struct search *search, size_t from, size_t to)
{
	uint8_t first = (uint8_t)search->piece.ptr[0];

	for (size_t i = from; i < to; i++) {
		const char *at = search->text.ptr + i;

		if (((uint8_t)*at | search->first_fold) == first && search->same(at, search->piece))
			return (ptrdiff_t)i;
	}
	return -1;
}

#ifdef __SSE2__
#include <emmintrin.h>

#define LANES 16

/* Bit k: the bytes of candidate `at` + k fit at both ends. */
static unsigned fitting(const struct search *search, const char *at)
{
	size_t last = search->piece.len - 1;
	__m128i head = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i tail = _mm_loadu_si128((const __m128i *)(const void *)(at + last));

	head = _mm_or_si128(head, _mm_set1_epi8((char)search->first_fold));
	tail = _mm_or_si128(tail, _mm_set1_epi8((char)search->last_fold));
	head = _mm_cmpeq_epi8(head, _mm_set1_epi8(search->piece.ptr[0]));
	tail = _mm_cmpeq_epi8(tail, _mm_set1_epi8(search->piece.ptr[last]));
	return (unsigned)_mm_movemask_epi8(_mm_and_si128(head, tail));
}

/*
 * Where a long piece nearly fits everywhere ("aaa…b" in "aaa…"), closer looks
 * would take their product; past this many bytes memmem() goes on, which is
 * linear.
 */
#define CLOSE_LOOKS_MAX (1u << 20)

static ptrdiff_t find_lanes(const struct search *search, size_t candidates)
{
	size_t looked = 0;

	for (size_t i = 0; i < candidates;) {
		/* The last step goes back, so that it stays inside of the text. */
		size_t at = i + LANES <= candidates ? i : candidates - LANES;
		unsigned fits = fitting(search, search->text.ptr + at);

		for (; fits; fits &= fits - 1) {
			size_t place = at + (size_t)__builtin_ctz(fits);

			if (search->same(search->text.ptr + place, search->piece))
				return (ptrdiff_t)place;
			looked += search->piece.len;
		}
		i = at + LANES;
		if (looked > CLOSE_LOOKS_MAX && search->same == same_bytes && i < candidates) {
			ptrdiff_t found = span_find(span_skip(search->text, i), search->piece);

			return found < 0 ? found : found + (ptrdiff_t)i;
		}
	}
	return -1;
}
#else
#define LANES SIZE_MAX

static ptrdiff_t find_lanes(const struct search *search, size_t candidates)
{
	return find_slowly(search, 0, candidates);
}
#endif

static ptrdiff_t find(const struct search *search)
{
	size_t candidates = search->text.len - search->piece.len + 1;

	if (candidates < LANES)
		return find_slowly(search, 0, candidates);
	return find_lanes(search, candidates);
}

ptrdiff_t text_find(struct span text, struct span piece)
{
	if (piece.len < 2)
		return span_find(text, piece);
	return text.len < piece.len ? -1 : find(&(struct search){text, piece, 0, 0, same_bytes});
}

ptrdiff_t text_find_fold(struct span text, struct span piece)
{
	if (piece.len == 0 || text.len < piece.len)
		return piece.len == 0 ? 0 : -1;
	return find(&(struct search){text, piece, fold_bit(piece.ptr[0]),
				     fold_bit(piece.ptr[piece.len - 1]), same_letters});
}

bool text_is_ascii(struct span text)
{
	uint64_t eight, all = 0;
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		memcpy(&eight, text.ptr + i, 8);
		all |= eight;
	}
	for (; i < text.len; i++)
		all |= (uint64_t)(uint8_t)text.ptr[i];
	return (all & UINT64_C(0x8080808080808080)) == 0;
}
