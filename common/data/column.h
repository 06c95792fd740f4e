/*
 * column.h - the values of one field over a block of rows, and the block.
 *
 * The query engine works a column at a time.  Whatever holds rows (a part on
 * disk, rows in memory, a raw file, stdin, a topic) hands them out as
 * row_blocks of at most 64 Ki rows, and a column of one is loaded only when
 * somebody needs it.  A column keeps the form it is stored in, so that a
 * filter can work on 3 dictionary entries in place of 65,536 texts:
 *
 *	CONST  value                         every row has it
 *	DICT   codes[row] -> dict[code]      at most 256 distinct texts
 *	INT    ints[row], scale, fixed       decimal: text is ints/10^scale, with `scale` digits
 *	                                     behind the point if fixed, else no trailing zeros
 *	TIME   ints[row]                     ns since the epoch; text is RFC 3339, 9 digits
 *	TEXT   texts[row], or a list of texts that are not made yet
 *
 * A row without the field has the empty text: LogsQL does not tell absent from
 * empty.  INT columns mark such rows in `absent`.  A stored form must give
 * back the exact text, so a number that would not print as it was written
 * makes the column TEXT.
 *
 * Memory: a loaded column lives in the arena given to load(), the block and
 * what it borrows from until the owner's release.  load() of one block may run
 * in several threads at once, with an arena each.
 */
#ifndef SLUICE_DATA_COLUMN_H
#define SLUICE_DATA_COLUMN_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/data/text_list.h"
#include <stdint.h>

#define ROW_BLOCK_MAX  65536
#define COLUMN_SCRATCH 48 /* bytes that column_text() may format into */

enum column_kind { COLUMN_CONST, COLUMN_DICT, COLUMN_INT, COLUMN_TIME, COLUMN_TEXT };

struct column {
	struct span name;
	enum column_kind kind;
	uint32_t nrows;
	struct span value;       /* CONST */
	const uint8_t *codes;    /* DICT */
	const struct span *dict; /* DICT */
	uint32_t ndict;
	uint32_t scale;           /* INT: digits behind the point, 0–18 … */
	bool fixed;               /* … in every text: 1.50, not 1.5 */
	const int64_t *ints;      /* INT, TIME */
	const uint64_t *absent;   /* INT: bitmap of rows without the field; NULL = none */
	const struct span *texts; /* TEXT; for other kinds filled by column_texts() */
	/*
	 * TEXT whose `texts` are NULL: row i has text numbers[i] of the list, where
	 * list->n stands for the empty one; without numbers, text i.
	 */
	struct text_list *list;
	const uint32_t *numbers;
};

static inline bool bit_get(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bit_clear(uint64_t *bits, size_t i)
{
	bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/*
 * Bits that are set in so many words.  Where the processor that is compiled for
 * has no instruction for it, the compiler's builtin is a call a word: 4 ns.
 */
static inline size_t bits_count(const uint64_t *bits, size_t words)
{
	size_t n = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t x = bits[i];

		x -= x >> 1 & UINT64_C(0x5555555555555555);
		x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
		x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
		n += x * UINT64_C(0x0101010101010101) >> 56;
	}
	return n;
}

#define BITMAP_WORDS(nbits) (((size_t)(nbits) + 63) / 64)

/* A column that is empty in all rows. */
void column_init_empty(struct column *column, struct span name, uint32_t nrows);
/*
 * One value as text; formatted into `scratch` (COLUMN_SCRATCH) when it is not
 * stored as text.  Texts of a list must have been made.
 */
struct span column_text(const struct column *column, size_t row, char *scratch);
/*
 * Make the texts of a list that rows have, in the list: list->texts[numbers[row]],
 * where list->texts[list->n] is empty.  0, -ENOMEM, -EBADMSG.
 */
int column_make_list(struct column *column, struct arena *arena);
/* The same, and one for each row; the column has no list then. */
int column_make(struct column *column, struct arena *arena);
/* All values as an array of texts, made once; NULL where column_make() fails. */
const struct span *column_texts(struct column *column, struct arena *arena);

/* A field that few rows have: row rows[i] has texts[i], `rows` ascend. */
struct rare_column {
	struct span name;
	uint32_t n;
	const uint32_t *rows;
	const struct span *texts;
};

/* The same over all `nrows` rows: a DICT, or a TEXT where values are many.  0 or -ENOMEM. */
int column_of_rare(const struct rare_column *rare, uint32_t nrows, struct arena *arena,
		   struct column *ret);

struct row_block;

struct row_block_ops {
	/*
	 * Load a column; a field that no row has gives COLUMN_CONST "".
	 * -EBADMSG: the stored bytes fail their checksum (say so: partial).
	 */
	int (*load)(struct row_block *block, struct span name, struct arena *arena,
		    struct column *ret, struct err *reterr);
	/*
	 * The same where only rows at[0 … n-1] are needed: what the column has for
	 * others may be anything.  NULL = load() is no dearer.
	 */
	int (*load_some)(struct row_block *block, struct span name, const uint32_t *at, uint32_t n,
			 struct arena *arena, struct column *ret, struct err *reterr);
	/* The names of all fields that some row has, but for rare ones; in the arena or the block. */
	int (*names)(struct row_block *block, struct arena *arena, const struct span **ret_names,
		     size_t *ret_n, struct err *reterr);
	/*
	 * The fields that names() leaves out, since they are many and each is rare:
	 * those that some of the rows at[0 … n-1] (NULL = the first n) has, as columns
	 * of these n rows.  Arrays are in the arena, texts in the block.  NULL = none.
	 */
	int (*rare)(struct row_block *block, const uint32_t *at, uint32_t n, struct arena *arena,
		    const struct rare_column **ret, size_t *ret_n, struct err *reterr);
	/*
	 * False when certainly no row's field has all these tokens (hash64 of each
	 * word, see lang/token.h).  NULL = can't tell.
	 */
	bool (*may_have_tokens)(struct row_block *block, struct span name, const uint64_t *tokens,
				size_t n);
	/*
	 * Smallest and largest number of the field; true only if every row of the
	 * block is a number or empty.  NULL = can't tell.
	 */
	bool (*range)(struct row_block *block, struct span name, double *ret_min, double *ret_max);
	/* Give the block back. */
	void (*release)(struct row_block *block);
};

struct row_block {
	const struct row_block_ops *ops;
	uint32_t nrows;
	int64_t min_time, max_time; /* of `_time`, inclusive */
	uint64_t bytes;             /* stored size, for what a query cost */
};

#endif
