/*
 * ledger.h - which bytes of which source are in the index: the exactly-once rule.
 *
 * A source is one life of one log file.  Blocks say which bytes of it they
 * account for, [prev_end, end); a shipper that was killed sends bytes again,
 * cut differently.  Per source the ledger holds
 *
 *	0            gap      gap                 watermark
 *	|############|......|####|....|###############|            . not here yet
 *	                                                           # indexed
 *
 * and answers, for a record's byte range, which part of it is new.  Below the
 * watermark everything is indexed but the gaps; a block that begins above it
 * leaves a gap; a later block that falls into a gap closes it.
 *
 * Two files under one identity (a machine was cloned while its shipper ran)
 * show by a different hash at the same offset.  The stranger's bytes are then
 * kept under the next `fork` of the source: said loudly, never dropped.
 *
 * Pure: no clock, no I/O, no logging.  The caller stores what changed with the
 * rows it belongs to, in one commit, and only between blocks:
 *
 *	ledger_begin(l, &block.header, &note);
 *	while (block_range_next(&ranges, &start, &end))
 *		for (at = start; ledger_new_part(note.source, &at, end, &part);)
 *			index part (the whole record, nearly always)
 *	ledger_end(l, note.source, &block.header);
 *
 * A block that is given up between begin and end leaves the coverage as it was.
 * Bounded: sources (the one seen least recently is forgotten), gaps a source
 * (the lowest is given up for lost), forks a source.
 */
#ifndef SLUICE_AGGREGATOR_LEDGER_H
#define SLUICE_AGGREGATOR_LEDGER_H

#include "common/base/vec.h"
#include "common/flow/block.h"

#define LEDGER_GAPS_MAX  64
#define LEDGER_FORKS_MAX 8

/* [from, to) */
struct ledger_range {
	uint64_t from, to;
};

struct ledger_key {
	struct source_id source;
	uint32_t generation; /* truncation counter, as in the block */
	uint32_t fork;       /* 0, or the n-th stranger with this identity */
};

struct ledger_source {
	struct ledger_key key;
	uint64_t watermark;
	uint64_t hash; /* XXH64 of [0, watermark); 0 = not known, nothing is compared */
	VEC(struct ledger_range) gaps; /* ascending, disjoint, below the watermark */
	uint64_t seen;                 /* when it was last used; the order is what counts */
	bool known;                    /* some block was accounted for */
	bool changed;                  /* in ledger.changed */
};

/* Totals since ledger_new(), for metrics. */
struct ledger_counts {
	uint64_t gaps, gap_bytes; /* noted */
	uint64_t closed_bytes;    /* arrived after all */
	uint64_t lost_gaps;       /* given up: too many of one source */
	uint64_t forks, forgotten;
};

struct ledger;

/* What a block means, before its records are looked at. */
struct ledger_note {
	struct ledger_source *source; /* borrowed until the next ledger_begin() */
	/*
	 * Bytes that this block leaves out, from == to: none.  Of the first block
	 * of a source they are what was there before somebody began to ship it.
	 */
	struct ledger_range gap;
	bool first;  /* the source was not known */
	bool forked; /* another file with the same identity: raise an alarm */
};

int ledger_new(size_t sources_max, struct ledger **ret);
void ledger_free(struct ledger *ledger);

/*
 * Put a source back as the manifest has it, those seen longest ago first; gaps
 * in ascending order.
 * 0, -EINVAL (gaps that overlap or lie above the watermark), -ENOMEM.
 */
int ledger_restore(struct ledger *ledger, const struct ledger_key *key, uint64_t watermark,
		   uint64_t hash, const struct ledger_range *gaps, size_t ngaps);

/* 0, -EBADMSG when not prev_end ≤ base ≤ end, -ENOMEM. */
int ledger_begin(struct ledger *ledger, const struct block_header *block, struct ledger_note *ret);

/*
 * The first part of [*at, end) that is not indexed yet; moves *at behind it.
 * False when there is none (any more).
 */
bool ledger_new_part(const struct ledger_source *source, uint64_t *at, uint64_t end,
		     struct ledger_range *ret);

/* All records of the block are taken care of.  0 or -ENOMEM: nothing changed. */
int ledger_end(struct ledger *ledger, struct ledger_source *source,
	       const struct block_header *block);

/* What the next commit must store; both are empty again after ledger_committed(). */
size_t ledger_changed(const struct ledger *ledger, struct ledger_source *const **ret);
size_t ledger_forgotten(const struct ledger *ledger, const struct ledger_key **ret);
void ledger_committed(struct ledger *ledger);

const struct ledger_counts *ledger_counts(const struct ledger *ledger);
size_t ledger_sources(const struct ledger *ledger);
/* Bytes that are missing now, over all sources. */
uint64_t ledger_missing(const struct ledger *ledger);

#endif
