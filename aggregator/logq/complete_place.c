/*
 * complete_place.c - where in a query its end is.
 *
 * A query that is being typed does not parse, so this goes over its tokens with
 * what each open parenthesis is about, by the token before it:
 *
 *	level:in(ERROR, FATAL) | stats by (service, sum(
 *	        └ ITEMS                   └ FIELDS      └ FIELDS
 *
 * Pipes differ in what stands behind their names; to be told it is enough
 * whether that is a filter, functions, names of fields, or nothing of these.
 */
#include "aggregator/logq/complete.h"
#include "common/lang/lex.h"
#include "common/lang/words.h"

#define FRAMES_MAX QUERY_DEPTH_MAX

enum scope { SCOPE_FILTER, SCOPE_ITEMS, SCOPE_STATS, SCOPE_FIELDS, SCOPE_NOTHING };

struct frame {
	enum scope scope;
	struct span field; /* whose items these are, or what all in a:(… or …) is about */
	bool names_pipe;   /* behind `|` */
	bool is_by;        /* by (…) */
};

struct finder {
	struct lex lex;       /* stands on the token that is looked at */
	struct lex before;    /* the one before it */
	struct span compound; /* what a `:` behind it makes a field: a.b-c */
	struct span field;    /* before a `:` behind which no value stands yet */
	bool after_by;        /* the last parentheses were those of by (…) */
	struct frame frames[FRAMES_MAX];
	size_t depth;
};

static const char filter_pipes[] = "filter where";
static const char stats_pipes[] = "stats running_stats total_stats";
static const char bare_pipes[] = "block_stats blocks_count drop_empty_fields generate_sequence "
				 "head limit offset query_stats "
				 "sample skip trace stream_context diff";
static const char by_pipes[] =
	"sort order first last top uniq stats running_stats total_stats unroll diff";

static bool was(const struct finder *f, const char *keywords)
{
	return lex_is_any(&f->before, keywords);
}

/* What the parentheses that open here are about. */
static struct frame open_frame(const struct finder *f)
{
	enum scope outer = f->frames[f->depth].scope;
	struct frame frame = {.scope = SCOPE_FILTER};

	if (f->frames[f->depth].names_pipe || was(f, "if"))
		return frame;
	if (was(f, "by"))
		return (struct frame){.scope = SCOPE_FIELDS, .is_by = true};
	frame.field = f->field;
	if (outer == SCOPE_FILTER && was(f, "in contains_any contains_all") && f->field.len)
		frame.scope = SCOPE_ITEMS;
	else if (outer == SCOPE_FILTER && was(f, "eq_field le_field lt_field"))
		frame.scope = SCOPE_FIELDS;
	else if (outer == SCOPE_FILTER && !f->lex.space && f->before.kind == LEX_WORD)
		frame.scope = SCOPE_NOTHING;
	else if (outer == SCOPE_STATS)
		frame.scope = SCOPE_FIELDS;
	else if (outer == SCOPE_FIELDS && was(f, "union join )"))
		frame.scope = SCOPE_FILTER;
	else if (outer != SCOPE_FILTER)
		frame.scope = outer;
	return frame;
}

static enum scope scope_of_pipe(struct span name)
{
	if (words_have(filter_pipes, name))
		return SCOPE_FILTER;
	/* `| count()` is `| stats count()`. */
	if (words_have(stats_pipes, name) ||
	    (words_have(words_stats, name) && !words_have(words_pipes, name)))
		return SCOPE_STATS;
	if (words_have(words_pipes, name))
		return words_have(bare_pipes, name) ? SCOPE_NOTHING : SCOPE_FIELDS;
	return SCOPE_FILTER;
}

/* Words and the signs between them that touch are one name. */
static void keep_compound(struct finder *f)
{
	bool joins = f->lex.kind == LEX_WORD || lex_is_any(&f->lex, ". - / $ +");

	if (f->lex.kind == LEX_QUOTED)
		f->compound = f->lex.text;
	else if (joins && !f->lex.space && f->compound.ptr && f->before.kind != LEX_QUOTED)
		f->compound.len =
			f->lex.pos + f->lex.raw.len - (size_t)(f->compound.ptr - f->lex.query.ptr);
	else if (f->lex.kind == LEX_WORD)
		f->compound = f->lex.raw;
	else
		f->compound = (struct span){0};
}

/* False where there are more parentheses than a query may have. */
static bool take_token(struct finder *f)
{
	struct frame *top = &f->frames[f->depth];

	if (lex_is(&f->lex, "(")) {
		if (f->depth + 1 == FRAMES_MAX)
			return false;
		f->frames[f->depth + 1] = open_frame(f);
		f->depth++;
		f->after_by = false;
	} else if (lex_is(&f->lex, ")")) {
		f->after_by = top->is_by;
		f->depth -= f->depth > 0;
	} else if (lex_is(&f->lex, "|")) {
		top->names_pipe = true;
	} else if (top->names_pipe) {
		*top = (struct frame){.scope = scope_of_pipe(f->lex.raw)};
	}
	if (lex_is(&f->lex, ":"))
		f->field = f->compound;
	else if (!lex_is_any(&f->lex, "= != ! in contains_any contains_all") || !was(f, ": !"))
		f->field = SPAN("");
	keep_compound(f);
	return true;
}

static bool is_piece(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c >= 0x80 || (c && strchr("_.$@/-", c));
}

/* The word at the end, without the minus of a negation. */
static struct span piece_of(struct span text)
{
	size_t n = 0;

	while (n < text.len && is_piece((unsigned char)text.ptr[text.len - 1 - n]))
		n++;
	while (n && text.ptr[text.len - n] == '-')
		n--;
	return span_skip(text, text.len - n);
}

static bool is_number(const struct lex *lex)
{
	return lex->kind == LEX_WORD && lex->raw.ptr[0] >= '0' && lex->raw.ptr[0] <= '9';
}

static enum complete_kind kind_in_filter(const struct finder *f)
{
	bool begins = was(f, "( ! - and or not") || f->before.kind == LEX_END;

	if (f->field.len && was(f, ": !"))
		return COMPLETE_VALUE;
	if (f->field.len && was(f, "= !="))
		return COMPLETE_ITEM;
	if (!begins && (!f->lex.space || was(f, ": = != < > ~ =~ !~")))
		return COMPLETE_NOTHING;
	return f->frames[f->depth].field.len ? COMPLETE_VALUE : COMPLETE_FILTER;
}

static enum complete_kind kind_in(const struct finder *f)
{
	const struct frame *top = &f->frames[f->depth];
	bool begins = was(f, "( ,");

	if (top->names_pipe)
		return COMPLETE_PIPE;
	switch (top->scope) {
	case SCOPE_FILTER:
		return kind_in_filter(f);
	case SCOPE_ITEMS:
		return begins ? COMPLETE_ITEM : COMPLETE_NOTHING;
	case SCOPE_STATS:
		if (was(f, ")") ? f->after_by : was(f, ",") || was(f, stats_pipes))
			return COMPLETE_STATS;
		return COMPLETE_NOTHING;
	case SCOPE_FIELDS:
		begins |= was(f, "by from at") || (was(f, words_pipes) && f->lex.space);
		return begins ? COMPLETE_FIELD : COMPLETE_NOTHING;
	case SCOPE_NOTHING:
		break;
	}
	return COMPLETE_NOTHING;
}

struct complete_place complete_find(struct span text, struct arena *arena)
{
	struct finder f = {.frames = {{.scope = SCOPE_FILTER}}};
	struct complete_place place = {.piece = piece_of(text)};
	struct span head = span_take(text, text.len - place.piece.len);

	if (lex_init(&f.lex, head, 0, arena, NULL) < 0)
		return place;
	f.before.kind = LEX_END;
	while (!lex_at_end(&f.lex) && !lex_at_open_quote(&f.lex) && take_token(&f)) {
		f.before = f.lex;
		lex_next(&f.lex);
	}
	bool quoted = lex_at_open_quote(&f.lex);

	if (!lex_at_end(&f.lex) && !quoted)
		return place;
	place.kind = kind_in(&f);
	place.field = f.field.len ? f.field : f.frames[f.depth].field;
	place.by = was(&f, by_pipes) ||
		   (f.frames[f.depth].scope == SCOPE_FIELDS && is_number(&f.before));
	/* What begins with a quote is a value, and nothing else. */
	if (quoted) {
		bool value = place.kind == COMPLETE_VALUE || place.kind == COMPLETE_ITEM;

		place.kind = value ? COMPLETE_ITEM : COMPLETE_NOTHING;
		place.piece = span_skip(text, f.lex.pos);
	}
	return place;
}
