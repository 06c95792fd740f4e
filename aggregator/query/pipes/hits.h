/*
 * hits.h - how many rows have each value: what uniq, top and field_values share.
 *
 *	hits_open()  hits_push()  hits_merge()  → table of counts → hits_emit()
 *
 * Each worker has a group table whose state is a count.
 */
#ifndef SLUICE_QUERY_PIPES_HITS_H
#define SLUICE_QUERY_PIPES_HITS_H

#include "aggregator/query/group.h"

#define HITS_FIELDS_MAX 128

struct hits_worker {
	bool open;
	struct group_table groups;
};

struct hits_entry {
	struct span key;
	uint64_t n;
};

int hits_open(struct stage *stage);
void hits_close(struct stage *stage);
/* Count the rows by `fields`. */
int hits_push(struct stage *stage, unsigned worker, struct rows *rows,
	      const struct span_list *fields);
/* Groups of one worker. */
size_t hits_len(struct stage *stage, unsigned worker);
/* All workers together, in worker 0. */
int hits_merge(struct stage *stage);
/* The merged counts, in no order; freed by the caller. */
int hits_entries(struct stage *stage, struct hits_entry **ret, size_t *ret_n);

/*
 * Push entries as rows: the fields, then the count as `hits` and the place
 * (from 1) as `rank`, each only if the name has a ptr.
 */
int hits_emit(struct stage *stage, const struct span_list *fields, const struct hits_entry *entries,
	      size_t n, struct span hits, struct span rank);

#endif
