/*
 * match.c - the meaning of each leaf on a text or a time; see match.h.
 *
 * One small function a kind, and a table of them at the end.
 */
#include "common/lang/match.h"
#include "common/base/cleanup.h"
#include "common/base/utf8.h"
#include "common/conf/regex.h"
#include "common/data/json_scan.h"
#include "common/lang/find.h"
#include "common/lang/number.h"
#include "common/lang/pattern.h"
#include "common/lang/stream.h"
#include "common/lang/token.h"
#include <stdlib.h>

typedef ptrdiff_t finder(struct span text, struct span piece);

/* The next byte behind the word that byte `at` is in where another may begin. */
static size_t behind_word(struct span text, size_t at)
{
	struct span rest = span_skip(text, at), word;

	if (!text_starts_with_word(rest) || !token_next(&rest, &word))
		return at + 1;
	return at + word.len + 1;
}

/* Byte where `phrase` stands as whole words, or -1.  `open_end`: its last word may go on. */
static ptrdiff_t find_words(struct span text, struct span phrase, bool open_end, finder *find)
{
	bool starts = text_starts_with_word(phrase);
	bool ends = !open_end && text_ends_with_word(phrase);
	size_t at = 0;

	while (at + phrase.len <= text.len) {
		ptrdiff_t found = find(span_skip(text, at), phrase);

		if (found < 0)
			return -1;
		at += (size_t)found;
		if (!(starts && text_ends_with_word(span_take(text, at))) &&
		    !(ends && text_starts_with_word(span_skip(text, at + phrase.len))))
			return (ptrdiff_t)at;
		at = starts ? behind_word(text, at) : at + 1;
	}
	return -1;
}

static bool has_phrase(struct span text, struct span phrase)
{
	return phrase.len ? find_words(text, phrase, false, text_find) >= 0 : text.len == 0;
}

static bool has_prefix(struct span text, struct span prefix)
{
	return prefix.len ? find_words(text, prefix, true, text_find) >= 0 : text.len > 0;
}

static bool match_phrase(const struct filter *leaf, struct span text)
{
	return has_phrase(text, leaf->text);
}

static bool match_prefix(const struct filter *leaf, struct span text)
{
	return has_prefix(text, leaf->text);
}

static bool match_substring(const struct filter *leaf, struct span text)
{
	return text_find(text, leaf->text) >= 0;
}

static bool match_regex(const struct filter *leaf, struct span text)
{
	bool whole;
	struct span needle = regex_needle(leaf->regex, &whole);

	if (needle.len && text_find(text, needle) < 0)
		return false;
	return whole || regex_match(leaf->regex, text) > 0;
}

static bool match_exact(const struct filter *leaf, struct span text)
{
	return span_eq(text, leaf->text);
}

static bool match_exact_prefix(const struct filter *leaf, struct span text)
{
	return span_starts(text, leaf->text);
}

/*
 * ASCII letters are compared as they stand.  A few others have an ASCII letter
 * as their lower case (the Kelvin sign), so before a text with such bytes is
 * said not to match, all of it is lowered; so it is if the phrase isn't ASCII.
 */
static bool match_any_case(struct span text, struct span lower, bool open_end)
{
	if (lower.len == 0)
		return open_end ? text.len > 0 : text.len == 0;
	if (text_is_ascii(lower)) {
		if (find_words(text, lower, open_end, text_find_fold) >= 0)
			return true;
		if (text_is_ascii(text))
			return false;
	}
	_cleanup_(buf_release) struct buf copy = BUF_INIT(SIZE_MAX / 2);

	text_lower(text, &copy);
	return find_words(buf_span(&copy), lower, open_end, text_find) >= 0;
}

static bool match_any_case_phrase(const struct filter *leaf, struct span text)
{
	return match_any_case(text, leaf->lower, false);
}

static bool match_any_case_prefix(const struct filter *leaf, struct span text)
{
	return match_any_case(text, leaf->lower, true);
}

static bool match_seq(const struct filter *leaf, struct span text)
{
	for (size_t i = 0; i < leaf->values.len; i++) {
		struct span phrase = leaf->values.ptr[i];

		if (phrase.len == 0)
			continue;
		ptrdiff_t at = find_words(text, phrase, false, text_find);

		if (at < 0)
			return false;
		text = span_skip(text, (size_t)at + phrase.len);
	}
	return true;
}

static bool match_pattern(const struct filter *leaf, struct span text)
{
	return pattern_match(leaf->pattern, text);
}

static bool match_string_range(const struct filter *leaf, struct span text)
{
	return span_cmp(text, leaf->text) >= 0 && span_cmp(text, leaf->text2) < 0;
}

static bool match_len_range(const struct filter *leaf, struct span text)
{
	uint64_t n = 0;
	uint32_t rune;

	/* At most four bytes a character, at least one: often the count need not be known. */
	if (text.len < leaf->umin || text.len / 4 > leaf->umax)
		return false;
	for (; text.len; n++)
		text = span_skip(text, (uint8_t)text.ptr[0] < 0x80 ? 1 : utf8_decode(text, &rune));
	return n >= leaf->umin && n <= leaf->umax;
}

static bool match_range(const struct filter *leaf, struct span text)
{
	double number;

	return lang_number(text, &number) && filter_match_number(leaf, number);
}

static bool match_ipv4_range(const struct filter *leaf, struct span text)
{
	uint32_t address;

	return lang_ipv4(text, &address) && address >= leaf->umin && address <= leaf->umax;
}

static bool match_ipv6_range(const struct filter *leaf, struct span text)
{
	uint8_t address[16];

	return lang_ipv6(text, address) && memcmp(address, leaf->ip6_min, 16) >= 0 &&
	       memcmp(address, leaf->ip6_max, 16) <= 0;
}

static int compare_text(const void *key, const void *element)
{
	return span_cmp(*(const struct span *)key, *(const struct span *)element);
}

/* Below this many values, comparing lengths one after the other is faster. */
#define FEW_VALUES 16

static bool has_value(const struct filter *leaf, struct span text)
{
	const struct filter_values *values = &leaf->values;

	if (values->len > FEW_VALUES)
		return bsearch(&text, values->ptr, values->len, sizeof(*values->ptr), compare_text);
	for (size_t i = 0; i < values->len; i++)
		if (span_eq(values->ptr[i], text))
			return true;
	return false;
}

static bool match_contains_all(const struct filter *leaf, struct span text)
{
	for (size_t i = 0; i < leaf->values.len; i++)
		if (leaf->values.ptr[i].len && !has_phrase(text, leaf->values.ptr[i]))
			return false;
	return true;
}

/* The greatest value that is not above `text`, or NULL. */
static const struct span *value_below(const struct filter_values *values, struct span text)
{
	size_t low = 0, high = values->len;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (span_cmp(values->ptr[mid], text) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &values->ptr[low - 1] : NULL;
}

static size_t common_len(struct span a, struct span b)
{
	size_t n = 0;

	while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
		n++;
	return n;
}

/*
 * Whether a value stands at the front of `rest`, which begins with a word of
 * `least` bytes.  What begins `rest` sorts below it, the longest last.
 */
static bool value_begins(const struct filter_values *values, struct span rest, size_t least)
{
	struct span front = rest;
	const struct span *value;

	while (front.len >= least && (value = value_below(values, front))) {
		size_t same = common_len(*value, front);

		if (same < value->len) {
			front.len = same;
			continue;
		}
		if (value->len >= least && !(text_ends_with_word(*value) &&
					     text_starts_with_word(span_skip(rest, value->len))))
			return true;
		if (!value->len)
			return false;
		front.len = value->len - 1;
	}
	return false;
}

/* A phrase that begins with a word begins where a word of the text does. */
static bool has_listed_phrase(const struct filter_values *values, struct span text)
{
	struct span rest = text, word;

	while (token_next(&rest, &word))
		if (value_begins(values, span_between(word.ptr, text.ptr + text.len), word.len))
			return true;
	for (size_t i = 0; values->signs && i < values->len; i++)
		if (!phrase_begins_with_word(values->ptr[i]) && has_phrase(text, values->ptr[i]))
			return true;
	return false;
}

/* The empty text is in every text. */
static bool match_contains_any(const struct filter *leaf, struct span text)
{
	const struct filter_values *values = &leaf->values;

	if (values->len && values->ptr[0].len == 0)
		return true;
	if (values->len > FEW_VALUES)
		return has_listed_phrase(values, text);
	for (size_t i = 0; i < values->len; i++)
		if (has_phrase(text, values->ptr[i]))
			return true;
	return false;
}

/* An element counts by its text: decoded strings, numbers and words as they are written. */
static bool match_json_array(const struct filter *leaf, struct span text)
{
	struct json_iter iter;
	struct json_item item;
	struct arena arena;
	bool found = false;
	size_t at;

	text = span_trim(text);
	if (!span_starts(text, SPAN("[")) || json_validate(text, &at) < 0)
		return false;
	if (!json_iter_init(&iter, text))
		return false;
	arena_init(&arena, text.len + 4096);
	while (!found && json_iter_next(&iter, &item)) {
		if (item.type == VALUE_JSON)
			continue;
		found = has_value(leaf,
				  item.text_escaped ? json_unescape(&arena, item.text) : item.text);
	}
	arena_release(&arena);
	return found;
}

static bool match_stream(const struct filter *leaf, struct span text)
{
	struct stream_text labels;

	return stream_text_parse(text, &labels) && stream_match(leaf, stream_text_get, &labels);
}

static bool match_value_type(const struct filter *leaf, struct span text)
{
	return text.len && span_eq(leaf->text, value_type_alone(text));
}

static bool match_all(const struct filter *leaf, struct span text)
{
	(void)leaf;
	(void)text;
	return true;
}

static bool match_none(const struct filter *leaf, struct span text)
{
	(void)leaf;
	(void)text;
	return false;
}

static const struct {
	enum filter_class class;
	bool (*match)(const struct filter *leaf, struct span text);
} kinds[] = {
	[FILTER_ALL] = {FILTER_ON_NOTHING, match_all},
	[FILTER_NONE] = {FILTER_ON_NOTHING, match_none},
	[FILTER_PHRASE] = {FILTER_ON_TEXT, match_phrase},
	[FILTER_PREFIX] = {FILTER_ON_TEXT, match_prefix},
	[FILTER_SUBSTRING] = {FILTER_ON_TEXT, match_substring},
	[FILTER_REGEX] = {FILTER_ON_TEXT, match_regex},
	[FILTER_ANY_CASE_PHRASE] = {FILTER_ON_TEXT, match_any_case_phrase},
	[FILTER_ANY_CASE_PREFIX] = {FILTER_ON_TEXT, match_any_case_prefix},
	[FILTER_EXACT] = {FILTER_ON_TEXT, match_exact},
	[FILTER_EXACT_PREFIX] = {FILTER_ON_TEXT, match_exact_prefix},
	[FILTER_SEQ] = {FILTER_ON_TEXT, match_seq},
	[FILTER_PATTERN] = {FILTER_ON_TEXT, match_pattern},
	[FILTER_STRING_RANGE] = {FILTER_ON_TEXT, match_string_range},
	[FILTER_LEN_RANGE] = {FILTER_ON_TEXT, match_len_range},
	[FILTER_RANGE] = {FILTER_ON_TEXT, match_range},
	[FILTER_IPV4_RANGE] = {FILTER_ON_TEXT, match_ipv4_range},
	[FILTER_IPV6_RANGE] = {FILTER_ON_TEXT, match_ipv6_range},
	[FILTER_JSON_ARRAY_ANY] = {FILTER_ON_TEXT, match_json_array},
	[FILTER_VALUE_TYPE] = {FILTER_ON_TYPE, match_value_type},
	[FILTER_IN] = {FILTER_ON_TEXT, has_value},
	[FILTER_CONTAINS_ALL] = {FILTER_ON_TEXT, match_contains_all},
	[FILTER_CONTAINS_ANY] = {FILTER_ON_TEXT, match_contains_any},
	[FILTER_EQUALS_COMMON_CASE] = {FILTER_ON_TEXT, has_value},
	[FILTER_CONTAINS_COMMON_CASE] = {FILTER_ON_TEXT, match_contains_any},
	[FILTER_EQ_FIELD] = {FILTER_ON_PAIR, NULL},
	[FILTER_LE_FIELD] = {FILTER_ON_PAIR, NULL},
	[FILTER_LT_FIELD] = {FILTER_ON_PAIR, NULL},
	[FILTER_TIME] = {FILTER_ON_TIME, NULL},
	[FILTER_DAY_RANGE] = {FILTER_ON_TIME, NULL},
	[FILTER_WEEK_RANGE] = {FILTER_ON_TIME, NULL},
	[FILTER_STREAM] = {FILTER_ON_STREAM, match_stream},
	[FILTER_STREAM_ID] = {FILTER_ON_TEXT, has_value},
};

enum filter_class filter_class(const struct filter *leaf)
{
	return kinds[leaf->kind].class;
}

bool filter_match_text(const struct filter *leaf, struct span text)
{
	return kinds[leaf->kind].match(leaf, text);
}

bool filter_matches_empty(const struct filter *leaf)
{
	return filter_match_text(leaf, (struct span){0});
}

#define NS_PER_DAY INT64_C(86400000000000)

/* Days and the ns since midnight, of times before 1970 too. */
static int64_t day_of(int64_t ns, int64_t *ret_rest)
{
	int64_t rest = ns % NS_PER_DAY;

	if (rest < 0)
		rest += NS_PER_DAY;
	*ret_rest = rest;
	return (ns - rest) / NS_PER_DAY;
}

/* Where the end comes before the start, the range goes over midnight or the weekend. */
static bool in_cycle(int64_t value, int64_t from, int64_t to)
{
	return from <= to ? value >= from && value <= to : value >= from || value <= to;
}

bool filter_match_time(const struct filter *leaf, int64_t ns)
{
	int64_t local, rest, day;

	if (leaf->kind == FILTER_TIME)
		return ns >= leaf->tmin && ns <= leaf->tmax;
	if (__builtin_add_overflow(ns, leaf->offset, &local))
		return false;
	day = day_of(local, &rest);
	if (leaf->kind == FILTER_DAY_RANGE)
		return in_cycle(rest, leaf->tmin, leaf->tmax);
	/* 1970-01-01 was a Thursday, day 4 of the week. */
	return in_cycle(((day + 4) % 7 + 7) % 7, leaf->tmin, leaf->tmax);
}

/* By number if both are numbers, else by bytes. */
bool filter_match_pair(const struct filter *leaf, struct span text, struct span other)
{
	double a, b;

	if (leaf->kind == FILTER_EQ_FIELD)
		return span_eq(text, other);
	if (lang_number(text, &a) && lang_number(other, &b))
		return leaf->kind == FILTER_LE_FIELD ? a <= b : a < b;
	return span_cmp(text, other) < (leaf->kind == FILTER_LE_FIELD);
}
