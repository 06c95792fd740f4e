/*
 * print.c - canonical text of filters and queries; parses back to the same.
 *
 *	a and b, c:d or !e     prints as     a b, …
 *
 * And is a space, not is `!`, or needs parentheses inside of and.  Each leaf
 * prints its field (but _msg) and then itself.
 */
#include "common/base/cleanup.h"
#include "common/lang/ast/query.h"
#include "common/lang/number.h"
#include "common/lang/pattern.h"
#include "common/lang/words.h"
#include <arpa/inet.h>

static const char *const function_names[] = {
	[FILTER_SEQ] = "seq",
	[FILTER_JSON_ARRAY_ANY] = "json_array_contains_any",
	[FILTER_VALUE_TYPE] = "value_type",
	[FILTER_NONE] = "in",
	[FILTER_IN] = "in",
	[FILTER_CONTAINS_ALL] = "contains_all",
	[FILTER_CONTAINS_ANY] = "contains_any",
	[FILTER_EQ_FIELD] = "eq_field",
	[FILTER_LE_FIELD] = "le_field",
	[FILTER_LT_FIELD] = "lt_field",
	[FILTER_STREAM_ID] = "in",
};

static void print_field(const struct filter *leaf, struct buf *out)
{
	if (leaf->kind == FILTER_ALL || leaf->kind == FILTER_NONE || leaf->kind == FILTER_STREAM ||
	    (!leaf->wild && span_eq(leaf->field, SPAN("_msg"))))
		return;
	if (leaf->field.len)
		text_print(out, leaf->field);
	if (leaf->wild)
		buf_putc(out, '*');
	buf_putc(out, ':');
}

/*
 * name(a,b) or name(sub-query).  Without a space, since results are named by
 * what is printed, and `count(*) if (a:in(x,y))` is what panels ask for.
 */
static void print_values(const struct filter *leaf, struct buf *out)
{
	buf_printf(out, "%s(", function_names[leaf->kind]);
	if (leaf->values.subquery)
		query_print(leaf->values.subquery, out);
	for (size_t i = 0; i < leaf->values.len && !leaf->values.subquery; i++) {
		if (i)
			buf_putc(out, ',');
		text_print(out, leaf->values.ptr[i]);
	}
	buf_putc(out, ')');
}

static void print_one_argument(const char *name, struct span text, const char *star,
			       struct buf *out)
{
	buf_printf(out, "%s(", name);
	text_print(out, text);
	buf_printf(out, "%s)", star);
}

static void print_pattern(const struct filter *leaf, struct buf *out)
{
	static const char *const names[] = {
		[PATTERN_ANYWHERE] = "pattern_match",
		[PATTERN_FULL] = "pattern_match_full",
		[PATTERN_START] = "pattern_match_prefix",
		[PATTERN_END] = "pattern_match_suffix",
	};

	print_one_argument(names[pattern_place(leaf->pattern)], leaf->text, "", out);
}

static void print_addresses(const struct filter *leaf, struct buf *out)
{
	char low[INET6_ADDRSTRLEN], high[INET6_ADDRSTRLEN];
	uint32_t min = htonl((uint32_t)leaf->umin), max = htonl((uint32_t)leaf->umax);
	bool four = leaf->kind == FILTER_IPV4_RANGE;

	inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)&min : leaf->ip6_min, low,
		  sizeof(low));
	inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)&max : leaf->ip6_max, high,
		  sizeof(high));
	buf_printf(out, "ipv%d_range(\"%s\", \"%s\")", four ? 4 : 6, low, high);
}

static void print_tag(const struct stream_tag *tag, struct buf *out)
{
	static const char *const ops[] = {
		[STREAM_EQ] = "=",        [STREAM_NE] = "!=",    [STREAM_MATCH] = "=~",
		[STREAM_NO_MATCH] = "!~", [STREAM_IN] = " in (", [STREAM_NOT_IN] = " not_in (",
	};

	text_print(out, tag->name);
	buf_puts(out, span_cstr(ops[tag->op]));
	if (tag->op != STREAM_IN && tag->op != STREAM_NOT_IN) {
		text_print_quoted(out, tag->value);
		return;
	}
	text_print_list(out, tag->values, tag->nvalues);
	buf_putc(out, ')');
}

static void print_stream(const struct filter *leaf, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < leaf->ngroups; i++) {
		if (i)
			buf_puts(out, SPAN(" or "));
		for (size_t j = 0; j < leaf->groups[i].ntags; j++) {
			if (j)
				buf_puts(out, SPAN(", "));
			print_tag(&leaf->groups[i].tags[j], out);
		}
	}
	buf_putc(out, '}');
}

/* Texts around which nothing but signs stands: "foo"* ="foo" ~"foo" */
static void print_text_leaf(const struct filter *leaf, struct buf *out)
{
	static const struct {
		const char *before, *behind;
	} signs[] = {
		[FILTER_PHRASE] = {"", ""},      [FILTER_PREFIX] = {"", "*"},
		[FILTER_SUBSTRING] = {"*", "*"}, [FILTER_REGEX] = {"~", ""},
		[FILTER_EXACT] = {"=", ""},      [FILTER_EXACT_PREFIX] = {"=", "*"},
	};

	buf_puts(out, span_cstr(signs[leaf->kind].before));
	if (leaf->kind == FILTER_PREFIX && leaf->text.len == 0 &&
	    (leaf->wild || !span_eq(leaf->field, SPAN("_msg"))))
		;
	else
		text_print(out, leaf->text);
	buf_puts(out, span_cstr(signs[leaf->kind].behind));
}

static void print_leaf(const struct filter *leaf, struct buf *out)
{
	print_field(leaf, out);
	switch (leaf->kind) {
	case FILTER_ALL:
		buf_putc(out, '*');
		break;
	case FILTER_ANY_CASE_PHRASE:
		print_one_argument("i", leaf->text, "", out);
		break;
	case FILTER_ANY_CASE_PREFIX:
		print_one_argument("i", leaf->text, "*", out);
		break;
	case FILTER_VALUE_TYPE:
	case FILTER_EQ_FIELD:
	case FILTER_LE_FIELD:
	case FILTER_LT_FIELD:
		print_one_argument(function_names[leaf->kind], leaf->text, "", out);
		break;
	case FILTER_PATTERN:
		print_pattern(leaf, out);
		break;
	case FILTER_IPV4_RANGE:
	case FILTER_IPV6_RANGE:
		print_addresses(leaf, out);
		break;
	case FILTER_STREAM:
		print_stream(leaf, out);
		break;
	case FILTER_DAY_RANGE:
		buf_puts(out, SPAN("day_range"));
		buf_puts(out, leaf->shown);
		break;
	case FILTER_WEEK_RANGE:
		buf_puts(out, SPAN("week_range"));
		buf_puts(out, leaf->shown);
		break;
	case FILTER_STRING_RANGE:
		if (!leaf->shown.len) {
			struct span bounds[] = {leaf->text, leaf->text2};

			buf_puts(out, SPAN("string_range("));
			text_print_list(out, bounds, 2);
			buf_putc(out, ')');
			break;
		}
		buf_puts(out, leaf->shown);
		break;
	default:
		if (leaf->shown.len)
			buf_puts(out, leaf->shown);
		else if (function_names[leaf->kind])
			print_values(leaf, out);
		else
			print_text_leaf(leaf, out);
	}
}

void filter_print(const struct filter *filter, struct buf *out)
{
	if (filter_is_leaf(filter)) {
		print_leaf(filter, out);
		return;
	}
	if (filter->kind == FILTER_NOT)
		buf_putc(out, '!');
	for (size_t i = 0; i < filter->nkids; i++) {
		const struct filter *kid = filter->kids[i];
		/* Only OR may hold AND bare; a list in a list keeps its parentheses. */
		bool parens = !filter_is_leaf(kid) && kid->kind != FILTER_NOT &&
			      !(filter->kind == FILTER_OR && kid->kind == FILTER_AND);

		if (i)
			buf_puts(out, filter->kind == FILTER_OR ? SPAN(" or ") : SPAN(" "));
		if (parens)
			buf_putc(out, '(');
		filter_print(kid, out);
		if (parens)
			buf_putc(out, ')');
	}
}

static void print_bool(bool given, bool value, const char *name, struct buf *out)
{
	if (given)
		buf_printf(out, "%s=%s, ", name, value ? "true" : "false");
}

static void print_options(const struct query *query, struct buf *out)
{
	const struct query_options *options = &query->options;
	const struct query_options none = {0};
	const struct query_options *outer = query->parent ? &query->parent->options : &none;

	size_t start = out->len;

	if (!options->given)
		return;
	buf_puts(out, SPAN("options("));
	if (options->concurrency != outer->concurrency)
		buf_printf(out, "concurrency=%llu, ", (unsigned long long)options->concurrency);
	if (options->parallel_readers != outer->parallel_readers)
		buf_printf(out, "parallel_readers=%llu, ",
			   (unsigned long long)options->parallel_readers);
	print_bool(options->has_ignore_global_time, options->ignore_global_time,
		   "ignore_global_time_filter", out);
	print_bool(options->has_allow_partial, options->allow_partial, "allow_partial_response",
		   out);
	if (options->time_offset_text.len) {
		buf_puts(out, SPAN("time_offset="));
		text_print_bare(out, options->time_offset_text);
		buf_puts(out, SPAN(", "));
	}
	if (options->global_filter && options->global_filter != outer->global_filter) {
		buf_puts(out, SPAN("global_filter=("));
		filter_print(options->global_filter, out);
		buf_puts(out, SPAN("), "));
	}
	/* Options that say what holds anyway leave nothing to print. */
	if (!out->failed && out->len == start + strlen("options(")) {
		out->len = start;
		return;
	}
	if (!out->failed)
		out->len -= strlen(", ");
	buf_puts(out, SPAN(") "));
}

void query_print(const struct query *query, struct buf *out)
{
	print_options(query, out);
	filter_print(query->filter, out);
	for (size_t i = 0; i < query->npipes; i++) {
		buf_puts(out, SPAN(" | "));
		query->ops->print_pipe(query->pipes[i], out);
	}
}
