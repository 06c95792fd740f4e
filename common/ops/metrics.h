/*
 * metrics.h - counters, gauges and histograms, and their Prometheus text.
 *
 * Registration takes a lock and may be slow; an update is one relaxed atomic
 * add and may come from any thread.  Count per batch where a record is cheap.
 * A series that is registered twice is the same series.  Names and labels are
 * copied.  The number of series is capped: past it registration fails with
 * NULL, the program goes on without that series (all update functions accept
 * NULL) and sluice_metrics_refused_total counts it.
 *
 *	struct counter *lines = metrics_counter(m, "shipper_lines_total", "Lines read.",
 *						LABELS({"input", name}));
 *	counter_add(lines, batch->len);
 *	metrics_write(m, &out);		text/plain; version=0.0.4
 */
#ifndef SLUICE_OPS_METRICS_H
#define SLUICE_OPS_METRICS_H

#include "common/base/buf.h"
#include <stdatomic.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_SERIES_MAX   20000
#define METRICS_BUCKETS_MAX  24

struct metrics;

struct counter {
	_Atomic uint64_t n;
};
struct gauge {
	_Atomic int64_t n;
};
/* Bucket i counts values ≤ bounds[i]; the last one takes the rest. */
struct histogram {
	const uint64_t *bounds; /* ascending, borrowed: a static table */
	uint32_t nbounds;
	double scale; /* printed value = stored value × scale, e.g. 1e-9 for ns */
	_Atomic uint64_t buckets[METRICS_BUCKETS_MAX + 1];
	_Atomic uint64_t sum;
};

struct label {
	const char *key;
	struct span value;
};
struct labels {
	const struct label *ptr;
	size_t len;
};
#define LABELS(...)                                                                                \
	((struct labels){(const struct label[]){__VA_ARGS__},                                      \
			 sizeof((const struct label[]){__VA_ARGS__}) / sizeof(struct label)})
#define NO_LABELS ((struct labels){NULL, 0})

int metrics_new(struct metrics **ret);
void metrics_free(struct metrics *metrics);

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
				struct labels labels);
struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
			    struct labels labels);
/* 10 ms … 100 s when bounds is NULL: for durations in ns, scale 1e-9. */
struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
				    struct labels labels, const uint64_t *bounds, uint32_t nbounds,
				    double scale);
/*
 * A value that is asked for when somebody looks; `counter`: it only grows.
 * read() runs under the registry's lock: it must not call back into it.
 */
typedef double metrics_read_fn(void *ctx);
int metrics_read(struct metrics *metrics, const char *name, const char *help, struct labels labels,
		 bool counter, metrics_read_fn *read, void *ctx);
/*
 * Forget a series by the pointer that registration gave, which is dead then; or
 * all series that were to be read with this `ctx`.  NULL is fine.
 */
void metrics_remove(struct metrics *metrics, const void *value);

/* Families by name, series in the order of registration. */
void metrics_write(struct metrics *metrics, struct buf *out);

static inline void counter_add(struct counter *counter, uint64_t n)
{
	if (counter)
		atomic_fetch_add_explicit(&counter->n, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const struct counter *counter)
{
	return counter ? atomic_load_explicit(&counter->n, memory_order_relaxed) : 0;
}

static inline void gauge_set(struct gauge *gauge, int64_t n)
{
	if (gauge)
		atomic_store_explicit(&gauge->n, n, memory_order_relaxed);
}

static inline void gauge_add(struct gauge *gauge, int64_t n)
{
	if (gauge)
		atomic_fetch_add_explicit(&gauge->n, n, memory_order_relaxed);
}

void histogram_observe(struct histogram *histogram, uint64_t value);

#endif
