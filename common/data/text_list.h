/*
 * text_list.h - texts that are known before they are made.
 *
 * A store keeps "user 17 paid 35ms" as a shape, which many texts share, and
 * what stands in its gaps:
 *
 *	shape   literals  "user "   " paid "   "ms"
 *	        gaps              ▲          ▲        17, 35: digits
 *
 * Most questions are answered by the shape: no text of it has the word
 * "refused", each has "paid".  Only what stays open needs texts, and make()
 * makes just those.  Lists of ids are made of their bytes in the same way,
 * and lists of addresses of numbers.
 *
 *	wanted  bitmap over the list
 *	r = text_list_make(list, wanted, arena);	0, -ENOMEM, -EBADMSG
 *	text = list->texts[i];
 *
 * Made by whoever loads a column, in the column's arena, for one thread.
 */
#ifndef SLUICE_DATA_TEXT_LIST_H
#define SLUICE_DATA_TEXT_LIST_H

#include "common/base/arena.h"
#include "common/base/span.h"
#include <stdint.h>

/* What may stand in a gap; never nothing. */
enum text_gap {
	GAP_DIGITS, /* decimal digits */
	GAP_HEX,    /* lower-case hex digits: 4, 6, 8 …  Else as WORD */
	GAP_WORD,   /* a whole word of ASCII with a digit, all of one behind its "0x", or digits */
	GAP_TEXT,   /* anything */
};

struct text_shape {
	const struct span *literals; /* ngaps + 1: before, between and behind the gaps */
	const uint8_t *gaps;         /* enum text_gap */
	uint32_t ngaps;
};

struct text_list {
	uint32_t n;
	bool made;                /* all texts are */
	struct span *texts;       /* n; NULL until the first is made, ptr NULL: not yet */
	const uint32_t *shape_of; /* n, or NULL: shapes are not known */
	const struct text_shape *shapes;
	uint32_t nshapes;
	const uint32_t *addresses; /* n, or NULL: the texts are IPv4 addresses, 10.0.0.1 */
	/* Make ret[i] text numbers[i] of the list. */
	int (*make)(struct text_list *list, const uint32_t *numbers, uint32_t n,
		    struct arena *arena, struct span *ret);
	/* Set ret[i] to 1 where text i is `text`, else to 0.  NULL: make and compare. */
	void (*equal)(const struct text_list *list, struct span text, uint8_t *ret);
};

/* Those of the bitmap; NULL = all.  0, -ENOMEM past the arena's budget, -EBADMSG. */
int text_list_make(struct text_list *list, const uint64_t *wanted, struct arena *arena);
/*
 * Only ret[i], text numbers[i], for `n` numbers in any order.  For few of a
 * long list: list->texts is not touched, which takes 16 bytes a text.
 */
int text_list_some(struct text_list *list, const uint32_t *numbers, uint32_t n, struct arena *arena,
		   struct span *ret);

#endif
