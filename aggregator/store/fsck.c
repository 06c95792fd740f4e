/* Checking a store from outside; see store.h. */
#include "aggregator/store/inside.h"
#include "common/base/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#define TRIES 5 /* a running writer may merge parts away under our eyes */

struct fsck {
	store_fsck_fn *report;
	void *ctx;
	int problems;
	int dir_fd;
	struct offset_ranges ranges; /* of all parts and what expired */
	uint64_t rows, bytes;
	bool gone; /* a part of the manifest has no file */
};

__attribute__((__format__(__printf__, 3, 4))) static void say(struct fsck *f, bool problem,
							      const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	f->problems += problem;
	f->report(f->ctx, problem, line);
}

/* Offsets that two parts claim are rows that are there twice. */
static int add_range(struct fsck *f, struct offset_range range, const char *who)
{
	for (size_t i = 0; i < f->ranges.len; i++) {
		const struct offset_range *other = &f->ranges.ptr[i];

		if (other->partition == range.partition && other->first < range.next &&
		    range.first < other->next)
			say(f, true,
			    "%s: offsets %" PRId64 " to %" PRId64
			    " of partition %u overlap another part's",
			    who, range.first, range.next - 1, range.partition);
	}
	return offset_ranges_add(&f->ranges, range);
}

static int check_part(struct fsck *f, const struct manifest_part *row)
{
	_cleanup_(part_about_release) struct part_about about;
	struct part *part = NULL;
	char name[PART_NAME_MAX];
	struct err err;

	part_about_init(&about);
	part_name(row->id, name);
	int r = part_open(f->dir_fd, row->id, &about, &part, &err);

	if (r < 0) {
		f->gone |= r == -ENOENT;
		say(f, true, "%s", err.text);
		return 0;
	}
	if (part->footer_sum != row->footer_sum || part->rows != row->rows)
		say(f, true, "part %s is not the one that was committed", name);
	for (size_t i = 0; i < part->ngroups; i++) {
		struct group group = {.source = &part->source, .info = part->groups[i]};

		if (group_verify(&group, true, &err) < 0)
			say(f, true, "part %s, group %zu: %s", name, i, err.text);
	}
	for (size_t i = 0; r == 0 && i < about.ranges.len; i++)
		r = add_range(f, about.ranges.ptr[i], name);
	f->rows += part->rows;
	f->bytes += part->bytes;
	part_unref(part);
	return r;
}

/* Each partition's offsets, from the first that was seen to where parts end. */
static void check_offsets(struct fsck *f, const struct manifest_state *state)
{
	for (size_t i = 0; i < state->partitions.len; i++) {
		const struct manifest_partition *p = &state->partitions.ptr[i];
		int64_t at = 0;

		for (size_t k = 0; k < f->ranges.len; k++) {
			const struct offset_range *range = &f->ranges.ptr[k];

			if (range->partition != p->partition)
				continue;
			if (range->first > at)
				say(f, true,
				    "partition %u: offsets %" PRId64 " to %" PRId64
				    " are in no part",
				    p->partition, at, range->first - 1);
			at = range->next;
		}
		if (p->covered > at)
			say(f, true,
			    "partition %u: offsets %" PRId64 " to %" PRId64 " are in no part",
			    p->partition, at, p->covered - 1);
		else if (at > p->next_offset)
			say(f, true, "partition %u: parts reach beyond the next offset %" PRId64,
			    p->partition, p->next_offset);
		else
			say(f, false, "partition %u: next offset %" PRId64 ", no gap, no overlap",
			    p->partition, p->next_offset);
	}
}

static int check_state(struct fsck *f, const struct manifest_state *state)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < state->expired.len; i++)
		r = add_range(f, state->expired.ptr[i], "expired parts");
	for (size_t i = 0; r == 0 && i < state->parts.len; i++)
		r = check_part(f, &state->parts.ptr[i]);
	if (r < 0)
		return r;
	check_offsets(f, state);
	say(f, false, "%zu parts, %" PRIu64 " rows, %" PRIu64 " bytes, %zu sources",
	    state->parts.len, f->rows, f->bytes, state->progress.all.nsources);
	return 0;
}

static int check_once(struct fsck *f, const char *path, struct err *reterr)
{
	_cleanup_(manifest_state_release) struct manifest_state state;
	struct manifest *manifest = NULL;
	struct err why;

	manifest_state_init(&state);
	int r = manifest_open(path, true, &manifest, &why);

	r = r < 0 ? r : manifest_load(manifest, &state, &why);
	manifest_close(manifest);
	if (r == -EBADMSG) {
		say(f, true, "%s", why.text);
		return 0;
	}
	if (r < 0)
		return err_set(reterr, r, "%s", why.text);
	return check_state(f, &state);
}

/* Findings of one round; they count if it was not spoiled by a merge. */
struct finding {
	bool problem;
	char *line;
};

struct findings {
	VEC(struct finding) list;
};

static void keep(void *ctx, bool problem, const char *line)
{
	struct findings *findings = ctx;
	char *copy = strdup(line);

	if (copy && vec_push(&findings->list, (struct finding){problem, copy}) < 0)
		free(copy);
}

static void release_findings(struct findings *findings)
{
	for (size_t i = 0; i < findings->list.len; i++)
		free(findings->list.ptr[i].line);
	vec_release(&findings->list);
}

int store_fsck(const char *path, store_fsck_fn *report, void *ctx, struct err *reterr)
{
	char parts[PATH_MAX], manifest[PATH_MAX];
	int r = 0, problems = 0;

	if (snprintf(parts, sizeof(parts), "%s/parts", path) >= (int)sizeof(parts) ||
	    snprintf(manifest, sizeof(manifest), "%s/manifest.db", path) >= (int)sizeof(manifest))
		return err_set(reterr, -ENAMETOOLONG, "the path is too long");
	_cleanup_close_ int dir_fd = open(parts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return err_set(reterr, -errno, "no store in %s: %s", path, strerror(errno));
	for (int i = 0; i < TRIES; i++) {
		_cleanup_(release_findings) struct findings findings = {0};
		struct fsck f = {.report = keep, .ctx = &findings, .dir_fd = dir_fd};

		r = check_once(&f, manifest, reterr);
		offset_ranges_release(&f.ranges);
		problems = f.problems;
		if (r == 0 && f.gone && i + 1 < TRIES)
			continue;
		for (size_t k = 0; k < findings.list.len; k++)
			report(ctx, findings.list.ptr[k].problem, findings.list.ptr[k].line);
		break;
	}
	return r < 0 ? r : problems;
}
