/*
 * parse_leaf.c - operators, and functions whose arguments are texts.
 */
#include "common/conf/regex.h"
#include "common/lang/parse.h"
#include "common/lang/pattern.h"
#include "common/lang/token.h"
#include <errno.h>

int parse_args_exactly(struct lex *lex, const struct filter_function *function, size_t n,
		       struct span_list *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_args(lex, ret);

	if (r < 0)
		return r;
	if (ret->len != n)
		return lex_error_at(lex, pos, "%s() takes %zu argument%s, found %zu",
				    function->name, n, n == 1 ? "" : "s", ret->len);
	return 0;
}

/* Byte `at` of a text of the query, or `pos` where escapes have changed it. */
static size_t byte_of_query(const struct lex *lex, struct span text, size_t at, size_t pos)
{
	uintptr_t start = (uintptr_t)text.ptr, query = (uintptr_t)lex->query.ptr;

	if (start < query || start + text.len > query + lex->query.len)
		return pos;
	return (size_t)(start - query) + (at < text.len ? at : text.len);
}

int parse_regex(struct lex *lex, struct span source, size_t pos, bool whole, struct regex **ret)
{
	struct query *root = lex->owner->root;
	struct err err = {0};
	struct regex *regex;

	if (root->regexes.len >= QUERY_REGEX_MAX)
		return lex_error_at(lex, pos, "more than %d regular expressions in one query",
				    QUERY_REGEX_MAX);
	int r = regex_new(source, REGEX_RE2 | REGEX_DOTALL | (whole ? REGEX_WHOLE : 0), &regex,
			  &err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return lex_error_at(lex, byte_of_query(lex, source, err.offset, pos),
				    "the regular expression is wrong: %s", err.text);
	r = vec_push(&root->regexes, regex);
	if (r < 0) {
		regex_free(regex);
		return r;
	}
	*ret = regex;
	return 0;
}

int parse_regex_leaf(struct lex *lex, struct field_ref field, struct span source, size_t pos,
		     struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_REGEX);

	if (!leaf)
		return -ENOMEM;
	*ret = leaf;
	leaf->pos = pos;
	leaf->text = source;
	/* What dashboards send for "all" and "any value". */
	if (source.len == 0 || span_eq(source, SPAN(".*"))) {
		leaf->kind = FILTER_ALL;
		return 0;
	}
	if (span_eq(source, SPAN(".+"))) {
		leaf->kind = FILTER_PREFIX;
		leaf->text = (struct span){0};
		return 0;
	}
	return parse_regex(lex, source, pos, false, &leaf->regex);
}

/* `foo = bar` would silently look for two words. */
static int step_sign(struct lex *lex, struct field_ref field)
{
	struct lex at_sign = *lex;

	lex_next(lex);
	bool alone = lex->space && !field.name.len && !field.wild;

	return alone || lex_is(lex, "=") ? parse_mistake(&at_sign) : 0;
}

static int parse_equal(struct lex *lex, struct field_ref field, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, FILTER_EXACT);
	int r;

	if (!leaf)
		return -ENOMEM;
	r = step_sign(lex, field);
	if (r >= 0)
		r = lex_parse_text(lex, "the value to compare with", &leaf->text);
	if (r < 0)
		return r;
	if (!lex->space && lex_accept(lex, "*"))
		leaf->kind = FILTER_EXACT_PREFIX;
	*ret = leaf;
	return 0;
}

static int unquoted_regex(struct lex *lex, size_t pos)
{
	return lex_error_at(lex, pos,
			    "a regular expression with signs must be in quotes: ~\"err(or|s)\"");
}

static int parse_match(struct lex *lex, struct field_ref field, struct filter **ret)
{
	struct span source;
	size_t pos;
	int r = step_sign(lex, field);

	if (r < 0)
		return r;
	pos = lex->pos;
	if (lex_is_any(lex, "- ( [ { * + ? ^ \\"))
		return unquoted_regex(lex, pos);
	r = lex_parse_text(lex, "a regular expression", &source);
	if (r >= 0 && !lex->space && !lex_at_pipe_end(lex))
		return unquoted_regex(lex, pos);
	return r < 0 ? r : parse_regex_leaf(lex, field, source, pos, ret);
}

static const struct {
	const char *sign;
	int (*parse)(struct lex *, struct field_ref, struct filter **);
	bool negated;
} operators[] = {
	{"=", parse_equal, false}, {"!=", parse_equal, true},      {"~", parse_match, false},
	{"!~", parse_match, true}, {">", parse_comparison, false}, {"<", parse_comparison, false},
};

int parse_operator(struct lex *lex, struct field_ref field, struct filter **ret)
{
	size_t i = 0, n = sizeof(operators) / sizeof(operators[0]);

	while (i < n && !lex_is(lex, operators[i].sign))
		i++;
	if (i == n)
		return 0;
	int r = operators[i].parse(lex, field, ret);

	if (r >= 0 && operators[i].negated)
		r = parse_negate(lex, *ret, ret);
	return r < 0 ? r : 1;
}

static int lower_text(struct lex *lex, struct span text, struct span *ret)
{
	struct buf lower = BUF_INIT(QUERY_TEXT_MAX * 2);
	int r;

	text_lower(text, &lower);
	*ret = arena_dup(lex->arena, buf_span(&lower));
	r = lower.failed ? lower.failed : lower.len && !ret->ptr ? -ENOMEM : 0;
	buf_release(&lower);
	return r;
}

/* i(text) i(text*) exact(text) exact(text*): `option` is the kind with the star. */
static int parse_maybe_prefix(struct lex *lex, struct field_ref field,
			      const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	int r = 0;

	if (!leaf)
		return -ENOMEM;
	lex_next(lex);
	if (!lex_is(lex, "*"))
		r = lex_parse_text(lex, "an argument", &leaf->text);
	if (r < 0)
		return r;
	if ((!lex->space || leaf->text.ptr == NULL) && lex_accept(lex, "*"))
		leaf->kind = (enum filter_kind)function->option;
	if (function->kind == FILTER_ANY_CASE_PHRASE)
		r = lower_text(lex, leaf->text, &leaf->lower);
	if (r < 0)
		return r;
	*ret = leaf;
	return lex_expect(lex, ")", "behind the argument");
}

static int parse_one_text(struct lex *lex, struct field_ref field,
			  const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	struct span_list args;
	int r = parse_args_exactly(lex, function, 1, &args);

	if (r < 0)
		return r;
	if (!leaf)
		return -ENOMEM;
	leaf->text = args.ptr[0];
	*ret = leaf;
	return 0;
}

/* eq_field() and the like: the other field; "" is _msg there too. */
static int parse_other_field(struct lex *lex, struct field_ref field,
			     const struct filter_function *function, struct filter **ret)
{
	int r = parse_one_text(lex, field, function, ret);

	if (r >= 0 && (*ret)->text.len == 0)
		(*ret)->text = SPAN("_msg");
	return r;
}

static int parse_pattern(struct lex *lex, struct field_ref field,
			 const struct filter_function *function, struct filter **ret)
{
	int r = parse_one_text(lex, field, function, ret);

	return r < 0 ? r
		     : pattern_new((*ret)->text, (enum pattern_place)function->option, lex->arena,
				   &(*ret)->pattern);
}

static int parse_re(struct lex *lex, struct field_ref field, const struct filter_function *function,
		    struct filter **ret)
{
	struct span_list args;
	size_t pos = lex->pos + 1;
	int r = parse_args_exactly(lex, function, 1, &args);

	return r < 0 ? r : parse_regex_leaf(lex, field, args.ptr[0], pos, ret);
}

static int parse_seq(struct lex *lex, struct field_ref field,
		     const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	struct span_list args;
	int r = lex_parse_args(lex, &args);

	if (r < 0)
		return r;
	if (!leaf)
		return -ENOMEM;
	leaf->values.ptr = args.ptr;
	leaf->values.len = args.len;
	if (function->kind != FILTER_SEQ)
		parse_sort_values(&leaf->values);
	*ret = leaf;
	return 0;
}

static int parse_string_range(struct lex *lex, struct field_ref field,
			      const struct filter_function *function, struct filter **ret)
{
	struct filter *leaf = parse_new_leaf(lex, field, function->kind);
	struct span_list args;
	int r = parse_args_exactly(lex, function, 2, &args);

	if (r < 0)
		return r;
	if (!leaf)
		return -ENOMEM;
	leaf->text = args.ptr[0];
	leaf->text2 = args.ptr[1];
	*ret = leaf;
	return 0;
}

static const struct filter_function functions[] = {
	{"contains_all", FILTER_CONTAINS_ALL, parse_in, true, 0},
	{"contains_any", FILTER_CONTAINS_ANY, parse_in, true, 0},
	{"contains_common_case", FILTER_CONTAINS_COMMON_CASE, parse_common_case, true, 0},
	{"eq_field", FILTER_EQ_FIELD, parse_other_field, false, 0},
	{"equals_common_case", FILTER_EQUALS_COMMON_CASE, parse_common_case, true, 0},
	{"exact", FILTER_EXACT, parse_maybe_prefix, false, FILTER_EXACT_PREFIX},
	{"i", FILTER_ANY_CASE_PHRASE, parse_maybe_prefix, false, FILTER_ANY_CASE_PREFIX},
	{"in", FILTER_IN, parse_in, true, 0},
	{"ipv4_range", FILTER_IPV4_RANGE, parse_ipv4_range, false, 0},
	{"ipv6_range", FILTER_IPV6_RANGE, parse_ipv6_range, false, 0},
	{"json_array_contains_any", FILTER_JSON_ARRAY_ANY, parse_seq, false, 0},
	{"le_field", FILTER_LE_FIELD, parse_other_field, false, 0},
	{"len_range", FILTER_LEN_RANGE, parse_len_range, false, 0},
	{"lt_field", FILTER_LT_FIELD, parse_other_field, false, 0},
	{"pattern_match", FILTER_PATTERN, parse_pattern, false, PATTERN_ANYWHERE},
	{"pattern_match_full", FILTER_PATTERN, parse_pattern, false, PATTERN_FULL},
	{"pattern_match_prefix", FILTER_PATTERN, parse_pattern, false, PATTERN_START},
	{"pattern_match_suffix", FILTER_PATTERN, parse_pattern, false, PATTERN_END},
	{"range", FILTER_RANGE, parse_range, false, '['},
	{"re", FILTER_REGEX, parse_re, false, 0},
	{"seq", FILTER_SEQ, parse_seq, false, 0},
	{"string_range", FILTER_STRING_RANGE, parse_string_range, false, 0},
	{"value_type", FILTER_VALUE_TYPE, parse_one_text, false, 0},
};

const struct filter_function *parse_find_function(const struct lex *lex)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const struct filter_function *function = &functions[i];

		if (!lex_is(lex, function->name))
			continue;
		struct lex ahead = *lex;

		lex_next(&ahead);
		if (function->quoted || lex_is(&ahead, "(") ||
		    (function->option == '[' && lex_is(&ahead, "[")))
			return function;
		return NULL;
	}
	return NULL;
}
