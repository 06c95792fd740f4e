/*
 * ingest.h - one message of the bus to rows of the store.
 *
 *	message ─block_read─▶ lines ─ledger─▶ new ones ─wire_read_record─▶ record
 *	                                                 ─filter chain─▶ store_append()
 *
 * A message that is no block is one JSON record (or whatever the parsers make
 * of it); such messages are told apart by their offset alone.  A record that
 * is too large for the store is kept as the first MiB of its line.
 *
 * Resumable, because the store may be full in the middle of a message: then
 * ingest_step() answers -ENOBUFS, with the ledger telling the truth about what
 * was taken so far, so that the caller can commit and step again.
 *
 *	r = ingest_begin(in, &message, &err);		poison: -EBADMSG -E2BIG -ENOTSUP
 *	while ((r = ingest_step(in)) == -ENOBUFS)
 *		commit
 *
 * Memory: one decompressed block (at most BLOCK_RAW_MAX) and one record.
 * What must be told to people (a gap, a fork) becomes a row too: see event.h.
 */
#ifndef SLUICE_AGGREGATOR_INGEST_H
#define SLUICE_AGGREGATOR_INGEST_H

#include "aggregator/ledger.h"
#include "aggregator/store/store.h"
#include "common/bus/bus.h"
#include "common/flow/chain.h"
#include "common/ops/metrics.h"

/* Totals since the start; read by any thread. */
struct ingest_counts {
	struct counter messages, blocks; /* messages of all kinds, and blocks among them */
	struct counter wire_bytes;       /* of messages */
	struct counter text_bytes;       /* NDJSON of records that were taken */
	struct counter records;          /* rows appended */
	struct counter duplicates;       /* records dropped: indexed before */
	struct counter continuations;    /* records of which a part was indexed before */
	struct counter filtered;         /* dropped by the filter chain */
	struct counter malformed;        /* lines in blocks that were no record: kept as text */
	struct counter gaps, gap_bytes, forks;
};

struct ingest;

/* Everything is borrowed. */
int ingest_new(struct store *store, struct ledger *ledger, struct chain *chain,
	       struct ingest_counts *counts, struct ingest **ret, struct err *reterr);
void ingest_free(struct ingest *ingest);
/* Between two messages: other filters from now on. */
void ingest_set_chain(struct ingest *ingest, struct chain *chain);

/*
 * Borrows the message until the steps are done, or the next begin.  On failure
 * nothing was taken.  A message that is begun and not stepped to its end
 * leaves the coverage of its source as it was at the last -ENOBUFS.
 */
int ingest_begin(struct ingest *ingest, const struct bus_message *message, struct err *reterr);
/* 0: all of it is in the store; -ENOBUFS; -ENOMEM. */
int ingest_step(struct ingest *ingest);

#endif
