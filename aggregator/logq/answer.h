/*
 * answer.h - what is known of an answer when its rows are out.
 */
#ifndef SLUICE_LOGQ_ANSWER_H
#define SLUICE_LOGQ_ANSWER_H

#include "aggregator/logq/ask.h"
#include "aggregator/logq/row_sink.h"

struct answer {
	bool partial;
	struct buf why;                  /* lines that say why it is partial */
	struct buf cost;                 /* one line for --stats */
	struct query_progress *progress; /* to be counted in; may be NULL */
};

static inline void answer_init(struct answer *answer)
{
	*answer = (struct answer){.why = BUF_INIT(1 << 20), .cost = BUF_INIT(64 << 10)};
}

static inline void answer_release(struct answer *answer)
{
	buf_release(&answer->why);
	buf_release(&answer->cost);
}

/* Ctrl-C, or the reader of the pager is gone: looked at by all loops. */
extern atomic_bool logq_cancel;
/* It was Ctrl-C (or SIGTERM), whatever a pager did about it. */
extern atomic_bool logq_interrupted;

#endif
