#include "shipper/sources.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "shipper/glob.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEMS_MAX   1000
#define RESERVED_FILES 32 /* descriptors for the checkpoint, sockets, directories */

void sources_init(struct sources *sources, struct checkpoint *checkpoint, const struct setup *setup,
		  struct totals *totals)
{
	*sources = (struct sources){
		.checkpoint = checkpoint,
		.setup = setup,
		.totals = totals,
		.first_scan = true,
	};
	identity_host(&sources->host);
	struct rlimit limit;

	sources->open_max = SIZE_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		sources->open_max = limit.rlim_cur > 2 * RESERVED_FILES
					    ? limit.rlim_cur - RESERVED_FILES
					    : RESERVED_FILES;
}

size_t sources_park(struct sources *sources)
{
	size_t parked = 0;

	for (size_t i = 0; i < sources->list.len; i++) {
		struct source *source = sources->list.ptr[i];

		if (source->state != SOURCE_LIVE || source->tail.fd < 0 || source->active ||
		    source->unsaved || source->window.len)
			continue;
		close(source->tail.fd);
		source->tail.fd = -1;
		sources->open--;
		parked++;
	}
	return parked;
}

/* As tail_open_file(), within our means. */
static int open_file(struct sources *sources, const char *path, bool follow, struct err *reterr)
{
	int fd = -EMFILE;

	if (sources->open >= sources->open_max)
		sources_park(sources);
	if (sources->open < sources->open_max)
		fd = tail_open_file(path, follow, reterr);
	if ((fd == -EMFILE || fd == -ENFILE) && sources_park(sources) > 0)
		fd = tail_open_file(path, follow, reterr);
	if (fd != -EMFILE && fd != -ENFILE)
		return fd;
	if (!sources->said_starved)
		log_warn("no file descriptors left (%zu are open): files are read in turns",
			 sources->open);
	sources->starved = sources->said_starved = true;
	return err_set(reterr, -EMFILE, "%s: no file descriptors left", path);
}

int sources_reopen(struct sources *sources, struct source *source)
{
	struct identity identity;
	int fd = open_file(sources, source->path, true, NULL);

	if (fd < 0)
		return fd;
	int r = identity_read(fd, &sources->host, &identity);

	if (r == 0 && !source_id_eq(&identity.key, &source->identity.key))
		r = -ESTALE;
	if (r < 0) {
		close(fd);
		return r;
	}
	source->tail.fd = fd;
	sources->open++;
	return 0;
}

static struct span key_span(const struct source_id *key)
{
	return span_of((const char *)key->bytes, sizeof(key->bytes));
}

static void forget_problem(struct sources *sources, const char *path)
{
	struct span key = span_cstr(path);
	size_t at = 0;
	struct span owned;
	union map_value *value;

	if (!sources->problems.len || !map_get(&sources->problems, key))
		return;
	while (map_next(&sources->problems, &at, &owned, &value)) {
		if (!span_eq(owned, key))
			continue;
		char *text = (char *)(uintptr_t)owned.ptr;

		map_remove(&sources->problems, key);
		free(text);
		return;
	}
}

/* Each problem is said once, and again when it becomes another one. */
static void say_problem(struct sources *sources, const char *path, const struct err *err)
{
	union map_value *value = map_get(&sources->problems, span_cstr(path));
	bool added;

	if (value && (int64_t)value->n == err->code)
		return;
	total_add(sources->totals, TOTAL_OPEN_ERRORS, 1);
	log_warn("%s", err->text);
	if (!value && sources->problems.len < PROBLEMS_MAX) {
		char *copy = strdup(path);

		value = copy ? map_put(&sources->problems, span_cstr(copy), &added) : NULL;
		if (!value)
			free(copy);
	}
	if (value)
		value->n = (uint64_t)err->code;
}

void sources_release(struct sources *sources)
{
	struct span key;
	union map_value *value;

	for (size_t i = 0; i < sources->list.len; i++)
		source_free(sources->list.ptr[i]);
	for (size_t at = 0; map_next(&sources->problems, &at, &key, &value);)
		free((char *)(uintptr_t)key.ptr);
	vec_release(&sources->list);
	vec_release(&sources->active);
	vec_release(&sources->unsaved);
	vec_release(&sources->forgotten);
	map_release(&sources->by_path);
	map_release(&sources->by_key);
	map_release(&sources->problems);
}

static struct source *at_path(struct sources *sources, struct span path)
{
	union map_value *value = map_get(&sources->by_path, path);

	return value ? value->ptr : NULL;
}

static struct source *of_key(struct sources *sources, const struct source_id *key)
{
	union map_value *value = map_get(&sources->by_key, key_span(key));

	return value ? value->ptr : NULL;
}

void sources_activate(struct sources *sources, struct source *source, int64_t due_ns)
{
	if (!source->active) {
		if (vec_push(&sources->active, source) < 0)
			return; /* the next scan finds it again */
		source->active = true;
		source->due_ns = due_ns;
	} else if (due_ns < source->due_ns) {
		source->due_ns = due_ns;
	}
}

void sources_unsaved(struct sources *sources, struct source *source)
{
	if (source->unsaved || source->state == SOURCE_GONE)
		return;
	source->unsaved = vec_push(&sources->unsaved, source) == 0;
}

bool sources_touch(struct sources *sources, struct span path, int64_t due_ns)
{
	struct source *source = at_path(sources, path);

	if (source)
		sources_activate(sources, source, due_ns);
	return source;
}

/* Its name means another file now, or none. */
static void rotate(struct sources *sources, struct source *source)
{
	total_add(sources->totals, TOTAL_ROTATIONS, 1);
	if (source->tail.fd < 0) {
		/* Parked at its end; if it has more now, find_earlier() finds it by its key. */
		sources_detach(sources, source);
		return;
	}
	map_remove(&sources->by_path, span_cstr(source->path));
	source->state = SOURCE_ROTATED;
	source->quiet_ns = 0;
	sources_activate(sources, source, clock_mono_ns());
}

static int put_path(struct sources *sources, struct source *source)
{
	bool added;
	union map_value *value = map_put(&sources->by_path, span_cstr(source->path), &added);

	if (!value)
		return -ENOMEM;
	CHECK(added);
	value->ptr = source;
	return 0;
}

static int put_key(struct sources *sources, struct source *source)
{
	bool added;
	union map_value *value = map_put(&sources->by_key, key_span(&source->identity.key), &added);

	if (!value)
		return -ENOMEM;
	if (!added)
		map_rekey(&sources->by_key, key_span(&source->identity.key),
			  key_span(&source->identity.key));
	value->ptr = source;
	return 0;
}

static bool is_same_file(const struct source *source, const struct stat *st)
{
	return source->identity.dev == st->st_dev && source->identity.ino == st->st_ino;
}

/* A file that is followed already has got the name `path`. */
static void renamed(struct sources *sources, struct source *source, const char *path)
{
	struct stat st;

	if (source->state == SOURCE_LIVE) {
		if (lstat(source->path, &st) == 0 && is_same_file(source, &st))
			return; /* a hard link: one file, read once */
		map_remove(&sources->by_path, span_cstr(source->path));
	}
	if (source_rename(source, path) < 0 || put_path(sources, source) < 0) {
		source->state = SOURCE_ROTATED;
		return;
	}
	source->state = SOURCE_LIVE;
	source->scan = sources->scan;
	sources_unsaved(sources, source);
	sources_activate(sources, source, clock_mono_ns());
}

static bool is_full(struct sources *sources)
{
	if (sources->list.len < (size_t)sources->setup->settings.limits.files)
		return false;
	if (!sources->full)
		log_error("%zu files are followed, the limit (limits.files): others are not read",
			  sources->list.len);
	sources->full = true;
	return true;
}

/* Take a new source into list and maps; on failure it is in none. */
static int enlist(struct sources *sources, struct source *source)
{
	int r = vec_push(&sources->list, source);

	if (r < 0)
		return r;
	if (source->state == SOURCE_LIVE)
		r = put_path(sources, source);
	if (r == 0)
		r = put_key(sources, source);
	if (r == 0)
		return 0;
	sources->list.len--;
	if (at_path(sources, span_cstr(source->path)) == source)
		map_remove(&sources->by_path, span_cstr(source->path));
	return r;
}

/* Takes `fd`. */
static void add(struct sources *sources, const struct identity *identity, int fd, const char *path,
		const struct input *input, enum source_state state)
{
	struct source *source = NULL;
	struct err err;
	int r = source_new(sources->checkpoint, identity, fd, path, input, sources->setup->host,
			   sources->first_scan && state == SOURCE_LIVE, &source);

	if (r == 0) {
		source->state = state;
		r = enlist(sources, source);
	}
	if (r < 0) {
		err_set(&err, r, "%s: %s", path, strerror(-r));
		say_problem(sources, path, &err);
		source_free(source);
		return;
	}
	sources->open++;
	source->scan = sources->scan;
	gauge_set(&sources->totals->files, (int64_t)sources->list.len);
	sources_unsaved(sources, source);
	sources_activate(sources, source, clock_mono_ns());
}

/* An open file that may be an earlier one of `path`: read it to its end if nobody did. */
static void add_earlier(struct sources *sources, const struct identity *identity, int fd,
			const char *path, const struct input *input, int64_t youngest_ns)
{
	struct checkpoint_row row;
	struct stat st;
	int known = checkpoint_get(sources->checkpoint, &identity->key, &row);
	bool wanted = fstat(fd, &st) == 0 && !is_full(sources) &&
		      (known == 1 ? row.mark.offset < (uint64_t)st.st_size
				  : known == 0 && identity->birth_ns > youngest_ns);

	if (wanted && !of_key(sources, &identity->key))
		add(sources, identity, fd, path, input, SOURCE_ROTATED);
	else
		close(fd);
}

struct earlier {
	struct sources *sources;
	const struct input *input;
	const char *path;
	int64_t youngest_ns;
};

static void look_earlier(void *ctx, const char *name)
{
	const struct earlier *e = ctx;
	struct identity identity;
	int fd = open_file(e->sources, name, false, NULL);

	if (fd < 0)
		return;
	if (identity_read(fd, &e->sources->host, &identity) < 0)
		close(fd);
	else
		add_earlier(e->sources, &identity, fd, e->path, e->input, e->youngest_ns);
}

/*
 * The file of `path` is not the one it was: others may have had the name in between,
 * while nobody looked.  They were renamed to names that begin with it
 * and were born after the last one that is known.
 */
static void find_earlier(struct sources *sources, const struct input *input, const char *path,
			 const struct identity *now, const struct source *before)
{
	struct earlier earlier = {sources, input, path, 0};
	struct checkpoint_others others = {.any = false};
	bool was_known = of_key(sources, &now->key);
	struct checkpoint_row row;

	if (checkpoint_others(sources->checkpoint, path, &now->key, &others) < 0)
		return;
	if (!was_known)
		was_known = checkpoint_get(sources->checkpoint, &now->key, &row) == 1;
	if (!before && (!others.any || (was_known && !others.unfinished)))
		return;
	earlier.youngest_ns = others.youngest_ns;
	if (before && before->identity.birth_ns > earlier.youngest_ns)
		earlier.youngest_ns = before->identity.birth_ns;
	rotated_names(path, look_earlier, &earlier);
}

/* There is a file at `path` that is not the one known by that name. */
static void attach(struct sources *sources, const struct input *input, const char *path,
		   bool literal)
{
	struct source *known = at_path(sources, span_cstr(path));
	struct identity identity;
	struct err err;
	int fd = open_file(sources, path, literal || input->follow_symlinks, &err);

	if (fd < 0) {
		if (fd != -EMFILE)
			say_problem(sources, path, &err);
		return;
	}
	int r = identity_read(fd, &sources->host, &identity);

	if (r < 0) {
		close(fd);
		err_set(&err, r, "%s: %s", path, strerror(-r));
		say_problem(sources, path, &err);
		return;
	}
	forget_problem(sources, path);
	if (known && source_id_eq(&known->identity.key, &identity.key)) {
		close(fd);
		sources_activate(sources, known, clock_mono_ns());
		return;
	}
	if (known)
		rotate(sources, known);
	find_earlier(sources, input, path, &identity, known);
	struct source *other = of_key(sources, &identity.key);

	if (!other && !is_full(sources)) {
		add(sources, &identity, fd, path, input, SOURCE_LIVE);
		return;
	}
	close(fd);
	if (other)
		renamed(sources, other, path);
}

void sources_look(struct sources *sources, const struct input *input, const char *path,
		  bool literal)
{
	struct source *known = at_path(sources, span_cstr(path));
	struct stat st;
	int r = literal || input->follow_symlinks ? stat(path, &st) : lstat(path, &st);

	if (r < 0 && (errno == ENOENT || errno == ENOTDIR) && (known || !literal)) {
		if (known)
			rotate(sources, known);
		return;
	}
	if (r == 0 && known && is_same_file(known, &st)) {
		known->scan = sources->scan;
		if ((uint64_t)st.st_size != known->tail.mark.offset)
			sources_activate(sources, known, clock_mono_ns());
		return;
	}
	if (r == 0 && !known && S_ISDIR(st.st_mode))
		return;
	attach(sources, input, path, literal);
}

void sources_scan_begin(struct sources *sources)
{
	sources->starved = false;
	sources->scan++;
}

void sources_scan_end(struct sources *sources)
{
	for (size_t i = 0; i < sources->list.len; i++) {
		struct source *source = sources->list.ptr[i];

		if (source->state == SOURCE_LIVE && source->scan != sources->scan)
			rotate(sources, source);
	}
	if (!sources->starved) /* else some files are seen only later, and were there, too */
		sources->first_scan = false;
}

struct source *sources_truncate(struct sources *sources, struct source *source)
{
	struct source *next = NULL;
	int r = source_truncated(sources->checkpoint, source, &next);

	if (r < 0) {
		log_error("%s: was truncated, and that could not be noted: %s", source->path,
			  strerror(-r));
		return NULL;
	}
	/* The successor takes the places of its predecessor in list and maps. */
	for (size_t i = 0; i < sources->list.len; i++)
		if (sources->list.ptr[i] == source)
			sources->list.ptr[i] = next;
	if (next->state == SOURCE_LIVE) {
		map_remove(&sources->by_path, span_cstr(source->path));
		r = put_path(sources, next);
	}
	map_remove(&sources->by_key, key_span(&source->identity.key));
	if (r == 0)
		r = put_key(sources, next);
	if (r < 0 || vec_push(&sources->list, source) < 0)
		log_error("%s: out of memory", source->path);
	total_add(sources->totals, TOTAL_TRUNCATIONS, 1);
	next->unsaved = false;
	sources_unsaved(sources, next);
	return next;
}

void sources_detach(struct sources *sources, struct source *source)
{
	if (source->state == SOURCE_LIVE)
		map_remove(&sources->by_path, span_cstr(source->path));
	if (source->state != SOURCE_GONE)
		map_remove(&sources->by_key, key_span(&source->identity.key));
	source->state = SOURCE_GONE;
	source->due_ns = SOURCE_NEVER;
}

static void drop_pointer(struct source **list, size_t *len, const struct source *source)
{
	size_t kept = 0;

	for (size_t i = 0; i < *len; i++)
		if (list[i] != source)
			list[kept++] = list[i];
	*len = kept;
}

void sources_remove(struct sources *sources, struct source *source)
{
	struct stat st;

	if (source->state != SOURCE_GONE) {
		if (source->state == SOURCE_LIVE)
			map_remove(&sources->by_path, span_cstr(source->path));
		map_remove(&sources->by_key, key_span(&source->identity.key));
		if (source->tail.fd >= 0 && fstat(source->tail.fd, &st) == 0 && st.st_nlink == 0) {
			drop_pointer(sources->unsaved.ptr, &sources->unsaved.len, source);
			source->unsaved = false;
			if (vec_push(&sources->forgotten, source->identity.key) < 0)
				log_debug("%s: forgotten later", source->path);
		}
	}
	sources->open -= source->tail.fd >= 0;
	drop_pointer(sources->list.ptr, &sources->list.len, source);
	drop_pointer(sources->active.ptr, &sources->active.len, source);
	drop_pointer(sources->unsaved.ptr, &sources->unsaved.len, source);
	gauge_set(&sources->totals->files, (int64_t)sources->list.len);
	source_free(source);
}
