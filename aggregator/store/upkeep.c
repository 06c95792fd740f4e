/*
 * Retention and the choice of merges.
 *
 * Parts of one day (of their newest row) are merged when 4 to 15 of them make
 * one that is at least 1.7 times as large as the largest: each row is then
 * rewritten about log4(size of a day / size of a commit) times.  What did not
 * grow for an hour is merged for the last time, into as few parts as may be:
 * each part costs a file descriptor.
 */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>

#define MERGE_MIN       4
#define MERGE_MAX       15
#define MERGE_GROWTH    1.7
#define MERGE_BYTES_MAX (UINT64_C(8) << 30)
#define SETTLED_NS      (3600 * NS_PER_SEC)
#define DAY_NS          (86400 * NS_PER_SEC)
#define IDLE_S          1
#define RETRY_S         10

/* References to the parts that upkeep may touch, ordered by day and size. */
struct choice {
	struct part **parts;
	size_t n;
};

static void release_choice(struct choice *choice)
{
	for (size_t i = 0; i < choice->n; i++)
		part_unref(choice->parts[i]);
	free(choice->parts);
}

static int64_t day_of(const struct part *part)
{
	int64_t time = part->max_time;

	return time / DAY_NS - (time % DAY_NS < 0);
}

static int by_day_and_size(const void *a, const void *b)
{
	const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;

	if (day_of(x) != day_of(y))
		return day_of(x) < day_of(y) ? -1 : 1;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int list_parts(struct store *s, struct choice *ret)
{
	*ret = (struct choice){0};
	pthread_mutex_lock(&s->lock);
	ret->parts = calloc(s->parts.len + 1, sizeof(struct part *));
	for (size_t i = 0; ret->parts && i < s->parts.len; i++)
		ret->parts[ret->n++] = part_ref(s->parts.ptr[i]);
	pthread_mutex_unlock(&s->lock);
	if (!ret->parts)
		return -ENOMEM;
	qsort(ret->parts, ret->n, sizeof(struct part *), by_day_and_size);
	return 0;
}

/* `removed` are no longer the store's, `added` (may be NULL) is; then their files go. */
static void replace_parts(struct store *s, struct part *const *removed, size_t n,
			  struct part *added)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (s->parts.ptr[at] != removed[i])
			at++;
		memmove(&s->parts.ptr[at], &s->parts.ptr[at + 1],
			(--s->parts.len - at) * sizeof(struct part *));
	}
	if (added)
		s->parts.ptr[s->parts.len++] = added;
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		char name[PART_NAME_MAX];

		part_name(removed[i]->id, name);
		unlinkat(s->parts_fd, name, 0); /* else the next open does it */
		part_unref(removed[i]);
	}
}

static bool too_old(const struct store *s, const struct part *part)
{
	return s->conf.retention_age_ns &&
	       part->max_time < clock_real_ns() - s->conf.retention_age_ns;
}

/* The part that retention says must go; NULL = none. */
static struct part *pick_expired(const struct store *s, const struct choice *choice)
{
	struct part *oldest = NULL;
	uint64_t total = 0;

	for (size_t i = 0; i < choice->n; i++) {
		struct part *part = choice->parts[i];

		total += part->bytes;
		if (!oldest || part->max_time < oldest->max_time)
			oldest = part;
	}
	if (!oldest || too_old(s, oldest))
		return oldest;
	return s->conf.retention_bytes && total > s->conf.retention_bytes ? oldest : NULL;
}

/* The offsets of a part that goes are remembered, so that fsck misses nothing. */
static int expire(struct store *s, struct part *part, struct err *reterr)
{
	_cleanup_(part_about_release) struct part_about about;
	struct offset_ranges expired = {0};
	struct part *again = NULL;
	int r = 0;

	part_about_init(&about);
	if (!part->damage.code && part_open(s->parts_fd, part->id, &about, &again, NULL) == 0)
		part_unref(again);
	pthread_mutex_lock(&s->manifest_lock);
	for (size_t i = 0; r == 0 && i < s->expired.len; i++)
		r = offset_ranges_add(&expired, s->expired.ptr[i]);
	for (size_t i = 0; r == 0 && i < about.ranges.len; i++)
		r = offset_ranges_add(&expired, about.ranges.ptr[i]);
	struct manifest_change change = {.remove = &part->id, .nremove = 1, .expired = &expired};

	r = r < 0 ? err_set(reterr, r, "out of memory")
		  : manifest_apply(s->manifest, &change, reterr);
	if (r == 0) {
		offset_ranges_release(&s->expired);
		s->expired = expired;
	} else {
		offset_ranges_release(&expired);
	}
	pthread_mutex_unlock(&s->manifest_lock);
	if (r < 0)
		return r;
	replace_parts(s, &part, 1, NULL);
	pthread_mutex_lock(&s->lock);
	s->stats.expired_parts++;
	pthread_mutex_unlock(&s->lock);
	return 1;
}

/* Whether merging `n` parts, the last of which is the largest, is worth it; the gain. */
static double gain_of(uint64_t total, const struct part *last, size_t n, bool settled)
{
	double growth = (double)total / (double)(last->bytes ? last->bytes : 1);

	if (settled)
		return n >= 2 ? growth : 0;
	return n >= MERGE_MIN && growth >= MERGE_GROWTH ? growth : 0;
}

/* The run of parts of one day whose merge gains most; its length, 0 = none. */
static size_t pick_merge(const struct choice *choice, size_t *ret_first)
{
	int64_t settled_before = clock_real_ns() - SETTLED_NS;
	double best = 0;
	size_t best_n = 0;

	for (size_t first = 0; first < choice->n; first++) {
		bool settled = true;
		uint64_t total = 0;

		for (size_t n = 1; n <= MERGE_MAX && first + n <= choice->n; n++) {
			const struct part *last = choice->parts[first + n - 1];

			total += last->bytes;
			settled &= last->created_ns < settled_before;
			if (last->keep || day_of(last) != day_of(choice->parts[first]) ||
			    total > MERGE_BYTES_MAX)
				break;
			double gain = gain_of(total, last, n, settled);

			if (gain > best) {
				best = gain;
				best_n = n;
				*ret_first = first;
			}
		}
	}
	return best_n;
}

/*
 * After a merge failed on damaged bytes: leave the parts that have them alone,
 * or all of them when none shows, else the same merge is tried for ever.
 */
static void find_damage(struct part *const *inputs, size_t n)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		for (size_t g = 0; g < inputs[i]->ngroups && !inputs[i]->keep; g++) {
			struct group group = {.source = &inputs[i]->source,
					      .info = inputs[i]->groups[g]};

			inputs[i]->keep = group_verify(&group, true, NULL) < 0;
		}
		found |= inputs[i]->keep;
	}
	for (size_t i = 0; i < n && !found; i++)
		inputs[i]->keep = true;
}

static void count_failure(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->stats.merge_failures++;
	pthread_mutex_unlock(&s->lock);
}

/* Name the merged part in the manifest in place of its inputs. */
static int commit_merge(struct store *s, struct part *const *inputs, size_t n, struct part *output,
			struct err *reterr)
{
	struct manifest_part row = store_manifest_part(output);
	uint64_t ids[MERGE_MAX];

	for (size_t i = 0; i < n; i++)
		ids[i] = inputs[i]->id;
	pthread_mutex_lock(&s->manifest_lock);
	struct manifest_change change = {.add = &row, .remove = ids, .nremove = n};
	int r = manifest_apply(s->manifest, &change, reterr);

	pthread_mutex_unlock(&s->manifest_lock);
	return r;
}

static int merge(struct store *s, struct part *const *inputs, size_t n, struct err *reterr)
{
	struct part *output = NULL;
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += inputs[i]->bytes;
	int r = store_check_space(s, bytes, reterr);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->manifest_lock);
	uint64_t id = s->next_id++;

	pthread_mutex_unlock(&s->manifest_lock);
	r = store_merge(s, inputs, n, id, reterr);
	if (r == -EBADMSG)
		find_damage(inputs, n);
	r = r < 0 ? r : part_open(s->parts_fd, id, NULL, &output, reterr);
	r = r < 0 ? r : commit_merge(s, inputs, n, output, reterr);
	if (r < 0) {
		char name[PART_NAME_MAX];

		part_name(id, name);
		if (output && !manifest_unsure(s->manifest))
			unlinkat(s->parts_fd, name, 0);
		part_unref(output);
		return r;
	}
	replace_parts(s, inputs, n, output);
	pthread_mutex_lock(&s->lock);
	s->stats.merges++;
	s->stats.merged_rows += output->rows;
	pthread_mutex_unlock(&s->lock);
	return 1;
}

int store_upkeep(struct store *s, struct err *reterr)
{
	struct choice choice;
	int r = list_parts(s, &choice);

	if (r < 0) {
		release_choice(&choice);
		return err_set(reterr, r, "out of memory");
	}
	struct part *old = pick_expired(s, &choice);
	size_t first = 0, n = old ? 0 : pick_merge(&choice, &first);

	if (old)
		r = expire(s, old, reterr);
	else if (n)
		r = merge(s, choice.parts + first, n, reterr);
	if (n && r < 0)
		count_failure(s);
	release_choice(&choice);
	return r;
}

void *store_upkeep_thread(void *ctx)
{
	struct store *s = ctx;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		pthread_mutex_unlock(&s->lock);
		int r = store_upkeep(s, NULL);

		pthread_mutex_lock(&s->lock);
		if (r > 0 || s->stop)
			continue;
		struct timespec until;
		int late = 0;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += r < 0 ? RETRY_S : IDLE_S;
		/* A commit is no reason to try at once what failed. */
		do
			late = pthread_cond_timedwait(&s->tidy, &s->lock, &until);
		while (r < 0 && late == 0 && !s->stop);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
