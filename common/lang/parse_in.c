/*
 * parse_in.c - lists of texts, and the sub-queries that may stand in for them.
 *
 *	in(a, "b c")            the texts themselves
 *	in(*)                   anything
 *	in(error | fields id)   what the sub-query finds in its one field
 */
#include "common/base/utf8.h"
#include "common/lang/parse.h"
#include "common/lang/token.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

static int compare_texts(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

void parse_sort_values(struct filter_values *values)
{
	size_t n = 0;

	values->signs = 0;
	for (size_t i = 0; i < values->len; i++)
		values->signs += !phrase_begins_with_word(values->ptr[i]);
	if (values->len < 2)
		return;
	qsort(values->ptr, values->len, sizeof(*values->ptr), compare_texts);
	for (size_t i = 0; i < values->len; i++)
		if (i == 0 || !span_eq(values->ptr[i], values->ptr[n - 1]))
			values->ptr[n++] = values->ptr[i];
	values->len = n;
}

int parse_values(struct lex *lex, struct span_list *ret, bool *ret_any)
{
	struct span_list list = {0};
	struct span text;
	int r;

	*ret_any = false;
	r = lex_expect(lex, "(", "and a list of values");
	if (r < 0)
		return r;
	while (!lex_is(lex, ")")) {
		if (lex_accept(lex, "*")) {
			*ret_any = true;
		} else {
			r = lex_parse_text(lex, "a value", &text);
			if (r >= 0)
				r = span_list_push(lex->arena, &list, text);
			if (r < 0)
				return r;
		}
		if (!lex_is(lex, ")") && !lex_accept(lex, ","))
			return lex_error(lex, "expected `,` or `)` in the list of values");
	}
	lex_next(lex);
	*ret = list;
	return 0;
}

/* Everything without pipes: the same as in(*). */
static bool is_star(const struct query *query)
{
	return query->npipes == 0 && query->filter->kind == FILTER_ALL && !query->options.given;
}

static int parse_sub_values(struct lex *lex, struct filter *leaf)
{
	size_t pos = lex->pos;
	struct query *query;
	int r = lang_parse_subquery(lex, &query);

	if (r < 0)
		return r;
	if (is_star(query)) {
		leaf->kind = FILTER_ALL;
		return 0;
	}
	/* Without a pipe it was more likely meant as a list. */
	if (query->npipes)
		pos = (size_t)(lex->previous.ptr - lex->query.ptr);
	if (query->npipes == 0 ||
	    !query->ops->single_field(query->pipes[query->npipes - 1], &leaf->values.result_field))
		return lex_error_at(lex, pos,
				    "the sub-query must end in a pipe that leaves one field: "
				    "`| fields name` or `| uniq by (name)`");
	leaf->values.subquery = query;
	return 0;
}

/* A list or a sub-query; of two errors the one that got further is told. */
static int parse_list_or_query(struct lex *lex, struct filter *leaf)
{
	struct lex saved = *lex;
	struct err listed = {0}, *reterr = lex->reterr;
	struct span_list list = {0};
	bool any = false;
	int r;

	lex->reterr = &listed;
	r = parse_values(lex, &list, &any);
	lex->reterr = reterr;
	if (r >= 0) {
		leaf->values.ptr = list.ptr;
		leaf->values.len = list.len;
		parse_sort_values(&leaf->values);
		if (any || (list.len == 0 && leaf->kind == FILTER_CONTAINS_ALL))
			leaf->kind = FILTER_ALL;
		else if (list.len == 0)
			leaf->kind = FILTER_NONE;
		return 0;
	}
	*lex = saved;
	r = parse_sub_values(lex, leaf);
	if (r == -EINVAL && reterr && listed.offset >= reterr->offset)
		*reterr = listed;
	return r;
}

int parse_in(struct lex *lex, struct field_ref field, const struct filter_function *function,
	     struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);

	if (!leaf)
		return -ENOMEM;
	*ret = leaf;
	return parse_list_or_query(lex, leaf);
}

/* 16 bytes of id, or 8 of tenant before them, in hex. */
static bool is_stream_id(struct span text)
{
	if (text.len != 32 && text.len != 48)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return true;
}

int parse_stream_id(struct lex *lex, struct filter **ret)
{
	struct field_ref field = {SPAN("_stream_id"), false};
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_STREAM_ID);
	size_t pos = lex->pos;
	struct span_list list = {0};
	struct span id;
	int r;

	if (!leaf)
		return -ENOMEM;
	*ret = leaf;
	if (lex_accept(lex, "in")) {
		r = parse_list_or_query(lex, leaf);
	} else {
		r = lex_parse_text(lex, "a stream id of 32 or 48 hex digits", &id);
		if (r >= 0)
			r = span_list_push(lex->arena, &list, id);
		leaf->values.ptr = list.ptr;
		leaf->values.len = list.len;
	}
	for (size_t i = 0; r >= 0 && i < leaf->values.len; i++)
		if (!is_stream_id(leaf->values.ptr[i]))
			r = lex_error_at(lex, pos,
					 "`%.*s` is no stream id, which has 32 or 48 hex digits",
					 SPAN_FMT(leaf->values.ptr[i]));
	return r;
}

/* More capitals would make more spellings than anybody means. */
#define CAPITALS_MAX 10

struct capital {
	size_t at, len; /* where it is in the text, in bytes */
	char lower[4];
	size_t lower_len;
};

static int find_capitals(struct lex *lex, struct span text, size_t pos,
			 struct capital capitals[CAPITALS_MAX], size_t *ret_n)
{
	size_t n = 0;
	uint32_t rune;

	for (size_t at = 0, len; at < text.len; at += len) {
		len = utf8_decode(span_skip(text, at), &rune);
		uint32_t lower = rune_lower(rune);

		if (lower == rune)
			continue;
		if (n == CAPITALS_MAX)
			return lex_error_at(lex, pos, "`%.*s` has more than %d capital letters",
					    SPAN_FMT(text), CAPITALS_MAX);
		capitals[n].at = at;
		capitals[n].len = len;
		capitals[n].lower_len = utf8_encode(capitals[n].lower, lower);
		n++;
	}
	*ret_n = n;
	return 0;
}

static int push_copy(struct lex *lex, struct span_list *list, const struct buf *text)
{
	struct span copy = arena_dup(lex->arena, buf_span(text));

	if (text->failed || (text->len && !copy.ptr))
		return -ENOMEM;
	return span_list_push(lex->arena, list, copy);
}

/*
 * Every choice of capitals kept and lowered, each also all in upper case:
 * bit i of `lowered` says what becomes of capital i.
 */
static int add_spellings(struct lex *lex, struct span text, size_t pos, struct span_list *list)
{
	struct capital capitals[CAPITALS_MAX];
	struct buf spelling = BUF_INIT(QUERY_TEXT_MAX * 2);
	size_t n = 0;
	int r = find_capitals(lex, text, pos, capitals, &n);

	for (unsigned lowered = 0; r >= 0 && lowered < 1u << n; lowered++) {
		size_t at = 0;

		buf_reset(&spelling);
		for (size_t i = 0; i < n; i++) {
			if (!(lowered >> i & 1))
				continue;
			buf_put(&spelling, text.ptr + at, capitals[i].at - at);
			buf_put(&spelling, capitals[i].lower, capitals[i].lower_len);
			at = capitals[i].at + capitals[i].len;
		}
		buf_puts(&spelling, span_skip(text, at));
		r = push_copy(lex, list, &spelling);
	}
	if (r >= 0) {
		buf_reset(&spelling);
		text_upper(text, &spelling);
		r = push_copy(lex, list, &spelling);
	}
	buf_release(&spelling);
	return r;
}

int parse_common_case(struct lex *lex, struct field_ref field,
		      const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	struct buf shown = BUF_INIT(QUERY_TEXT_MAX * 4);
	struct span_list args, list = {0};
	size_t pos = lex->pos;
	int r = lex_parse_args(lex, &args);

	if (r >= 0 && !leaf)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < args.len; i++)
		r = add_spellings(lex, args.ptr[i], pos, &list);
	if (r < 0)
		return r;
	leaf->values.ptr = list.ptr;
	leaf->values.len = list.len;
	parse_sort_values(&leaf->values);
	buf_printf(&shown, "%s(", function->name);
	text_print_list(&shown, args.ptr, args.len);
	buf_putc(&shown, ')');
	leaf->shown = arena_dup(lex->arena, buf_span(&shown));
	buf_release(&shown);
	*ret = leaf;
	return leaf->shown.ptr ? 0 : -ENOMEM;
}

int filter_set_values(struct query *query, struct filter *leaf, const struct span *values, size_t n)
{
	struct arena *arena = &query->root->arena;
	struct span *copies = ARENA_ARRAY(arena, struct span, n ? n : 1);

	if (!copies)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copies[i] = arena_dup(arena, values[i]);
		if (values[i].len && !copies[i].ptr)
			return -ENOMEM;
	}
	leaf->values.ptr = copies;
	leaf->values.len = n;
	parse_sort_values(&leaf->values);
	return 0;
}
