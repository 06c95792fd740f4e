/* hint.c - levels in lower case, and words that were meant to be more than words. */
#include "aggregator/logq/hint.h"
#include "aggregator/logq/peek.h"
#include "common/base/cleanup.h"
#include "common/base/nearest.h"
#include "common/data/record.h"
#include "common/lang/ast/filter.h"
#include "common/lang/lex.h"
#include "common/lang/number.h"
#include "common/lang/words.h"

/* The level that is meant: "warning" is WARN. */
static int look(struct buf *out, struct span text)
{
	uint32_t severity = severity_parse(text);
	struct span name = severity ? severity_name(severity) : SPAN("");

	if (!severity || span_eq(text, name))
		return 0;
	buf_printf(out, "level is written in upper case: try level:%.*s", SPAN_FMT(name));
	return -1;
}

static int visit(void *ctx, struct filter *leaf)
{
	struct buf *out = ctx;
	int r = 0;

	if (!span_eq(leaf->field, SPAN("level")) || leaf->wild)
		return 0;
	if (leaf->kind == FILTER_PHRASE || leaf->kind == FILTER_EXACT)
		return look(out, leaf->text);
	if (leaf->kind == FILTER_IN || leaf->kind == FILTER_CONTAINS_ANY)
		for (size_t i = 0; i < leaf->values.len && r == 0; i++)
			r = look(out, leaf->values.ptr[i]);
	return r;
}

/* The tokens around the one that is looked at. */
struct tokens {
	struct lex before, here, behind;
};

static bool is_number(const struct lex *lex)
{
	uint64_t number;

	return lex->kind == LEX_WORD && lang_u64(lex->text, &number);
}

static bool touch(const struct lex *left, const struct lex *right)
{
	return left->pos + left->raw.len == right->pos;
}

/* error|warn */
static void look_at_bar(const struct tokens *tokens, struct buf *out)
{
	if (lex_is(&tokens->here, "|") && touch(&tokens->before, &tokens->here) &&
	    touch(&tokens->here, &tokens->behind) && tokens->behind.kind == LEX_WORD &&
	    !words_have(words_pipes, tokens->behind.raw) &&
	    !words_have(words_stats, tokens->behind.raw))
		buf_printf(out,
			   "`|` begins a pipe, so that only rows with both were left; for one of "
			   "them write `or`: (%.*s or %.*s)",
			   SPAN_FMT(tokens->before.raw), SPAN_FMT(tokens->behind.raw));
}

/* | feilds a */
static void look_at_pipe(const struct tokens *tokens, struct buf *out)
{
	struct span word = tokens->here.raw, near = words_nearest(words_pipes, word);

	if (!lex_is(&tokens->before, "|") || tokens->here.kind != LEX_WORD ||
	    words_have(words_pipes, word) || words_have(words_stats, word) ||
	    lex_is_any(&tokens->here, "by not") || lex_is_any(&tokens->behind, ": * ( -"))
		return;
	buf_printf(out, "`%.*s` is no pipe, so it was looked for as a word", SPAN_FMT(word));
	if (near.len)
		buf_printf(out, "; did you mean `%.*s`?", SPAN_FMT(near));
}

/* error limit 10, error sort by (a), error where a */
static void look_at_keyword(const struct tokens *tokens, struct buf *out)
{
	bool is_pipe = lex_is_any(&tokens->here, "limit head offset skip first last top sample") &&
		       is_number(&tokens->behind);

	is_pipe |= lex_is_any(&tokens->here, "sort order stats uniq top first last group") &&
		   lex_is(&tokens->behind, "by");
	is_pipe |= lex_is(&tokens->here, "where");
	if (is_pipe && !lex_is_any(&tokens->before, "| : ."))
		buf_printf(out, "`%.*s` was looked for as a word; pipes stand behind `|`",
			   SPAN_FMT(tokens->here.raw));
}

/* level in (A, B) */
static void look_at_function(const struct tokens *tokens, struct buf *out)
{
	if (lex_is_any(&tokens->here, "in contains_any contains_all range") &&
	    lex_is_any(&tokens->behind, "( [") && tokens->before.kind == LEX_WORD &&
	    !lex_is_any(&tokens->before, "and or not"))
		buf_printf(out, "`%.*s` was asked of the message; of a field it is %.*s:%.*s(…)",
			   SPAN_FMT(tokens->here.raw), SPAN_FMT(tokens->before.raw),
			   SPAN_FMT(tokens->here.raw));
}

/* status:400..499 */
static void look_at_dots(const struct tokens *tokens, struct buf *out)
{
	struct span text = span_skip(tokens->here.query, tokens->here.pos), low, high;
	double number;
	size_t n = 0;

	while (n < text.len && !strchr(" )|", text.ptr[n]))
		n++;
	text = span_take(text, n);
	ptrdiff_t dots = span_find(text, SPAN(".."));

	if (dots < 0 || !lex_is(&tokens->before, ":"))
		return;
	low = span_take(text, (size_t)dots);
	high = span_skip(text, (size_t)dots + 2);
	if (lang_plain_number(low, &number) && lang_plain_number(high, &number))
		buf_printf(out, "`%.*s` was looked for as a text; a range is range[%.*s, %.*s]",
			   SPAN_FMT(text), SPAN_FMT(low), SPAN_FMT(high));
}

static void look_at_text(struct span query, struct buf *out)
{
	static void (*const looks[])(const struct tokens *, struct buf *) = {
		look_at_bar, look_at_pipe, look_at_keyword, look_at_function, look_at_dots};
	struct tokens tokens = {0};
	struct arena arena;

	arena_init(&arena, QUERY_TEXT_MAX * 2);
	if (lex_init(&tokens.behind, query, 0, &arena, NULL) < 0) {
		arena_release(&arena);
		return;
	}
	while (!lex_at_end(&tokens.behind) && !out->len) {
		tokens.before = tokens.here;
		tokens.here = tokens.behind;
		lex_next(&tokens.behind);
		for (size_t i = 0; !out->len && i < sizeof(looks) / sizeof(looks[0]); i++)
			looks[i](&tokens, out);
	}
	arena_release(&arena);
}

void hint_print(struct span query, struct filter *filter, struct buf *out)
{
	(void)filter_walk(filter, visit, out);
	if (!out->len)
		look_at_text(query, out);
}

#define FIELDS_MAX 16

/* Names that were asked for, and what is near to each among those there are. */
struct unknown {
	struct nearest near;
	struct span inside; /* http.status for status */
	bool known;
};

struct fields {
	struct unknown asked[FIELDS_MAX];
	size_t n;
	struct arena arena; /* of the names that are near */
};

static void add_field(struct fields *fields, struct span name)
{
	/* The index has these of each row. */
	if (!name.len || name.ptr[0] == '_' || fields->n == FIELDS_MAX)
		return;
	nearest_init(&fields->asked[fields->n++].near, name);
}

static int visit_field(void *ctx, struct filter *leaf)
{
	if (!leaf->wild)
		add_field(ctx, leaf->field);
	return 0;
}

static bool is_inside(struct span name, struct span word)
{
	return span_ends(name, word) && name.len > word.len &&
	       name.ptr[name.len - word.len - 1] == '.';
}

static int look_at_name(void *ctx, struct span name)
{
	struct fields *fields = ctx;

	name = arena_dup(&fields->arena, name);
	for (size_t i = 0; i < fields->n && name.ptr; i++) {
		struct unknown *unknown = &fields->asked[i];

		unknown->known |= span_eq(name, unknown->near.word);
		nearest_try(&unknown->near, name);
		if (!unknown->inside.len && is_inside(name, unknown->near.word))
			unknown->inside = name;
	}
	return 0;
}

static void print_unknown(const struct unknown *unknown, bool all, struct buf *out)
{
	struct span near = unknown->near.best.len ? unknown->near.best : unknown->inside;

	if (unknown->known || !near.len || out->len)
		return;
	if (all)
		buf_puts(out, SPAN("no row"));
	else
		buf_printf(out, "none of %d rows that were looked at", PEEK_SOME);
	buf_printf(out, " has a field `%.*s`; did you mean `%.*s`?", SPAN_FMT(unknown->near.word),
		   SPAN_FMT(near));
}

void hint_field(const struct options *opts, const struct ask *ask, struct buf *out)
{
	struct fields fields = {.n = 0};
	int r;

	add_field(&fields, opt_text(opts->field));
	(void)filter_walk(ask->query->filter, visit_field, &fields);
	if (!fields.n)
		return;
	arena_init(&fields.arena, 1 << 20);
	r = peek(opts, ask->files.ptr, ask->files.len, "*", "field_names | fields name", ask,
		 look_at_name, &fields);
	for (size_t i = 0; i < fields.n && r >= 0; i++)
		print_unknown(&fields.asked[i], r == 0, out);
	arena_release(&fields.arena);
}
