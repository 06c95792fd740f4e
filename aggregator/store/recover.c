/*
 * What the manifest would say, from the parts alone.
 *
 * Each part tells with which offsets and sources it was committed, so the
 * positions after the last commit that had rows are known.  Later commits
 * without rows only moved past messages that had nothing new; those are read
 * again and dropped again.  A part that another one replaces is left out.
 */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include <errno.h>
#include <stdio.h>

struct recovery {
	struct store *store;
	struct manifest_state *state;
	VEC(uint64_t) replaced;
	struct err *reterr;
};

/* A file that is no part as it should be: kept for a look, out of the way. */
static int reject(struct store *s, uint64_t id, const struct err *why)
{
	char from[PART_NAME_MAX], to[PART_NAME_MAX + 16];

	store_notice(s, "%s; its rows are not in the rebuilt manifest", why->text);
	if (s->read_only)
		return 0;
	part_name(id, from);
	snprintf(to, sizeof(to), "%s.damaged", from);
	return renameat(s->parts_fd, from, s->parts_fd, to) < 0 ? -errno : 0;
}

static int note_positions(struct recovery *rec, const struct part_about *about)
{
	struct manifest_state *state = rec->state;
	int r = progress_apply(&state->progress, &about->progress.all, true);

	for (size_t i = 0; r == 0 && i < about->ranges.len; i++) {
		const struct offset_range *range = &about->ranges.ptr[i];
		struct store_partition position = {range->partition, range->next};
		struct store_progress changed = {.partitions = &position, .npartitions = 1};

		r = progress_apply(&state->progress, &changed, true);
	}
	return r;
}

static int read_part(void *ctx, uint64_t id)
{
	struct recovery *rec = ctx;
	_cleanup_(part_about_release) struct part_about about;
	struct part *part = NULL;
	struct err why;

	part_about_init(&about);
	int r = part_open(rec->store->parts_fd, id, &about, &part, &why);

	if (r == -ENOENT)
		return 0;
	if (r == -EBADMSG)
		return reject(rec->store, id, &why);
	if (r < 0)
		return err_set(rec->reterr, r, "%s", why.text);
	struct manifest_part row = store_manifest_part(part);

	part_unref(part);
	r = vec_push(&rec->state->parts, row);
	for (size_t i = 0; r == 0 && i < about.replaces.len; i++)
		r = vec_push(&rec->replaced, about.replaces.ptr[i]);
	if (about.epoch > rec->state->epoch)
		rec->state->epoch = about.epoch;
	return r < 0 ? r : note_positions(rec, &about);
}

static bool is_replaced(const struct recovery *rec, uint64_t id)
{
	for (size_t i = 0; i < rec->replaced.len; i++)
		if (rec->replaced.ptr[i] == id)
			return true;
	return false;
}

static int settle(struct recovery *rec)
{
	struct manifest_state *state = rec->state;
	size_t kept = 0;

	for (size_t i = 0; i < state->parts.len; i++)
		if (!is_replaced(rec, state->parts.ptr[i].id))
			state->parts.ptr[kept++] = state->parts.ptr[i];
	state->parts.len = kept;
	for (size_t i = 0; i < state->progress.all.npartitions; i++) {
		const struct store_partition *p = &state->progress.all.partitions[i];
		struct manifest_partition row = {p->partition, p->next_offset, p->next_offset};

		if (vec_push(&state->partitions, row) < 0)
			return -ENOMEM;
	}
	return 0;
}

int store_recover(struct store *s, struct manifest_state *state, struct err *reterr)
{
	struct recovery rec = {.store = s, .state = state, .reterr = reterr};
	struct err unset = {0};

	if (reterr)
		*reterr = unset;
	int r = store_each_file(s, read_part, &rec);

	r = r < 0 ? r : settle(&rec);
	vec_release(&rec.replaced);
	if (r < 0 && reterr && !reterr->code)
		err_set(reterr, r, "cannot rebuild the manifest: %s", strerror(-r));
	return r;
}
