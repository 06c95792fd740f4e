/*
 * parse_stream.c - {name="value", other=~"regex" or third in (a, b)}.
 *
 * Commas mean and, `or` separates groups of them; {} matches everything.
 */
#include "common/lang/parse.h"
#include "common/lang/quote.h"
#include <errno.h>

static const struct {
	const char *sign;
	enum stream_op op;
} stream_ops[] = {
	{"=", STREAM_EQ},        {"!=", STREAM_NE}, {"=~", STREAM_MATCH},
	{"!~", STREAM_NO_MATCH}, {"in", STREAM_IN}, {"not_in", STREAM_NOT_IN},
};

/* The list of in(…); a star in it matches every value. */
static int parse_tag_list(struct lex *lex, struct stream_tag *tag)
{
	struct span_list values;
	size_t pos = lex->pos;
	bool any;
	int r = parse_values(lex, &values, &any);

	if (r < 0)
		return r;
	if (any) {
		tag->op = tag->op == STREAM_IN ? STREAM_MATCH : STREAM_NO_MATCH;
		tag->value = SPAN(".*");
		return parse_regex(lex, tag->value, pos, true, &tag->regex);
	}
	tag->values = values.ptr;
	tag->nvalues = values.len;
	return 0;
}

static int parse_tag(struct lex *lex, struct stream_tag *ret)
{
	struct stream_tag tag = {0};
	size_t i = 0, n = sizeof(stream_ops) / sizeof(stream_ops[0]), pos;
	int r = lex_compound(lex, "the name of a label", ":", &tag.name);

	if (r < 0)
		return r;
	while (i < n && !lex_is(lex, stream_ops[i].sign))
		i++;
	if (lex_is(lex, ":"))
		return lex_error_at(
			lex, lex->pos,
			"between a label and its value stands `=`; a colon is for fields");
	if (i == n)
		return lex_error(lex, "expected = != =~ !~ in or not_in behind `%.*s`",
				 SPAN_FMT(tag.name));
	lex_next(lex);
	if (!lex->space && lex_is(lex, "="))
		return lex_error_at(lex, lex->pos, "a label is compared with one `=`: {%.*s=\"…\"}",
				    SPAN_FMT(tag.name));
	tag.op = stream_ops[i].op;
	pos = lex->pos;
	if (tag.op == STREAM_IN || tag.op == STREAM_NOT_IN)
		r = parse_tag_list(lex, &tag);
	else
		r = lex_parse_text(lex, "the value of the label", &tag.value);
	if (r >= 0 && !tag.regex && (tag.op == STREAM_MATCH || tag.op == STREAM_NO_MATCH))
		r = parse_regex(lex, tag.value, pos, true, &tag.regex);
	*ret = tag;
	return r;
}

/* Grow an array of the arena at each power of two. */
static void *grow(struct lex *lex, void *old, size_t n, size_t size)
{
	if (n & (n - 1))
		return old;
	void *grown = arena_calloc(lex->arena, n ? n * 2 : 1, size);

	if (grown && n)
		memcpy(grown, old, n * size);
	return grown;
}

/* Labels up to `or` or the closing brace. */
static int parse_group(struct lex *lex, struct stream_group *group)
{
	int r;

	while (!lex_is(lex, "}")) {
		group->tags = grow(lex, group->tags, group->ntags, sizeof(*group->tags));
		if (!group->tags)
			return -ENOMEM;
		r = parse_tag(lex, &group->tags[group->ntags]);
		if (r < 0)
			return r;
		group->ntags++;
		if (lex_is(lex, "or") || lex_is(lex, "}"))
			break;
		if (lex_is(lex, "and"))
			return lex_error_at(lex, lex->pos, "labels are joined by a comma");
		if (!lex->space && lex->kind == LEX_SIGN && !lex_is_any(lex, ", )") &&
		    !quote_len(lex->previous))
			return lex_error(lex, "a value with signs in it must be in quotes: "
					      "{name=~\"a.*\"}");
		if (!lex_accept(lex, ","))
			return lex_error(lex, "expected `,` `or` or `}` behind the label");
	}
	return 0;
}

int parse_stream(struct lex *lex, struct filter **ret)
{
	struct field_ref field = {SPAN("_stream"), false};
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_STREAM);
	int r = lex_expect(lex, "{", "and labels of a stream");

	if (r >= 0 && !leaf)
		r = -ENOMEM;
	if (r < 0)
		return r;
	do {
		leaf->groups = grow(lex, leaf->groups, leaf->ngroups, sizeof(*leaf->groups));
		if (!leaf->groups)
			return -ENOMEM;
		if (leaf->ngroups && lex_is(lex, "}"))
			return lex_error(lex, "expected a label behind `or`");
		r = parse_group(lex, &leaf->groups[leaf->ngroups++]);
		if (r < 0)
			return r;
	} while (lex_accept(lex, "or"));
	*ret = leaf;
	return lex_expect(lex, "}", "behind the labels");
}
