/* Making rows and positions durable; see store.h and inside.h. */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>
#include <sys/statvfs.h>

bool store_commit_due(const struct store *s)
{
	return s->waiting_rows >= s->conf.commit_rows ||
	       (s->waiting_since && clock_mono_ns() - s->waiting_since >= s->conf.commit_age_ns);
}

int store_check_space(struct store *s, uint64_t bytes, struct err *reterr)
{
	struct statvfs fs;

	if (!s->conf.free_bytes || fstatvfs(s->parts_fd, &fs) < 0)
		return 0;
	uint64_t have = (uint64_t)fs.f_bavail * fs.f_frsize;

	if (have >= bytes && have - bytes >= s->conf.free_bytes)
		return 0;
	return err_set(reterr, -ENOSPC, "%s has %llu MiB left; %llu MiB are to stay free", s->path,
		       (unsigned long long)(have >> 20),
		       (unsigned long long)(s->conf.free_bytes >> 20));
}

/* Everything that waits becomes groups in memory. */
static int seal_all(struct store *s)
{
	int r = s->active->nrows ? store_freeze(s) : 0;

	while (r >= 0) {
		r = store_encode_one(s, s->maker);
		if (r != 0)
			continue;
		pthread_mutex_lock(&s->lock);
		bool more = s->frozen.len > 0;

		store_wait_for_group(s);
		pthread_mutex_unlock(&s->lock);
		if (!more)
			return 0;
	}
	return r;
}

/*
 * The partitions' rows of the manifest after this commit.  A part carries the
 * offsets since the part before it; a commit without rows leaves that open.
 */
static int move_partitions(struct store *s, const struct store_progress *changed, bool with_part,
			   struct manifest_partition *ret, struct offset_ranges *ranges)
{
	for (size_t i = 0; i < changed->npartitions; i++) {
		const struct store_partition *p = &changed->partitions[i];

		ret[i] = (struct manifest_partition){p->partition, p->next_offset, -1};
		for (size_t k = 0; k < s->partitions.len; k++)
			if (s->partitions.ptr[k].partition == p->partition)
				ret[i].covered = s->partitions.ptr[k].covered;
		if (!with_part)
			continue;
		int64_t first = ret[i].covered < 0 ? 0 : ret[i].covered;

		if (first < p->next_offset) {
			int r = offset_ranges_add(
				ranges, (struct offset_range){p->partition, first, p->next_offset});

			if (r < 0)
				return r;
		}
		ret[i].covered = p->next_offset;
	}
	return 0;
}

static void keep_partitions(struct store *s, const struct manifest_partition *moved, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < s->partitions.len &&
		       s->partitions.ptr[k].partition != moved[i].partition)
			k++;
		s->partitions.ptr[k] = moved[i];
		if (k == s->partitions.len)
			s->partitions.len++;
	}
}

/* Write the sealed groups as one file, and open it. */
static int write_part(struct store *s, const struct part_about *about, struct part **ret,
		      struct err *reterr)
{
	struct part_writer *writer;
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->sealed.len; i++)
		bytes += s->sealed.ptr[i]->bytes;
	int r = store_check_space(s, bytes, reterr);

	r = r < 0 ? r : part_writer_open(s->parts_fd, about->id, &writer, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < s->sealed.len; i++) {
		const struct part *sealed = s->sealed.ptr[i];

		r = part_writer_group(writer, buf_span(&sealed->memory), sealed->groups, reterr);
	}
	if (r < 0) {
		part_writer_abort(writer);
		return r;
	}
	r = part_writer_finish(writer, about, reterr);
	return r < 0 ? r : part_open(s->parts_fd, about->id, NULL, ret, reterr);
}

struct manifest_part store_manifest_part(const struct part *part)
{
	return (struct manifest_part){
		.id = part->id,
		.bytes = part->bytes,
		.rows = part->rows,
		.min_time = part->min_time,
		.max_time = part->max_time,
		.footer_sum = part->footer_sum,
	};
}

/* The part takes the place of the groups in memory, in one step for snapshots. */
static void show_part(struct store *s, struct part *part)
{
	pthread_mutex_lock(&s->lock);
	struct part **sealed = s->sealed.ptr;
	size_t n = s->sealed.len;

	memset(&s->sealed, 0, sizeof(s->sealed));
	if (part)
		s->parts.ptr[s->parts.len++] = part; /* room was made before */
	s->stats.commits++;
	pthread_cond_signal(&s->tidy);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++)
		part_unref(sealed[i]);
	free(sealed);
}

/* A part whose commit failed; if nobody knows whether it did, its file must stay. */
static void drop_part(struct store *s, struct part *part)
{
	char name[PART_NAME_MAX];

	if (part && !manifest_unsure(s->manifest)) {
		part_name(part->id, name);
		unlinkat(s->parts_fd, name, 0);
	}
	part_unref(part);
}

/* Room for what must not fail once the manifest has it. */
static int make_room(struct store *s, const struct store_progress *changed)
{
	int r = vec_reserve(&s->partitions, s->partitions.len + changed->npartitions);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	r = vec_reserve(&s->parts, s->parts.len + 1);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* With the manifest's lock held, and everything sealed. */
static int commit(struct store *s, const struct store_progress *changed,
		  struct manifest_partition *moved, struct part_about *about, struct err *reterr)
{
	struct part *part = NULL;
	struct manifest_part row;
	int r = make_room(s, changed);

	r = r < 0 ? r : move_partitions(s, changed, s->sealed.len > 0, moved, &about->ranges);
	r = r < 0 ? r
		  : progress_apply(&about->progress,
				   &(struct store_progress){.sources = changed->sources,
							    .nsources = changed->nsources},
				   false);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (s->sealed.len) {
		about->id = s->next_id++;
		r = write_part(s, about, &part, reterr);
		if (r < 0)
			return r;
		row = store_manifest_part(part);
	}
	struct manifest_change change = {
		.add = part ? &row : NULL,
		.partitions = moved,
		.npartitions = changed->npartitions,
		.sources = changed->sources,
		.nsources = changed->nsources,
	};

	r = manifest_apply(s->manifest, &change, reterr);
	if (r < 0) {
		drop_part(s, part);
		return r;
	}
	keep_partitions(s, moved, changed->npartitions);
	show_part(s, part);
	return 0;
}

int store_commit(struct store *s, const struct store_progress *changed, struct err *reterr)
{
	_cleanup_free_ struct manifest_partition *moved =
		calloc(changed->npartitions + 1, sizeof(*moved));
	_cleanup_(part_about_release) struct part_about about;
	int r = moved ? seal_all(s) : -ENOMEM;

	part_about_init(&about);
	if (r < 0)
		return err_set(reterr, r, "cannot encode the rows: %s", strerror(-r));
	about.epoch = s->epoch;
	/* What parts say is counted on from, also when the clock was set back: store_last_commit(). */
	about.created_ns = clock_real_ns();
	if (about.created_ns < (int64_t)s->next_commit * COMMIT_NS)
		about.created_ns = (int64_t)s->next_commit * COMMIT_NS;
	pthread_mutex_lock(&s->manifest_lock);
	r = commit(s, changed, moved, &about, reterr);
	pthread_mutex_unlock(&s->manifest_lock);
	if (r < 0)
		return r;
	s->next_commit = store_commit_after((uint64_t)(about.created_ns / COMMIT_NS));
	s->waiting_rows = 0;
	s->waiting_since = 0;
	r = progress_apply(&s->progress, changed, false);
	return r < 0 ? err_set(reterr, r, "out of memory") : 0;
}
