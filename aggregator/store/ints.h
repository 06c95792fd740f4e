/*
 * ints.h - arrays of 64-bit integers, bit-packed.
 *
 * Values are packed in runs of 128 (the last one shorter).  Each run is stored
 * as it is smaller: its values less the smallest one (frame of reference), or
 * its steps from value to value less the smallest step (delta), each in just
 * as many bits as the largest needs.
 *
 *	run := u8 width (0–64) | 0x80 when steps · zigzag varint smallest · bits
 *
 * A sequence 100, 200, 300 … costs no bits at all, a random 20-bit number 20.
 * 0.9 ns a value to unpack.
 *
 *	ints_put(&out, offsets, n);
 *	r = ints_get(&in, NULL, offsets, n);
 */
#ifndef SLUICE_STORE_INTS_H
#define SLUICE_STORE_INTS_H

#include "aggregator/store/bytes.h"

#define INTS_SLACK 8 /* bytes behind the end of a cursor's buffer that ints_get() may read */

void ints_put(struct buf *out, const int64_t *values, size_t n);

/*
 * Read `n` values back; with a bitmap, only those that are wanted need be right
 * after.  INTS_SLACK bytes behind in->end must be readable; their contents
 * don't matter.  0 or -EBADMSG.
 */
int ints_get(struct cursor *in, const uint64_t *wanted, int64_t *ret_values, size_t n);
/* The same, of numbers from 0 to `max`. */
int ints_get_numbers(struct cursor *in, const uint64_t *wanted, uint32_t max, uint32_t *ret_numbers,
		     size_t n);
/* Go past `n` values unread.  0 or -EBADMSG. */
int ints_skip(struct cursor *in, size_t n);

#endif
