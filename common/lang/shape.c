/*
 * shape.c - looking for pieces of text in shapes; see shape.h.
 *
 * A piece is in a text inside of one literal, or it touches a gap.  The first
 * is looked up; for the second it is only asked whether it could.
 */
#include "common/lang/shape.h"
#include "common/conf/regex.h"
#include "common/lang/find.h"
#include "common/lang/match.h"
#include "common/lang/pattern.h"
#include "common/lang/token.h"

/* Alternatives of in(…) that are tried; more say "maybe". */
#define VALUES_MAX 64

struct probe {
	const struct text_shape *shape;
	struct span piece;
	bool starts, ends; /* no word may go on before it, behind it */
	bool words;        /* it stands as whole words */
	bool fold;         /* ASCII letters of any case; the piece is in lower case */
};

/* How the place next to a piece fits: certainly, certainly not, or that depends. */
enum edge { EDGE_GOOD, EDGE_BAD, EDGE_OPEN };

static enum edge edge_at_char(char c)
{
	if ((uint8_t)c >= 0x80)
		return EDGE_OPEN;
	return char_is_word(c) ? EDGE_BAD : EDGE_GOOD;
}

/* All but GAP_TEXT begin and end with word characters of ASCII. */
static enum edge edge_at_gap(uint8_t gap)
{
	return gap == GAP_TEXT ? EDGE_OPEN : EDGE_BAD;
}

static enum edge edge_before(const struct probe *probe, uint32_t literal, size_t at)
{
	const struct text_shape *shape = probe->shape;

	if (!probe->starts || (at == 0 && literal == 0))
		return EDGE_GOOD;
	return at ? edge_at_char(shape->literals[literal].ptr[at - 1])
		  : edge_at_gap(shape->gaps[literal - 1]);
}

static enum edge edge_behind(const struct probe *probe, uint32_t literal, size_t at)
{
	const struct text_shape *shape = probe->shape;

	if (!probe->ends || (at == shape->literals[literal].len && literal == shape->ngaps))
		return EDGE_GOOD;
	return at < shape->literals[literal].len ? edge_at_char(shape->literals[literal].ptr[at])
						 : edge_at_gap(shape->gaps[literal]);
}

/* The piece inside of one literal. */
static enum shape_match in_literal(const struct probe *probe, uint32_t literal)
{
	ptrdiff_t (*find)(struct span, struct span) = probe->fold ? text_find_fold : text_find;
	struct span text = probe->shape->literals[literal];
	enum shape_match found = SHAPE_NO;
	ptrdiff_t next;

	for (size_t at = 0; (next = find(span_skip(text, at), probe->piece)) >= 0; at++) {
		at += (size_t)next;
		enum edge before = edge_before(probe, literal, at);
		enum edge behind = edge_behind(probe, literal, at + probe->piece.len);

		if (before == EDGE_GOOD && behind == EDGE_GOOD)
			return SHAPE_YES;
		if (before != EDGE_BAD && behind != EDGE_BAD)
			found = SHAPE_MAYBE;
	}
	return found;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool has_digit(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_digit(text.ptr[i]))
			return true;
	return false;
}

static bool gap_takes(uint8_t gap, char c)
{
	switch (gap) {
	case GAP_DIGITS:
		return is_digit(c);
	case GAP_HEX:
		return is_digit(c) || (c >= 'a' && c <= 'f');
	case GAP_WORD:
		return char_is_word(c);
	default:
		return true;
	}
}

/* Whether bytes [from, to) of the piece can be in gap `g`, what is around them in its literals. */
static bool fits_around(const struct probe *probe, uint32_t g, size_t from, size_t to)
{
	const struct text_shape *shape = probe->shape;
	struct span before = shape->literals[g], behind = shape->literals[g + 1];
	struct span head = span_take(probe->piece, from), tail = span_skip(probe->piece, to);

	if (head.len > before.len) {
		if (g == 0)
			return false;
		head = span_skip(head, head.len - before.len);
	}
	if (tail.len > behind.len) {
		if (g + 1 == shape->ngaps)
			return false;
		tail = span_take(tail, behind.len);
	}
	return span_ends(before, head) && span_starts(behind, tail);
}

/*
 * Whether the piece can lie on gap `g`.  Whole words without a digit can't:
 * they would have to begin and end with the gap, or with the word that it is
 * in, and that has a digit.
 */
static bool touches(const struct probe *probe, uint32_t g)
{
	uint8_t gap = probe->shape->gaps[g];
	struct span piece = probe->piece;

	if (gap == GAP_TEXT)
		return true;
	if ((gap == GAP_DIGITS || probe->words) && !has_digit(piece))
		return false;
	if (probe->fold)
		return true;
	for (size_t from = 0; from < piece.len; from++)
		for (size_t to = from + 1; to <= piece.len && gap_takes(gap, piece.ptr[to - 1]);
		     to++)
			if (fits_around(probe, g, from, to))
				return true;
	return false;
}

static bool is_ascii(const struct text_shape *shape)
{
	for (uint32_t i = 0; i <= shape->ngaps; i++)
		if (!text_is_ascii(shape->literals[i]))
			return false;
	return true;
}

static enum shape_match search(const struct probe *probe)
{
	const struct text_shape *shape = probe->shape;
	enum shape_match found = SHAPE_NO;

	for (uint32_t i = 0; i <= shape->ngaps; i++) {
		enum shape_match here = in_literal(probe, i);

		if (here == SHAPE_YES)
			return here;
		if (here == SHAPE_MAYBE)
			found = here;
	}
	for (uint32_t g = 0; found == SHAPE_NO && g < shape->ngaps; g++)
		if (touches(probe, g))
			found = SHAPE_MAYBE;
	/* Some characters beyond ASCII have an ASCII letter as their lower case. */
	if (found == SHAPE_NO && probe->fold && !is_ascii(shape))
		found = SHAPE_MAYBE;
	return found;
}

static enum shape_match has_phrase(const struct text_shape *shape, struct span phrase)
{
	if (!phrase.len)
		return SHAPE_NO; /* the empty text, which has no gap */
	return search(&(struct probe){.shape = shape,
				      .piece = phrase,
				      .starts = text_starts_with_word(phrase),
				      .ends = text_ends_with_word(phrase),
				      .words = true});
}

static enum shape_match has_prefix(const struct text_shape *shape, struct span prefix)
{
	if (!prefix.len)
		return SHAPE_YES;
	return search(&(struct probe){
		.shape = shape, .piece = prefix, .starts = text_starts_with_word(prefix)});
}

static enum shape_match has_piece(const struct text_shape *shape, struct span piece)
{
	return piece.len ? search(&(struct probe){.shape = shape, .piece = piece}) : SHAPE_YES;
}

static enum shape_match has_any_case(const struct text_shape *shape, struct span lower, bool prefix)
{
	if (!lower.len)
		return prefix ? SHAPE_YES : SHAPE_NO;
	if (!text_is_ascii(lower))
		return SHAPE_MAYBE;
	return search(&(struct probe){.shape = shape,
				      .piece = lower,
				      .starts = text_starts_with_word(lower),
				      .ends = !prefix && text_ends_with_word(lower),
				      .words = !prefix,
				      .fold = true});
}

/* Whether a text of the shape can be `text`. */
static enum shape_match is_text(const struct text_shape *shape, struct span text)
{
	size_t least = shape->ngaps;

	for (uint32_t i = 0; i <= shape->ngaps; i++)
		least += shape->literals[i].len;
	return text.len >= least && span_starts(text, shape->literals[0]) &&
			       span_ends(text, shape->literals[shape->ngaps])
		       ? SHAPE_MAYBE
		       : SHAPE_NO;
}

static enum shape_match starts_with(const struct text_shape *shape, struct span prefix)
{
	struct span first = shape->literals[0];

	if (prefix.len <= first.len)
		return span_starts(first, prefix) ? SHAPE_YES : SHAPE_NO;
	return span_starts(prefix, first) ? SHAPE_MAYBE : SHAPE_NO;
}

typedef enum shape_match asker(const struct text_shape *shape, struct span value);

static enum shape_match any_value(const struct filter *leaf, const struct text_shape *shape,
				  asker *ask)
{
	enum shape_match found = SHAPE_NO;

	if (leaf->values.len > VALUES_MAX)
		return SHAPE_MAYBE;
	for (size_t i = 0; found != SHAPE_YES && i < leaf->values.len; i++) {
		enum shape_match one = ask(shape, leaf->values.ptr[i]);

		found = one == SHAPE_NO ? found : one;
	}
	return found;
}

static enum shape_match all_values(const struct filter *leaf, const struct text_shape *shape,
				   asker *ask)
{
	enum shape_match found = SHAPE_YES;

	for (size_t i = 0; found != SHAPE_NO && i < leaf->values.len && i < VALUES_MAX; i++) {
		enum shape_match one = ask(shape, leaf->values.ptr[i]);

		found = one == SHAPE_YES ? found : one;
	}
	return found == SHAPE_YES && leaf->values.len > VALUES_MAX ? SHAPE_MAYBE : found;
}

/* Of contains_any and its like the empty value is in every text. */
static enum shape_match has_phrase_or_empty(const struct text_shape *shape, struct span phrase)
{
	return phrase.len ? has_phrase(shape, phrase) : SHAPE_YES;
}

static enum shape_match has_pieces(const struct filter *leaf, const struct text_shape *shape)
{
	struct span piece;

	for (size_t i = 0; pattern_piece(leaf->pattern, i, &piece); i++)
		if (has_piece(shape, piece) == SHAPE_NO)
			return SHAPE_NO;
	return SHAPE_MAYBE;
}

static enum shape_match has_needle(const struct regex *regex, const struct text_shape *shape)
{
	bool whole;
	struct span needle = regex_needle(regex, &whole);
	enum shape_match found = has_piece(shape, needle);

	return found == SHAPE_YES && !whole ? SHAPE_MAYBE : found;
}

enum shape_match filter_match_shape(const struct filter *leaf, const struct text_shape *shape)
{
	if (!shape->ngaps)
		return filter_match_text(leaf, shape->literals[0]) ? SHAPE_YES : SHAPE_NO;
	switch (leaf->kind) {
	case FILTER_PHRASE:
		return has_phrase(shape, leaf->text);
	case FILTER_PREFIX:
		return has_prefix(shape, leaf->text);
	case FILTER_SUBSTRING:
		return has_piece(shape, leaf->text);
	case FILTER_REGEX:
		return has_needle(leaf->regex, shape);
	case FILTER_ANY_CASE_PHRASE:
		return has_any_case(shape, leaf->lower, false);
	case FILTER_ANY_CASE_PREFIX:
		return has_any_case(shape, leaf->lower, true);
	case FILTER_EXACT:
		return is_text(shape, leaf->text);
	case FILTER_EXACT_PREFIX:
		return starts_with(shape, leaf->text);
	case FILTER_IN:
	case FILTER_EQUALS_COMMON_CASE:
		return any_value(leaf, shape, is_text);
	case FILTER_CONTAINS_ANY:
	case FILTER_CONTAINS_COMMON_CASE:
		return any_value(leaf, shape, has_phrase_or_empty);
	case FILTER_CONTAINS_ALL:
		return all_values(leaf, shape, has_phrase_or_empty);
	case FILTER_SEQ: /* one behind the other: their words are needed, and not enough */
		return all_values(leaf, shape, has_phrase_or_empty) == SHAPE_NO ? SHAPE_NO
										: SHAPE_MAYBE;
	case FILTER_PATTERN:
		return has_pieces(leaf, shape);
	default:
		return SHAPE_MAYBE;
	}
}
