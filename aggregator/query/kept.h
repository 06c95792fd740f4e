/*
 * kept.h - rows that a stage keeps for later: sort, join, running_stats …
 *
 * Rows come in batches and are copied a column at a time, in the form they
 * have: a dictionary stays one, so a million rows of `level` take a million
 * bytes.  A row is then {batch, row}, and kept_rows() makes any list of rows
 * into struct rows again.
 *
 *	struct kept kept;
 *	kept_init(&kept);
 *	r = kept_add(&kept, stage, rows);		all visible columns
 *	…
 *	kept_rows(&kept, refs, n, arena, &rows);	up to ROW_BLOCK_MAX at a time
 *	kept_release(&kept);
 *
 * Memory is charged to the stage.
 */
#ifndef SLUICE_QUERY_KEPT_H
#define SLUICE_QUERY_KEPT_H

#include "aggregator/query/pipe.h"
#include "common/base/map.h"
#include "common/base/vec.h"

struct kept_batch {
	uint32_t nrows, ncolumns;
	struct column *columns;
	uint32_t *names; /* number of each column's name in kept->names */
};

struct kept_ref {
	uint32_t batch, row;
};

struct kept {
	struct stage_arena arena;
	VEC(struct kept_batch) batches;
	VEC(struct span) names;
	struct map numbers; /* name → its place in `names` */
	size_t nrows;
};

void kept_init(struct kept *kept);
void kept_release(struct kept *kept);

/* Copy all rows.  0 or a negative errno, said in the run. */
int kept_add(struct kept *kept, struct stage *stage, struct rows *rows);
/*
 * Append the batches of `from`, which must live as long; a ref into it is one
 * into `to` once *ret_first is added to its batch.
 */
int kept_absorb(struct kept *kept, struct stage *stage, const struct kept *from,
		uint32_t *ret_first);
/*
 * Rows in this order, with the columns that some of them has.  Column arrays
 * are in `arena`, texts stay in kept.  0 or -ENOMEM.
 */
int kept_rows(const struct kept *kept, const struct kept_ref *refs, size_t n, struct arena *arena,
	      struct rows *ret);
/* Push all `refs`, in order, in batches, to stage->next from finish(). */
int kept_push(const struct kept *kept, const struct kept_ref *refs, size_t n, struct stage *stage,
	      int (*change)(void *ctx, struct rows *rows, size_t first), void *ctx);

/* One value; formatted into `scratch` (≥ 40 bytes) when it isn't a text. */
struct span kept_text(const struct kept *kept, struct kept_ref ref, struct span name,
		      char *scratch);
/* The column of that name of a batch, or NULL. */
const struct column *kept_column(const struct kept *kept, uint32_t batch, struct span name);

#endif
