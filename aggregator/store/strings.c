/* Lists of texts: choosing the form, and the plain one; see strings.h. */
#include "aggregator/store/strings.h"
#include "aggregator/store/ints.h"
#include <errno.h>

enum form { FORM_PLAIN, FORM_TEMPLATES };

int plain_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n)
{
	int64_t *lengths = ARENA_ARRAY(&ctx->arena, int64_t, n);

	if (!lengths)
		return -ENOMEM;
	buf_reset(&ctx->plain);
	for (size_t i = 0; i < n; i++) {
		lengths[i] = (int64_t)texts[i].len;
		buf_puts(&ctx->plain, texts[i]);
	}
	if (ctx->plain.failed)
		return ctx->plain.failed;
	ints_put(out, lengths, n);
	zip_put(ctx->zip, out, buf_span(&ctx->plain));
	return 0;
}

int plain_get(struct cursor *in, struct arena *tmp, struct arena *keep, struct span *ret, size_t n)
{
	int64_t *lengths = ARENA_ARRAY(tmp, int64_t, n);
	struct span bytes;

	if (!lengths)
		return -ENOMEM;
	int r = ints_get(in, NULL, lengths, n);

	r = r < 0 ? r : zip_get(in, keep, &bytes);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (lengths[i] < 0 || (uint64_t)lengths[i] > bytes.len)
			return -EBADMSG;
		ret[i] = span_take(bytes, (size_t)lengths[i]);
		bytes = span_skip(bytes, (size_t)lengths[i]);
	}
	return bytes.len ? -EBADMSG : 0;
}

int plain_skip(struct cursor *in, size_t n)
{
	int r = ints_skip(in, n);

	return r < 0 ? r : zip_skip(in);
}

int strings_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n)
{
	size_t begin = out->len;

	put_u8(out, FORM_TEMPLATES);
	int r = templates_put(ctx, out, texts, n);

	if (r != 0)
		return r < 0 ? r : 0;
	out->len = begin;
	put_u8(out, FORM_PLAIN);
	return plain_put(ctx, out, texts, n);
}

static int plain_list(struct cursor *in, struct arena *keep, size_t n, struct text_list **ret)
{
	struct text_list *list = ARENA_NEW(keep, struct text_list);
	struct span *texts = ARENA_ARRAY(keep, struct span, n + 1);

	if (!list || !texts)
		return -ENOMEM;
	int r = plain_get(in, keep, keep, texts, n);

	*list = (struct text_list){.n = (uint32_t)n, .made = true, .texts = texts};
	*ret = list;
	return r;
}

int strings_list(struct cursor *in, struct arena *keep, size_t n, struct text_list **ret)
{
	switch (cursor_u8(in)) {
	case FORM_PLAIN:
		return plain_list(in, keep, n, ret);
	case FORM_TEMPLATES:
		return templates_list(in, keep, n, ret);
	default:
		return -EBADMSG;
	}
}

int strings_get(struct cursor *in, struct arena *keep, struct span *ret, size_t n)
{
	struct text_list *list;
	int r = strings_list(in, keep, n, &list);

	r = r < 0 ? r : text_list_make(list, NULL, keep);
	if (r == 0)
		memcpy(ret, list->texts, n * sizeof(*ret));
	return r;
}
