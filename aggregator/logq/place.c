/* place.c - see place.h for what is in the file. */
#include "aggregator/logq/place.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/num.h"
#include "common/base/vec.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#define FILE_BYTES (PLACE_ROWS_MAX * 24u + (1u << 20))

/* A row that an earlier run has shown. */
struct shown {
	uint64_t hash;
	bool again; /* this run has met it */
};

struct place_source {
	char *name;
	uint64_t at;     /* rows up to this commit were shown */
	uint64_t newest; /* of the rows of this round */
};

struct place {
	struct row_sink sink, *next;
	bool direct, full;
	char *path, *lock_path;
	int lock_fd;
	uint64_t query_hash;
	int64_t since;
	VEC(struct place_source) sources;
	VEC(size_t) asked;        /* sources[] of those of this run, by their number there */
	VEC(struct shown) before; /* by earlier runs, beyond `at`; in order of hashes */
	VEC(uint64_t) now;        /* by this one; emptied at the end of a round */
	size_t forgotten;         /* rows of the round that `now` has no room for */
	VEC(struct span) names, texts;
	struct buf file;
};

static int by_hash(const void *left, const void *right)
{
	const struct shown *a = left, *b = right;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
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

/* The row without its commit to place->names and texts.  The commit, or -errno. */
static int64_t take_row(struct place *place, const struct span *names, const struct span *texts,
			size_t n, uint64_t *ret_hash)
{
	int64_t commit = 0;

	place->names.len = place->texts.len = 0;
	for (size_t i = 0; i < n; i++) {
		if (span_eq(names[i], PLACE_FIELD)) {
			(void)num_parse_i64(texts[i], &commit); /* else it stays 0 */
			continue;
		}
		if (span_eq(names[i], SPAN("_commit")))
			continue;
		if (vec_push(&place->names, names[i]) < 0 || vec_push(&place->texts, texts[i]) < 0)
			return -ENOMEM;
	}
	*ret_hash = place_row_hash(place->names.ptr, place->texts.ptr, place->names.len);
	return commit;
}

static int row(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct place *place = (struct place *)sink;
	struct place_source *source = &place->sources.ptr[place->asked.ptr[sink->source]];
	uint64_t hash;
	int64_t commit = take_row(place, names, texts, n, &hash);
	int r;

	if (commit < 0)
		return (int)commit;
	if ((uint64_t)commit > source->newest)
		source->newest = (uint64_t)commit;
	hash ^= hash64(span_cstr(source->name));
	if (place->full || was_shown(place, hash))
		return 0;
	if (place->now.len >= PLACE_ROWS_MAX)
		place->forgotten++;
	else if (vec_push(&place->now, hash) < 0)
		return -ENOMEM;
	r = place->next->row(place->next, place->names.ptr, place->texts.ptr, place->names.len);
	place->full = r == 1;
	return r == 1 && !place->direct ? 0 : r;
}

static int pause_rows(struct row_sink *sink)
{
	struct place *place = (struct place *)sink;

	return place->next->pause(place->next);
}

struct row_sink *place_sink(struct place *place, struct row_sink *next, bool direct)
{
	place->sink = (struct row_sink){.row = row, .pause = pause_rows};
	place->next = next;
	place->direct = direct;
	return &place->sink;
}

bool place_is_full(const struct place *place)
{
	return place->full && place->direct;
}

void place_end_round(struct place *place)
{
	if (place_is_full(place))
		return;
	for (size_t i = 0; i < place->sources.len; i++) {
		struct place_source *source = &place->sources.ptr[i];

		if (source->newest > source->at)
			source->at = source->newest;
	}
	/* What earlier runs had shown beyond their number has been passed by now. */
	place->before.len = place->now.len = 0;
	place->forgotten = 0;
}

int place_break_round(struct place *place)
{
	for (size_t i = 0; i < place->now.len; i++)
		if (vec_push(&place->before, (struct shown){.hash = place->now.ptr[i]}) < 0)
			return -ENOMEM;
	place->now.len = 0;
	for (size_t i = 0; i < place->before.len; i++)
		place->before.ptr[i].again = false;
	if (place->before.len)
		qsort(place->before.ptr, place->before.len, sizeof(*place->before.ptr), by_hash);
	return 0;
}

int64_t place_since(const struct place *place)
{
	return place->since;
}

uint64_t place_commit(const struct place *place, size_t i)
{
	return place->sources.ptr[place->asked.ptr[i]].at;
}

static struct place_source *find(struct place *place, struct span name)
{
	for (size_t i = 0; i < place->sources.len; i++)
		if (span_eq(span_cstr(place->sources.ptr[i].name), name))
			return &place->sources.ptr[i];
	return NULL;
}

static int add_source(struct place *place, struct span name, uint64_t at)
{
	struct place_source source = {.name = strndup(name.ptr, name.len), .at = at};

	if (!source.name)
		return -ENOMEM;
	if (vec_push(&place->sources, source) < 0) {
		free(source.name);
		return -ENOMEM;
	}
	return 0;
}

/*
 * What an index is called in the file: the whole path of its folder, also where
 * the server's socket in it is named; else as the server is.  Free it.
 */
static char *source_name(struct span source)
{
	bool socket = span_starts(source, SPAN("unix:"));
	struct span path = socket ? span_skip(source, 5) : source;
	_cleanup_free_ char *copy = strndup(path.ptr, path.len);
	_cleanup_free_ char *whole = copy ? realpath(copy, NULL) : NULL;
	char *slash = whole ? strrchr(whole, '/') : NULL, name[PATH_MAX + 16];

	if (!slash)
		return strndup(source.ptr, source.len);
	if (!socket)
		return TAKE(whole);
	*slash = '\0';
	snprintf(name, sizeof(name), "%s/manifest.db", whole);
	return access(name, F_OK) == 0 ? TAKE(whole) : strndup(source.ptr, source.len);
}

static bool known_source(struct place *place, const struct span *names, size_t n)
{
	bool known = place->sources.len == 0;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = source_name(names[i]);

		known |= name && find(place, span_cstr(name));
	}
	return known;
}

int place_sources(struct place *place, const struct span *names, size_t n, struct err *reterr)
{
	place->asked.len = 0;
	if (!known_source(place, names, n))
		return err_set(reterr, -EINVAL,
			       "%s is a place in %s, and knows nothing of %.*s: remove it to begin "
			       "anew",
			       place->path, place->sources.ptr[0].name, SPAN_FMT(names[0]));
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = source_name(names[i]);
		struct place_source *source = name ? find(place, span_cstr(name)) : NULL;
		size_t at = source ? (size_t)(source - place->sources.ptr) : place->sources.len;

		if (!name || (!source && add_source(place, span_cstr(name), 0) < 0) ||
		    vec_push(&place->asked, at) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

int place_save(struct place *place, struct err *reterr)
{
	if (place->direct && place->forgotten)
		return err_set(reterr, -E2BIG,
			       "%s stays as it was: the run was ended after more than %u rows",
			       place->path, PLACE_ROWS_MAX);
	buf_reset(&place->file);
	buf_printf(&place->file, "logq cursor 2\nquery %016" PRIx64 "\nsince %" PRId64 "\n",
		   place->query_hash, place->since);
	for (size_t i = 0; i < place->sources.len; i++)
		buf_printf(&place->file, "at %" PRIu64 " %s\n", place->sources.ptr[i].at,
			   place->sources.ptr[i].name);
	for (size_t i = 0; i < place->before.len; i++)
		buf_printf(&place->file, "shown %016" PRIx64 "\n", place->before.ptr[i].hash);
	/* Of pipes nobody knows what they have made of rows when they are interrupted. */
	for (size_t i = 0; i < place->now.len && place->direct; i++)
		buf_printf(&place->file, "shown %016" PRIx64 "\n", place->now.ptr[i]);
	if (place->file.failed)
		return err_set(reterr, place->file.failed, "%s: too many rows at a time",
			       place->path);
	return io_replace_file(place->path, buf_span(&place->file), 0600, reterr);
}

/* "WORD rest" → rest */
static bool expect(struct span *text, struct span word, struct span *ret)
{
	struct span line, rest = *text;

	if (!span_cut(&rest, '\n', &line) || !span_starts(line, word))
		return false;
	*text = rest;
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

static int parse_lines(struct place *place, struct span text)
{
	struct span rest, number;
	int r = 0;

	while (r == 0 && expect(&text, SPAN("at "), &rest)) {
		uint64_t at;

		if (!span_cut(&rest, ' ', &number) || num_parse_u64(number, &at) < 0 || !rest.len)
			return -EINVAL;
		r = add_source(place, rest, at);
	}
	while (r == 0 && expect(&text, SPAN("shown "), &rest)) {
		struct shown shown = {0};

		r = parse_hex(rest, &shown.hash) ? vec_push(&place->before, shown) : -EINVAL;
	}
	return r == 0 && text.len ? -EINVAL : r;
}

static int parse(struct place *place, struct span text, struct err *reterr)
{
	struct span rest;
	uint64_t hash;
	int r;

	if (!expect(&text, SPAN("logq cursor "), &rest) || !span_eq(rest, SPAN("2")) ||
	    !expect(&text, SPAN("query "), &rest) || !parse_hex(rest, &hash))
		return err_set(reterr, -EINVAL, "%s is no cursor of logq", place->path);
	if (hash != place->query_hash)
		return err_set(reterr, -EINVAL,
			       "%s belongs to another query: remove it to begin anew", place->path);
	if (!expect(&text, SPAN("since "), &rest) || num_parse_i64(rest, &place->since) < 0)
		return err_set(reterr, -EINVAL, "%s is damaged", place->path);
	r = parse_lines(place, text);
	if (r < 0)
		return err_set(reterr, r, r == -ENOMEM ? "%s: out of memory" : "%s is damaged",
			       place->path);
	if (place->before.len)
		qsort(place->before.ptr, place->before.len, sizeof(*place->before.ptr), by_hash);
	return 0;
}

void place_free(struct place *place)
{
	if (!place)
		return;
	for (size_t i = 0; i < place->sources.len; i++)
		free(place->sources.ptr[i].name);
	vec_release(&place->sources);
	vec_release(&place->asked);
	vec_release(&place->before);
	vec_release(&place->now);
	vec_release(&place->names);
	vec_release(&place->texts);
	buf_release(&place->file);
	if (place->lock_fd >= 0)
		unlink(place->lock_path); /* while it is held: see lock() */
	cleanup_close(&place->lock_fd);
	free(place->lock_path);
	free(place->path);
	free(place);
}
DEFINE_CLEANUP(struct place *, place_free);

/* Whoever had the lock before removed its file, maybe after we had opened it. */
static bool is_removed(const struct place *place)
{
	struct stat held, there;

	return fstat(place->lock_fd, &held) < 0 || stat(place->lock_path, &there) < 0 ||
	       held.st_ino != there.st_ino || held.st_dev != there.st_dev;
}

/* Two runs at a time would show rows twice.  The file itself can't be locked: it is replaced. */
static int lock(struct place *place, struct err *reterr)
{
	do {
		cleanup_close(&place->lock_fd);
		place->lock_fd = io_lock_file(place->lock_path, reterr);
	} while (place->lock_fd >= 0 && is_removed(place));
	if (place->lock_fd == -EAGAIN)
		return err_set(reterr, -EAGAIN,
			       "another logq is at work with the cursor %s: wait for its end, or "
			       "give each a cursor file of its own",
			       place->path);
	return place->lock_fd < 0 ? place->lock_fd : 0;
}

static int read_file(struct place *place, struct err *reterr)
{
	int r = access(place->path, F_OK) == 0 ? io_read_file(place->path, &place->file, reterr)
					       : 1;

	if (r == 0)
		r = parse(place, buf_span(&place->file), reterr);
	return r < 0 ? r : 0;
}

int place_open(struct span path, uint64_t query_hash, int64_t since_ns, struct place **ret,
	       struct err *reterr)
{
	_cleanup_(place_freep) struct place *place = calloc(1, sizeof(*place));
	int r;

	if (!place)
		return err_set(reterr, -ENOMEM, "out of memory");
	*place = (struct place){.query_hash = query_hash,
				.since = since_ns,
				.path = strndup(path.ptr, path.len),
				.lock_fd = -1,
				.file = BUF_INIT(2 * FILE_BYTES)};
	if (!place->path || asprintf(&place->lock_path, "%s.lock", place->path) < 0) {
		place->lock_path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	r = lock(place, reterr);
	if (r == 0)
		r = read_file(place, reterr);
	if (r < 0)
		return r;
	*ret = TAKE(place);
	return 0;
}
