/*
 * Ids: hex digits of one even length ("5d9dc9f81818e811…"), or UUIDs, all in
 * lower case.  Random bytes can't be compressed, but they are half as long as
 * their digits; and a trace id comes once for each span of the trace.
 *
 *	chunk := u8 layout · u8 bytes an id · presence · u8 repeats ·
 *	         (varint distinct · ids · ints | ids)
 */
#include "aggregator/store/codec.h"
#include "aggregator/store/codes.h"
#include <errno.h>

enum layout { LAYOUT_HEX, LAYOUT_UUID };

#define ID_MIN   4
#define ID_MAX   32
#define UUID_LEN 36

static const char hex_digits[] = "0123456789abcdef";

/* 8-4-4-4-12 */
static bool dash_at(enum layout layout, size_t at)
{
	return layout == LAYOUT_UUID && (at == 8 || at == 13 || at == 18 || at == 23);
}

static size_t text_len(enum layout layout, size_t id_len)
{
	return layout == LAYOUT_UUID ? UUID_LEN : 2 * id_len;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The id's bytes; false when the text would not come back the same. */
static bool read_id(enum layout layout, struct span text, size_t id_len, uint8_t *id)
{
	if (text.len != text_len(layout, id_len))
		return false;
	for (size_t at = 0, i = 0; i < id_len; i++) {
		if (dash_at(layout, at) && text.ptr[at++] != '-')
			return false;
		int high = digit_value(text.ptr[at]), low = digit_value(text.ptr[at + 1]);

		if ((high | low) < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	return true;
}

/* Both digits of every byte: one copy a byte of the id. */
struct digit_pairs {
	char of[256][2];
};

static void fill_pairs(struct digit_pairs *pairs)
{
	for (unsigned i = 0; i < 256; i++) {
		pairs->of[i][0] = hex_digits[i >> 4];
		pairs->of[i][1] = hex_digits[i & 15];
	}
}

static void write_id(const struct digit_pairs *pairs, enum layout layout, const uint8_t *id,
		     size_t id_len, char *text)
{
	for (size_t at = 0, i = 0; i < id_len; i++, at += 2) {
		if (dash_at(layout, at))
			text[at++] = '-';
		memcpy(text + at, pairs->of[id[i]], 2);
	}
}

/* What the first value looks like; 0 = no id. */
static size_t guess(struct span first, enum layout *ret_layout)
{
	uint8_t id[ID_MAX];

	*ret_layout = first.len == UUID_LEN ? LAYOUT_UUID : LAYOUT_HEX;
	size_t id_len = *ret_layout == LAYOUT_UUID ? 16 : first.len / 2;

	if (id_len < ID_MIN || id_len > ID_MAX || !read_id(*ret_layout, first, id_len, id))
		return 0;
	return id_len;
}

static int hex_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		   struct column_entry *entry)
{
	struct distinct *d = &ctx->distinct;
	enum layout layout;
	size_t id_len = values->times ? 0 : guess(values->texts[0], &layout);

	(void)entry;
	if (id_len == 0)
		return 0;
	bool repeats = distinct_run(d, values->texts, values->n, values->n - values->n / 8);
	const struct span *texts = repeats ? d->list : values->texts;
	size_t n = repeats ? d->len : values->n;
	uint8_t *ids = arena_alloc(&ctx->arena, n * id_len);

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!read_id(layout, texts[i], id_len, ids + i * id_len))
			return 0;
	ctx->words = texts;
	ctx->nwords = n;
	put_u8(out, (uint8_t)layout);
	put_u8(out, (uint8_t)id_len);
	presence_put(ctx, values, out);
	put_u8(out, repeats);
	if (repeats)
		put_varint(out, n);
	buf_put(out, ids, n * id_len);
	int r = repeats ? codes_put(ctx, out, d->codes, values->n) : 0;

	return r < 0 ? r : 1;
}

struct id_list {
	struct text_list list; /* first: the list's functions get a pointer to it */
	enum layout layout;
	size_t id_len;
	const uint8_t *ids; /* of the chunk */
};

static int make_texts(struct text_list *list, const uint32_t *numbers, uint32_t n,
		      struct arena *arena, struct span *ret)
{
	const struct id_list *l = (const struct id_list *)list;
	size_t len = text_len(l->layout, l->id_len);
	struct digit_pairs pairs;
	char *text = arena_alloc(arena, n * len);

	if (!text)
		return -ENOMEM;
	fill_pairs(&pairs);
	for (uint32_t i = 0; i < n; i++, text += len) {
		write_id(&pairs, l->layout, l->ids + numbers[i] * l->id_len, l->id_len, text);
		ret[i] = span_of(text, len);
	}
	return 0;
}

/* Bytes are compared, not digits. */
static void find_equal(const struct text_list *list, struct span text, uint8_t *ret)
{
	const struct id_list *l = (const struct id_list *)list;
	uint8_t id[ID_MAX];
	bool is_id = read_id(l->layout, text, l->id_len, id);

	for (size_t i = 0; i < list->n; i++)
		ret[i] = is_id && memcmp(l->ids + i * l->id_len, id, l->id_len) == 0;
}

/* The `n` ids that follow. */
static int id_list(struct cursor *in, enum layout layout, size_t id_len, uint64_t n,
		   struct arena *keep, struct text_list **ret)
{
	struct id_list *l = ARENA_NEW(keep, struct id_list);
	struct span ids = cursor_bytes(in, n * id_len);

	if (in->failed)
		return -EBADMSG;
	if (!l)
		return -ENOMEM;
	*l = (struct id_list){.list = {.n = (uint32_t)n, .make = make_texts, .equal = find_equal},
			      .layout = layout,
			      .id_len = id_len,
			      .ids = (const uint8_t *)ids.ptr};
	*ret = &l->list;
	return 0;
}

static int hex_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		   const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		   struct column *ret)
{
	uint8_t layout = cursor_u8(in), id_len = cursor_u8(in);
	struct list_head head;
	struct text_list *list;

	(void)entry;
	if (layout > LAYOUT_UUID || id_len > ID_MAX || (layout == LAYOUT_UUID && id_len != 16))
		return -EBADMSG;
	int r = list_head_get(in, nrows, tmp, &head);

	r = r < 0 ? r : id_list(in, layout, id_len, head.nlist, keep, &list);
	return r < 0 ? r : list_column(in, &head, list, wanted, nrows, keep, ret);
}

const struct codec codec_hex = {.name = "hex", .put = hex_put, .get = hex_get, .borrows = true};
