/*
 * IPv4 addresses, 10.0.0.1, as numbers of 32 bits.
 *
 *	chunk := presence · u8 repeats · (varint distinct · ints · numbers | ints)
 *
 * With repeats, the distinct ones in order, and which of them each row has.
 */
#include "aggregator/store/codec.h"
#include "aggregator/store/codes.h"
#include "aggregator/store/ints.h"
#include <errno.h>
#include <stdlib.h>

#define ADDRESS_LEN_MAX 15

/* False when the text would not come back the same. */
static bool read_address(struct span text, uint32_t *ret)
{
	uint32_t address = 0;
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		uint32_t n = 0;
		size_t from = at;

		for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && at - from < 3;
		     at++)
			n = n * 10 + (uint32_t)(text.ptr[at] - '0');
		if (at == from || n > 255 || (text.ptr[from] == '0' && at - from > 1))
			return false;
		if (part < 3 && (at == text.len || text.ptr[at++] != '.'))
			return false;
		address = address << 8 | n;
	}
	*ret = address;
	return at == text.len;
}

static size_t write_address(char *text, uint32_t address)
{
	size_t len = 0;

	for (int shift = 24; shift >= 0; shift -= 8) {
		uint32_t n = address >> shift & 255;

		if (n >= 100)
			text[len++] = (char)('0' + n / 100);
		if (n >= 10)
			text[len++] = (char)('0' + n / 10 % 10);
		text[len++] = (char)('0' + n % 10);
		if (shift)
			text[len++] = '.';
	}
	return len;
}

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Distinct addresses in order, of which each row has a number. */
static int put_repeats(struct codec_context *ctx, const int64_t *rows, size_t n, struct buf *out)
{
	struct distinct *d = &ctx->distinct;
	int64_t *list = ARENA_ARRAY(&ctx->arena, int64_t, d->len);
	uint32_t *order = ARENA_ARRAY(&ctx->arena, uint32_t, d->len);

	if (!list || !order)
		return -ENOMEM;
	/* An address and which one it was, in one number to sort. */
	for (size_t i = n; i-- > 0;)
		list[d->codes[i]] = rows[i] << 16 | d->codes[i];
	qsort(list, d->len, sizeof(*list), compare_numbers);
	for (size_t i = 0; i < d->len; i++) {
		order[list[i] & 0xffff] = (uint32_t)i;
		list[i] >>= 16;
	}
	for (size_t i = 0; i < n; i++)
		d->codes[i] = order[d->codes[i]];
	put_varint(out, d->len);
	ints_put(out, list, d->len);
	return codes_put(ctx, out, d->codes, n);
}

static int ipv4_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		    struct column_entry *entry)
{
	uint32_t address, min = UINT32_MAX, max = 0;

	if (values->times || !read_address(values->texts[0], &address))
		return 0;
	int64_t *rows = ARENA_ARRAY(&ctx->arena, int64_t, values->n);

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < values->n; i++) {
		if (!read_address(values->texts[i], &address))
			return 0;
		rows[i] = address;
		min = address < min ? address : min;
		max = address > max ? address : max;
	}
	entry->has_range = true;
	entry->min = min;
	entry->max = max;
	bool repeats = distinct_run(&ctx->distinct, values->texts, values->n, values->n / 2);

	presence_put(ctx, values, out);
	put_u8(out, repeats);
	int r = 0;

	if (repeats)
		r = put_repeats(ctx, rows, values->n, out);
	else
		ints_put(out, rows, values->n);
	return r < 0 ? r : 1;
}

struct address_list {
	struct text_list list; /* first: the list's functions get a pointer to it */
	uint32_t *addresses;
};

static int make_texts(struct text_list *list, const uint32_t *numbers, uint32_t n,
		      struct arena *arena, struct span *ret)
{
	char *text = arena_alloc(arena, (size_t)n * ADDRESS_LEN_MAX);

	if (!text)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		ret[i] = span_of(text, write_address(text, list->addresses[numbers[i]]));
		text += ret[i].len;
	}
	return 0;
}

static void find_equal(const struct text_list *list, struct span text, uint8_t *ret)
{
	uint32_t address = 0;
	bool is_address = read_address(text, &address);

	for (uint32_t i = 0; i < list->n; i++)
		ret[i] = is_address && list->addresses[i] == address;
}

static int ipv4_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		    const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		    struct column *ret)
{
	struct address_list *l = ARENA_NEW(keep, struct address_list);
	struct list_head head;
	int r = list_head_get(in, nrows, tmp, &head);

	(void)entry;
	if (r < 0)
		return r;
	if (!l ||
	    !(l->addresses = arena_alloc(keep, ((size_t)head.nlist + 1) * sizeof(*l->addresses))))
		return -ENOMEM;
	l->list = (struct text_list){.n = head.nlist,
				     .addresses = l->addresses,
				     .make = make_texts,
				     .equal = find_equal};
	r = ints_get_numbers(in, head.repeats || head.present ? NULL : wanted, UINT32_MAX,
			     l->addresses, head.nlist);
	return r < 0 ? r : list_column(in, &head, &l->list, wanted, nrows, keep, ret);
}

const struct codec codec_ipv4 = {.name = "ipv4", .put = ipv4_put, .get = ipv4_get};
