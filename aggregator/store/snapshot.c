/* What queries see, and counters; see store.h. */
#include "aggregator/store/inside.h"
#include <errno.h>
#include <stddef.h>

/* The views lie behind the public part and keep what they look at alive. */
struct snapshot {
	struct store_snapshot public;
	struct mem_view *tables;
	size_t ntables;
	struct group_view *groups;
	size_t ngroups;
	struct part **parts; /* referenced, as are the tables of the views */
	size_t nparts;
};

static bool overlaps(int64_t min, int64_t max, int64_t from, int64_t to)
{
	return min <= to && max >= from;
}

static int newest_first(const void *a, const void *b)
{
	const struct row_block *x = *(struct row_block *const *)a;
	const struct row_block *y = *(struct row_block *const *)b;

	return x->max_time < y->max_time ? 1 : x->max_time > y->max_time ? -1 : 0;
}

static void add_table(struct snapshot *snap, struct memtable *table)
{
	struct mem_view *view = &snap->tables[snap->ntables];

	mem_view_init(view, table);
	if (view->base.nrows == 0)
		return;
	memtable_ref(table);
	snap->ntables++;
}

/* One that can't be read is told of, always. */
static bool is_passed(const struct part *part, uint64_t commit)
{
	return !part->damage.code && (uint64_t)(part->created_ns / COMMIT_NS) <= commit;
}

/* With the store's lock held: take references, look at nothing. */
static int collect(struct store *s, struct snapshot *snap, uint64_t commit, int64_t min_time,
		   int64_t max_time)
{
	size_t nparts = s->parts.len + s->sealed.len, ntables = s->frozen.len + 1;

	snap->tables = calloc(ntables, sizeof(*snap->tables));
	snap->parts = calloc(nparts + 1, sizeof(*snap->parts));
	if (!snap->tables || !snap->parts)
		return -ENOMEM;
	for (size_t i = 0; i < nparts; i++) {
		struct part *part =
			i < s->parts.len ? s->parts.ptr[i] : s->sealed.ptr[i - s->parts.len];

		if (overlaps(part->min_time, part->max_time, min_time, max_time) &&
		    (i >= s->parts.len || !is_passed(part, commit)))
			snap->parts[snap->nparts++] = part_ref(part);
	}
	for (size_t i = 0; i < s->frozen.len; i++)
		add_table(snap, s->frozen.ptr[i].table);
	if (s->active)
		add_table(snap, s->active);
	return 0;
}

static int add_damage(struct store_snapshot *snap, const struct part *part)
{
	struct store_damage *list = realloc(snap->damages, (snap->ndamages + 1) * sizeof(*list));
	char name[PART_NAME_MAX];

	if (!list)
		return -ENOMEM;
	snap->damages = list;
	part_name(part->id, name);
	char *file = strdup(name);

	if (!file)
		return -ENOMEM;
	list[snap->ndamages++] = (struct store_damage){
		.file = span_cstr(file),
		.why = span_cstr(part->damage.text), /* the part's, which is referenced */
		.min_time = part->min_time,
		.max_time = part->max_time,
		.rows = part->rows,
	};
	return 0;
}

/* A view of each group in the range. */
static int make_views(struct snapshot *snap, int64_t min_time, int64_t max_time)
{
	size_t most = 0;

	for (size_t i = 0; i < snap->nparts; i++)
		most += snap->parts[i]->ngroups;
	snap->groups = calloc(most + 1, sizeof(*snap->groups));
	if (!snap->groups)
		return -ENOMEM;
	for (size_t i = 0; i < snap->nparts; i++) {
		struct part *part = snap->parts[i];
		int r = part->damage.code ? add_damage(&snap->public, part) : 0;

		if (r < 0)
			return r;
		for (size_t g = 0; g < part->ngroups; g++) {
			const struct group_info *info = &part->groups[g];

			if (overlaps(info->min_time, info->max_time, min_time, max_time))
				group_view_init(&snap->groups[snap->ngroups++], &part->source,
						info);
		}
	}
	return 0;
}

static int list_blocks(struct snapshot *snap, int64_t min_time, int64_t max_time)
{
	struct store_snapshot *p = &snap->public;

	p->blocks = calloc(snap->ntables + snap->ngroups + 1, sizeof(struct row_block *));
	if (!p->blocks)
		return -ENOMEM;
	for (size_t i = 0; i < snap->ntables; i++) {
		struct row_block *block = &snap->tables[i].base;

		if (overlaps(block->min_time, block->max_time, min_time, max_time))
			p->blocks[p->nblocks++] = block;
	}
	for (size_t i = 0; i < snap->ngroups; i++)
		p->blocks[p->nblocks++] = &snap->groups[i].base;
	for (size_t i = 0; i < p->nblocks; i++)
		p->rows += p->blocks[i]->nrows;
	qsort(p->blocks, p->nblocks, sizeof(struct row_block *), newest_first);
	return 0;
}

int store_snapshot_after(struct store *s, uint64_t commit, int64_t min_time, int64_t max_time,
			 struct store_snapshot **ret)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));

	if (!snap)
		return -ENOMEM;
	pthread_mutex_lock(&s->lock);
	int r = collect(s, snap, commit, min_time, max_time);

	pthread_mutex_unlock(&s->lock);
	r = r < 0 ? r : make_views(snap, min_time, max_time);
	r = r < 0 ? r : list_blocks(snap, min_time, max_time);
	if (r < 0) {
		store_snapshot_free(&snap->public);
		return r;
	}
	*ret = &snap->public;
	return 0;
}

int store_snapshot(struct store *s, int64_t min_time, int64_t max_time, struct store_snapshot **ret)
{
	return store_snapshot_after(s, 0, min_time, max_time, ret);
}

void store_snapshot_free(struct store_snapshot *public)
{
	if (!public)
		return;
	struct snapshot *snap =
		(struct snapshot *)((char *)public - offsetof(struct snapshot, public));

	for (size_t i = 0; i < snap->ntables; i++) {
		mem_view_release(&snap->tables[i]);
		memtable_unref(snap->tables[i].table);
	}
	for (size_t i = 0; i < snap->ngroups; i++)
		group_view_release(&snap->groups[i]);
	for (size_t i = 0; i < snap->nparts; i++)
		part_unref(snap->parts[i]);
	for (size_t i = 0; i < public->ndamages; i++)
		free((void *)(uintptr_t) public->damages[i].file.ptr);
	free(public->damages);
	free(public->blocks);
	free(snap->tables);
	free(snap->groups);
	free(snap->parts);
	free(snap);
}

static void count_part(struct store_stats *stats, const struct part *part)
{
	stats->min_time = part->min_time < stats->min_time ? part->min_time : stats->min_time;
	stats->max_time = part->max_time > stats->max_time ? part->max_time : stats->max_time;
}

static void count_table(struct store_stats *stats, struct memtable *table)
{
	struct mem_view view;

	mem_view_init(&view, table);
	stats->memory_rows += view.base.nrows;
	stats->memory_bytes += memtable_bytes(table);
	if (view.base.min_time < stats->min_time)
		stats->min_time = view.base.min_time;
	if (view.base.max_time > stats->max_time)
		stats->max_time = view.base.max_time;
}

void store_stats(struct store *s, struct store_stats *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->stats;
	ret->appended_rows = s->appended;
	ret->raw_bytes = s->raw_bytes;
	ret->min_time = INT64_MAX;
	ret->max_time = INT64_MIN;
	ret->parts = s->parts.len;
	for (size_t i = 0; i < s->parts.len; i++) {
		const struct part *part = s->parts.ptr[i];

		ret->rows += part->rows;
		ret->blocks += part->ngroups;
		ret->disk_bytes += part->bytes;
		ret->damaged_parts += part->damage.code != 0;
		count_part(ret, part);
	}
	for (size_t i = 0; i < s->sealed.len; i++) {
		ret->memory_rows += s->sealed.ptr[i]->rows;
		ret->memory_bytes += s->sealed.ptr[i]->bytes;
		count_part(ret, s->sealed.ptr[i]);
	}
	for (size_t i = 0; i < s->frozen.len; i++)
		count_table(ret, s->frozen.ptr[i].table);
	if (s->active)
		count_table(ret, s->active);
	pthread_mutex_unlock(&s->lock);
}
