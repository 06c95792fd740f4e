#include "common/ops/metrics.h"
#include "common/base/check.h"
#include "common/base/map.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM, KIND_READ };

struct series {
	struct series *next;
	char *labels; /* {a="b"} or "" */
	enum kind kind;
	metrics_read_fn *read;
	void *ctx;
	union {
		struct counter counter;
		struct gauge gauge;
		struct histogram histogram;
	} value; /* what callers hold a pointer to */
};

/* All series of one name. */
struct family {
	struct family *next;
	char *name, *help;
	const char *type; /* as Prometheus calls it */
	struct series *first, **last;
	struct map by_labels; /* keys are the series' own texts */
};

struct metrics {
	pthread_mutex_t lock;
	struct family *families; /* by name */
	size_t len;
	struct counter refused;
};

static const uint64_t seconds_bounds[] = {
	10000000,   25000000,   50000000,    100000000,   250000000,   500000000,    1000000000,
	2500000000, 5000000000, 10000000000, 25000000000, 50000000000, 100000000000,
};

int metrics_new(struct metrics **ret)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	*ret = m;
	return 0;
}

static void free_series(struct series *series)
{
	free(series->labels);
	free(series);
}

static void free_family(struct family *family)
{
	struct series *next;

	for (struct series *s = family->first; s; s = next) {
		next = s->next;
		free_series(s);
	}
	map_release(&family->by_labels);
	free(family->name);
	free(family->help);
	free(family);
}

void metrics_free(struct metrics *metrics)
{
	struct family *next;

	if (!metrics)
		return;
	for (struct family *f = metrics->families; f; f = next) {
		next = f->next;
		free_family(f);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* Backslash and newline are escaped, in label values the quote too. */
static void put_escaped(struct buf *out, struct span text, bool quote)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\\' || (quote && c == '"'))
			buf_putc(out, '\\');
		if (c == '\n')
			buf_puts(out, SPAN("\\n"));
		else
			buf_putc(out, c);
	}
}

/* {a="b",c="d"}, on the heap; "" for no labels; NULL = out of memory. */
static char *format_labels(struct labels labels)
{
	struct buf out = BUF_INIT(64 << 10);

	for (size_t i = 0; i < labels.len; i++) {
		buf_puts(&out, i ? SPAN(",") : SPAN("{"));
		buf_puts(&out, span_cstr(labels.ptr[i].key));
		buf_puts(&out, SPAN("=\""));
		put_escaped(&out, labels.ptr[i].value, true);
		buf_putc(&out, '"');
	}
	if (labels.len)
		buf_putc(&out, '}');
	const char *text = buf_cstr(&out);
	char *copy = text ? strdup(text) : NULL;

	buf_release(&out);
	return copy;
}

static struct family *get_family(struct metrics *m, const char *name, const char *help,
				 const char *type)
{
	struct family **at = &m->families;

	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (*at && strcmp((*at)->name, name) == 0) {
		CHECK(strcmp((*at)->type, type) == 0);
		return *at;
	}
	struct family *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	*f = (struct family){.next = *at,
			     .name = strdup(name),
			     .help = strdup(help),
			     .type = type,
			     .last = &f->first};
	if (!f->name || !f->help) {
		free_family(f);
		return NULL;
	}
	*at = f;
	return f;
}

static struct series *find_series(const struct family *family, const char *labels)
{
	const union map_value *found = map_get(&family->by_labels, span_cstr(labels));

	return found ? found->ptr : NULL;
}

/* Takes `labels`. */
static struct series *add_series(struct metrics *m, struct family *family, char *labels,
				 enum kind kind)
{
	struct series *s = m->len < METRICS_SERIES_MAX ? calloc(1, sizeof(*s)) : NULL;
	bool added;
	union map_value *slot = s ? map_put(&family->by_labels, span_cstr(labels), &added) : NULL;

	if (!slot) {
		counter_add(&m->refused, 1);
		free(labels);
		free(s);
		return NULL;
	}
	slot->ptr = s;
	s->labels = labels;
	s->kind = kind;
	*family->last = s;
	family->last = &s->next;
	m->len++;
	return s;
}

/* The series, made if it is not there; *ret_new says which.  The lock is held. */
static struct series *get_series(struct metrics *m, const char *name, const char *help,
				 const char *type, struct labels labels, enum kind kind,
				 bool *ret_new)
{
	char *text = format_labels(labels);
	struct family *family = text ? get_family(m, name, help, type) : NULL;
	struct series *s = family ? find_series(family, text) : NULL;

	*ret_new = !s;
	if (s || !family) {
		free(text);
		return s;
	}
	return add_series(m, family, text, kind);
}

static struct series *take_series(struct metrics *m, const char *name, const char *help,
				  const char *type, struct labels labels, enum kind kind)
{
	struct series *s;
	bool added;

	pthread_mutex_lock(&m->lock);
	s = get_series(m, name, help, type, labels, kind, &added);
	pthread_mutex_unlock(&m->lock);
	return s;
}

struct counter *metrics_counter(struct metrics *metrics, const char *name, const char *help,
				struct labels labels)
{
	struct series *s = take_series(metrics, name, help, "counter", labels, KIND_COUNTER);

	return s ? &s->value.counter : NULL;
}

struct gauge *metrics_gauge(struct metrics *metrics, const char *name, const char *help,
			    struct labels labels)
{
	struct series *s = take_series(metrics, name, help, "gauge", labels, KIND_GAUGE);

	return s ? &s->value.gauge : NULL;
}

struct histogram *metrics_histogram(struct metrics *metrics, const char *name, const char *help,
				    struct labels labels, const uint64_t *bounds, uint32_t nbounds,
				    double scale)
{
	struct series *s;
	bool added;

	if (!bounds) {
		bounds = seconds_bounds;
		nbounds = sizeof(seconds_bounds) / sizeof(seconds_bounds[0]);
	}
	CHECK(nbounds <= METRICS_BUCKETS_MAX);
	pthread_mutex_lock(&metrics->lock);
	s = get_series(metrics, name, help, "histogram", labels, KIND_HISTOGRAM, &added);
	if (s && added) {
		s->value.histogram.bounds = bounds;
		s->value.histogram.nbounds = nbounds;
		s->value.histogram.scale = scale;
	}
	pthread_mutex_unlock(&metrics->lock);
	return s ? &s->value.histogram : NULL;
}

int metrics_read(struct metrics *metrics, const char *name, const char *help, struct labels labels,
		 bool counter, metrics_read_fn *read, void *ctx)
{
	struct series *s;
	bool added;

	pthread_mutex_lock(&metrics->lock);
	s = get_series(metrics, name, help, counter ? "counter" : "gauge", labels, KIND_READ,
		       &added);
	if (s) {
		s->read = read;
		s->ctx = ctx;
	}
	pthread_mutex_unlock(&metrics->lock);
	return s ? 0 : -ENOMEM;
}

static bool is_value(const struct series *s, const void *value)
{
	return value == (const void *)&s->value || (s->kind == KIND_READ && value == s->ctx);
}

static bool remove_from(struct family *family, const void *value)
{
	for (struct series **at = &family->first; *at; at = &(*at)->next) {
		struct series *s = *at;

		if (!is_value(s, value))
			continue;
		*at = s->next;
		if (family->last == &s->next)
			family->last = at;
		map_remove(&family->by_labels, span_cstr(s->labels));
		free_series(s);
		return true;
	}
	return false;
}

void metrics_remove(struct metrics *metrics, const void *value)
{
	if (!value)
		return;
	pthread_mutex_lock(&metrics->lock);
	for (struct family *f = metrics->families; f; f = f->next)
		while (remove_from(f, value))
			metrics->len--;
	pthread_mutex_unlock(&metrics->lock);
}

void histogram_observe(struct histogram *histogram, uint64_t value)
{
	uint32_t i = 0;

	if (!histogram)
		return;
	while (i < histogram->nbounds && value > histogram->bounds[i])
		i++;
	atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

/* Whole numbers without a fraction, others with the digits that matter. */
static void put_number(struct buf *out, double d)
{
	if (isnan(d))
		buf_puts(out, SPAN("NaN"));
	else if (isinf(d))
		buf_puts(out, d > 0 ? SPAN("+Inf") : SPAN("-Inf"));
	else if (fabs(d) < 1e15 && floor(d) == d)
		buf_printf(out, "%.0f", d);
	else
		buf_printf(out, "%.10g", d);
}

/* name_bucket{a="b",le="0.5"} 3: cumulative, as Prometheus wants it. */
static void write_histogram(const struct family *family, const struct series *s, struct buf *out)
{
	const struct histogram *h = &s->value.histogram;
	size_t len = strlen(s->labels);
	struct span inner = len ? span_of(s->labels + 1, len - 2) : SPAN("");
	uint64_t count = 0;

	for (uint32_t i = 0; i <= h->nbounds; i++) {
		count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
		buf_printf(out, "%s_bucket{%.*s%sle=\"", family->name, SPAN_FMT(inner),
			   inner.len ? "," : "");
		if (i < h->nbounds)
			put_number(out, (double)h->bounds[i] * h->scale);
		else
			buf_puts(out, SPAN("+Inf"));
		buf_printf(out, "\"} %llu\n", (unsigned long long)count);
	}
	buf_printf(out, "%s_sum%s ", family->name, s->labels);
	put_number(out, (double)atomic_load_explicit(&h->sum, memory_order_relaxed) * h->scale);
	buf_printf(out, "\n%s_count%s %llu\n", family->name, s->labels, (unsigned long long)count);
}

static void write_series(const struct family *family, const struct series *s, struct buf *out)
{
	if (s->kind == KIND_HISTOGRAM) {
		write_histogram(family, s, out);
		return;
	}
	buf_printf(out, "%s%s ", family->name, s->labels);
	if (s->kind == KIND_COUNTER)
		buf_put_u64(out, counter_get(&s->value.counter));
	else if (s->kind == KIND_GAUGE)
		buf_put_i64(out, atomic_load_explicit(&s->value.gauge.n, memory_order_relaxed));
	else
		put_number(out, s->read(s->ctx));
	buf_putc(out, '\n');
}

static void write_head(struct buf *out, const char *name, const char *help, const char *type)
{
	buf_printf(out, "# HELP %s ", name);
	put_escaped(out, span_cstr(help), false);
	buf_printf(out, "\n# TYPE %s %s\n", name, type);
}

void metrics_write(struct metrics *metrics, struct buf *out)
{
	pthread_mutex_lock(&metrics->lock);
	for (const struct family *f = metrics->families; f; f = f->next) {
		if (f->first)
			write_head(out, f->name, f->help, f->type);
		for (const struct series *s = f->first; s; s = s->next)
			write_series(f, s, out);
	}
	pthread_mutex_unlock(&metrics->lock);
	write_head(out, "sluice_metrics_refused_total", "Series that found no place.", "counter");
	buf_printf(out, "sluice_metrics_refused_total %llu\n",
		   (unsigned long long)counter_get(&metrics->refused));
}
