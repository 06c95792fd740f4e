/*
 * sample - keep one record in N.
 *
 *	- type: sample
 *	  when: level:debug     # errors are not sampled
 *	  one_in: 100
 *	  by: trace_id          # all records of a trace, or none of them
 *
 * Without `by`, or where a record lacks that field, every N-th record is kept.
 * With it the text decides, so that every host and both daemons agree.
 */
#include "common/api/filter.h"

struct sample {
	int64_t one_in;
	struct sl_str by;
	int64_t seen;
};

static const struct sl_option options[] = {
	{.name = "one_in",
	 .type = SL_OPT_INT,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct sample, one_in),
	 .min = 1,
	 .max = 1000000000,
	 .help = "how many records one is kept of"},
	{.name = "by",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct sample, by),
	 .help = "records with the same text in this field share their fate"},
	{0},
};

/* FNV-1a, 64 bits, with the high bits mixed into the low ones that `%` looks at. */
static uint64_t hash(struct sl_str text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static int process(void *self, const struct sl_host *host, struct sl_record *rec)
{
	struct sample *s = self;
	const struct sl_field *f = s->by.len ? host->get(rec, s->by) : NULL;

	if (f)
		return hash(f->text) % (uint64_t)s->one_in == 0 ? SL_KEEP : SL_DROP;
	return s->seen++ % s->one_in == 0 ? SL_KEEP : SL_DROP;
}

SL_FILTER(.name = "sample", .version = "1.0", .help = "keep one record in N",
	  .self_size = sizeof(struct sample), .options = options, .process = process);
