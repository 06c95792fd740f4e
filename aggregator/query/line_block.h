/*
 * line_block.h - lines of text as a block of rows.
 *
 * Each line is parsed once (common/parse, so the shapes are those that the
 * shipper knows); a column is gathered from the records when somebody needs
 * it.  Names are as in the index: `message` is `_msg`, the record's time is
 * `_time`, nested objects have dotted names, `_stream` comes from service and
 * host, log.file and log.offset say where a line stands.
 *
 * Which lines are one row is said by the shipper's own code (common/parse/events.h).
 * Whoever reads a file cuts it into blocks where no event is open; that is all
 * that needs the lines in their order, so that blocks are parsed by many workers.
 *
 *	line_block_new(&rules, text_max, &b);
 *	b->text, b->flags, b->at_zero		lines of a file from a block's end on
 *	n = line_block_cut(b, len, at_end, &flags);	text from n on is for the next block
 *	line_block_parse(b, now, false, SPAN(""));
 *	… hand &b->block to the query …
 *	line_block_free(b);			or fill it again
 */
#ifndef SLUICE_QUERY_LINE_BLOCK_H
#define SLUICE_QUERY_LINE_BLOCK_H

#include "common/base/buf.h"
#include "common/base/vec.h"
#include "common/data/column.h"
#include "common/parse/events.h"
#include "common/parse/parse.h"

/* How lines become rows; of all blocks of a source. */
struct line_rules {
	struct parser *parser;
	struct joining joining;
	uint64_t max_line; /* what is longer is cut; also of an event of several lines */
};

/* Names as in parse.h and multiline.h; empty = auto and none.  -EINVAL with text, -ENOMEM. */
int line_rules_init(struct line_rules *rules, struct span format, struct span multiline,
		    struct err *reterr);
void line_rules_release(struct line_rules *rules);

struct line_block {
	struct row_block block; /* its release op is for the owner to set */
	void *owner;            /* whoever gets it back */
	const struct line_rules *rules;
	struct buf text;
	unsigned flags;   /* where it begins: of events_flags() */
	bool at_zero;     /* … with the first byte of a file */
	struct span file; /* what the file is called; empty: nobody is to know */
	uint64_t offset;  /* of the text in it, unpacked */
	bool joins;       /* lines of it may be parts of an event; by line_block_cut() */
	struct events events;
	struct arena arena; /* records and what they decode */
	VEC(struct record) records;
};

int line_block_new(const struct line_rules *rules, size_t text_max, struct line_block **ret);
void line_block_free(struct line_block *block);

/*
 * How many of the first `len` bytes of block->text, which are whole lines, are
 * events whose end is known, or with `flush` all that end there.  What comes
 * behind them begins with `ret_flags`.
 */
size_t line_block_cut(struct line_block *block, size_t len, bool flush, unsigned *ret_flags);

/*
 * Lines in block->text to rows; times that lines don't have are `now_ns`, with
 * `spread` a nanosecond later for each byte before them: no two lines share one.
 * With a `literal` (see line_filter.h) lines that don't have it are left out.
 * 0 or -ENOMEM.
 */
int line_block_parse(struct line_block *block, int64_t now_ns, bool spread, struct span literal);

/* For the ops of the owner. */
int line_block_load(struct row_block *block, struct span name, struct arena *arena,
		    struct column *ret, struct err *reterr);
int line_block_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		     size_t *ret_n, struct err *reterr);

#endif
