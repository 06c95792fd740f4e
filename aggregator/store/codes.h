/*
 * codes.h - a list of texts and a number a row.
 */
#ifndef SLUICE_STORE_CODES_H
#define SLUICE_STORE_CODES_H

#include "aggregator/store/codec.h"

/* The numbers, bit-packed.  0 or -ENOMEM. */
int codes_put(struct codec_context *ctx, struct buf *out, const uint32_t *codes, size_t n);
/* Which rows have a text, and which one. */
struct list_head {
	const uint64_t *present; /* bitmap of the rows that have one; NULL = all */
	size_t n;                /* how many have */
	bool repeats;   /* a number a row follows the list; else row by row the next text */
	uint32_t nlist; /* texts of the list */
};

/* presence · u8 repeats · [varint texts of the list, with repeats].  0, -EBADMSG, -ENOMEM. */
int list_head_get(struct cursor *in, uint32_t nrows, struct arena *arena, struct list_head *ret);
/* The column of the list that was read behind its head; numbers follow.  The same. */
int list_column(struct cursor *in, const struct list_head *head, struct text_list *list,
		const uint64_t *wanted, uint32_t nrows, struct arena *keep, struct column *ret);

#endif
