/*
 * cell.h - text in columns: tables and the drawn views.
 *
 * What is in a cell is on one line and harmless wherever it goes, since a
 * newline or a tab would break the columns in a pipe, too.
 *
 *	text = cell_text(&style, value, &scratch);
 *	cell_put(&style, text, 12, CELL_LEFT, &out);	"payment decl…"
 */
#ifndef SLUICE_LOGQ_CELL_H
#define SLUICE_LOGQ_CELL_H

#include "aggregator/logq/style.h"

enum cell_side { CELL_LEFT, CELL_RIGHT, CELL_LAST /* left, and nothing behind it */ };

/* As it is shown; in `scratch`, or `text` itself where nothing is to be escaped. */
struct span cell_text(const struct style *style, struct span text, struct buf *scratch);
/* What cell_text() gave, in `columns`: padded, or cut with an ellipsis. */
void cell_put(const struct style *style, struct span shown, size_t columns, enum cell_side side,
	      struct buf *out);
/* A text of ours that is not to be escaped, `columns` wide at least. */
void cell_label(struct span label, size_t columns, enum cell_side side, struct buf *out);

/* A bar of value / most of `columns`; never empty for a value above 0. */
void cell_bar(const struct style *style, uint64_t value, uint64_t most, size_t columns,
	      struct buf *out);
/* "73.2%" of the whole. */
void cell_share(uint64_t part, uint64_t whole, struct buf *out);
/* "1.43ms": three digits and a unit. */
void cell_duration(const struct style *style, int64_t ns, struct buf *out);

#endif
