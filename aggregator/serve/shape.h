/*
 * shape.h - the rows of a query as one JSON document, as VictoriaLogs' clients
 * (Grafana's plugin among them) and Prometheus' read it.
 *
 *	VALUES   {"values":[{"value":"payment","hits":12},…]}
 *	FACETS   {"facets":[{"field_name":"level","values":[{"field_value":"ERROR","hits":3},…]},…]}
 *	HITS     {"hits":[{"fields":{"level":"INFO"},"timestamps":["…"],"values":[12],"total":12},…]}
 *	VECTOR   {"status":"success","data":{"resultType":"vector","result":
 *	          [{"metric":{"__name__":"n","level":"INFO"},"value":[1772366400,"12"]},…]}}
 *	MATRIX   … "matrix" … "values":[[1772366400,"12"],…]
 *
 * It is written as rows come, so rows of one series must come after each other:
 * the query sorts by the labels, then by _time.
 *
 *	shape_new(&conf, &s);
 *	shape_row(s, &row, out);	any number of times
 *	shape_end(s, out);
 *	shape_free(s);
 */
#ifndef SLUICE_AGGREGATOR_SERVE_SHAPE_H
#define SLUICE_AGGREGATOR_SERVE_SHAPE_H

#include "common/base/buf.h"
#include <stdint.h>

enum shape_kind { SHAPE_VALUES, SHAPE_FACETS, SHAPE_HITS, SHAPE_VECTOR, SHAPE_MATRIX };

struct shape_conf {
	enum shape_kind kind;
	struct span value;         /* VALUES: the field whose values they are */
	struct span hits;          /* the column of counts, where it is not called hits */
	const struct span *labels; /* HITS, VECTOR, MATRIX: what tells series apart */
	size_t nlabels;
	int64_t at_ns;   /* VECTOR: the time of the values */
	uint64_t groups; /* HITS: the first so many are told apart, the rest is one; 0 = all are */
};

struct shape;

/* Row `row` of columns texts[0 … n-1]. */
struct shape_row {
	const struct span *names;
	const struct span *const *texts;
	size_t n;
	uint32_t row;
};

/* By which the groups of HITS are ordered, where only some are told apart; no label. */
#define SHAPE_HITS_TOTAL "\"hits of the group\""

/* `conf` is copied.  0 or -ENOMEM. */
int shape_new(const struct shape_conf *conf, struct shape **ret);
void shape_free(struct shape *shape);

/* Failures are those of `out`, and -ENOBUFS: a series has too many points. */
int shape_row(struct shape *shape, const struct shape_row *row, struct buf *out);
int shape_end(struct shape *shape, struct buf *out);

#endif
