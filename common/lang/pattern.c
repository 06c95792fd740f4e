/*
 * pattern.c - matching texts with placeholders; see pattern.h.
 */
#include "common/lang/pattern.h"
#include "common/lang/quote.h"
#include "common/lang/token.h"
#include <errno.h>

enum placeholder { NUMBER, UUID, IP4, TIME, DATE, DATETIME, WORD };

static const struct span placeholder_names[] = {
	[NUMBER] = SPAN("<N>"),  [UUID] = SPAN("<UUID>"), [IP4] = SPAN("<IP4>"),
	[TIME] = SPAN("<TIME>"), [DATE] = SPAN("<DATE>"), [DATETIME] = SPAN("<DATETIME>"),
	[WORD] = SPAN("<W>"),
};

/* before[0] placeholder[0] before[1] … placeholder[n-1] before[n] */
struct pattern {
	enum pattern_place place;
	size_t nplaceholders;
	struct span *before;
	enum placeholder *placeholders;
};

/*
 * The text, and the runs that were looked at last: a long run of digits is
 * walked once, however many candidates begin in it.
 */
struct subject {
	struct span text;
	size_t run_start, run_end, last_letter; /* hex digits; last_letter: one of a–f, or 0 */
	size_t word_start, word_end;
};

#define NO_MATCH ((size_t)-1)

static bool is_hex_letter(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || is_hex_letter(c);
}

ssize_t number_start(struct span text, size_t at)
{
	for (; at < text.len; at++) {
		if (!is_hex(text.ptr[at]))
			continue;
		if (at == 0 || !char_is_word(text.ptr[at - 1]) ||
		    strchr("_TXxvshm", text.ptr[at - 1]))
			return (ssize_t)at;
	}
	return -1;
}

size_t number_end(struct span text, size_t start)
{
	while (start < text.len && is_hex(text.ptr[start]))
		start++;
	return start;
}

/* Short or odd runs with letters in them are words: "be" "add" "facade1". */
static bool is_number(struct span text, size_t start, size_t end, bool has_letter)
{
	if (end < text.len && char_is_word(text.ptr[end]) && !strchr("_TZsmhun", text.ptr[end]))
		return false;
	size_t digits = end - start;

	return digits && (!has_letter || (digits >= 4 && digits % 2 == 0));
}

bool number_is_valid(struct span text, size_t start, size_t end)
{
	bool has_letter = false;

	for (size_t i = start; i < end && !has_letter; i++)
		has_letter = is_hex_letter(text.ptr[i]);
	return is_number(text, start, end, has_letter);
}

static size_t match_number(struct subject *subject, size_t at)
{
	struct span text = subject->text;

	if (at < subject->run_start || at >= subject->run_end) {
		subject->run_start = at;
		subject->run_end = number_end(text, at);
		subject->last_letter = 0;
		for (size_t i = at; i < subject->run_end; i++)
			if (is_hex_letter(text.ptr[i]))
				subject->last_letter = i + 1;
	}
	return is_number(text, at, subject->run_end, subject->last_letter > at) ? subject->run_end
										: NO_MATCH;
}

static bool char_at(const struct subject *subject, size_t at, char c)
{
	return at < subject->text.len && subject->text.ptr[at] == c;
}

/* count numbers with the separator between them */
static size_t match_numbers(struct subject *subject, size_t at, int count, char separator)
{
	size_t end = match_number(subject, at);

	while (end != NO_MATCH && --count)
		end = char_at(subject, end, separator) ? match_number(subject, end + 1) : NO_MATCH;
	return end;
}

static size_t match_time(struct subject *subject, size_t at)
{
	size_t end = match_numbers(subject, at, 3, ':'), fraction;

	if (end == NO_MATCH || !(char_at(subject, end, '.') || char_at(subject, end, ',')))
		return end;
	fraction = match_number(subject, end + 1);
	return fraction == NO_MATCH ? end : fraction;
}

static size_t match_date(struct subject *subject, size_t at)
{
	size_t end = match_numbers(subject, at, 3, '-');

	return end == NO_MATCH ? match_numbers(subject, at, 3, '/') : end;
}

static size_t match_datetime(struct subject *subject, size_t at)
{
	size_t end = match_date(subject, at), zone;

	if (end == NO_MATCH || !(char_at(subject, end, 'T') || char_at(subject, end, ' ')))
		return NO_MATCH;
	end = match_time(subject, end + 1);
	if (end == NO_MATCH || char_at(subject, end, 'Z'))
		return end == NO_MATCH ? end : end + 1;
	if (!char_at(subject, end, '+') && !char_at(subject, end, '-'))
		return end;
	zone = match_numbers(subject, end + 1, 2, ':');
	return zone == NO_MATCH ? end : zone;
}

static size_t match_word(struct subject *subject, size_t at)
{
	struct span rest = span_skip(subject->text, at), word;

	if (rest.len == 0)
		return NO_MATCH;
	if (at >= subject->word_start && at < subject->word_end)
		return subject->word_end;
	if (strchr("\"'`", rest.ptr[0])) {
		size_t len = quote_len(rest);

		return len ? at + len : NO_MATCH;
	}
	if (!text_starts_with_word(rest) || !token_next(&rest, &word))
		return NO_MATCH;
	subject->word_start = at;
	subject->word_end = at + word.len;
	return subject->word_end;
}

static size_t match_placeholder(struct subject *subject, enum placeholder placeholder, size_t at)
{
	switch (placeholder) {
	case NUMBER:
		return match_number(subject, at);
	case UUID:
		return match_numbers(subject, at, 5, '-');
	case IP4:
		return match_numbers(subject, at, 4, '.');
	case TIME:
		return match_time(subject, at);
	case DATE:
		return match_date(subject, at);
	case DATETIME:
		return match_datetime(subject, at);
	case WORD:
		return match_word(subject, at);
	}
	return NO_MATCH;
}

/* Where the pattern ends that begins at `at`, or NO_MATCH. */
static size_t match_at(const struct pattern *pattern, struct subject *subject, size_t at)
{
	for (size_t i = 0;; i++) {
		if (!span_starts(span_skip(subject->text, at), pattern->before[i]))
			return NO_MATCH;
		at += pattern->before[i].len;
		if (i == pattern->nplaceholders)
			return at;
		at = match_placeholder(subject, pattern->placeholders[i], at);
		if (at == NO_MATCH)
			return at;
	}
}

/* The next byte from `at` on where the pattern can begin, or NO_MATCH. */
static size_t next_start(const struct pattern *pattern, struct span text, size_t at)
{
	struct span rest = span_skip(text, at), word;
	ssize_t found;

	if (at > text.len)
		return NO_MATCH;
	if (pattern->before[0].len || pattern->nplaceholders == 0) {
		found = span_find(rest, pattern->before[0]);
		return found < 0 ? NO_MATCH : at + (size_t)found;
	}
	if (pattern->placeholders[0] != WORD) {
		found = number_start(text, at);
		return found < 0 ? NO_MATCH : (size_t)found;
	}
	for (; rest.len && !strchr("\"'`", rest.ptr[0]); rest = span_skip(rest, 1))
		if (text_starts_with_word(rest))
			break;
	word = rest;
	return word.len ? (size_t)(word.ptr - text.ptr) : NO_MATCH;
}

bool pattern_match(const struct pattern *pattern, struct span text)
{
	struct subject subject = {.text = text};
	size_t start = 0, end;

	switch (pattern->place) {
	case PATTERN_FULL:
		return match_at(pattern, &subject, 0) == text.len;
	case PATTERN_START:
		return match_at(pattern, &subject, 0) != NO_MATCH;
	case PATTERN_END:
		if (pattern->nplaceholders == 0)
			return span_ends(text, pattern->before[0]);
		break;
	case PATTERN_ANYWHERE:
		break;
	}
	while ((start = next_start(pattern, text, start)) != NO_MATCH) {
		end = match_at(pattern, &subject, start);
		if (end != NO_MATCH && (pattern->place == PATTERN_ANYWHERE || end == text.len))
			return true;
		start++;
	}
	return false;
}

/* The placeholder at the front of `rest`, or NULL. */
static const struct span *find_placeholder(struct span rest)
{
	for (size_t i = 0; i < sizeof(placeholder_names) / sizeof(placeholder_names[0]); i++)
		if (span_starts(rest, placeholder_names[i]))
			return &placeholder_names[i];
	return NULL;
}

static size_t count_char(struct span text, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == c;
	return n;
}

int pattern_new(struct span text, enum pattern_place place, struct arena *arena,
		struct pattern **ret)
{
	struct pattern *pattern = ARENA_NEW(arena, struct pattern);
	size_t most = count_char(text, '<'), begin = 0;

	if (!pattern)
		return -ENOMEM;
	pattern->place = place;
	pattern->before = ARENA_ARRAY(arena, struct span, most + 1);
	pattern->placeholders = ARENA_ARRAY(arena, enum placeholder, most + 1);
	if (!pattern->before || !pattern->placeholders)
		return -ENOMEM;
	for (size_t at = 0; at < text.len;) {
		const struct span *name = find_placeholder(span_skip(text, at));

		if (!name) {
			at++;
			continue;
		}
		pattern->before[pattern->nplaceholders] =
			span_take(span_skip(text, begin), at - begin);
		pattern->placeholders[pattern->nplaceholders++] =
			(enum placeholder)(name - placeholder_names);
		at += name->len;
		begin = at;
	}
	pattern->before[pattern->nplaceholders] = span_skip(text, begin);
	*ret = pattern;
	return 0;
}

enum pattern_place pattern_place(const struct pattern *pattern)
{
	return pattern->place;
}

bool pattern_piece(const struct pattern *pattern, size_t i, struct span *ret)
{
	if (i > pattern->nplaceholders)
		return false;
	*ret = pattern->before[i];
	return true;
}
