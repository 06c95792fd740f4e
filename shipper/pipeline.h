/*
 * pipeline.h - from files to the bus: who is read next, what is sent, what was stored.
 *
 *	active sources, in turn ─▶ pack_block ─▶ window_push ─▶ producer_send
 *	                                               ▲              │
 *	             checkpoint ◀── watermark ◀── window_report ◀── reports
 *
 * One thread, no queue of its own: what is not read yet is in the files, what
 * is sent is in the producer's queue, and between them is one block, `pending`, that
 * the queue did not take yet.  When it is there nothing is read.
 *
 * Rules (delivery.md): the checkpoint is never ahead of a watermark; after any
 * error of a chunk its source goes back to its watermark, once all its reports
 * are in, and waits a while; a dead producer is replaced and every source goes back.
 */
#ifndef SLUICE_SHIPPER_PIPELINE_H
#define SLUICE_SHIPPER_PIPELINE_H

#include "common/bus/bus.h"
#include "shipper/pack.h"
#include "shipper/sources.h"

struct pipeline {
	const struct setup *setup;
	struct sources *sources;
	struct checkpoint *checkpoint;
	struct totals *totals;
	struct producer *producer; /* NULL = to be opened at retry_ns */
	int64_t retry_ns;
	unsigned partitions; /* 0 = not known yet */
	struct pack pack;
	struct chunk *pending; /* its message is pack.message, for `pending_source` */
	struct source *pending_source;
	struct mark pending_before;
	uint64_t in_flight;     /* chunks of all sources */
	uint64_t filter_errors; /* of the chain, as far as they are counted */
	int64_t delivered_ns;   /* monotonic, of the last good report */
	bool said_unreachable;
	bool flush; /* --once and the end: half a line is a record, nothing waits */
	bool save_failed;
};

int pipeline_init(struct pipeline *pipeline, const struct setup *setup, struct sources *sources,
		  struct checkpoint *checkpoint, struct totals *totals, struct err *reterr);
void pipeline_release(struct pipeline *pipeline);
/* Another configuration: filters, output.  Sources are the caller's. */
int pipeline_use(struct pipeline *pipeline, const struct setup *setup, struct err *reterr);

/* Deliver reports, then let each source that is due have one block.  When to come again. */
int64_t pipeline_turn(struct pipeline *pipeline);
/* Watermarks that moved go to the checkpoint; finished sources are closed. */
void pipeline_save(struct pipeline *pipeline);
/* Nothing to read, to send or to wait for. */
bool pipeline_is_idle(const struct pipeline *pipeline);
/* For poll(); -1 = none. */
int pipeline_fd(const struct pipeline *pipeline);

#endif
