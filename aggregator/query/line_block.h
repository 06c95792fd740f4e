/*
 * line_block.h - lines of text as a block of rows.
 *
 * Each line is parsed once (common/parse, so the shapes are those that the
 * shipper knows); a column is gathered from the records when somebody needs
 * it.  Names are as in the index: `message` is `_msg`, the record's time is
 * `_time`, nested objects have dotted names, `_stream` comes from service and
 * host.  Blank lines are no rows here; nothing joins stack traces, as nothing
 * does by default in the shipper.
 *
 *	line_block_new(parser, &b);
 *	text = line_block_text(b);		fill it with whole lines
 *	line_block_parse(b, now, false, max_line, SPAN(""));
 *	… hand &b->block to the query …
 *	line_block_free(b);			or fill it again
 */
#ifndef SLUICE_QUERY_LINE_BLOCK_H
#define SLUICE_QUERY_LINE_BLOCK_H

#include "aggregator/query/line_join.h"
#include "common/base/buf.h"
#include "common/base/vec.h"
#include "common/data/column.h"
#include "common/parse/parse.h"

struct line_block {
	struct row_block block; /* its release op is for the owner to set */
	void *owner;            /* whoever gets it back */
	const struct parser *parser;
	struct buf text;
	struct line_join join;
	struct arena arena; /* records and what they decode */
	VEC(struct record) records;
};

int line_block_new(const struct parser *parser, size_t text_max, struct line_block **ret);
void line_block_free(struct line_block *block);

/*
 * Lines in block->text to rows; times that lines don't have are `now_ns`, with
 * `spread` a nanosecond later for each byte before them: no two lines share one.
 * With a `literal` (see line_filter.h) lines that don't have it are left out.
 * Parts of a line that are in the block become one row.
 * 0 or -ENOMEM.
 */
int line_block_parse(struct line_block *block, int64_t now_ns, bool spread, uint64_t max_line,
		     struct span literal);

/* For the ops of the owner. */
int line_block_load(struct row_block *block, struct span name, struct arena *arena,
		    struct column *ret, struct err *reterr);
int line_block_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		     size_t *ret_n, struct err *reterr);

#endif
