/*
 * window.h - stats of what is followed: an answer for each stretch of time.
 *
 * Rows are kept for the length of the window, and a thread asks the query's
 * pipes about them.  On a terminal the answer is about the last 10 s and is
 * drawn anew, in place, twice a second (less often where answers are slow);
 * elsewhere each window's answer is printed once, its rows with the window's
 * begin as _time.
 *
 *	rows ──▶ │ 1 s │ 1 s │ … │ 1 s │   terminal: ten slots, the oldest is dropped
 *	rows ──▶ │          10 s       │   pipe: one slot, emptied
 *	                │ every slot's time
 *	                ▼
 *	         * | stats by (host) count()  ──▶  stdout
 *
 * What arrives counts, not what _time says.  All slots hold WINDOW_BYTES at most.
 */
#ifndef SLUICE_LOGQ_WINDOW_H
#define SLUICE_LOGQ_WINDOW_H

#include "aggregator/logq/print.h"
#include "aggregator/logq/row_sink.h"
#include "aggregator/query/query.h"

#define WINDOW_BYTES (256u << 20)

/* Everything is borrowed. */
struct window_conf {
	struct query *query; /* its pipes */
	struct query_conf query_conf;
	struct print_conf print;
	int64_t length_ns;
};

struct window;

int window_open(const struct window_conf *conf, struct window **ret, struct err *reterr);
struct row_sink *window_sink(struct window *window);
/* The answer about what has come since the last one; rows printed in all. */
int window_finish(struct window *window, uint64_t *ret_rows, struct err *reterr);
void window_free(struct window *window);

#endif
