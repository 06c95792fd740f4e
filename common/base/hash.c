#include "common/base/hash.h"
#define XXH_INLINE_ALL
#include <xxhash.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

uint64_t hash64(struct span bytes)
{
	return XXH3_64bits(bytes.ptr, bytes.len);
}

/* The remainder of each byte times x^8, x^16 … x^64: eight bytes a step. */
static uint32_t table[8][256];

#define CASTAGNOLI_REFLECTED 0x82f63b78u

static void fill_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CASTAGNOLI_REFLECTED : 0);
		table[0][byte] = crc;
	}
	for (int slice = 1; slice < 8; slice++)
		for (int byte = 0; byte < 256; byte++) {
			uint32_t before = table[slice - 1][byte];

			table[slice][byte] = before >> 8 ^ table[0][before & 0xff];
		}
}

static uint32_t crc32c_table(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				      (uint32_t)p[3] << 24);

		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
		      table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][p[4]] ^
		      table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	for (; n; n--, p++)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const unsigned char *p,
							       size_t n)
{
	uint64_t wide = crc;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; n; n--, p++)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

typedef uint32_t crc_fn(uint32_t crc, const unsigned char *p, size_t n);

/* Written once, before main() and before any thread. */
static crc_fn *best = crc32c_table;

__attribute__((constructor)) static void choose(void)
{
	fill_table();
#ifdef __x86_64__
	__builtin_cpu_init();
	if (__builtin_cpu_supports("sse4.2"))
		best = crc32c_sse42;
#endif
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
	return ~best(~crc, bytes, n);
}

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t n)
{
	return ~crc32c_table(~crc, bytes, n);
}
