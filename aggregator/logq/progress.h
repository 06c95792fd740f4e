/*
 * progress.h - "1.2M rows read, 41 found" on stderr while somebody waits.
 *
 * A thread writes it half a second after the start, and again ten times a
 * second; progress_stop() erases it, before a terminal shows the first row.  Where
 * stderr is no terminal, or one that can't erase (TERM=dumb), nothing is written.  All functions take NULL.
 *
 *	progress_open(&p);
 *	conf.progress = progress_counters(p);
 *	…
 *	progress_free(p);
 */
#ifndef SLUICE_LOGQ_PROGRESS_H
#define SLUICE_LOGQ_PROGRESS_H

#include "aggregator/query/query.h"

struct progress;

/* *ret is NULL where there is nothing to show it on. */
void progress_open(struct progress **ret);
/* To be counted in; NULL without a progress. */
struct query_progress *progress_counters(struct progress *progress);
/* Erase it and write no more. */
void progress_stop(struct progress *progress);
void progress_free(struct progress *progress);

#endif
