/* positions.c - ledger and offsets to and from the manifest's shape. */
#include "aggregator/positions.h"
#include <errno.h>

_Static_assert(LEDGER_FORKS_MAX <= 8, "a fork number has the three upper bits of a generation");
_Static_assert(sizeof(struct store_gap) == sizeof(struct ledger_range), "the same shape");

static uint32_t generation_pack(const struct ledger_key *key)
{
	return key->fork << 29 | key->generation;
}

static struct ledger_key generation_unpack(const struct store_source *source)
{
	return (struct ledger_key){.source = source->source,
				   .generation = source->generation & GENERATION_MAX,
				   .fork = source->generation >> 29};
}

static int restore_source(const struct store_source *source, struct ledger *ledger)
{
	struct ledger_key key = generation_unpack(source);
	struct ledger_range gaps[LEDGER_GAPS_MAX];

	if (source->ngaps > LEDGER_GAPS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < source->ngaps; i++)
		gaps[i] = (struct ledger_range){source->gaps[i].start, source->gaps[i].end};
	return ledger_restore(ledger, &key, source->watermark, source->hash, gaps, source->ngaps);
}

static int by_age(const void *left, const void *right)
{
	const struct store_source *a = *(const struct store_source *const *)left;
	const struct store_source *b = *(const struct store_source *const *)right;

	return a->seen_ns < b->seen_ns ? -1 : a->seen_ns > b->seen_ns;
}

/* The oldest first: they are the first to be forgotten when there are too many. */
static int restore_all(const struct store_source **sources, size_t n, struct ledger *ledger,
		       struct err *reterr)
{
	if (n)
		qsort(sources, n, sizeof(*sources), by_age);
	for (size_t i = 0; i < n; i++) {
		const struct store_source *source = sources[i];
		int r = restore_source(source, ledger);

		if (r == -EINVAL)
			return err_set(reterr, -EBADMSG,
				       "the manifest's state of source %02x%02x%02x%02x… makes no "
				       "sense (%zu gaps); run `aggregator fsck`",
				       source->source.bytes[0], source->source.bytes[1],
				       source->source.bytes[2], source->source.bytes[3],
				       source->ngaps);
		if (r < 0)
			return err_set(reterr, r, "out of memory");
	}
	return 0;
}

int positions_restore(const struct store_progress *progress, struct ledger *ledger,
		      struct err *reterr)
{
	const struct store_source **sources = calloc(progress->nsources + 1, sizeof(*sources));
	int r;

	if (!sources)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < progress->nsources; i++)
		sources[i] = &progress->sources[i];
	r = restore_all(sources, progress->nsources, ledger, reterr);
	free(sources);
	return r;
}

void positions_reset(struct positions *positions)
{
	positions->partitions.len = 0;
	positions->sources.len = 0;
	positions->gaps.len = 0;
}

void positions_release(struct positions *positions)
{
	vec_release(&positions->partitions);
	vec_release(&positions->sources);
	vec_release(&positions->gaps);
}

int positions_partition(struct positions *positions, unsigned partition, int64_t next_offset)
{
	return vec_push(&positions->partitions, (struct store_partition){partition, next_offset});
}

static int add_source(struct positions *positions, const struct ledger_source *source,
		      int64_t now_ns)
{
	for (size_t i = 0; i < source->gaps.len; i++)
		if (vec_push(&positions->gaps, (struct store_gap){source->gaps.ptr[i].from,
								  source->gaps.ptr[i].to}) < 0)
			return -ENOMEM;
	return vec_push(&positions->sources,
			(struct store_source){.source = source->key.source,
					      .generation = generation_pack(&source->key),
					      .watermark = source->watermark,
					      .hash = source->hash,
					      .ngaps = source->gaps.len,
					      .seen_ns = now_ns});
}

int positions_sources(struct positions *positions, const struct ledger *ledger, int64_t now_ns)
{
	struct ledger_source *const *changed;
	const struct ledger_key *gone;
	size_t n = ledger_forgotten(ledger, &gone);

	for (size_t i = 0; i < n; i++)
		if (vec_push(&positions->sources,
			     (struct store_source){.source = gone[i].source,
						   .generation = generation_pack(&gone[i]),
						   .forgotten = true}) < 0)
			return -ENOMEM;
	n = ledger_changed(ledger, &changed);
	for (size_t i = 0; i < n; i++)
		if (add_source(positions, changed[i], now_ns) < 0)
			return -ENOMEM;
	return 0;
}

const struct store_progress *positions_get(struct positions *positions)
{
	struct store_gap *gaps = positions->gaps.ptr;

	/* The gap array may have moved while it grew, so point into it only now. */
	for (size_t i = 0; i < positions->sources.len; i++) {
		struct store_source *source = &positions->sources.ptr[i];

		source->gaps = NULL;
		if (source->ngaps) {
			source->gaps = gaps;
			gaps += source->ngaps;
		}
	}
	positions->progress = (struct store_progress){.partitions = positions->partitions.ptr,
						      .npartitions = positions->partitions.len,
						      .sources = positions->sources.ptr,
						      .nsources = positions->sources.len};
	return &positions->progress;
}
