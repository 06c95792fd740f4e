/*
 * place.h - where the run before ended: which rows earlier runs have shown, kept in a file.
 *
 * The file has the time from where to look again, and a hash of each row that
 * was shown since then.  Rows of one time, and rows that arrive late, up to
 * PLACE_LOOKBACK behind the newest, are told apart by their hash; two equal
 * rows are two.
 *
 *	logq cursor 1
 *	query 5f2a…				a hash of the filter
 *	floor 1772366400000000000		earlier rows are never shown
 *	1772366999123000000 9b1c…		a row: its time, its hash
 *
 * The file is replaced at once or not at all, after rows went out: rows may come
 * again when a run is killed, none is lost.
 *
 *	place_open("/var/lib/x/cursor", query_hash, since, &c, &err);
 *	ask->min_time = place_floor(c);
 *	sink = place_sink(c, next, true);
 *	…
 *	place_save(c, &err);
 */
#ifndef SLUICE_LOGQ_PLACE_H
#define SLUICE_LOGQ_PLACE_H

#include "aggregator/logq/row_sink.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define PLACE_LOOKBACK (600 * NS_PER_SEC)
#define PLACE_ROWS_MAX (1u << 20) /* the lookback is shorter where more rows are in it */

struct place;

/* Of all that a row shows, in any order of its fields. */
uint64_t place_row_hash(const struct span *names, const struct span *texts, size_t n);

/* A file that isn't there is a beginning at `since_ns`.  -EINVAL: not a cursor, or another query's. */
int place_open(struct span path, uint64_t query_hash, int64_t since_ns, struct place **ret,
	       struct err *reterr);
int64_t place_floor(const struct place *place);
/*
 * New rows go to `next`.  `direct`: they are out when its pause() has returned,
 * so the place may be saved while following.
 */
struct row_sink *place_sink(struct place *place, struct row_sink *next, bool direct);
int place_save(struct place *place, struct err *reterr);
void place_free(struct place *place);

#endif
