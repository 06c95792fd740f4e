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
	int r = ints_get(in, lengths, n);

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

int strings_get(struct cursor *in, const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		struct span *ret, size_t n)
{
	switch (cursor_u8(in)) {
	case FORM_PLAIN:
		return plain_get(in, tmp, keep, ret, n);
	case FORM_TEMPLATES:
		return templates_get(in, wanted, tmp, keep, ret, n);
	default:
		return -EBADMSG;
	}
}
