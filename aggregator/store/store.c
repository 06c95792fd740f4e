/* Opening and closing a store; see store.h. */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define COMMIT_ROWS  (512u << 10)
#define COMMIT_AGE   (2 * NS_PER_SEC)
#define MEMORY_BYTES (UINT64_C(192) << 20)
#define NOTICES_MAX  100
#define OPEN_TRIES   10 /* a reader's, while merges remove what it was about to open */

DEFINE_CLEANUP(struct store *, store_close);

void store_notice(struct store *store, const char *fmt, ...)
{
	va_list args;
	char *text;

	if (store->notices.len >= NOTICES_MAX)
		return;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);

	va_end(args);
	if (n >= 0 && vec_push(&store->notices, span_of(text, (size_t)n)) < 0)
		free(text);
}

const struct span *store_notices(const struct store *store, size_t *ret_n)
{
	*ret_n = store->notices.len;
	return store->notices.ptr;
}

static int path_of(const struct store *store, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", store->path, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int new_store(const char *path, bool read_only, const struct store_conf *conf,
		     struct store **ret)
{
	_cleanup_(store_closep) struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->parts_fd = s->lock_fd = -1;
	s->read_only = read_only;
	s->conf = *conf;
	if (!s->conf.commit_rows)
		s->conf.commit_rows = COMMIT_ROWS;
	if (!s->conf.commit_age_ns)
		s->conf.commit_age_ns = COMMIT_AGE;
	if (!s->conf.memory_bytes)
		s->conf.memory_bytes = MEMORY_BYTES;
	progress_init(&s->progress);
	stream_table_init(&s->streams);
	pthread_mutex_init(&s->manifest_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->tidy, NULL);
	pthread_cond_init(&s->done, NULL);
	s->path = strdup(path);
	s->origin = strndup(conf->origin.ptr ? conf->origin.ptr : "", conf->origin.len);
	if (!s->path || !s->origin)
		return -ENOMEM;
	s->conf.origin = span_of(s->origin, conf->origin.len);
	*ret = TAKE(s);
	return 0;
}

/* Folder, lock, folder of parts. */
static int open_folder(struct store *s, struct err *reterr)
{
	char parts[PATH_MAX], lock[PATH_MAX];
	int r = path_of(s, "parts", parts);

	r = r < 0 ? r : path_of(s, "lock", lock);
	if (r < 0)
		return err_set(reterr, r, "the path is too long");
	if (!s->read_only) {
		r = io_make_dirs(parts, 0700, reterr);
		if (r < 0)
			return r;
		s->lock_fd = io_lock_file(lock, reterr);
		if (s->lock_fd < 0)
			return s->lock_fd;
		r = io_sync_dir(s->path);
		if (r < 0)
			return err_set(reterr, r, "cannot sync %s", s->path);
	}
	s->parts_fd = open(parts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->parts_fd < 0)
		return err_set(reterr, -errno, "no store in %s: %s", s->path, strerror(errno));
	return 0;
}

/* Call `fn` for the id of each part's file. */
int store_each_file(struct store *s, int (*fn)(void *ctx, uint64_t id), void *ctx)
{
	int fd = openat(s->parts_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t id;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (part_name_parse(entry->d_name, &id) == 0)
			r = fn(ctx, id);
	if (r == 0 && errno)
		r = -errno;
	closedir(dir);
	return r;
}

static int count_file(void *ctx, uint64_t id)
{
	(void)id;
	++*(size_t *)ctx;
	return 0;
}

/* Put a manifest that can't be trusted out of the way, with its journal. */
static int set_aside(struct store *s, struct err *reterr)
{
	static const char *const names[] = {"manifest.db", "manifest.db-journal"};

	for (size_t i = 0; i < 2; i++) {
		char from[PATH_MAX], to[PATH_MAX];

		if (path_of(s, names[i], from) < 0 ||
		    snprintf(to, sizeof(to), "%s/%s.damaged-%lld", s->path, names[i],
			     (long long)clock_real_ns()) >= (int)sizeof(to))
			return err_set(reterr, -ENAMETOOLONG, "the path is too long");
		if (rename(from, to) < 0 && errno != ENOENT)
			return err_set(reterr, -errno, "cannot set %s aside: %s", from,
				       strerror(errno));
	}
	return 0;
}

static int read_manifest(struct store *s, const char *path, struct manifest_state *state,
			 struct err *reterr)
{
	int r = manifest_open(path, s->read_only, &s->manifest, reterr);

	r = r < 0 ? r : manifest_load(s->manifest, state, reterr);
	if (r < 0) {
		manifest_close(s->manifest);
		s->manifest = NULL;
	}
	return r;
}

static int fill_recovered(struct manifest *manifest, const struct manifest_state *state,
			  struct span origin, struct err *reterr)
{
	int r = manifest_claim(manifest, state->epoch, origin, reterr);

	for (size_t i = 0; r == 0 && i < state->parts.len; i++) {
		struct manifest_change change = {.add = &state->parts.ptr[i]};

		r = manifest_apply(manifest, &change, reterr);
	}
	struct manifest_change positions = {
		.partitions = state->partitions.ptr,
		.npartitions = state->partitions.len,
		.sources = state->progress.all.sources,
		.nsources = state->progress.all.nsources,
	};

	return r < 0 ? r : manifest_apply(manifest, &positions, reterr);
}

/*
 * A manifest of what the parts say.  It gets its name when it is complete: half
 * of one would make orphans of the parts that it lacks.
 */
static int write_recovered(struct store *s, const char *path, struct manifest_state *state,
			   struct err *reterr)
{
	char draft[PATH_MAX], journal[PATH_MAX];

	if (path_of(s, "manifest.db.new", draft) < 0 ||
	    path_of(s, "manifest.db.new-journal", journal) < 0)
		return err_set(reterr, -ENAMETOOLONG, "the path is too long");
	unlink(draft); /* of a recovery that was interrupted */
	unlink(journal);
	int r = manifest_open(draft, false, &s->manifest, reterr);

	r = r < 0 ? r : fill_recovered(s->manifest, state, s->conf.origin, reterr);
	manifest_close(s->manifest);
	s->manifest = NULL;
	if (r < 0)
		return r;
	unlink(journal);
	r = set_aside(s, reterr);
	if (r < 0)
		return r;
	r = rename(draft, path) < 0 ? -errno : io_sync_dir(s->path);
	if (r < 0)
		return err_set(reterr, r, "cannot rename %s: %s", draft, strerror(-r));
	manifest_state_release(state);
	manifest_state_init(state);
	return read_manifest(s, path, state, reterr);
}

/* The manifest is damaged, or gone although there are parts. */
static int recover(struct store *s, const char *path, const struct err *why,
		   struct manifest_state *state, struct err *reterr)
{
	manifest_state_release(state);
	manifest_state_init(state);
	store_notice(s, "%s; it is rebuilt from what the parts say about themselves", why->text);
	int r = store_recover(s, state, reterr);

	return r < 0 || s->read_only ? r : write_recovered(s, path, state, reterr);
}

static int load_state(struct store *s, struct manifest_state *state, struct err *reterr)
{
	char path[PATH_MAX];
	struct err why;
	size_t files = 0;
	struct stat st;

	if (path_of(s, "manifest.db", path) < 0)
		return err_set(reterr, -ENAMETOOLONG, "the path is too long");
	int code = stat(path, &st) < 0 ? -errno : 0;

	/* One that can't be looked at is no reason to make another. */
	if (code < 0 && code != -ENOENT)
		return err_set(reterr, code, "cannot read %s: %s", path, strerror(-code));
	if (code < 0 || st.st_size == 0) {
		int r = store_each_file(s, count_file, &files);

		if (r < 0)
			return err_set(reterr, r, "cannot read the folder of parts");
		err_set(&why, -ENOENT, "the manifest is missing");
		if (files)
			return recover(s, path, &why, state, reterr);
	}
	int r = read_manifest(s, path, state, &why);

	if (r == -ENOENT && s->read_only)
		return 0; /* nothing was committed yet */
	if (r == -EBADMSG)
		return recover(s, path, &why, state, reterr);
	if (r < 0 && reterr)
		*reterr = why;
	return r;
}

/*
 * Open a part; what can't be read becomes a damaged one.  A missing file is no
 * damage while a merge may have removed it: -ENOENT.
 */
static int open_part(struct store *s, const struct manifest_part *row, bool may_be_merged,
		     struct part **ret)
{
	struct err why = {0};
	int r = part_open(s->parts_fd, row->id, NULL, ret, &why);

	if (r == 0 && ((*ret)->footer_sum != row->footer_sum || (*ret)->rows != row->rows)) {
		part_unref(*ret);
		r = err_set(&why, -EBADMSG, "part %llu is not the one that was committed",
			    (unsigned long long)row->id);
	}
	if (r == 0 || (r == -ENOENT && may_be_merged) || r == -ENOMEM || r == -EMFILE ||
	    r == -ENFILE)
		return r;
	store_notice(s, "%s; answers that need it will be partial", why.text);
	return part_of_damage(row->id, row->rows, row->bytes, row->min_time, row->max_time, &why,
			      ret);
}

static struct part *find_part(struct store *s, uint64_t id)
{
	for (size_t i = 0; i < s->parts.len; i++)
		if (s->parts.ptr[i]->id == id)
			return s->parts.ptr[i];
	return NULL;
}

static void release_parts(struct part **parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		part_unref(parts[i]);
	free(parts);
}

/* Make s->parts what the state says, keeping those that are open. */
static int open_parts(struct store *s, const struct manifest_state *state, bool may_be_merged)
{
	struct part **parts = calloc(state->parts.len + 1, sizeof(*parts));
	size_t n = 0;
	int r = parts ? 0 : -ENOMEM;

	for (; r == 0 && n < state->parts.len; n += r == 0) {
		struct part *known = find_part(s, state->parts.ptr[n].id);

		if (known)
			parts[n] = part_ref(known);
		else
			r = open_part(s, &state->parts.ptr[n], may_be_merged, &parts[n]);
	}
	if (r < 0) {
		release_parts(parts, n);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	struct part **old = s->parts.ptr;
	size_t nold = s->parts.len;

	s->parts.ptr = parts;
	s->parts.len = n;
	s->parts.cap = state->parts.len + 1;
	pthread_mutex_unlock(&s->lock);
	release_parts(old, nold);
	return 0;
}

static int take_state(struct store *s, struct manifest_state *state, bool may_be_merged,
		      struct err *reterr)
{
	int r = open_parts(s, state, may_be_merged);

	if (r < 0)
		return err_set(reterr, r, "cannot open the parts: %s", strerror(-r));
	s->epoch = state->epoch;
	progress_release(&s->progress);
	s->progress = state->progress;
	progress_init(&state->progress);
	vec_release(&s->partitions);
	s->partitions.ptr = state->partitions.ptr;
	s->partitions.len = state->partitions.len;
	s->partitions.cap = state->partitions.cap;
	memset(&state->partitions, 0, sizeof(state->partitions));
	offset_ranges_release(&s->expired);
	s->expired = state->expired;
	state->expired = (struct offset_ranges){0};
	return 0;
}

/* Remove what a crash left: files that no commit names.  Also finds the next id. */
static int remove_orphan(void *ctx, uint64_t id)
{
	struct store *s = ctx;
	char name[PART_NAME_MAX];

	if (id >= s->next_id)
		s->next_id = id + 1;
	if (find_part(s, id))
		return 0;
	part_name(id, name);
	return unlinkat(s->parts_fd, name, 0) < 0 ? -errno : 0;
}

/*
 * See store_commit(): a part is made after its commit got a number, and before the
 * next one does.
 */
uint64_t store_last_commit(struct store *s)
{
	int64_t created = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->parts.len; i++)
		if (s->parts.ptr[i]->created_ns > created)
			created = s->parts.ptr[i]->created_ns;
	pthread_mutex_unlock(&s->lock);
	return (uint64_t)(created / COMMIT_NS);
}

static int claim(struct store *s, struct manifest_state *state, struct err *reterr)
{
	if (state->origin.len && s->conf.origin.len && !span_eq(state->origin, s->conf.origin))
		return err_set(reterr, -EINVAL,
			       "the store %s was made for %.*s; its offsets mean nothing for "
			       "%.*s",
			       s->path, SPAN_FMT(state->origin), SPAN_FMT(s->conf.origin));
	int r = manifest_claim(s->manifest, ++state->epoch, s->conf.origin, reterr);

	if (r < 0)
		return r;
	s->next_id = 1;
	r = take_state(s, state, false, reterr);
	if (r < 0)
		return r;
	s->next_commit = store_commit_after(store_last_commit(s));
	r = store_each_file(s, remove_orphan, s);
	return r < 0 ? err_set(reterr, r, "cannot tidy up %s: %s", s->path, strerror(-r)) : 0;
}

static int start_writer(struct store *s, struct err *reterr)
{
	int r = group_maker_new(&s->maker);

	r = r < 0 ? r : memtable_new(&s->active);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (s->conf.no_background)
		return 0;
	if (pthread_create(&s->encoder, NULL, store_encoder, s) != 0)
		return err_set(reterr, -EAGAIN, "cannot start a thread");
	if (pthread_create(&s->upkeep, NULL, store_upkeep_thread, s) != 0) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_broadcast(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->encoder, NULL);
		return err_set(reterr, -EAGAIN, "cannot start a thread");
	}
	s->threads = true;
	return 0;
}

/* A merge may remove a part between the manifest and its file: look again. */
static int load_read_only(struct store *s, struct err *reterr)
{
	int r = -ENOENT;

	for (int i = 0; i < OPEN_TRIES && r == -ENOENT; i++) {
		_cleanup_(manifest_state_release) struct manifest_state state;

		manifest_state_init(&state);
		manifest_close(s->manifest);
		s->manifest = NULL;
		r = load_state(s, &state, reterr);
		r = r < 0 ? r : take_state(s, &state, i + 1 < OPEN_TRIES, reterr);
	}
	return r;
}

int store_open(const char *path, bool read_only, const struct store_conf *conf, struct store **ret,
	       struct err *reterr)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(manifest_state_release) struct manifest_state state;
	int r = new_store(path, read_only, conf, &s);

	manifest_state_init(&state);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	r = open_folder(s, reterr);
	if (r == 0 && read_only) {
		r = load_read_only(s, reterr);
	} else if (r == 0) {
		r = load_state(s, &state, reterr);
		r = r < 0 ? r : claim(s, &state, reterr);
		r = r < 0 ? r : start_writer(s, reterr);
	}
	if (r < 0)
		return r;
	*ret = TAKE(s);
	return 0;
}

int store_refresh(struct store *s, struct err *reterr)
{
	return s->read_only ? load_read_only(s, reterr) : 0;
}

static void stop_threads(struct store *s)
{
	if (!s->threads)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_cond_broadcast(&s->tidy);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->encoder, NULL);
	pthread_join(s->upkeep, NULL);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	stop_threads(s);
	memtable_unref(s->active);
	for (size_t i = 0; i < s->frozen.len; i++)
		memtable_unref(s->frozen.ptr[i].table);
	vec_release(&s->frozen);
	release_parts(s->sealed.ptr, s->sealed.len);
	release_parts(s->parts.ptr, s->parts.len);
	manifest_close(s->manifest);
	vec_release(&s->partitions);
	offset_ranges_release(&s->expired);
	progress_release(&s->progress);
	stream_table_release(&s->streams);
	group_maker_free(s->maker);
	for (size_t i = 0; i < s->notices.len; i++)
		free((void *)(uintptr_t)s->notices.ptr[i].ptr);
	vec_release(&s->notices);
	if (s->parts_fd >= 0)
		close(s->parts_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_mutex_destroy(&s->manifest_lock);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->tidy);
	pthread_cond_destroy(&s->done);
	free(s->origin);
	free(s->path);
	free(s);
}

const struct store_progress *store_progress(const struct store *s)
{
	return &s->progress.all;
}

uint64_t store_epoch(const struct store *s)
{
	return s->epoch;
}
