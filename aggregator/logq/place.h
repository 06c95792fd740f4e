/*
 * place.h - where the run before ended, kept in a file.
 *
 * Each durable row has the number of its commit (store.h), and a commit is seen
 * as a whole.  So the place in an index is one number: all rows up to it were
 * shown, whatever their time and however parts were merged since, and the next
 * run asks for greater ones.  What is still in memory comes with a later run.
 * A run that ends early (-m, Ctrl-C) leaves the number and adds a hash of each
 * row that it has shown; two equal rows are two.
 *
 *	logq cursor 2
 *	query 5f2a…				a hash of the filter
 *	since 1772366400000000000		earlier rows are never shown
 *	at 17958319880 unix:/run/aggregator/aggregator.sock	a line for each index
 *	shown 9b1c…				a row beyond it
 *
 * A lock on FILE.lock, which is there while a run is, keeps a second run away.
 *
 * The file is replaced at once or not at all, after rows went out: rows may come
 * again when a run is killed, none is lost.
 *
 *	place_open("/var/lib/x/cursor", query_hash, since, &p, &err);
 *	sink = place_sink(p, next, true);
 *	place_sources(p, names, n, &err);
 *	place_commit(p, 0) …			the query: `… _commit:>N | copy _commit as log.commit`
 *	…					rows, sink->source says from which index
 *	place_end_round(p);			every index has given all it had
 *	place_save(p, &err);
 */
#ifndef SLUICE_LOGQ_PLACE_H
#define SLUICE_LOGQ_PLACE_H

#include "aggregator/logq/row_sink.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define PLACE_ROWS_MAX (1u << 20) /* of a run that ends early */

/* The field with the number, in the rows that come in; it is taken out. */
#define PLACE_FIELD SPAN("log.commit")

struct place;

/* Of all that a row shows, in any order of its fields. */
uint64_t place_row_hash(const struct span *names, const struct span *texts, size_t n);

/*
 * A file that isn't there is a beginning at `since_ns`.  -EINVAL: not a cursor, or another query's;
 * -EAGAIN: another process has it open.
 */
int place_open(struct span path, uint64_t query_hash, int64_t since_ns, struct place **ret,
	       struct err *reterr);
int64_t place_since(const struct place *place);
/*
 * The indexes of this run, as folders or servers.  The socket in the folder of an
 * index is that index.  A new one begins anew; -EINVAL when the file knows none of them.
 */
int place_sources(struct place *place, const struct span *names, size_t n, struct err *reterr);
/* Rows of source i up to this commit were shown; 0 = none. */
uint64_t place_commit(const struct place *place, size_t i);

/*
 * New rows go to `next`.  `direct`: they are out when its pause() has returned;
 * else pipes take them, which are given all that is new, even when they want no more.
 */
struct row_sink *place_sink(struct place *place, struct row_sink *next, bool direct);
/* True if `next` wanted no more rows: the run has ended early. */
bool place_is_full(const struct place *place);
/* All rows there are were given: the numbers move on. */
void place_end_round(struct place *place);
/* An index went away in the middle of a round: what it has shown won't come again in the next. */
int place_break_round(struct place *place);
/* -E2BIG: ended early after too many rows. */
int place_save(struct place *place, struct err *reterr);
void place_free(struct place *place);

#endif
