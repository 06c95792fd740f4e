/*
 * Texts of any kind.  Where most come more than once, the distinct ones and a
 * number a row.
 *
 *	chunk := presence · u8 repeats · (varint distinct · strings · ints | strings)
 */
#include "aggregator/store/codes.h"
#include "aggregator/store/ints.h"
#include "aggregator/store/strings.h"
#include <errno.h>

int codes_put(struct codec_context *ctx, struct buf *out, const uint32_t *codes, size_t n)
{
	int64_t *wide = ARENA_ARRAY(&ctx->arena, int64_t, n);

	if (!wide)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		wide[i] = codes[i];
	ints_put(out, wide, n);
	return 0;
}

int codes_get(struct cursor *in, struct arena *tmp, const struct span *list, size_t nlist,
	      struct span *rows, size_t n)
{
	int64_t *codes = ARENA_ARRAY(tmp, int64_t, n);

	if (!codes)
		return -ENOMEM;
	int r = ints_get(in, codes, n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (codes[i] < 0 || (uint64_t)codes[i] >= nlist)
			return -EBADMSG;
		rows[i] = list[codes[i]];
	}
	return r;
}

static int text_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		    struct column_entry *entry)
{
	struct distinct *d = &ctx->distinct;
	bool repeats = distinct_run(d, values->texts, values->n, values->n / 2);
	int r;

	(void)entry;
	ctx->words = repeats ? d->list : values->texts;
	ctx->nwords = repeats ? d->len : values->n;
	presence_put(ctx, values, out);
	put_u8(out, repeats);
	if (repeats)
		put_varint(out, d->len);
	r = strings_put(ctx, out, ctx->words, ctx->nwords);
	if (r == 0 && repeats)
		r = codes_put(ctx, out, d->codes, values->n);
	return r < 0 ? r : 1;
}

static int read_texts(struct cursor *in, const uint64_t *wanted, struct arena *tmp,
		      struct arena *keep, struct span *texts, size_t n)
{
	if (cursor_u8(in) == 0)
		return strings_get(in, wanted, tmp, keep, texts, n);
	uint64_t nlist = cursor_varint(in);

	if (in->failed || nlist > n)
		return -EBADMSG;
	struct span *list = ARENA_ARRAY(tmp, struct span, nlist);

	if (!list)
		return -ENOMEM;
	int r = strings_get(in, NULL, tmp, keep, list, nlist);

	return r < 0 ? r : codes_get(in, tmp, list, nlist, texts, n);
}

static int text_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		    const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		    struct column *ret)
{
	struct span *texts = ARENA_ARRAY(keep, struct span, nrows);
	const uint64_t *present;
	size_t n;

	(void)entry;
	if (!texts)
		return -ENOMEM;
	int r = presence_get(in, nrows, tmp, &present, &n);

	/* Place and row are the same only where every row has a text. */
	r = r < 0 ? r : read_texts(in, present ? NULL : wanted, tmp, keep, texts, n);
	if (r < 0)
		return r;
	presence_spread_texts(texts, nrows, present, n);
	*ret = (struct column){.kind = COLUMN_TEXT, .nrows = nrows, .texts = texts};
	return 0;
}

const struct codec codec_text = {"text", text_put, text_get};
