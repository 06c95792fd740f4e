/*
 * ask.h - what was asked, as one LogsQL query.
 *
 * The query's text and the shorthand flags become one parsed query:
 *
 *	logq -u payment -p err -n 5 'timeout or refused | fields _time, _msg'
 *
 *	service:=payment level:in(ERROR,FATAL) (timeout or refused)
 *	| sort by (_time desc, …) | fields _time, _msg | limit 5        printed last first
 *
 * Flags are joined to the tree, not to the text, so that `or` in the query
 * keeps its meaning and errors point at what the user typed.
 *
 * Rows of a query whose pipes only pass rows on are put in order of time,
 * before the first pipe, since later ones may drop _time.
 *
 *	ask_init(&ask, &opts, now, &err)	err->offset is a byte of ask.text
 *	query_execute(ask.query, …)
 *	ask_release(&ask);
 */
#ifndef SLUICE_LOGQ_ASK_H
#define SLUICE_LOGQ_ASK_H

#include "aggregator/logq/options.h"
#include "aggregator/logq/print_view.h"
#include "aggregator/query/query.h"

struct place;
struct backlog;

struct ask {
	struct buf text; /* what the user typed, and the pipes that flags put behind it */
	struct query *query;
	bool syntax;            /* ask_init() failed by the text: err->offset is a byte of it */
	struct arena arena;     /* names of what folders hold */
	struct span_list files; /* borrowed from the options, or there */

	int64_t now_ns; /* what relative times are before */
	bool has_time_range;
	int64_t min_time, max_time; /* of -S and -U */
	bool since_given;           /* by -S, not by default */
	bool newest_first;          /* rows come in this order, if they come in order of time */
	bool reversed;              /* rows come last first, to be printed first first */
	uint64_t limit;             /* rows to print; 0 = all */
	struct view view;           /* how -o auto shows the answer */

	struct place *place;     /* of --cursor-file; borrowed, NULL = none */
	struct backlog *backlog; /* of a query that ask_looks_back(); borrowed */

	/* How many matches each server has that is asked; NULL: it does not matter.  See fetch.h. */
	uint64_t *shares;

	/* What was joined to the query, and what it was before. */
	struct query *flags, *order;
	struct filter joined, negated, *kids[2], *negated_kid[1], *filter;
	void **pipes, **joined_pipes;
	size_t npipes;

	/* After ask_resume(): only rows of later commits. */
	struct query *later;
	struct filter resumed, *resumed_kids[2];

	/* After ask_split(): the pipes that run here, over what `query` gives; none: npipes is 0. */
	struct query rest;
	struct filter all;
	bool cut;
	bool context;  /* `query` gives chunks (chunks.h) */
	bool windowed; /* -f: `rest` is asked for a window of rows at a time */
};

/*
 * Where files are named, a source that the configuration gives is taken out of
 * `opts`; an index or a bus that stands among the words is put there.
 */
int ask_init(struct ask *ask, struct options *opts, int64_t now_ns, struct err *reterr);

/* -f that begins with what is there, which must be told from what comes (backlog.h). */
bool ask_looks_back(const struct ask *ask, const struct options *opts);

/*
 * Cut the query in two where what it gives must pass something on its way:
 * several servers are merged, and a cursor tells rows apart, before any pipe
 * has changed them; stats of what is followed are made a window at a time.
 *
 *	error | stats by (host) count()
 *	──┬── ┄┄┄┄ sort by (_time)  ──▶  * | stats by (host) count()
 *	  query                             rest
 */
int ask_split(struct ask *ask, const struct options *opts, int64_t now_ns, struct err *reterr);

/* For place.h: only rows that became durable after this commit, 0 = any; again for the next one. */
int ask_resume(struct ask *ask, uint64_t commit, struct err *reterr);

void ask_release(struct ask *ask);

#endif
