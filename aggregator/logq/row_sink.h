/*
 * row_sink.h - where rows go, one by one.
 *
 * What gives rows (local.h, remote.h) knows only the first sink; what stands
 * between it and the printer is a sink that hands rows on to the next:
 *
 *	source ──▶ cursor or backlog ──▶ chunks ──▶ relay or window ──▶ printer
 *	           (each of them only where it is asked for)
 *
 * A sink is the first member of the struct that implements it.  Names and texts
 * are good until row() returns.
 */
#ifndef SLUICE_LOGQ_ROW_SINK_H
#define SLUICE_LOGQ_ROW_SINK_H

#include "common/base/span.h"
#include <stddef.h>

struct row_sink {
	/* 0; 1: enough, and this row was the last; -EPIPE: nobody reads; … */
	int (*row)(struct row_sink *sink, const struct span *names, const struct span *texts,
		   size_t n);
	size_t source; /* which of several servers the next row is of */
	/* While following: nothing more for the moment, so show what was given. */
	int (*pause)(struct row_sink *sink);
};

#endif
