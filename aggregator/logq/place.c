/* place.c - see place.h for what is in the file. */
#include "aggregator/logq/place.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/num.h"
#include "common/base/vec.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <inttypes.h>

#define FILE_BYTES (PLACE_ROWS_MAX * 40u + 1024)
#define SAVE_NS    NS_PER_SEC /* while following */

/* A row that was shown. */
struct shown {
	uint64_t hash;
	int64_t time;
	bool again; /* of an earlier run, and this run has met it */
};

struct place {
	struct row_sink sink, *next;
	bool direct;
	char *path;
	uint64_t query_hash;
	int64_t floor, newest;
	VEC(struct shown) before; /* by earlier runs, in order of hashes */
	VEC(struct shown) now;    /* by this one */
	bool changed;
	int64_t saved_ns;
	struct buf file;
};

static int by_hash(const void *left, const void *right)
{
	const struct shown *a = left, *b = right;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static int by_time(const void *left, const void *right)
{
	const struct shown *a = left, *b = right;

	return a->time < b->time ? -1 : a->time > b->time;
}

/* Of all that a row shows, in any order of its fields. */
uint64_t place_row_hash(const struct span *names, const struct span *texts, size_t n)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < n; i++)
		if (texts[i].len)
			hash += hash64(names[i]) * 3 ^ hash64(texts[i]);
	return hash;
}

/* True if an earlier run has shown this one; equal rows are used up one by one. */
static bool was_shown(struct place *place, uint64_t hash)
{
	size_t low = 0, high = place->before.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (place->before.ptr[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < place->before.len && place->before.ptr[low].hash == hash; low++) {
		if (!place->before.ptr[low].again) {
			place->before.ptr[low].again = true;
			return true;
		}
	}
	return false;
}

/* The oldest half goes, and what comes from its time will not be shown any more. */
static int forget_half(struct place *place)
{
	size_t half = place->now.len / 2;

	qsort(place->now.ptr, place->now.len, sizeof(*place->now.ptr), by_time);
	place->floor = place->now.ptr[half].time;
	while (half > 0 && place->now.ptr[half - 1].time == place->floor)
		half--;
	if (half == 0)
		return -ENOBUFS; /* a million rows of one instant */
	memmove(place->now.ptr, place->now.ptr + half,
		(place->now.len - half) * sizeof(*place->now.ptr));
	place->now.len -= half;
	return 0;
}

static int row(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct place *place = (struct place *)sink;
	struct shown new = {.hash = place_row_hash(names, texts, n)};
	bool timed = false;
	int r;

	for (size_t i = 0; i < n && !timed; i++)
		timed = span_eq(names[i], SPAN("_time")) &&
			timestamp_parse(texts[i], &new.time) == 0;
	if (!timed || new.time < place->floor || was_shown(place, new.hash))
		return 0;
	r = place->now.len >= PLACE_ROWS_MAX ? forget_half(place) : 0;
	if (r == 0)
		r = vec_push(&place->now, new);
	if (r < 0)
		return r;
	if (new.time > place->newest)
		place->newest = new.time;
	place->changed = true;
	return place->next->row(place->next, names, texts, n);
}

static int pause_rows(struct row_sink *sink)
{
	struct place *place = (struct place *)sink;
	int r = place->next->pause(place->next);

	if (r != 0 || !place->direct || !place->changed ||
	    clock_mono_ns() - place->saved_ns < SAVE_NS)
		return r;
	return place_save(place, NULL);
}

struct row_sink *place_sink(struct place *place, struct row_sink *next, bool direct)
{
	place->sink = (struct row_sink){.row = row, .pause = pause_rows};
	place->next = next;
	place->direct = direct;
	return &place->sink;
}

int64_t place_floor(const struct place *place)
{
	return place->floor;
}

static void write_shown(const struct shown *shown, size_t n, int64_t floor, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		if (shown[i].time >= floor)
			buf_printf(out, "%" PRId64 " %016" PRIx64 "\n", shown[i].time,
				   shown[i].hash);
}

int place_save(struct place *place, struct err *reterr)
{
	int64_t floor = place->floor;
	int r;

	if (place->newest > INT64_MIN + PLACE_LOOKBACK && place->newest - PLACE_LOOKBACK > floor)
		floor = place->newest - PLACE_LOOKBACK;
	buf_reset(&place->file);
	buf_printf(&place->file, "logq cursor 1\nquery %016" PRIx64 "\nfloor %" PRId64 "\n",
		   place->query_hash, floor);
	write_shown(place->before.ptr, place->before.len, floor, &place->file);
	write_shown(place->now.ptr, place->now.len, floor, &place->file);
	if (place->file.failed)
		return err_set(reterr, place->file.failed, "%s: too many rows at a time",
			       place->path);
	r = io_replace_file(place->path, buf_span(&place->file), 0600, reterr);
	place->changed = false;
	place->saved_ns = clock_mono_ns();
	return r;
}

/* "WORD rest" → rest */
static bool expect(struct span *text, struct span word, struct span *ret)
{
	struct span line;

	if (!span_cut(text, '\n', &line) || !span_starts(line, word))
		return false;
	*ret = span_skip(line, word.len);
	return true;
}

static bool parse_hex(struct span text, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;

	if (text.len != 16)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = memchr(digits, text.ptr[i], 16);

		if (!digit)
			return false;
		n = n << 4 | (uint64_t)(digit - digits);
	}
	*ret = n;
	return true;
}

static int parse(struct place *place, struct span text, struct err *reterr)
{
	struct span rest, line, time;
	uint64_t hash;

	if (!expect(&text, SPAN("logq cursor 1"), &rest) || rest.len ||
	    !expect(&text, SPAN("query "), &rest) || !parse_hex(rest, &hash))
		return err_set(reterr, -EINVAL, "%s is no cursor of logq", place->path);
	if (hash != place->query_hash)
		return err_set(reterr, -EINVAL,
			       "%s belongs to another query: remove it to begin anew", place->path);
	if (!expect(&text, SPAN("floor "), &rest) || num_parse_i64(rest, &place->floor) < 0)
		return err_set(reterr, -EINVAL, "%s is damaged", place->path);
	while (text.len && span_cut(&text, '\n', &line)) {
		struct shown shown = {0};

		if (!line.len)
			continue;
		if (!span_cut(&line, ' ', &time) || num_parse_i64(time, &shown.time) < 0 ||
		    !parse_hex(line, &shown.hash))
			return err_set(reterr, -EINVAL, "%s is damaged", place->path);
		if (shown.time > place->newest)
			place->newest = shown.time;
		if (vec_push(&place->before, shown) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	if (place->before.len)
		qsort(place->before.ptr, place->before.len, sizeof(*place->before.ptr), by_hash);
	return 0;
}

void place_free(struct place *place)
{
	if (!place)
		return;
	vec_release(&place->before);
	vec_release(&place->now);
	buf_release(&place->file);
	free(place->path);
	free(place);
}
DEFINE_CLEANUP(struct place *, place_free);

int place_open(struct span path, uint64_t query_hash, int64_t since_ns, struct place **ret,
	       struct err *reterr)
{
	_cleanup_(place_freep) struct place *place = calloc(1, sizeof(*place));
	int r;

	if (!place)
		return err_set(reterr, -ENOMEM, "out of memory");
	*place = (struct place){.query_hash = query_hash,
				.floor = since_ns,
				.newest = INT64_MIN,
				.path = strndup(path.ptr, path.len),
				.file = BUF_INIT(2 * FILE_BYTES)};
	if (!place->path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (access(place->path, F_OK) == 0) {
		r = io_read_file(place->path, &place->file, reterr);
		if (r == 0)
			r = parse(place, buf_span(&place->file), reterr);
		if (r < 0)
			return r;
	}
	*ret = TAKE(place);
	return 0;
}
