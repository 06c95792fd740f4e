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

/* From the back, so that packed numbers make room for themselves; `none` where there is no bit. */
static void spread_numbers(uint32_t *numbers, uint32_t nrows, const uint64_t *present, size_t n,
			   uint32_t none)
{
	for (size_t i = nrows; i-- > 0;)
		numbers[i] = bit_get(present, i) ? numbers[--n] : none;
}

int list_head_get(struct cursor *in, uint32_t nrows, struct arena *arena, struct list_head *ret)
{
	int r = presence_get(in, nrows, arena, &ret->present, &ret->n);

	if (r < 0)
		return r;
	ret->repeats = cursor_u8(in) != 0;
	uint64_t nlist = ret->repeats ? cursor_varint(in) : ret->n;

	ret->nlist = (uint32_t)nlist;
	return in->failed || nlist > ret->n ? -EBADMSG : 0;
}

int list_column(struct cursor *in, const struct list_head *head, struct text_list *list,
		const uint64_t *wanted, uint32_t nrows, struct arena *keep, struct column *ret)
{
	size_t n = head->n;
	uint32_t *numbers = NULL;
	int r = 0;

	if (head->repeats || head->present) {
		numbers = arena_alloc(keep, ((size_t)nrows + 1) * sizeof(*numbers));
		if (!numbers)
			return -ENOMEM;
	}
	if (head->repeats && n)
		r = list->n ? ints_get_numbers(in, head->present ? NULL : wanted, list->n - 1,
					       numbers, n)
			    : -EBADMSG;
	for (size_t i = 0; !head->repeats && head->present && i < n; i++)
		numbers[i] = (uint32_t)i;
	if (r < 0)
		return r;
	if (head->present)
		spread_numbers(numbers, nrows, head->present, n, list->n);
	*ret = (struct column){
		.kind = COLUMN_TEXT, .nrows = nrows, .list = list, .numbers = numbers};
	return 0;
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

static int text_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		    const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		    struct column *ret)
{
	struct list_head head;
	struct text_list *list;
	int r = list_head_get(in, nrows, tmp, &head);

	(void)entry;
	r = r < 0 ? r : strings_list(in, keep, head.nlist, &list);
	return r < 0 ? r : list_column(in, &head, list, wanted, nrows, keep, ret);
}

const struct codec codec_text = {.name = "text", .put = text_put, .get = text_get, .borrows = true};
