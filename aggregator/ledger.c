/* ledger.c - the exactly-once rule; see ledger.h for the picture. */
#include "aggregator/ledger.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/map.h"
#include <errno.h>

struct ledger {
	struct map sources; /* struct ledger_key → struct ledger_source */
	size_t sources_max;
	uint64_t now;     /* counts blocks: the clock of `seen` */
	uint64_t missing; /* bytes in gaps */
	VEC(struct ledger_source *) changed;
	VEC(struct ledger_key) forgotten;
	struct ledger_counts counts;
};

_Static_assert(sizeof(struct ledger_key) == 24, "the key is hashed: no padding");

static struct span key_span(const struct ledger_key *key)
{
	return span_of((const char *)key, sizeof(*key));
}

static void source_free(struct ledger_source *source)
{
	if (!source)
		return;
	vec_release(&source->gaps);
	free(source);
}
DEFINE_CLEANUP(struct ledger_source *, source_free);

int ledger_new(size_t sources_max, struct ledger **ret)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return -ENOMEM;
	CHECK(sources_max > LEDGER_FORKS_MAX);
	ledger->sources_max = sources_max;
	*ret = ledger;
	return 0;
}

void ledger_free(struct ledger *ledger)
{
	struct span key;
	union map_value *value;

	if (!ledger)
		return;
	for (size_t at = 0; map_next(&ledger->sources, &at, &key, &value);)
		source_free(value->ptr);
	map_release(&ledger->sources);
	vec_release(&ledger->changed);
	vec_release(&ledger->forgotten);
	free(ledger);
}

static struct ledger_source *source_find(const struct ledger *ledger, const struct ledger_key *key)
{
	union map_value *value = map_get(&ledger->sources, key_span(key));

	return value ? value->ptr : NULL;
}

static uint64_t gaps_bytes(const struct ledger_source *source)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < source->gaps.len; i++)
		sum += source->gaps.ptr[i].to - source->gaps.ptr[i].from;
	return sum;
}

/* Remember that the manifest's row is to go; then nobody points to the source. */
static int source_forget(struct ledger *ledger, struct ledger_source *source)
{
	if (vec_push(&ledger->forgotten, source->key) < 0)
		return -ENOMEM;
	for (size_t i = 0; source->changed && i < ledger->changed.len; i++)
		if (ledger->changed.ptr[i] == source) {
			ledger->changed.ptr[i] = *vec_last(&ledger->changed);
			ledger->changed.len--;
			break;
		}
	ledger->counts.forgotten++;
	ledger->missing -= gaps_bytes(source);
	map_remove(&ledger->sources, key_span(&source->key));
	source_free(source);
	return 0;
}

static int forget_oldest(struct ledger *ledger)
{
	struct ledger_source *oldest = NULL;
	struct span key;
	union map_value *value;

	for (size_t at = 0; map_next(&ledger->sources, &at, &key, &value);) {
		struct ledger_source *source = value->ptr;

		if (!oldest || source->seen < oldest->seen)
			oldest = source;
	}
	CHECK(oldest);
	return source_forget(ledger, oldest);
}

/* A source that nothing is known of.  A forgotten one that comes back is stored again. */
static int source_add(struct ledger *ledger, const struct ledger_key *key,
		      struct ledger_source **ret)
{
	_cleanup_(source_freep) struct ledger_source *source = NULL;
	union map_value *value;
	bool added;
	int r;

	if (ledger->sources.len >= ledger->sources_max) {
		r = forget_oldest(ledger);
		if (r < 0)
			return r;
	}
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->key = *key;
	source->seen = ledger->now;
	value = map_put(&ledger->sources, key_span(&source->key), &added);
	if (!value)
		return -ENOMEM;
	CHECK(added);
	for (size_t i = 0; i < ledger->forgotten.len; i++)
		if (span_eq(key_span(&ledger->forgotten.ptr[i]), key_span(key))) {
			ledger->forgotten.ptr[i] = *vec_last(&ledger->forgotten);
			ledger->forgotten.len--;
			break;
		}
	value->ptr = source;
	*ret = TAKE(source);
	return 0;
}

int ledger_restore(struct ledger *ledger, const struct ledger_key *key, uint64_t watermark,
		   uint64_t hash, const struct ledger_range *gaps, size_t ngaps)
{
	struct ledger_source *source = source_find(ledger, key);
	uint64_t floor = 0;
	int r;

	if (source || ngaps > LEDGER_GAPS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < ngaps; i++) {
		if (gaps[i].from < floor || gaps[i].to <= gaps[i].from || gaps[i].to > watermark)
			return -EINVAL;
		floor = gaps[i].to;
	}
	ledger->now++;
	r = source_add(ledger, key, &source);
	if (r < 0)
		return r;
	if (vec_reserve(&source->gaps, ngaps) < 0)
		return -ENOMEM;
	if (ngaps)
		memcpy(source->gaps.ptr, gaps, ngaps * sizeof(*gaps));
	source->gaps.len = ngaps;
	source->watermark = watermark;
	source->hash = hash;
	source->known = true;
	ledger->missing += gaps_bytes(source);
	return 0;
}

static bool hash_differs(uint64_t a, uint64_t b)
{
	return a && b && a != b;
}

/* The block and the source disagree about the bytes below an offset that both know. */
static bool is_stranger(const struct ledger_source *source, const struct block_header *block)
{
	return source->known &&
	       ((block->base == source->watermark &&
		 hash_differs(block->hash_base, source->hash)) ||
		(block->end == source->watermark && hash_differs(block->hash_end, source->hash)));
}

/* The block goes on where the source ends, by offset and by hash. */
static bool is_successor(const struct ledger_source *source, const struct block_header *block)
{
	return block->base == source->watermark && source->hash && block->hash_base == source->hash;
}

/* What is known of an identity, seen from one block. */
struct lineage {
	struct ledger_source *best;   /* the one that the block belongs to */
	struct ledger_source *oldest; /* seen least recently */
	unsigned n;
	uint32_t free_fork; /* a fork number that is not used */
};

/*
 * Among the forks: the one that the block continues, else the one furthest on
 * that does not contradict it.
 */
static struct lineage lineage_find(const struct ledger *ledger, const struct block_header *block)
{
	struct ledger_key key = {.source = block->source, .generation = block->generation};
	struct lineage l = {.free_fork = LEDGER_FORKS_MAX};
	bool sure = false;

	for (key.fork = 0; key.fork < LEDGER_FORKS_MAX; key.fork++) {
		struct ledger_source *source = source_find(ledger, &key);

		if (!source) {
			if (l.free_fork == LEDGER_FORKS_MAX)
				l.free_fork = key.fork;
			continue;
		}
		l.n++;
		if (!l.oldest || source->seen < l.oldest->seen)
			l.oldest = source;
		if (sure || is_stranger(source, block))
			continue;
		sure = is_successor(source, block);
		if (sure || !l.best || source->watermark > l.best->watermark)
			l.best = source;
	}
	return l;
}

/* The source for a block that no known one accounts for. */
static int lineage_add(struct ledger *ledger, struct lineage *l, const struct block_header *block)
{
	struct ledger_key key = {
		.source = block->source, .generation = block->generation, .fork = l->free_fork};
	int r;

	if (key.fork == LEDGER_FORKS_MAX) {
		key.fork = l->oldest->key.fork;
		r = source_forget(ledger, l->oldest);
		if (r < 0)
			return r;
	}
	r = source_add(ledger, &key, &l->best);
	if (r < 0)
		return r;
	if (l->n) { /* what came before the fork is indexed: it is the same bytes */
		l->best->watermark = block->base;
		l->best->hash = block->hash_base;
		ledger->counts.forks++;
	}
	return 0;
}

int ledger_begin(struct ledger *ledger, const struct block_header *block, struct ledger_note *ret)
{
	struct lineage l;
	struct ledger_note note = {0};

	if (block->prev_end > block->base || block->base > block->end)
		return -EBADMSG;
	l = lineage_find(ledger, block);
	if (!l.best) {
		int r = lineage_add(ledger, &l, block);

		if (r < 0)
			return r;
		note.forked = l.n > 0;
	}
	note.source = l.best;
	note.first = !l.best->known && !note.forked;
	note.source->seen = ++ledger->now;
	if (block->prev_end > note.source->watermark)
		note.gap = (struct ledger_range){note.source->watermark, block->prev_end};
	*ret = note;
	return 0;
}

bool ledger_new_part(const struct ledger_source *source, uint64_t *at, uint64_t end,
		     struct ledger_range *ret)
{
	uint64_t from = *at;

	if (from >= end)
		return false;
	*at = end;
	if (from >= source->watermark) {
		*ret = (struct ledger_range){from, end};
		return true;
	}
	for (size_t i = 0; i < source->gaps.len; i++) {
		struct ledger_range gap = source->gaps.ptr[i];

		if (gap.to <= from)
			continue;
		if (gap.from >= end)
			return false;
		/* A gap that ends at the watermark has nothing indexed behind it. */
		if (gap.to == source->watermark)
			gap.to = UINT64_MAX;
		*ret = (struct ledger_range){from > gap.from ? from : gap.from,
					     end < gap.to ? end : gap.to};
		*at = ret->to;
		return true;
	}
	if (end <= source->watermark)
		return false;
	*ret = (struct ledger_range){source->watermark, end};
	return true;
}

/* Take [from, to) out of gap `i`: it shrinks, splits, or goes.  Returns the next index. */
static size_t gap_cut(struct ledger_source *source, size_t i, uint64_t from, uint64_t to)
{
	struct ledger_range *gap = &source->gaps.ptr[i];
	size_t behind = source->gaps.len - i - 1;

	if (from > gap->from && to < gap->to) {
		memmove(gap + 2, gap + 1, behind * sizeof(*gap));
		gap[1] = (struct ledger_range){to, gap->to};
		gap->to = from;
		source->gaps.len++;
		return i + 2;
	}
	if (from > gap->from) {
		gap->to = from;
		return i + 1;
	}
	if (to < gap->to) {
		gap->from = to;
		return i + 1;
	}
	memmove(gap, gap + 1, behind * sizeof(*gap));
	source->gaps.len--;
	return i;
}

/* Close what lies in [from, to).  Room for a split was made by the caller. */
static uint64_t gaps_close(struct ledger_source *source, uint64_t from, uint64_t to)
{
	uint64_t closed = 0;

	for (size_t i = 0; i < source->gaps.len;) {
		struct ledger_range gap = source->gaps.ptr[i];
		uint64_t lo = from > gap.from ? from : gap.from;
		uint64_t hi = to < gap.to ? to : gap.to;

		if (gap.from >= to)
			break;
		if (lo >= hi) {
			i++;
			continue;
		}
		closed += hi - lo;
		i = gap_cut(source, i, lo, hi);
	}
	return closed;
}

static void gaps_limit(struct ledger *ledger, struct ledger_source *source)
{
	while (source->gaps.len > LEDGER_GAPS_MAX) {
		ledger->missing -= source->gaps.ptr[0].to - source->gaps.ptr[0].from;
		ledger->counts.lost_gaps++;
		source->gaps.len--;
		memmove(source->gaps.ptr, source->gaps.ptr + 1,
			source->gaps.len * sizeof(*source->gaps.ptr));
	}
}

int ledger_end(struct ledger *ledger, struct ledger_source *source,
	       const struct block_header *block)
{
	uint64_t closed;

	if (vec_reserve(&source->gaps, source->gaps.len + 2) < 0 ||
	    vec_reserve(&ledger->changed, ledger->changed.len + 1) < 0)
		return -ENOMEM;
	closed = gaps_close(source, block->prev_end, block->end);
	ledger->counts.closed_bytes += closed;
	ledger->missing -= closed;
	if (source->known && !closed && block->end <= source->watermark)
		return 0;
	if (block->prev_end > source->watermark) {
		uint64_t bytes = block->prev_end - source->watermark;

		if (source->gaps.len && vec_last(&source->gaps)->to == source->watermark)
			vec_last(&source->gaps)->to = block->prev_end;
		else
			source->gaps.ptr[source->gaps.len++] =
				(struct ledger_range){source->watermark, block->prev_end};
		ledger->missing += bytes;
		if (source->known) {
			ledger->counts.gaps++;
			ledger->counts.gap_bytes += bytes;
		}
	}
	gaps_limit(ledger, source);
	if (block->end >= source->watermark) {
		source->watermark = block->end;
		source->hash = block->hash_end;
	}
	source->known = true;
	if (!source->changed)
		ledger->changed.ptr[ledger->changed.len++] = source;
	source->changed = true;
	return 0;
}

size_t ledger_changed(const struct ledger *ledger, struct ledger_source *const **ret)
{
	*ret = ledger->changed.ptr;
	return ledger->changed.len;
}

size_t ledger_forgotten(const struct ledger *ledger, const struct ledger_key **ret)
{
	*ret = ledger->forgotten.ptr;
	return ledger->forgotten.len;
}

void ledger_committed(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->changed.len; i++)
		ledger->changed.ptr[i]->changed = false;
	ledger->changed.len = 0;
	ledger->forgotten.len = 0;
}

const struct ledger_counts *ledger_counts(const struct ledger *ledger)
{
	return &ledger->counts;
}

size_t ledger_sources(const struct ledger *ledger)
{
	return ledger->sources.len;
}

uint64_t ledger_missing(const struct ledger *ledger)
{
	return ledger->missing;
}
