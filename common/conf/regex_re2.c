/*
 * regex_re2.c - a walk over a pattern that stops at what RE2 has not.
 */
#include "common/conf/regex_re2.h"
#include <errno.h>
#include <stdbool.h>

#define REPEAT_MAX 1000 /* of RE2 */

struct walk {
	struct span pattern;
	size_t at;
	bool quantified; /* a quantifier stood before this byte */
	struct err *reterr;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The byte `n` behind where the walk is, 0 behind the end. */
static char peek(const struct walk *walk, size_t n)
{
	return walk->at + n < walk->pattern.len ? walk->pattern.ptr[walk->at + n] : 0;
}

static int refuse(const struct walk *walk, const char *what)
{
	return err_at(walk->reterr, -EINVAL, walk->at, "%s", what);
}

/* \Q…\E: all between them is text. */
static size_t quoted_len(const struct walk *walk)
{
	struct span rest = span_skip(walk->pattern, walk->at);
	ptrdiff_t end = span_find(rest, SPAN("\\E"));

	return end < 0 ? rest.len : (size_t)end + 2;
}

static bool is_hex_escape(const struct walk *walk)
{
	struct span hex = SPAN("0123456789abcdefABCDEF");

	return peek(walk, 2) == '{' ||
	       (span_chr(hex, peek(walk, 2)) >= 0 && span_chr(hex, peek(walk, 3)) >= 0);
}

/* Standing on a backslash.  `letters` are those that mean something here. */
static int step_escape(struct walk *walk, const char *letters)
{
	char c = peek(walk, 1);

	if (c >= '1' && c <= '9' &&
	    !(is_octal(c) && is_octal(peek(walk, 2)) && is_octal(peek(walk, 3))))
		return refuse(walk, "there are no references to groups (\\1) in RE2's syntax");
	if (c == 'x' && !is_hex_escape(walk))
		return refuse(walk, "`\\x` takes two hex digits, or more in braces: \\x{17d}");
	if (is_letter(c) && span_chr(span_cstr(letters), c) < 0)
		return err_at(walk->reterr, -EINVAL, walk->at,
			      "`\\%c` is no escape of RE2's syntax%s", c,
			      c == 'Z' ? "; the end of the text is \\z" : "");
	walk->at += c == 'Q' ? quoted_len(walk) : 2;
	if ((c == 'x' || c == 'p' || c == 'P') && peek(walk, 0) == '{') {
		ptrdiff_t end = span_chr(span_skip(walk->pattern, walk->at), '}');

		walk->at = end < 0 ? walk->pattern.len : walk->at + (size_t)end + 1;
	}
	walk->quantified = false;
	return 0;
}

/* [^]a-z[:alpha:]\d]: standing on the bracket. */
static int step_class(struct walk *walk)
{
	size_t first = peek(walk, 1) == '^' ? 2 : 1;
	int r = 0;

	walk->at += first;
	walk->quantified = false;
	walk->at += peek(walk, 0) == ']';
	while (r >= 0 && walk->at < walk->pattern.len && peek(walk, 0) != ']') {
		if (peek(walk, 0) == '\\') {
			r = step_escape(walk, "dDsSwWpPxafnrtv");
		} else if (peek(walk, 0) == '[' && peek(walk, 1) == ':') {
			ptrdiff_t end = span_find(span_skip(walk->pattern, walk->at), SPAN(":]"));

			walk->at += end < 0 ? 1 : (size_t)end + 2;
		} else {
			walk->at++;
		}
	}
	walk->at++;
	return r;
}

/* Behind `(?`: what is neither a name nor a set of flags. */
static const char *group_problem(const struct walk *walk)
{
	char c = peek(walk, 2), next = peek(walk, 3);

	if (c == '=' || c == '!' || (c == '<' && (next == '=' || next == '!')))
		return "there is no look-ahead and no look-behind in RE2's syntax; combine "
		       "filters with and, or and not";
	if (c == '>')
		return "there are no atomic groups (?>…) in RE2's syntax";
	if (c == 'P' && next != '<')
		return "there are no references to groups in RE2's syntax";
	if (c == 'P' || c == '<' || c == ':')
		return NULL;
	for (size_t i = 2; span_chr(SPAN("imsU-"), peek(walk, i)) >= 0; i++)
		if (peek(walk, i + 1) == ')' || peek(walk, i + 1) == ':')
			return NULL;
	return "only (?:…), (?P<name>…) and the flags i, m, s and U, as in (?i), may follow `(?`";
}

static int step_group(struct walk *walk)
{
	const char *problem = peek(walk, 1) == '?' ? group_problem(walk) : NULL;

	if (peek(walk, 1) == '*')
		problem = "a quantifier has nothing before it to repeat";
	if (problem)
		return refuse(walk, problem);
	walk->at += peek(walk, 1) == '?' ? 2 : 1;
	walk->quantified = false;
	return 0;
}

/* Bytes of {2}, {2,} or {2,5} at the front, 0 if the brace is a brace.  The greater number. */
static size_t braces_len(const struct walk *walk, unsigned *ret_max)
{
	unsigned numbers[2] = {0}, which = 0;
	size_t n = 1, begin = 1;

	for (;; n++) {
		char c = peek(walk, n);

		if (is_digit(c)) {
			if (numbers[which] <= REPEAT_MAX)
				numbers[which] = numbers[which] * 10 + (unsigned)(c - '0');
		} else if (c == ',' && which == 0 && n > begin) {
			which = 1;
		} else if (c == '}' && n > begin) {
			*ret_max = numbers[0] > numbers[1] ? numbers[0] : numbers[1];
			return n + 1;
		} else {
			return 0;
		}
	}
}

/* * + ? {…} and the ? that makes them lazy. */
static int step_quantifier(struct walk *walk, size_t len)
{
	if (walk->quantified)
		return refuse(walk, "a quantifier behind a quantifier, and `++`, are not in RE2's "
				    "syntax; put the first in (?:…)");
	walk->at += len;
	walk->at += peek(walk, 0) == '?';
	walk->quantified = true;
	return 0;
}

static int step(struct walk *walk)
{
	unsigned times = 0;
	size_t len;

	switch (peek(walk, 0)) {
	case '\\':
		return step_escape(walk, "AabBDdfnrsStvWwzPpxQ");
	case '[':
		return step_class(walk);
	case '(':
		return step_group(walk);
	case '*':
	case '+':
	case '?':
		return step_quantifier(walk, 1);
	case '{':
		len = braces_len(walk, &times);
		if (times > REPEAT_MAX)
			return refuse(walk, "at most 1000 repetitions can be asked for");
		if (len)
			return step_quantifier(walk, len);
		break;
	}
	walk->at++;
	walk->quantified = false;
	return 0;
}

int regex_check_re2(struct span pattern, struct err *reterr)
{
	struct walk walk = {.pattern = pattern, .reterr = reterr};
	int r = 0;

	while (r >= 0 && walk.at < pattern.len)
		r = step(&walk);
	return r;
}
