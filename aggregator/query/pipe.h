/*
 * pipe.h - what a pipe is: a row in a table, a parsed thing, a running stage.
 *
 *	text ──parse──▶ struct pipe ──open──▶ struct stage ◀── push, push, … finish
 *	                (in the query's        (one run of
 *	                 arena, read-only)      one query)
 *
 * A pipe is one small file, pipes/pipe_<name>.c, with a struct pipe_ops, and a
 * line in pipes.c.  A struct of its own begins with `struct pipe pipe`.
 *
 * Stages form a chain.  Several workers push at once, each with its number
 * (0 … run->nworkers-1): a stage that collects keeps a state for each worker
 * and merges them in finish(), which runs alone, after the last push, first
 * stage first.  finish() hands what was collected to stage->next.
 *
 * Results of push and stage_push:
 *
 *	0          go on
 *	1          enough: nothing that comes later can change the answer
 *	negative   failed, the text is in the run (stage_fail, stage_charge)
 *
 *	static int len_push(struct stage *stage, unsigned worker, struct rows *rows)
 *	{
 *		const struct pipe_len *pipe = stage_pipe(stage);
 *		…
 *		return stage_push(stage->next, worker, rows);
 *	}
 *
 *	const struct pipe_ops pipe_len_ops = {
 *		.names = "len", .parse = len_parse, .print = len_print, .needs = len_needs,
 *		.push = len_push, .streams = true,
 *	};
 */
#ifndef SLUICE_QUERY_PIPE_H
#define SLUICE_QUERY_PIPE_H

#include "aggregator/query/field_set.h"
#include "aggregator/query/rows.h"
#include "common/lang/ast/query.h"
#include <stdatomic.h>

struct pipe_ops;
struct query_run;
struct stage;

struct pipe {
	const struct pipe_ops *ops;
};

/* For each tree of filters in a pipe. */
typedef int pipe_filter_fn(void *ctx, struct filter *filter);

struct pipe_ops {
	const char *names; /* separated by spaces; the first is canonical: "limit head" */
	bool rescans;      /* runs a query of its own over the source */
	bool streams;      /* rows in, rows out, at once: fit for live tail */
	bool lists;        /* what comes out has fields of its own, in an order of its own */
	/*
	 * It can be given rows without their columns being read yet, since it drops
	 * most rows by a few of them.  push() must leave its state as it was when
	 * rows->failed is -EBADMSG, and return that.  Used for the first stage, and
	 * behind lazy ones that only pick.
	 */
	bool lazy;
	/* Hands each row on as it came, fields hidden or not, or drops it. */
	bool picks;
	/* Wants the rows of a block in one push, also where they have very many fields. */
	bool whole;

	/*
	 * The lexer stands behind the name; leave it at the end of the pipe's text.
	 * The result lives in lex->arena; what doesn't is freed by `free`.
	 */
	int (*parse)(struct lex *lex, struct pipe **ret);
	/* Canonical text, name included. */
	void (*print)(const struct pipe *pipe, struct buf *out);
	/* May be NULL. */
	void (*free)(struct pipe *pipe);
	/* `set`: in, what the next pipe reads; out, what this one reads.  NULL: the same. */
	void (*needs)(const struct pipe *pipe, struct field_set *set);
	/* Visit each tree of filters (`if (…)`), for sub-queries in them.  May be NULL. */
	int (*filters)(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx);
	/* The one field that `in(… | this pipe)` takes its values from.  May be NULL. */
	bool (*single_field)(const struct pipe *pipe, struct span *ret_field);

	/*
	 * Start a run: make stage->state (stage_new_states() or own memory).  May
	 * be NULL.  After a failure close() is called too.
	 */
	int (*open)(struct stage *stage);
	/*
	 * Asked of the first stage before the columns of a block's rows are read:
	 * it may set those that it knows without.  May be NULL.
	 */
	int (*before)(struct stage *stage, struct rows *rows);
	int (*push)(struct stage *stage, unsigned worker, struct rows *rows);
	/*
	 * True if no row of the block can change the answer any more, told without
	 * reading any.  Asked of the first stage, and behind those that only pick.
	 * May be NULL.
	 */
	bool (*skips)(struct stage *stage, unsigned worker, struct row_block *block);
	/* It has the answer sooner when blocks come oldest first.  NULL: newest. */
	bool (*oldest_first)(const struct pipe *pipe);
	/* For query_explain(): which blocks skips() leaves out.  May be NULL. */
	void (*explain)(const struct pipe *pipe, struct buf *out);
	/* Merge and hand on.  NULL: nothing was held back. */
	int (*finish)(struct stage *stage);
	/*
	 * True if it only brings rows into the order of _time, so that it can do one
	 * span of time after the other: push …, finish, forget, push …, finish.
	 * Goes with oldest_first and forget; may be NULL.
	 */
	bool (*by_time)(const struct pipe *pipe);
	/* Drop what was pushed. */
	void (*forget)(struct stage *stage);
	/* Free stage->state; also after failures.  May be NULL. */
	void (*close)(struct stage *stage);
};

/* The table, and what common/lang calls. */
const struct pipe_ops *pipe_find(struct span name);
extern const struct pipe_ops *const pipe_table[]; /* NULL at the end */
extern const struct lang_ops query_lang_ops;

#define STAGE_WORKERS_MAX 16

struct stage {
	const struct pipe_ops *ops;
	const struct pipe *pipe;
	struct stage *next; /* NULL for the sink at the end of the chain */
	struct query_run *run;
	void *state;           /* the pipe's */
	size_t state_size;     /* of one worker's part, see stage_new_states() */
	atomic_bool full;      /* push said 1 */
	atomic_bool seen;      /* rows were pushed */
	atomic_size_t charged; /* bytes of the query's memory that it holds */
};

static inline const void *stage_pipe(const struct stage *stage)
{
	return stage->pipe;
}

/* Hand rows to a stage; no rows is no push.  See the results above. */
int stage_push(struct stage *stage, unsigned worker, struct rows *rows);

/*
 * Read the columns that the run needs, now: for a lazy pipe that hands rows on.
 * 0 or rows->failed.
 */
int stage_read(struct stage *stage, struct rows *rows);

/* A zeroed state of `size` bytes for each worker in stage->state; freed by the run. */
int stage_new_states(struct stage *stage, size_t size);
/* That of one worker. */
void *stage_state(const struct stage *stage, unsigned worker);

unsigned stage_workers(const struct stage *stage);

/*
 * The arena for rows of this worker.  Who makes rows on his own, in finish(),
 * resets it after each push that he makes; in push() nobody resets it.
 */
struct arena *stage_rows_arena(struct stage *stage, unsigned worker);

/* Set the error of the run, once; returns `code`. */
int stage_fail(struct stage *stage, int code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
/* The memory of the query: what arenas and maps of a stage count against. */
struct budget *stage_budget(struct stage *stage);
/*
 * `bytes` more of it, to be given back by the run: for memory that is neither
 * in an arena nor a map.  0, or -ENOMEM: the error names the pipe.
 */
int stage_charge(struct stage *stage, size_t bytes);
void stage_uncharge(struct stage *stage, size_t bytes);
/* -ENOMEM; the error says which pipe needs more than a query may use. */
int stage_no_memory(struct stage *stage);
/* 0, or -ECANCELED, -ETIME: look from time to time in long loops. */
int stage_stopped(struct stage *stage);
/*
 * Sort as qsort_r() does, and stably; what it needs besides is the query's
 * memory, and it ends soon when the query is stopped.  0 or a negative errno,
 * said in the run; then the order is undefined.
 */
int stage_sort(struct stage *stage, void *base, size_t n, size_t size,
	       int (*compare)(const void *a, const void *b, void *ctx), void *ctx);

/*
 * Run a sub-query over the same source, on this thread; its rows go to `sink`.
 * 0, or a negative errno with the text in the run.
 */
int stage_run_query(struct stage *stage, struct query *query,
		    int (*sink)(void *ctx, struct rows *rows), void *ctx);

/*
 * The same over an earlier time, from finish(): the time range of the
 * configuration is moved back by `offset` ns; where its end is open, it is now.
 */
int stage_run_earlier(struct stage *stage, struct query *query, int64_t offset,
		      int (*sink)(void *ctx, struct rows *rows), void *ctx);

/* An arena whose memory is the query's from the first charge on. */
struct stage_arena {
	struct arena arena;
};
void stage_arena_init(struct stage_arena *arena);
/* Before it is used, and to see whether it got all it asked for: 0 or -ENOMEM, said in the run. */
int stage_arena_charge(struct stage *stage, struct stage_arena *arena);
void stage_arena_release(struct stage_arena *arena);

/*
 * Which rows a tree of filters matches; NULL matches all.  `bits` has
 * BITMAP_WORDS(rows->n) words and is overwritten.
 */
int rows_match(struct rows *rows, const struct filter *filter, uint64_t *bits);
/* The rows of an `if (…)`, in the rows' arena; *ret_bits is NULL, for all rows, if there is none. */
int rows_match_if(struct rows *rows, const struct filter *condition, const uint64_t **ret_bits);

/* For parsers. */

/* A zeroed `type`, which begins with a struct pipe, in the lexer's arena; NULL when that is used up. */
#define PIPE_NEW(lex, type, table_row)                                                             \
	({                                                                                         \
		type *new_pipe = ARENA_NEW((lex)->arena, type);                                    \
		if (new_pipe)                                                                      \
			((struct pipe *)new_pipe)->ops = (table_row);                              \
		new_pipe;                                                                          \
	})

/* [as] field   the name of a result; refuses `*` */
int pipe_parse_as(struct lex *lex, struct span *ret_field);
/* An optional `if (…)`; *ret stays as it is when there is none. */
int pipe_parse_if(struct lex *lex, struct filter **ret);
void pipe_print_if(const struct filter *filter, struct buf *out);
/* a, b*, "c d" */
void pipe_print_fields(const struct span_list *fields, struct buf *out);
/* ` by (a, b)`, nothing for an empty list; names of fields, so that "a*" is in quotes. */
void pipe_print_by(const char *keyword, const struct span_list *fields, struct buf *out);
/*
 * [by] (a, b)  or  [by] a, b: names of fields, none before one of the words
 * `stops`.  An error when `by` stands alone.
 */
int pipe_parse_by(struct lex *lex, const char *stops, struct span_list *ret);
/* A whole number from 1; `what` names it in the error: "a number of values". */
int pipe_parse_above_zero(struct lex *lex, const char *what, uint64_t *ret);
/* Behind `rank`: [as] name, by default `rank`. */
int pipe_parse_rank(struct lex *lex, struct span *ret_field);
/* Append `s` to the name until the list doesn't have it: hits, hitss … */
int pipe_free_name(struct lex *lex, const struct span_list *taken, struct span *name);
bool span_list_has(const struct span_list *list, struct span text);
/* The arena of the query is used up: -ENOMEM or the like with an error. */
int pipe_no_memory(struct lex *lex);

#endif
