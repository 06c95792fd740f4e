/*
 * parse_range.c - filters with bounds: numbers, lengths, addresses, > and <.
 */
#include "common/lang/number.h"
#include "common/lang/parse.h"
#include "common/lang/words.h"
#include <errno.h>
#include <math.h>

/* Greater than any text: no UTF-8 starts with these bytes. */
#define TEXT_MAX SPAN("\xff\xff\xff\xff")

static double next_up(double bound)
{
	return isinf(bound) ? bound : nextafter(bound, INFINITY);
}

static double next_down(double bound)
{
	return isinf(bound) ? bound : nextafter(bound, -INFINITY);
}

static int show_bounds(struct lex *lex, struct filter *leaf, const char *open, struct span low,
		       struct span high, const char *close)
{
	struct buf shown = BUF_INIT(QUERY_TEXT_MAX * 4);

	buf_puts(&shown, span_cstr(open));
	text_print_bare(&shown, low);
	buf_puts(&shown, SPAN(", "));
	text_print_bare(&shown, high);
	buf_puts(&shown, span_cstr(close));
	leaf->shown = arena_dup(lex->arena, buf_span(&shown));
	buf_release(&shown);
	return leaf->shown.ptr ? 0 : -ENOMEM;
}

int parse_range(struct lex *lex, struct field_ref field, const struct filter_function *function,
		struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	bool low_in = lex_is(lex, "["), high_in;
	struct span low, high;
	int r;

	if (!leaf)
		return -ENOMEM;
	lex_next(lex);
	r = lex_parse_number(lex, "the lower bound", &leaf->min, &low);
	if (r >= 0)
		r = parse_bounds_comma(lex);
	if (r >= 0)
		r = lex_parse_number(lex, "the upper bound", &leaf->max, &high);
	if (r < 0)
		return r;
	high_in = lex_is(lex, "]");
	if (!high_in && !lex_is(lex, ")"))
		return lex_error(lex, "expected `)` (without the bound itself) or `]` (with it)");
	lex_next(lex);
	if (!low_in)
		leaf->min = next_up(leaf->min);
	if (!high_in)
		leaf->max = next_down(leaf->max);
	*ret = leaf;
	return show_bounds(lex, leaf, low_in ? "range[" : "range(", low, high, high_in ? "]" : ")");
}

/* The text with a NUL behind it: the very next one in order. */
static int next_text(struct lex *lex, struct span text, struct span *ret)
{
	char *next = arena_alloc(lex->arena, text.len + 1);

	if (!next)
		return -ENOMEM;
	if (text.len)
		memcpy(next, text.ptr, text.len);
	next[text.len] = 0;
	*ret = span_of(next, text.len + 1);
	return 0;
}

/* A bound that is no number compares texts by their bytes. */
static int set_text_bound(struct lex *lex, struct filter *leaf, bool above, bool inclusive,
			  struct span bound)
{
	int r = 0;

	leaf->kind = FILTER_STRING_RANGE;
	if (above == !inclusive)
		r = next_text(lex, bound, &bound);
	leaf->text = above ? bound : (struct span){0};
	leaf->text2 = above ? TEXT_MAX : bound;
	return r;
}

int parse_comparison(struct lex *lex, struct field_ref field, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_RANGE);
	bool above = lex_is(lex, ">"), inclusive = false;
	struct lex at_sign = *lex;
	struct span bound;
	double number;
	int r;

	if (!leaf)
		return -ENOMEM;
	lex_next(lex);
	if (!lex->space)
		inclusive = lex_accept(lex, "=");
	if ((lex->space && field.name.len == 0 && !field.wild) || lex_is_any(lex, "< >"))
		return parse_mistake(&at_sign);
	r = lex_parse_text(lex, "the value to compare with", &bound);
	if (r < 0)
		return r;
	if (lang_number(bound, &number)) {
		leaf->min = !above ? -INFINITY : inclusive ? number : next_up(number);
		leaf->max = above ? INFINITY : inclusive ? number : next_down(number);
	} else if (span_ieq(bound, SPAN("nan"))) {
		leaf->min = leaf->max = NAN;
	} else {
		r = set_text_bound(lex, leaf, above, inclusive, bound);
	}
	if (r < 0)
		return r;
	struct buf shown = BUF_INIT(QUERY_TEXT_MAX * 4);

	buf_printf(&shown, "%c%s", above ? '>' : '<', inclusive ? "=" : "");
	text_print_bare(&shown, bound);
	leaf->shown = arena_dup(lex->arena, buf_span(&shown));
	buf_release(&shown);
	*ret = leaf;
	return leaf->shown.ptr ? 0 : -ENOMEM;
}

static int parse_length(struct lex *lex, struct span text, size_t pos, uint64_t *ret)
{
	if (lang_unsigned(text, ret))
		return 0;
	return lex_error_at(lex, pos, "expected a length, found `%.*s`", SPAN_FMT(text));
}

int parse_len_range(struct lex *lex, struct field_ref field, const struct filter_function *function,
		    struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	struct span_list args;
	size_t pos = lex->pos;
	int r = parse_args_exactly(lex, function, 2, &args);

	if (r < 0)
		return r;
	if (!leaf)
		return -ENOMEM;
	r = parse_length(lex, args.ptr[0], pos, &leaf->umin);
	if (r >= 0)
		r = parse_length(lex, args.ptr[1], pos, &leaf->umax);
	if (r < 0)
		return r;
	*ret = leaf;
	return show_bounds(lex, leaf, "len_range(", args.ptr[0], args.ptr[1], ")");
}

/* Bounds of a.b.c.d/n; without /n one address. */
static bool parse_cidr(struct span text, size_t bits, bool (*parse)(struct span, uint8_t *),
		       uint8_t *low, uint8_t *high)
{
	ptrdiff_t slash = span_chr(text, '/');
	uint64_t kept = bits;

	if (slash >= 0 && (!lang_u64(span_skip(text, (size_t)slash + 1), &kept) || kept > bits))
		return false;
	if (!parse(slash < 0 ? text : span_take(text, (size_t)slash), low))
		return false;
	memcpy(high, low, bits / 8);
	for (size_t bit = kept; bit < bits; bit++) {
		low[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		high[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	return true;
}

static bool parse_ipv4_bytes(struct span text, uint8_t *ret)
{
	uint32_t address;

	if (!lang_ipv4(text, &address))
		return false;
	for (int i = 0; i < 4; i++)
		ret[i] = (uint8_t)(address >> (24 - 8 * i));
	return true;
}

static uint32_t ipv4_number(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* (a, b) or (a/n) as bytes. */
static int parse_addresses(struct lex *lex, const struct filter_function *function, size_t bits,
			   bool (*parse)(struct span, uint8_t *), uint8_t *low, uint8_t *high)
{
	struct span_list args;
	size_t pos = lex->pos;
	int r = lex_parse_args(lex, &args);

	if (r < 0)
		return r;
	if (args.len < 1 || args.len > 2)
		return lex_error_at(lex, pos, "%s() takes a network like %s, or two addresses",
				    function->name, bits == 32 ? "10.0.0.0/8" : "2001:db8::/32");
	for (size_t i = 0; i < args.len; i++) {
		bool good = args.len == 1 ? parse_cidr(args.ptr[i], bits, parse, low, high)
					  : parse(args.ptr[i], i ? high : low);

		if (!good)
			return lex_error_at(lex, pos, "`%.*s` is no IPv%d address%s",
					    SPAN_FMT(args.ptr[i]), bits == 32 ? 4 : 6,
					    args.len == 1 ? " and no network" : "");
	}
	return 0;
}

int parse_ipv4_range(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	uint8_t low[4], high[4];
	int r = parse_addresses(lex, function, 32, parse_ipv4_bytes, low, high);

	if (r < 0)
		return r;
	if (!leaf)
		return -ENOMEM;
	leaf->umin = ipv4_number(low);
	leaf->umax = ipv4_number(high);
	*ret = leaf;
	return 0;
}

int parse_ipv6_range(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);

	if (!leaf)
		return -ENOMEM;
	*ret = leaf;
	return parse_addresses(lex, function, 128, lang_ipv6, leaf->ip6_min, leaf->ip6_max);
}
