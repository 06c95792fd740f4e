/* The table of codecs, what they share, and the two small ones; see codec.h. */
#include "aggregator/store/codec.h"
#include "aggregator/store/ints.h"
#include <errno.h>

#define CONST_MAX 4096

const struct codec *const codecs[CODEC_COUNT] = {
	[CODEC_CONST] = &codec_const, [CODEC_DICT] = &codec_dict, [CODEC_INT] = &codec_int,
	[CODEC_TIME] = &codec_time,   [CODEC_HEX] = &codec_hex,   [CODEC_TEXT] = &codec_text,
	[CODEC_IPV4] = &codec_ipv4,
};

void presence_put(struct codec_context *ctx, const struct values *values, struct buf *out)
{
	put_u8(out, values->present != NULL);
	if (values->present)
		zip_put(ctx->zip, out,
			span_of((const char *)values->present,
				BITMAP_WORDS(values->nrows) * sizeof(uint64_t)));
}

int presence_get(struct cursor *in, uint32_t nrows, struct arena *arena, const uint64_t **ret,
		 size_t *ret_n)
{
	struct span bytes;
	size_t words = BITMAP_WORDS(nrows);

	*ret = NULL;
	*ret_n = nrows;
	if (cursor_u8(in) == 0)
		return in->failed ? -EBADMSG : 0;
	int r = zip_get(in, arena, &bytes);

	if (r < 0)
		return r;
	if (bytes.len != words * sizeof(uint64_t))
		return -EBADMSG;
	const uint64_t *bits = (const void *)bytes.ptr;

	if (nrows % 64 && bits[words - 1] >> (nrows % 64))
		return -EBADMSG;
	*ret = bits;
	*ret_n = bits_count(bits, words);
	return 0;
}

void presence_spread_ints(int64_t *ints, uint32_t nrows, const uint64_t *present, size_t n)
{
	for (size_t i = nrows; present && i-- > 0;)
		ints[i] = bit_get(present, i) ? ints[--n] : 0;
}

static int const_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		     struct column_entry *entry)
{
	(void)ctx;
	(void)out;
	if (values->present || values->times || values->texts[0].len > CONST_MAX)
		return 0;
	for (size_t i = 1; i < values->n; i++)
		if (!span_eq(values->texts[i], values->texts[0]))
			return 0;
	entry->value = values->texts[0];
	return 1;
}

static int const_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		     const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		     struct column *ret)
{
	struct span value = arena_dup(keep, entry->value);

	(void)in;
	(void)wanted;
	(void)tmp;
	if (entry->value.len && !value.ptr)
		return -ENOMEM;
	*ret = (struct column){.kind = COLUMN_CONST, .nrows = nrows, .value = value};
	return 0;
}

const struct codec codec_const = {.name = "const", .put = const_put, .get = const_get};

/* The largest of 10^9, 10^6, 10^3, 1 that divides them all: services log ms or µs. */
static int64_t common_unit(const int64_t *times, size_t n)
{
	static const int64_t units[] = {1000000000, 1000000, 1000, 1};
	size_t u = 0;

	for (size_t i = 0; i < n; i++)
		while (times[i] % units[u])
			u++;
	return units[u];
}

static int time_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		    struct column_entry *entry)
{
	(void)entry;
	if (!values->times)
		return 0;
	int64_t unit = common_unit(values->times, values->n);
	int64_t *scaled = ARENA_ARRAY(&ctx->arena, int64_t, values->n);

	if (!scaled)
		return -ENOMEM;
	for (size_t i = 0; i < values->n; i++)
		scaled[i] = values->times[i] / unit;
	put_varint(out, (uint64_t)unit);
	ints_put(out, scaled, values->n);
	return 1;
}

static int time_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		    const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		    struct column *ret)
{
	int64_t *times = arena_alloc(keep, nrows * sizeof(*times));
	uint64_t unit = cursor_varint(in);

	(void)entry;
	(void)tmp;
	if (!times)
		return -ENOMEM;
	int r = ints_get(in, wanted, times, nrows);

	for (uint32_t i = 0; r == 0 && i < nrows; i++)
		times[i] = (int64_t)((uint64_t)times[i] * unit);
	*ret = (struct column){.kind = COLUMN_TIME, .nrows = nrows, .ints = times};
	return r;
}

const struct codec codec_time = {.name = "time", .put = time_put, .get = time_get};
