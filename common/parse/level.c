#include "common/parse/level.h"
#include "common/data/record.h"

#define WORDS_MAX 6  /* words that are looked at … */
#define REACH_MAX 96 /* … and bytes */

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The length of a color code ESC [ … letter at the front, 0 = none. */
static size_t color_len(struct span text)
{
	if (text.len < 3 || text.ptr[0] != '\x1b' || text.ptr[1] != '[')
		return 0;
	for (size_t i = 2; i < text.len && i < 16; i++)
		if (is_letter(text.ptr[i]))
			return i + 1;
	return 0;
}

struct span level_skip_filling(struct span text, struct span filling)
{
	while (text.len) {
		size_t n = span_chr(filling, text.ptr[0]) >= 0 ? 1 : color_len(text);

		if (!n)
			break;
		text = span_skip(text, n);
	}
	return text;
}

static bool all_upper(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.ptr[i] < 'A' || word.ptr[i] > 'Z')
			return false;
	return word.len >= 3;
}

/* `[module` stands before text[at]. */
static bool in_brackets(struct span text, size_t at)
{
	size_t i = at;

	while (i && (is_letter(text.ptr[i - 1]) || text.ptr[i - 1] == '_'))
		i--;
	return i && i < at && text.ptr[i - 1] == '[';
}

/* What stands around text[at, end). */
static bool looks_like_level(struct span text, size_t at, size_t end, bool timed, bool first)
{
	struct span word = span_between(text.ptr + at, text.ptr + end);
	char before = at ? text.ptr[at - 1] : ' ', after = end < text.len ? text.ptr[end] : ' ';
	bool bracketed = (before == '[' || before == '<' || before == '(') &&
			 (after == ']' || after == '>' || after == ')' || after == ' ');

	/* Apache: [core:error] */
	if (before == ':' && after == ']' && in_brackets(text, at - 1))
		return true;
	/* Part of a longer name: com.x.Error, my_error, ERROR_CODE, error-page, x=warn. */
	if (strchr("._-/@$=#\\\"'", after) && after != '\0')
		return false;
	if (before == '.' || before == '_')
		return after == ':' && all_upper(word);
	if (strchr("-/@$=#\\\"'", before) && before != '\0')
		return false;
	if (all_upper(word) || bracketed)
		return true;
	return first && (timed || (after == ':' && word.len >= 4));
}

uint32_t level_find(struct span text, bool timed, size_t *ret_end)
{
	size_t reach = text.len < REACH_MAX ? text.len : REACH_MAX, i = 0;
	bool only_filling = true;

	*ret_end = 0;
	for (unsigned words = 0; words < WORDS_MAX && i < reach;) {
		size_t color = color_len(span_skip(text, i)), begin = i;

		if (color || !is_letter(text.ptr[i])) {
			only_filling &= color || strchr(" [(<|:-\t", text.ptr[i]) != NULL;
			i += color ? color : 1;
			continue;
		}
		while (i < text.len && is_letter(text.ptr[i]))
			i++;
		/* A digit makes it a name: info2 is a level of nobody's text format. */
		bool named = (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
			     (begin && text.ptr[begin - 1] >= '0' && text.ptr[begin - 1] <= '9');
		uint32_t severity =
			named || i - begin < 3
				? 0
				: severity_parse(span_between(text.ptr + begin, text.ptr + i));

		if (severity && looks_like_level(text, begin, i, timed, only_filling)) {
			*ret_end = only_filling ? i : 0;
			return severity;
		}
		only_filling = false;
		words++;
	}
	return 0;
}
