/*
 * Integers and decimals.
 *
 *	chunk := u8 form · u8 scale · presence · ints
 *
 * Two spellings come back exactly: no zeros at the end ("1.5", "2"), or the
 * same number of digits everywhere ("1.50", "2.00").
 */
#include "aggregator/store/codec.h"
#include "aggregator/store/decimal.h"
#include "aggregator/store/ints.h"
#include <errno.h>
#include <math.h>

enum form { FORM_SHORTEST, FORM_FIXED };

/* How the column's values are spelled, taken together. */
struct spelling {
	unsigned scale; /* of the value with most digits behind the point */
	bool fixed;     /* all have that many */
	bool shortest;  /* none ends in a zero behind the point */
};

static bool parse_all(const struct values *values, struct decimal *decimals, struct spelling *ret)
{
	struct spelling s = {.fixed = true, .shortest = true};

	for (size_t i = 0; i < values->n; i++) {
		struct decimal *d = &decimals[i];

		if (!decimal_parse(values->texts[i], d))
			return false;
		if (i && d->scale != decimals[0].scale)
			s.fixed = false;
		if (d->scale && d->digits % 10 == 0)
			s.shortest = false;
		s.scale = d->scale > s.scale ? d->scale : s.scale;
	}
	*ret = s;
	return s.fixed || s.shortest;
}

static void set_range(struct column_entry *entry, int64_t min, int64_t max, unsigned scale)
{
	/* One step outwards, because digits beyond 2^53 are rounded. */
	entry->has_range = true;
	entry->min = decimal_to_double(min, scale);
	entry->max = decimal_to_double(max, scale);
	if (min < -(INT64_C(1) << 53) || max > INT64_C(1) << 53) {
		entry->min = nextafter(entry->min, -INFINITY);
		entry->max = nextafter(entry->max, INFINITY);
	}
}

static int int_put(struct codec_context *ctx, const struct values *values, struct buf *out,
		   struct column_entry *entry)
{
	struct spelling spelling;
	struct decimal first;

	if (values->times || !decimal_parse(values->texts[0], &first))
		return 0;
	struct decimal *decimals = ARENA_ARRAY(&ctx->arena, struct decimal, values->n);
	int64_t *ints = ARENA_ARRAY(&ctx->arena, int64_t, values->n);
	int64_t min = INT64_MAX, max = INT64_MIN;

	if (!decimals || !ints)
		return -ENOMEM;
	if (!parse_all(values, decimals, &spelling))
		return 0;
	for (size_t i = 0; i < values->n; i++) {
		if (!decimal_rescale(&decimals[i], spelling.scale))
			return 0;
		ints[i] = decimals[i].digits;
		min = ints[i] < min ? ints[i] : min;
		max = ints[i] > max ? ints[i] : max;
	}
	set_range(entry, min, max, spelling.scale);
	put_u8(out, spelling.shortest ? FORM_SHORTEST : FORM_FIXED);
	put_u8(out, (uint8_t)spelling.scale);
	presence_put(ctx, values, out);
	ints_put(out, ints, values->n);
	return 1;
}

static const uint64_t *invert(const uint64_t *present, uint32_t nrows, struct arena *arena)
{
	size_t words = BITMAP_WORDS(nrows);
	uint64_t *absent = ARENA_ARRAY(arena, uint64_t, words);

	for (size_t i = 0; absent && i < words; i++)
		absent[i] = ~present[i];
	if (absent && nrows % 64)
		absent[words - 1] &= (UINT64_C(1) << (nrows % 64)) - 1;
	return absent;
}

static int int_get(const struct column_entry *entry, struct cursor *in, uint32_t nrows,
		   const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		   struct column *ret)
{
	uint8_t form = cursor_u8(in), scale = cursor_u8(in);
	int64_t *ints = arena_alloc(keep, nrows * sizeof(*ints));
	const uint64_t *present;
	size_t n;

	(void)entry;
	if (in->failed || form > FORM_FIXED || scale > DECIMAL_SCALE_MAX)
		return -EBADMSG;
	if (!ints)
		return -ENOMEM;
	int r = presence_get(in, nrows, tmp, &present, &n);

	r = r < 0 ? r : ints_get(in, present ? NULL : wanted, ints, n);
	if (r < 0)
		return r;
	presence_spread_ints(ints, nrows, present, n);
	*ret = (struct column){
		.kind = COLUMN_INT,
		.nrows = nrows,
		.ints = ints,
		.scale = scale,
		.fixed = form == FORM_FIXED,
		.absent = present ? invert(present, nrows, keep) : NULL,
	};
	return keep->overflowed ? -ENOMEM : 0;
}

const struct codec codec_int = {.name = "int", .put = int_put, .get = int_get};
