/*
 * resume.h - which rows were shown, so that a tail that broke can go on.
 *
 * When the connection is back the server is asked for the last RESUME_LOOKBACK
 * again, since rows may have come late; those that were shown are told by their
 * hash, with a count, so that two equal rows are two.  A server that was killed
 * takes in again what it had not committed, however old its rows say they are:
 * what came in the last RESUME_LOOKBACK is known, too.
 *
 *	if (resume_is_new(&r, time, hash)) show it
 *	…				the connection broke
 *	since = resume_again(&r);	ask from there
 */
#ifndef SLUICE_LOGQ_RESUME_H
#define SLUICE_LOGQ_RESUME_H

#include "common/base/clock.h"
#include "common/base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESUME_LOOKBACK (30 * NS_PER_SEC)
#define RESUME_ROWS_MAX (1u << 20) /* the lookback is shorter where more rows are in it */

struct resume_row {
	uint64_t hash;
	int64_t time;    /* as the row says */
	int64_t came_ns; /* monotonic */
	bool again;      /* came again after the connection was back */
};

/* Zeroed: nothing was shown. */
struct resume {
	VEC(struct resume_row) rows;
	size_t known; /* of them, in order of hashes: shown before the connection broke */
	int64_t newest;
};

/* -ENOMEM; 0: was shown before; 1: new, and kept. */
int resume_is_new(struct resume *resume, int64_t time_ns, uint64_t hash);
/* The time to ask from; `begin_ns` where nothing was shown yet. */
int64_t resume_again(struct resume *resume, int64_t begin_ns);
void resume_release(struct resume *resume);

#endif
