/*
 * consume.h - the loop between bus and store: poll, ingest, commit.
 *
 * One thread, the store's writer.  Where to go on is the store's word alone;
 * offsets committed to the bus are for lag monitoring and never read back.
 *
 *	consume_open(&conf, store, chain, &c, &err)
 *	while (!stop)
 *		r = consume_step(c, 100, &err);
 *	consume_finish(c, &err);		commits what is left
 *	consume_close(c);
 *
 * What can go wrong, and what happens:
 *
 *	bus away                       counted, tried again; queries go on
 *	offset below what the bus has  a loss event [next, low), go on at low
 *	offset above it                the topic was made anew: that partition stops
 *	message that can't be decoded  to STORE/quarantine, go on
 *	disk full, quota, I/O error    the bus is paused, the commit is tried each
 *	                               second until it works or somebody stops us
 *	somebody else has the store,   -ESTALE: the program must end
 *	or a commit's fate is unknown
 *
 * A step that waits for the disk still returns only after it: `on_wait` is
 * called meanwhile, so that watchdog and signals are served.
 */
#ifndef SLUICE_AGGREGATOR_CONSUME_H
#define SLUICE_AGGREGATOR_CONSUME_H

#include "aggregator/ingest.h"
#include "common/bus/bus.h"
#include "common/ops/health.h"

struct consume_conf {
	struct span uri;
	struct bus_conf bus;
	const char *store_path;
	const uint32_t *partitions; /* NULL = all */
	size_t npartitions;
	int64_t commit_age_ns;
	uint64_t quarantine_bytes;
	size_t sources_max;
	int64_t lag_max; /* messages that may wait while lag_health is good; 0 = any number */
	/* Each may be NULL.  partitions_health is bad while one is stopped. */
	struct health_check *bus_health, *store_health, *lag_health, *partitions_health;
	/* Called while waiting for the disk, each 100 ms; true = give up. */
	bool (*on_wait)(void *ctx);
	void *ctx;
};

struct consume_counts {
	struct ingest_counts ingest;
	struct counter poison;       /* messages in quarantine */
	struct counter lost_offsets; /* gone from the bus before they were read */
	struct counter commits;
	struct counter commit_failures;   /* each of them was tried again */
	struct counter waited_s;          /* for the disk */
	struct counter poll_failures;     /* the bus could not be reached */
	struct gauge partitions, stopped; /* assigned; stopped for good */
	struct gauge lag;                 /* messages behind, as of the last look */
	struct gauge sources, missing_bytes;
	struct counter forgotten; /* sources, to stay below sources_max */
	struct gauge commit_s;    /* real time of the last commit */
};

struct consume;

/* `conf` and what it points to is borrowed.  The bus is opened by the first step. */
int consume_open(const struct consume_conf *conf, struct store *store, struct chain *chain,
		 struct consume **ret, struct err *reterr);
void consume_close(struct consume *consume);

/*
 * At most one message.  1, 0 = nothing came within timeout_ms, -EAGAIN = the
 * bus can't be reached (it waited); -ECANCELED: on_wait said so; -ESTALE,
 * -ENOMEM and others: can't go on, text in reterr.
 */
int consume_step(struct consume *consume, int timeout_ms, struct err *reterr);
/* Nothing is left before the end that the bus has now. */
bool consume_caught_up(struct consume *consume);
/* Commit everything that was taken. */
int consume_finish(struct consume *consume, struct err *reterr);

void consume_set_chain(struct consume *consume, struct chain *chain);
struct consume_counts *consume_counts(struct consume *consume);

/* For /api/v1/status, from any thread. */
struct consume_partition {
	uint32_t id;
	bool stopped;
	int64_t next, low, high;
};
size_t consume_partitions(struct consume *consume, struct consume_partition *ret, size_t max);

#endif
