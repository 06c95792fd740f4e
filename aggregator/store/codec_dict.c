/*
 * Columns of at most 256 distinct values; rows without the field have a code
 * of their own.
 *
 *	chunk := varint values · strings · section of a byte a row
 */
#include "aggregator/store/codec.h"
#include "aggregator/store/decimal.h"
#include "aggregator/store/strings.h"
#include <errno.h>

#define DICT_MAX 256
#define LANES    16

/* Few values, or so few for the rows that codes are the better deal. */
static bool worth_it(size_t distinct, size_t n)
{
	return distinct <= 8 || distinct <= n / 2;
}

static int dict_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		    struct column_entry *entry)
{
	struct distinct *d = &ctx->distinct;
	uint32_t nrows = values->nrows;

	if (values->times ||
	    !distinct_run(d, values->texts, values->n, DICT_MAX - (values->present != NULL)) ||
	    !worth_it(d->len, values->n))
		return 0;
	uint8_t *codes = arena_alloc(&ctx->arena, nrows);

	if (!codes)
		return -ENOMEM;
	for (size_t i = 0, k = 0; i < nrows; i++) {
		bool there = !values->present || bit_get(values->present, i);

		codes[i] = (uint8_t)(there ? d->codes[k++] : d->len);
	}
	entry->has_range = decimal_range(d->list, d->len, &entry->min, &entry->max);
	ctx->words = d->list;
	ctx->nwords = d->len;
	if (values->present)
		d->list[d->len] = (struct span){0};
	size_t n = d->len + (values->present != NULL);

	put_varint(out, n);
	int r = strings_put(ctx, out, d->list, n);

	zip_put(ctx->zip, out, span_of((const char *)codes, nrows));
	return r < 0 ? r : 1;
}

/* In steps of fixed length, which compilers turn into vector instructions. */
static uint8_t largest(struct span codes)
{
	const uint8_t *at = (const uint8_t *)codes.ptr;
	uint8_t lanes[LANES] = {0}, max = 0;
	size_t i = 0;

	for (; i + LANES <= codes.len; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lanes[k] = at[i + k] > lanes[k] ? at[i + k] : lanes[k];
	for (; i < codes.len; i++)
		max = at[i] > max ? at[i] : max;
	for (size_t k = 0; k < LANES; k++)
		max = lanes[k] > max ? lanes[k] : max;
	return max;
}

static int dict_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		    const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		    struct column *ret)
{
	uint64_t n = cursor_varint(in);
	struct span codes;

	(void)entry;
	(void)wanted;
	(void)tmp;
	if (in->failed || n == 0 || n > DICT_MAX)
		return -EBADMSG;
	struct span *dict = ARENA_ARRAY(keep, struct span, n);

	if (!dict)
		return -ENOMEM;
	int r = strings_get(in, keep, dict, n);

	r = r < 0 ? r : zip_get(in, keep, &codes);
	if (r < 0)
		return r;
	if (codes.len != nrows || largest(codes) >= n)
		return -EBADMSG;
	*ret = (struct column){
		.kind = COLUMN_DICT,
		.nrows = nrows,
		.codes = (const uint8_t *)codes.ptr,
		.dict = dict,
		.ndict = (uint32_t)n,
	};
	return 0;
}

const struct codec codec_dict = {.name = "dict", .put = dict_put, .get = dict_get};
