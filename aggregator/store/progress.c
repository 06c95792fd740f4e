/* Positions in memory and as bytes; see progress.h. */
#include "aggregator/store/progress.h"
#include "common/base/vec.h"
#include <errno.h>

#define KEY_LEN     20
#define SOURCES_MAX (1u << 20)

void progress_init(struct progress *p)
{
	*p = (struct progress){0};
	arena_init(&p->arena, (size_t)SOURCES_MAX * 32);
}

void progress_release(struct progress *p)
{
	for (size_t i = 0; i < p->all.nsources; i++)
		free(p->all.sources[i].gaps);
	free(p->all.sources);
	free(p->all.partitions);
	map_release(&p->by_source);
	vec_release(&p->keys);
	arena_release(&p->arena);
	*p = (struct progress){0};
}

static struct span source_key(const struct store_source *source, char key[KEY_LEN])
{
	memcpy(key, source->source.bytes, 16);
	memcpy(key + 16, &source->generation, 4);
	return span_of(key, KEY_LEN);
}

const struct store_partition *progress_partition(const struct progress *p, uint32_t partition)
{
	for (size_t i = 0; i < p->all.npartitions; i++)
		if (p->all.partitions[i].partition == partition)
			return &p->all.partitions[i];
	return NULL;
}

static int apply_partition(struct progress *p, const struct store_partition *changed, bool forward)
{
	for (size_t i = 0; i < p->all.npartitions; i++) {
		struct store_partition *known = &p->all.partitions[i];

		if (known->partition != changed->partition)
			continue;
		if (!forward || known->next_offset < changed->next_offset)
			*known = *changed;
		return 0;
	}
	if (p->all.npartitions == p->cap_partitions) {
		int r = vec_grow((void **)&p->all.partitions, &p->cap_partitions,
				 p->all.npartitions + 1, sizeof(*p->all.partitions));

		if (r < 0)
			return r;
	}
	p->all.partitions[p->all.npartitions++] = *changed;
	return 0;
}

/* A key for the source behind the last one. */
static int keep_key(struct progress *p, struct span key, struct span *ret)
{
	if (p->all.nsources == p->keys.len) {
		char *room = arena_alloc(&p->arena, KEY_LEN);

		if (!room || vec_push(&p->keys, room) < 0)
			return -ENOMEM;
	}
	memcpy(p->keys.ptr[p->all.nsources], key.ptr, KEY_LEN);
	*ret = span_of(p->keys.ptr[p->all.nsources], KEY_LEN);
	return 0;
}

/* The place of a source, made when it is new. */
static int source_slot(struct progress *p, const struct store_source *source,
		       struct store_source **ret)
{
	char bytes[KEY_LEN];
	struct span key = source_key(source, bytes);
	union map_value *known = map_get(&p->by_source, key);
	bool added;

	if (known) {
		*ret = &p->all.sources[known->n];
		return 0;
	}
	if (p->all.nsources >= SOURCES_MAX)
		return -E2BIG;
	if (p->all.nsources == p->cap_sources) {
		int r = vec_grow((void **)&p->all.sources, &p->cap_sources, p->all.nsources + 1,
				 sizeof(*p->all.sources));

		if (r < 0)
			return r;
	}
	known = keep_key(p, key, &key) == 0 ? map_put(&p->by_source, key, &added) : NULL;
	if (!known)
		return -ENOMEM;
	known->n = p->all.nsources++;
	*ret = &p->all.sources[known->n];
	**ret = (struct store_source){.source = source->source, .generation = source->generation};
	return 0;
}

/* The last source takes the place of the one that goes. */
static void forget_source(struct progress *p, const struct store_source *gone)
{
	char bytes[KEY_LEN];
	const union map_value *known = map_get(&p->by_source, source_key(gone, bytes));

	if (!known)
		return;
	size_t at = known->n, last = --p->all.nsources;
	char *key = p->keys.ptr[at];

	map_get(&p->by_source, span_of(p->keys.ptr[last], KEY_LEN))->n = at;
	map_remove(&p->by_source, span_of(key, KEY_LEN));
	free(p->all.sources[at].gaps);
	p->all.sources[at] = p->all.sources[last];
	p->keys.ptr[at] = p->keys.ptr[last];
	p->keys.ptr[last] = key;
}

static int apply_source(struct progress *p, const struct store_source *changed, bool forward)
{
	struct store_source *source;
	struct store_gap *gaps = NULL;

	if (changed->forgotten) {
		forget_source(p, changed);
		return 0;
	}
	int r = source_slot(p, changed, &source);

	if (r < 0)
		return r;
	if (forward && source->watermark > changed->watermark)
		return 0;
	if (changed->ngaps > PROGRESS_GAPS_MAX)
		return -E2BIG;
	if (changed->ngaps) {
		gaps = malloc(changed->ngaps * sizeof(*gaps));
		if (!gaps)
			return -ENOMEM;
		memcpy(gaps, changed->gaps, changed->ngaps * sizeof(*gaps));
	}
	free(source->gaps);
	*source = *changed;
	source->gaps = gaps;
	return 0;
}

int progress_apply(struct progress *p, const struct store_progress *changed, bool forward)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < changed->npartitions; i++)
		r = apply_partition(p, &changed->partitions[i], forward);
	for (size_t i = 0; r == 0 && i < changed->nsources; i++)
		r = apply_source(p, &changed->sources[i], forward);
	return r;
}

static bool before(const struct offset_range *a, const struct offset_range *b)
{
	return a->partition != b->partition ? a->partition < b->partition : a->next < b->first;
}

int offset_ranges_add(struct offset_ranges *ranges, struct offset_range range)
{
	size_t at = 0, joined;
	int r = vec_reserve(ranges, ranges->len + 1);

	if (r < 0)
		return r;
	while (at < ranges->len && before(&ranges->ptr[at], &range))
		at++;
	for (joined = at; joined < ranges->len && !before(&range, &ranges->ptr[joined]); joined++) {
		const struct offset_range *old = &ranges->ptr[joined];

		range.first = old->first < range.first ? old->first : range.first;
		range.next = old->next > range.next ? old->next : range.next;
	}
	memmove(&ranges->ptr[at + 1], &ranges->ptr[joined],
		(ranges->len - joined) * sizeof(*ranges->ptr));
	ranges->len = ranges->len - (joined - at) + 1;
	ranges->ptr[at] = range;
	return 0;
}

void offset_ranges_release(struct offset_ranges *ranges)
{
	vec_release(ranges);
}

void offset_ranges_put(struct buf *out, const struct offset_ranges *ranges)
{
	put_varint(out, ranges->len);
	for (size_t i = 0; i < ranges->len; i++) {
		put_varint(out, ranges->ptr[i].partition);
		put_zigzag(out, ranges->ptr[i].first);
		put_zigzag(out, ranges->ptr[i].next);
	}
}

int offset_ranges_get(struct cursor *in, struct offset_ranges *ret)
{
	uint64_t n = cursor_varint(in);

	for (uint64_t i = 0; i < n && !in->failed; i++) {
		struct offset_range range = {.partition = (uint32_t)cursor_varint(in)};

		range.first = cursor_zigzag(in);
		range.next = cursor_zigzag(in);
		if (!in->failed && vec_push(ret, range) < 0)
			return -ENOMEM;
	}
	return in->failed ? -EBADMSG : 0;
}

void gaps_put(struct buf *out, const struct store_gap *gaps, size_t n)
{
	put_varint(out, n);
	for (size_t i = 0; i < n; i++) {
		put_varint(out, gaps[i].start);
		put_varint(out, gaps[i].end);
	}
}

int gaps_get(struct cursor *in, struct store_gap **ret, size_t *ret_n)
{
	uint64_t n = cursor_varint(in);

	if (in->failed || n > PROGRESS_GAPS_MAX)
		return -EBADMSG;
	struct store_gap *gaps = n ? malloc(n * sizeof(*gaps)) : NULL;

	if (n && !gaps)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		gaps[i].start = cursor_varint(in);
		gaps[i].end = cursor_varint(in);
	}
	if (in->failed) {
		free(gaps);
		return -EBADMSG;
	}
	*ret = gaps;
	*ret_n = n;
	return 0;
}

void sources_put(struct buf *out, const struct store_source *sources, size_t n)
{
	put_varint(out, n);
	for (size_t i = 0; i < n; i++) {
		const struct store_source *s = &sources[i];

		buf_put(out, s->source.bytes, sizeof(s->source.bytes));
		put_varint(out, s->generation);
		put_varint(out, s->watermark);
		put_u64(out, s->hash);
		put_zigzag(out, s->seen_ns);
		gaps_put(out, s->gaps, s->ngaps);
	}
}

int sources_get(struct cursor *in, struct progress *progress)
{
	uint64_t n = cursor_varint(in);
	int r = 0;

	for (uint64_t i = 0; i < n && r == 0 && !in->failed; i++) {
		struct store_source s = {0};
		struct span id = cursor_bytes(in, sizeof(s.source.bytes));

		if (id.len)
			memcpy(s.source.bytes, id.ptr, id.len);
		s.generation = (uint32_t)cursor_varint(in);
		s.watermark = cursor_varint(in);
		s.hash = cursor_u64(in);
		s.seen_ns = cursor_zigzag(in);
		r = gaps_get(in, &s.gaps, &s.ngaps);
		r = r < 0 ? r
			  : progress_apply(progress,
					   &(struct store_progress){.sources = &s, .nsources = 1},
					   true);
		free(s.gaps);
	}
	return r < 0 ? r : in->failed ? -EBADMSG : 0;
}
