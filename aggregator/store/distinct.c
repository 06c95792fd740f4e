/* Numbering distinct texts; see distinct.h. */
#include "aggregator/store/distinct.h"
#include "common/base/check.h"
#include "common/base/hash.h"
#include <errno.h>
#include <stdlib.h>

#define SLOTS (2 * ROW_BLOCK_MAX)

int distinct_init(struct distinct *d)
{
	*d = (struct distinct){
		.list = malloc(ROW_BLOCK_MAX * sizeof(*d->list)),
		.hashes = malloc(ROW_BLOCK_MAX * sizeof(*d->hashes)),
		.codes = malloc(ROW_BLOCK_MAX * sizeof(*d->codes)),
		.slots = malloc(SLOTS * sizeof(*d->slots)),
	};
	if (d->list && d->hashes && d->codes && d->slots)
		return 0;
	distinct_release(d);
	return -ENOMEM;
}

void distinct_release(struct distinct *d)
{
	free(d->list);
	free(d->hashes);
	free(d->codes);
	free(d->slots);
	*d = (struct distinct){0};
}

bool distinct_run(struct distinct *d, const struct span *texts, size_t n, size_t limit)
{
	/* A table of four times the limit keeps small sets within the cache. */
	size_t mask = SLOTS - 1;

	CHECK(n <= ROW_BLOCK_MAX);
	while (mask / 4 >= limit && mask > 63)
		mask >>= 1;
	memset(d->slots, 0, (mask + 1) * sizeof(*d->slots));
	d->len = 0;
	for (size_t i = 0; i < n; i++) {
		if (i && span_eq(texts[i], texts[i - 1])) {
			d->codes[i] = d->codes[i - 1];
			continue;
		}
		uint64_t hash = hash64(texts[i]);
		size_t slot = hash & mask;
		uint32_t code;

		while ((code = d->slots[slot]) != 0) {
			if (d->hashes[code - 1] == hash && span_eq(d->list[code - 1], texts[i]))
				break;
			slot = (slot + 1) & mask;
		}
		if (code == 0) {
			if (d->len == limit)
				return false;
			d->list[d->len] = texts[i];
			d->hashes[d->len] = hash;
			d->slots[slot] = code = (uint32_t)++d->len;
		}
		d->codes[i] = code - 1;
	}
	return true;
}
