/* hint.c - levels in lower case, and words that were meant to be more than words. */
#include "aggregator/logq/hint.h"
#include "common/base/cleanup.h"
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
struct view {
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
static void look_at_bar(const struct view *view, struct buf *out)
{
	if (lex_is(&view->here, "|") && touch(&view->before, &view->here) &&
	    touch(&view->here, &view->behind) && view->behind.kind == LEX_WORD &&
	    !words_have(words_pipes, view->behind.raw) &&
	    !words_have(words_stats, view->behind.raw))
		buf_printf(out,
			   "`|` begins a pipe, so that only rows with both were left; for one of "
			   "them write `or`: (%.*s or %.*s)",
			   SPAN_FMT(view->before.raw), SPAN_FMT(view->behind.raw));
}

/* | feilds a */
static void look_at_pipe(const struct view *view, struct buf *out)
{
	struct span word = view->here.raw, near = words_nearest(words_pipes, word);

	if (!lex_is(&view->before, "|") || view->here.kind != LEX_WORD ||
	    words_have(words_pipes, word) || words_have(words_stats, word) ||
	    lex_is_any(&view->here, "by not") || lex_is_any(&view->behind, ": * ( -"))
		return;
	buf_printf(out, "`%.*s` is no pipe, so it was looked for as a word", SPAN_FMT(word));
	if (near.len)
		buf_printf(out, "; did you mean `%.*s`?", SPAN_FMT(near));
}

/* error limit 10, error sort by (a), error where a */
static void look_at_keyword(const struct view *view, struct buf *out)
{
	bool is_pipe = lex_is_any(&view->here, "limit head offset skip first last top sample") &&
		       is_number(&view->behind);

	is_pipe |= lex_is_any(&view->here, "sort order stats uniq top first last group") &&
		   lex_is(&view->behind, "by");
	is_pipe |= lex_is(&view->here, "where");
	if (is_pipe && !lex_is_any(&view->before, "| : ."))
		buf_printf(out, "`%.*s` was looked for as a word; pipes stand behind `|`",
			   SPAN_FMT(view->here.raw));
}

/* level in (A, B) */
static void look_at_function(const struct view *view, struct buf *out)
{
	if (lex_is_any(&view->here, "in contains_any contains_all range") &&
	    lex_is_any(&view->behind, "( [") && view->before.kind == LEX_WORD &&
	    !lex_is_any(&view->before, "and or not"))
		buf_printf(out, "`%.*s` was asked of the message; of a field it is %.*s:%.*s(…)",
			   SPAN_FMT(view->here.raw), SPAN_FMT(view->before.raw),
			   SPAN_FMT(view->here.raw));
}

/* status:400..499 */
static void look_at_dots(const struct view *view, struct buf *out)
{
	struct span text = span_skip(view->here.query, view->here.pos), low, high;
	double number;
	size_t n = 0;

	while (n < text.len && !strchr(" )|", text.ptr[n]))
		n++;
	text = span_take(text, n);
	ptrdiff_t dots = span_find(text, SPAN(".."));

	if (dots < 0 || !lex_is(&view->before, ":"))
		return;
	low = span_take(text, (size_t)dots);
	high = span_skip(text, (size_t)dots + 2);
	if (lang_plain_number(low, &number) && lang_plain_number(high, &number))
		buf_printf(out, "`%.*s` was looked for as a text; a range is range[%.*s, %.*s]",
			   SPAN_FMT(text), SPAN_FMT(low), SPAN_FMT(high));
}

static void look_at_text(struct span query, struct buf *out)
{
	static void (*const looks[])(const struct view *, struct buf *) = {
		look_at_bar, look_at_pipe, look_at_keyword, look_at_function, look_at_dots};
	struct view view = {0};
	struct arena arena;

	arena_init(&arena, QUERY_TEXT_MAX * 2);
	if (lex_init(&view.behind, query, 0, &arena, NULL) < 0) {
		arena_release(&arena);
		return;
	}
	while (!lex_at_end(&view.behind) && !out->len) {
		view.before = view.here;
		view.here = view.behind;
		lex_next(&view.behind);
		for (size_t i = 0; !out->len && i < sizeof(looks) / sizeof(looks[0]); i++)
			looks[i](&view, out);
	}
	arena_release(&arena);
}

void hint_print(struct span query, struct filter *filter, struct buf *out)
{
	(void)filter_walk(filter, visit, out);
	if (!out->len)
		look_at_text(query, out);
}
