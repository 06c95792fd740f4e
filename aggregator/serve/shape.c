/* shape.c - rows to documents; see shape.h. */
#include "aggregator/serve/shape.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/base/vec.h"
#include "common/data/json_write.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <stdlib.h>

#define POINTS_MAX  (16u << 20) /* bytes of the points of a series */
#define LABELS_MAX  (1u << 20)
#define RESULTS_MAX 256

/* One result column of the group at hand: its points so far. */
struct series {
	struct span name;
	struct buf points;
};

/* Hits of groups that are not told apart. */
struct point {
	int64_t ns;
	struct span time;
	uint64_t hits;
};

struct shape {
	struct shape_conf conf;
	struct arena arena; /* of the conf's texts, the names of results, the times of `rest` */
	bool began;         /* something was written */
	bool open;          /* a group is at hand */
	struct buf key;     /* its labels, as JSON members */
	struct series series[RESULTS_MAX];
	size_t nseries;
	/* HITS */
	struct buf times;
	uint64_t total;
	uint64_t ngroups;
	VEC(struct point) rest; /* by time */
};

static const struct {
	struct span begin, end;
} frames[] = {
#define FRAME(kind, first, last) [kind] = {{first, sizeof(first) - 1}, {last, sizeof(last) - 1}}
	FRAME(SHAPE_VALUES, "{\"values\":[", "]}\n"),
	FRAME(SHAPE_FACETS, "{\"facets\":[", "]}\n"),
	FRAME(SHAPE_HITS, "{\"hits\":[", "]}\n"),
	FRAME(SHAPE_VECTOR,
	      "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[", "]}}\n"),
	FRAME(SHAPE_MATRIX,
	      "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[", "]}}\n"),
#undef FRAME
};

int shape_new(const struct shape_conf *conf, struct shape **ret)
{
	struct shape *shape = calloc(1, sizeof(*shape));
	struct span *labels;

	if (!shape)
		return -ENOMEM;
	shape->conf = *conf;
	arena_init(&shape->arena, POINTS_MAX);
	buf_init(&shape->key, LABELS_MAX);
	buf_init(&shape->times, POINTS_MAX);
	for (size_t i = 0; i < RESULTS_MAX; i++)
		buf_init(&shape->series[i].points, POINTS_MAX);
	labels = ARENA_ARRAY(&shape->arena, struct span, conf->nlabels + 1);
	for (size_t i = 0; labels && i < conf->nlabels; i++)
		labels[i] = arena_dup(&shape->arena, conf->labels[i]);
	shape->conf.labels = labels;
	shape->conf.value = arena_dup(&shape->arena, conf->value);
	shape->conf.hits = conf->hits.len ? arena_dup(&shape->arena, conf->hits) : SPAN("hits");
	if (shape->arena.overflowed) {
		shape_free(shape);
		return -ENOMEM;
	}
	*ret = shape;
	return 0;
}

void shape_free(struct shape *shape)
{
	if (!shape)
		return;
	for (size_t i = 0; i < RESULTS_MAX; i++)
		buf_release(&shape->series[i].points);
	vec_release(&shape->rest);
	buf_release(&shape->times);
	buf_release(&shape->key);
	arena_release(&shape->arena);
	free(shape);
}

static struct span text_of(const struct shape_row *row, struct span name)
{
	for (size_t i = 0; i < row->n; i++)
		if (span_eq(row->names[i], name))
			return row->texts[i][row->row];
	return SPAN("");
}

static bool is_label(const struct shape *shape, struct span name)
{
	for (size_t i = 0; i < shape->conf.nlabels; i++)
		if (span_eq(shape->conf.labels[i], name))
			return true;
	return false;
}

static uint64_t hits_of(const struct shape *shape, const struct shape_row *row)
{
	uint64_t n = 0;

	(void)num_parse_u64(text_of(row, shape->conf.hits), &n); /* no number: 0 */
	return n;
}

/* Behind what is there already. */
static void separate(struct shape *shape, struct buf *out)
{
	if (shape->began)
		buf_putc(out, ',');
	else
		buf_puts(out, frames[shape->conf.kind].begin);
	shape->began = true;
}

/* Seconds since 1970, with milliseconds where there are some. */
static void put_seconds(struct buf *out, int64_t ns)
{
	int64_t ms = (ns - (ns < 0 ? NS_PER_MS - 1 : 0)) / NS_PER_MS;

	if (ms % 1000 == 0)
		buf_printf(out, "%lld", (long long)(ms / 1000));
	else
		buf_printf(out, "%.3f", (double)ms / 1000);
}

/* "level":"INFO","service":"cart" of the row, into `ret`. */
static void put_labels(const struct shape *shape, const struct shape_row *row, struct buf *ret,
		       bool first)
{
	for (size_t i = 0; i < shape->conf.nlabels; i++)
		json_write_field(ret, &first, shape->conf.labels[i], VALUE_STRING,
				 text_of(row, shape->conf.labels[i]));
}

static void value_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	separate(shape, out);
	buf_puts(out, SPAN("{\"value\":"));
	json_write_string(out, text_of(row, shape->conf.value));
	buf_puts(out, SPAN(",\"hits\":"));
	buf_put_u64(out, hits_of(shape, row));
	buf_putc(out, '}');
}

static void facet_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	struct span name = text_of(row, SPAN("field_name"));

	if (shape->open && span_eq(buf_span(&shape->key), name)) {
		buf_putc(out, ',');
	} else {
		if (shape->open)
			buf_puts(out, SPAN("]}"));
		separate(shape, out);
		buf_puts(out, SPAN("{\"field_name\":"));
		json_write_string(out, name);
		buf_puts(out, SPAN(",\"values\":["));
		buf_reset(&shape->key);
		buf_puts(&shape->key, name);
		shape->open = true;
	}
	buf_puts(out, SPAN("{\"field_value\":"));
	json_write_string(out, text_of(row, SPAN("field_value")));
	buf_puts(out, SPAN(",\"hits\":"));
	buf_put_u64(out, hits_of(shape, row));
	buf_putc(out, '}');
}

static void vector_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	for (size_t i = 0; i < row->n; i++) {
		/* max() of no numbers is empty: no value. */
		if (is_label(shape, row->names[i]) || !row->texts[i][row->row].len)
			continue;
		separate(shape, out);
		buf_puts(out, SPAN("{\"metric\":{\"__name__\":"));
		json_write_string(out, row->names[i]);
		put_labels(shape, row, out, false);
		buf_puts(out, SPAN("},\"value\":["));
		put_seconds(out, shape->conf.at_ns);
		buf_putc(out, ',');
		json_write_string(out, row->texts[i][row->row]);
		buf_puts(out, SPAN("]}"));
	}
}

/* What was collected of the group at hand. */
static int close_group(struct shape *shape, struct buf *out)
{
	bool hits = shape->conf.kind == SHAPE_HITS;

	for (size_t i = 0; shape->open && i < shape->nseries; i++) {
		struct series *series = &shape->series[i];

		if (series->points.failed || shape->times.failed)
			return -ENOBUFS;
		if (!series->points.len)
			continue;
		separate(shape, out);
		buf_puts(out, hits ? SPAN("{\"fields\":{") : SPAN("{\"metric\":{\"__name__\":"));
		if (!hits) {
			json_write_string(out, series->name);
			if (shape->key.len)
				buf_putc(out, ',');
		}
		buf_puts(out, buf_span(&shape->key));
		if (hits) {
			buf_puts(out, SPAN("},\"timestamps\":["));
			buf_puts(out, buf_span(&shape->times));
			buf_puts(out, SPAN("],\"values\":["));
		} else {
			buf_puts(out, SPAN("},\"values\":["));
		}
		buf_puts(out, buf_span(&series->points));
		buf_putc(out, ']');
		if (hits)
			buf_printf(out, ",\"total\":%llu", (unsigned long long)shape->total);
		buf_putc(out, '}');
	}
	shape->open = false;
	return out->failed;
}

/* The row belongs to another group than the one at hand. */
static int change_group(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	struct buf key = BUF_INIT(LABELS_MAX);
	int r = 0;

	put_labels(shape, row, &key, true);
	if (shape->open && span_eq(buf_span(&key), buf_span(&shape->key))) {
		buf_release(&key);
		return 0;
	}
	r = key.failed ? key.failed : close_group(shape, out);
	buf_release(&shape->key);
	shape->key = key;
	shape->open = true;
	shape->ngroups++;
	shape->total = 0;
	buf_reset(&shape->times);
	for (size_t i = 0; i < shape->nseries; i++)
		buf_reset(&shape->series[i].points);
	return r;
}

static struct series *series_of(struct shape *shape, struct span name)
{
	for (size_t i = 0; i < shape->nseries; i++)
		if (span_eq(shape->series[i].name, name))
			return &shape->series[i];
	struct span copy = arena_dup(&shape->arena, name);

	if (shape->nseries == RESULTS_MAX || (name.len && !copy.ptr))
		return NULL;
	shape->series[shape->nseries].name = copy;
	return &shape->series[shape->nseries++];
}

/* Where it is, or would be. */
static size_t find_point(const struct shape *shape, int64_t ns)
{
	size_t low = 0, high = shape->rest.len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (shape->rest.ptr[middle].ns < ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int rest_row(struct shape *shape, const struct shape_row *row)
{
	struct point new = {.time = text_of(row, SPAN("_time")), .hits = hits_of(shape, row)};
	size_t at;

	if (timestamp_parse(new.time, &new.ns) < 0)
		return 0;
	at = find_point(shape, new.ns);
	if (at < shape->rest.len && shape->rest.ptr[at].ns == new.ns) {
		shape->rest.ptr[at].hits += new.hits;
		return 0;
	}
	new.time = arena_dup(&shape->arena, new.time);
	if (!new.time.ptr)
		return -ENOBUFS;
	if (vec_push(&shape->rest, new) < 0)
		return -ENOMEM;
	memmove(&shape->rest.ptr[at + 1], &shape->rest.ptr[at],
		(shape->rest.len - 1 - at) * sizeof(new));
	shape->rest.ptr[at] = new;
	return 0;
}

/* They are the group without fields. */
static int close_rest(struct shape *shape, struct buf *out)
{
	struct series *series = series_of(shape, SPAN("hits"));

	if (!series)
		return -ENOBUFS;
	buf_reset(&shape->key);
	buf_reset(&shape->times);
	buf_reset(&series->points);
	shape->total = 0;
	for (size_t i = 0; i < shape->rest.len; i++) {
		const struct point *point = &shape->rest.ptr[i];

		buf_puts(&shape->times, i ? SPAN(",") : SPAN(""));
		json_write_string(&shape->times, point->time);
		buf_puts(&series->points, i ? SPAN(",") : SPAN(""));
		buf_put_u64(&series->points, point->hits);
		shape->total += point->hits;
	}
	shape->open = true;
	return close_group(shape, out);
}

static int hits_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	int r = change_group(shape, row, out);
	struct series *series;

	if (r == 0 && shape->conf.groups && shape->ngroups > shape->conf.groups)
		return rest_row(shape, row);
	series = r < 0 ? NULL : series_of(shape, SPAN("hits"));
	if (!series)
		return r < 0 ? r : -ENOBUFS;
	if (series->points.len) {
		buf_putc(&shape->times, ',');
		buf_putc(&series->points, ',');
	}
	json_write_string(&shape->times, text_of(row, SPAN("_time")));
	buf_put_u64(&series->points, hits_of(shape, row));
	shape->total += hits_of(shape, row);
	return 0;
}

static int matrix_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	int64_t ns = 0;
	int r = change_group(shape, row, out);

	if (r < 0 || timestamp_parse(text_of(row, SPAN("_time")), &ns) < 0)
		return r; /* a row without a time is no point */
	for (size_t i = 0; i < row->n; i++) {
		struct series *series;

		if (is_label(shape, row->names[i]) || span_eq(row->names[i], SPAN("_time")) ||
		    !row->texts[i][row->row].len)
			continue;
		series = series_of(shape, row->names[i]);
		if (!series)
			return -ENOBUFS;
		buf_puts(&series->points, series->points.len ? SPAN(",[") : SPAN("["));
		put_seconds(&series->points, ns);
		buf_putc(&series->points, ',');
		json_write_string(&series->points, row->texts[i][row->row]);
		buf_putc(&series->points, ']');
	}
	return 0;
}

int shape_row(struct shape *shape, const struct shape_row *row, struct buf *out)
{
	int r = 0;

	switch (shape->conf.kind) {
	case SHAPE_VALUES:
		value_row(shape, row, out);
		break;
	case SHAPE_FACETS:
		facet_row(shape, row, out);
		break;
	case SHAPE_VECTOR:
		vector_row(shape, row, out);
		break;
	case SHAPE_HITS:
		r = hits_row(shape, row, out);
		break;
	case SHAPE_MATRIX:
		r = matrix_row(shape, row, out);
		break;
	}
	return r < 0 ? r : out->failed;
}

int shape_end(struct shape *shape, struct buf *out)
{
	if (shape->conf.kind == SHAPE_FACETS && shape->open)
		buf_puts(out, SPAN("]}"));
	else if (shape->conf.kind == SHAPE_HITS || shape->conf.kind == SHAPE_MATRIX) {
		int r = close_group(shape, out);

		if (r == 0 && shape->rest.len)
			r = close_rest(shape, out);
		if (r < 0)
			return r;
	}
	if (!shape->began)
		buf_puts(out, frames[shape->conf.kind].begin);
	buf_puts(out, frames[shape->conf.kind].end);
	return out->failed;
}
