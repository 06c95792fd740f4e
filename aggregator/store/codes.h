/*
 * codes.h - a list of texts and a number a row.
 */
#ifndef SLUICE_STORE_CODES_H
#define SLUICE_STORE_CODES_H

#include "aggregator/store/codec.h"

/* The numbers, bit-packed.  0 or -ENOMEM. */
int codes_put(struct codec_context *ctx, struct buf *out, const uint32_t *codes, size_t n);
/*
 * The column of a list: as many rows as `present` has bits have a text each,
 * the one of their number where numbers follow (`repeats`), else the next one.
 */
int list_column(struct cursor *in, struct text_list *list, bool repeats, const uint64_t *present,
		const uint64_t *wanted, size_t n, uint32_t nrows, struct arena *keep,
		struct column *ret);

#endif
