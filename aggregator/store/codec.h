/*
 * codec.h - how the values of one column are stored.
 *
 *	id  codec   for                         stored as
 *	0   const   one value in every row      in the directory, no chunk
 *	1   dict    ≤ 256 distinct values       texts · a code byte a row
 *	2   int     integers, decimals          ints.h; 1.5 is 15, scale 1
 *	3   time    `_time`                     ints.h, divided by a power of 10
 *	4   hex     ids: hex of one length,     bytes of the distinct ids · a number
 *	            UUIDs                       a row where ids repeat
 *	5   text    everything else             strings.h: templates or zstd
 *	6   ipv4    10.0.0.1                    ints.h; distinct ones · a number a row
 *
 * The first that fits takes the column.  A codec must give back the exact
 * text of each value; a column of which one value would come back otherwise
 * ("007", "1.50" among "1.5") goes to the next.
 *
 * put() sees only the rows that have the field (`present`); get() makes a
 * struct column over all rows, where the others have the empty text.
 */
#ifndef SLUICE_STORE_CODEC_H
#define SLUICE_STORE_CODEC_H

#include "aggregator/store/bytes.h"
#include "aggregator/store/distinct.h"
#include "aggregator/store/zip.h"
#include "common/data/column.h"

enum codec_id {
	CODEC_CONST,
	CODEC_DICT,
	CODEC_INT,
	CODEC_TIME,
	CODEC_HEX,
	CODEC_TEXT,
	CODEC_IPV4, /* since version 2 of the part's format */
	CODEC_COUNT,
};

/* A column as the directory of its group describes it. */
struct column_entry {
	struct span name;
	uint8_t codec;
	uint8_t types;  /* 1 << enum value_type, of all values */
	bool has_range; /* every value is a number: min and max are known */
	double min, max;
	struct span value; /* const */
	uint64_t off, len; /* of the chunk, from the group's begin */
	uint64_t sum;      /* hash64 of the chunk */
	uint64_t bloom_off;
	uint32_t bloom_lines; /* 0 = no filter */
};

/* The values that are to be stored, in row order. */
struct values {
	struct span name;
	const struct span *texts; /* of the `n` rows that have the field; none is empty */
	size_t n;
	uint32_t nrows;
	const uint64_t *present; /* bitmap over nrows; NULL = all */
	const int64_t *times;    /* `_time` only */
};

/* What the codecs of one thread share. */
struct codec_context {
	struct zip *zip;
	struct distinct distinct;
	struct arena arena; /* of one column */
	struct buf plain;   /* section being made */
	/* The texts whose words the filter gets, set by put(); none = no filter. */
	const struct span *words;
	size_t nwords;
};

struct codec {
	const char *name;
	/* 1: stored, `entry` filled; 0: not for this codec, `out` as it was; or an error. */
	int (*put)(struct codec_context *ctx, const struct values *values, struct buf *out,
		   struct column_entry *entry);
	/*
	 * `tmp` lives as long as the call, `keep` as long as the column.  `in`
	 * is the verified chunk, with INTS_SLACK bytes behind it.  Rows that are not
	 * in the bitmap `wanted` (NULL = all are) may come out as anything.
	 * 0, -EBADMSG, -ENOMEM.
	 */
	int (*get)(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		   const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		   struct column *ret);
	bool borrows; /* the column has a list that reads on in the chunk: it must be kept */
};

extern const struct codec *const codecs[CODEC_COUNT];

extern const struct codec codec_const, codec_dict, codec_int, codec_time, codec_hex, codec_text,
	codec_ipv4;

/* The bitmap of the rows that have the field, or a mark that all do. */
void presence_put(struct codec_context *ctx, const struct values *values, struct buf *out);
/* *ret NULL = all rows; *ret_n how many. */
int presence_get(struct cursor *in, uint32_t nrows, struct arena *arena, const uint64_t **ret,
		 size_t *ret_n);
/* Put `n` packed elements of a row array where `present` has its bits, from the back. */
void presence_spread_ints(int64_t *ints, uint32_t nrows, const uint64_t *present, size_t n);

#endif
