/*
 * words.c - keywords, suggestions and quoting; see words.h.
 */
#include "common/lang/words.h"
#include "common/base/nearest.h"
#include "common/base/utf8.h"
#include "common/lang/token.h"

const char words_filters[] =
	"contains_all contains_any contains_common_case eq_field "
	"equals_common_case exact i in ipv4_range ipv6_range "
	"json_array_contains_any le_field len_range lt_field pattern_match "
	"pattern_match_full pattern_match_prefix pattern_match_suffix range re "
	"seq string_range value_type";

const char words_pipes[] =
	"block_stats blocks_count collapse_nums copy cp decolorize del delete diff drop "
	"drop_empty_fields eval extract extract_regexp facets field_names field_values fields "
	"filter first format generate_sequence hash head join json_array_len keep last len limit "
	"math mv offset order pack_json pack_logfmt patterns query_stats rename replace "
	"replace_regexp rm running_stats sample set_stream_fields skip sort split stats "
	"stream_context time_add top total_stats trace union uniq unpack_json "
	"unpack_logfmt unpack_syslog unpack_words unroll where";

const char words_stats[] =
	"any avg count count_empty count_uniq count_uniq_hash field_max field_min first histogram "
	"json_values last max median min quantile rate rate_sum row_any row_max row_min stddev sum "
	"sum_len uniq_values values";

/* Words that have a meaning somewhere else in a query. */
static const char words_other[] = "and or not now offset options if by as from abs ceil exp floor "
				  "ln rand round";

static bool next_word(struct span *list, struct span *ret)
{
	return span_cut(list, ' ', ret);
}

/* Most words differ in length, which is cheaper to see than to compare them. */
bool words_have(const char *list, struct span word)
{
	for (size_t len; *list; list += len + (list[len] != 0)) {
		for (len = 0; list[len] && list[len] != ' ';)
			len++;
		if (len == word.len && span_ieq(span_of(list, len), word))
			return true;
	}
	return false;
}

#define NEAREST_MAX 64

struct span words_nearest(const char *list, struct span given)
{
	struct span rest = span_cstr(list), word;
	char lower[NEAREST_MAX];
	struct nearest near;

	if (given.len < 2 || given.len > NEAREST_MAX)
		return span_of(NULL, 0);
	for (size_t i = 0; i < given.len; i++)
		lower[i] = (char)((uint8_t)given.ptr[i] < 0x80 ? rune_lower((uint8_t)given.ptr[i])
							       : (uint8_t)given.ptr[i]);
	nearest_init(&near, span_of(lower, given.len));
	while (next_word(&rest, &word))
		nearest_try(&near, word);
	return near.best;
}

/* One word, or several with dots between: http.status. */
static bool needs_quotes(struct span text)
{
	struct span rest = text, part, word;

	if (!text.len || text.ptr[text.len - 1] == '.')
		return true;
	while (span_cut(&rest, '.', &part)) {
		struct span whole = part;

		if (!token_next(&part, &word) || word.len != whole.len)
			return true;
	}
	return words_have(words_filters, text) || words_have(words_pipes, text) ||
	       words_have(words_stats, text) || words_have(words_other, text);
}

void text_print_quoted(struct buf *out, struct span text)
{
	uint32_t rune;

	buf_putc(out, '"');
	while (text.len) {
		size_t n = utf8_decode(text, &rune);
		char c = text.ptr[0];

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n' || c == '\t' || c == '\r')
			buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		else if (rune < 0x20 || rune == 0x7f || (rune == 0xfffd && n == 1))
			buf_printf(out, "\\x%02x", (uint8_t)c);
		else
			buf_puts(out, span_take(text, n));
		text = span_skip(text, n);
	}
	buf_putc(out, '"');
}

void text_print(struct buf *out, struct span text)
{
	if (needs_quotes(text))
		text_print_quoted(out, text);
	else
		buf_puts(out, text);
}

void text_print_bare(struct buf *out, struct span text)
{
	bool bare = text.len > 1 || text_starts_with_word(text);

	for (size_t i = 0; bare && i < text.len; i++)
		bare = char_is_word(text.ptr[i]) || strchr("+-/:.$", text.ptr[i]);
	if (bare)
		buf_puts(out, text);
	else
		text_print_quoted(out, text);
}

void text_print_field_filter(struct buf *out, struct span text)
{
	if (!span_ends(text, SPAN("*"))) {
		text_print(out, text);
		return;
	}
	text.len--;
	if (text.len)
		text_print(out, text);
	buf_putc(out, '*');
}

static void print_list(struct buf *out, const struct span *texts, size_t n,
		       void (*print)(struct buf *, struct span))
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_puts(out, SPAN(", "));
		print(out, texts[i]);
	}
}

void text_print_list(struct buf *out, const struct span *texts, size_t n)
{
	print_list(out, texts, n, text_print);
}

void text_print_field_filters(struct buf *out, const struct span *texts, size_t n)
{
	print_list(out, texts, n, text_print_field_filter);
}
