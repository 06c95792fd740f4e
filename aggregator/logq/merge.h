/*
 * merge.h - the answers of several servers as one, in order of time.
 *
 *	server A ──thread──▶ queue ─┐
 *	server B ──thread──▶ queue ─┼─▶ the earliest (or latest) of the heads
 *	server C ──thread──▶ queue ─┘
 *
 * Each answer is in order by itself, so that the head of each queue is all that
 * must be known.  A thread waits while its queue is full, whereupon TCP makes
 * the server wait: memory is MERGE_QUEUE a server, however long the answers are.
 * While following there is no end to wait for: whichever has a row is next, and
 * a connection that breaks is tried again each second, which is said on stderr
 * (resume.h: no row is shown twice).
 *
 *	merge_open(&conf, &m, &err);
 *	while ((r = merge_next(m, &row)) == 1) …
 *	for (i …) merge_status(m, i, &status);
 *	merge_close(m);
 */
#ifndef SLUICE_LOGQ_MERGE_H
#define SLUICE_LOGQ_MERGE_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERGE_QUEUE       (1u << 20)
#define MERGE_SERVERS_MAX 64

/* Everything is borrowed. */
struct merge_conf {
	const struct span *servers;
	size_t nservers;
	const char *path;         /* "/api/v1/query" */
	const struct span *forms; /* one for each server; all but `start` */
	int64_t since_ns;         /* their `start`; INT64_MIN = none */
	int64_t limit_ns;         /* a server that hangs has failed then; 0 = never */
	bool newest_first;
	bool follow;
	const atomic_bool *cancel;
};

/* Good until the next merge_next(). */
struct merge_row {
	const struct span *names, *texts;
	size_t n;
	size_t server;
};

/* How one server ended. */
struct merge_status {
	int result; /* 0, or why it gave no rows or not all */
	struct err err;
	bool partial;
	struct span why; /* lines */
	uint64_t rows_scanned, rows_matched, blocks_scanned, blocks_skipped;
};

struct merge;

int merge_open(const struct merge_conf *conf, struct merge **ret, struct err *reterr);
/* 1 and a row; 0 at the end; -EAGAIN: none just now (follow); -ECANCELED. */
int merge_next(struct merge *merge, struct merge_row *ret);
/* After the end. */
void merge_status(struct merge *merge, size_t server, struct merge_status *ret);
/* Stops all threads. */
void merge_close(struct merge *merge);

#endif
