/*
 * codes.h - a list of distinct texts and a number a row.
 */
#ifndef SLUICE_STORE_CODES_H
#define SLUICE_STORE_CODES_H

#include "aggregator/store/codec.h"

/* The numbers, bit-packed.  0 or -ENOMEM. */
int codes_put(struct codec_context *ctx, struct buf *out, const uint32_t *codes, size_t n);
/* rows[i] = list[number i], for the `n` numbers that follow.  0, -EBADMSG, -ENOMEM. */
int codes_get(struct cursor *in, struct arena *tmp, const struct span *list, size_t nlist,
	      struct span *rows, size_t n);

#endif
