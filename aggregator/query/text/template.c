/* template.c - parse, extract, and the options that `format` knows. */
#include "aggregator/query/text/template.h"
#include "aggregator/query/text/number_text.h"
#include "aggregator/query/text/transform.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/json_write.h"
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include "common/lang/quote.h"
#include <errno.h>
#include <stdio.h>

/* The entities that people write for characters that mean something here. */
static const struct entity {
	struct span name;
	char character;
} entities[] = {
	{{"lt;", 3}, '<'},    {{"gt;", 3}, '>'},   {{"amp;", 4}, '&'}, {{"quot;", 5}, '"'},
	{{"apos;", 5}, '\''}, {{"#39;", 4}, '\''}, {{"#34;", 4}, '"'},
};

static struct span unescape_entities(struct span text, struct arena *arena)
{
	if (span_chr(text, '&') < 0)
		return text;
	char *out = arena_alloc(arena, text.len), *at = out;

	if (!out)
		return span_of(NULL, 0);
	while (text.len) {
		size_t step = 1;

		*at = text.ptr[0];
		for (size_t i = 0; text.ptr[0] == '&' && i < sizeof entities / sizeof *entities;
		     i++) {
			if (!span_starts(span_skip(text, 1), entities[i].name))
				continue;
			*at = entities[i].character;
			step += entities[i].name.len;
			break;
		}
		at++;
		text = span_skip(text, step);
	}
	return span_between(out, at);
}

/* "option: field" or "field". */
static void split_field(struct span text, struct template_step *step)
{
	ptrdiff_t colon = span_chr(text, ':');

	if (span_eq(text, SPAN("_")) || span_eq(text, SPAN("*")))
		return;
	if (colon >= 0)
		step->option = span_trim(span_take(text, (size_t)colon));
	step->field = span_trim(span_skip(text, (size_t)(colon + 1)));
}

static size_t count_fields(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '<';
	return n;
}

int template_parse(struct span text, struct arena *arena, struct template *ret, struct err *reterr)
{
	struct template template = {
		ARENA_ARRAY(arena, struct template_step, count_fields(text) + 1), 0};

	if (!template.steps)
		return -ENOMEM;
	for (struct span rest = text; rest.len;) {
		struct template_step *step = &template.steps[template.nsteps++];
		ptrdiff_t open = span_chr(rest, '<');

		step->text =
			unescape_entities(open < 0 ? rest : span_take(rest, (size_t)open), arena);
		if (open < 0)
			break;
		rest = span_skip(rest, (size_t)open + 1);
		ptrdiff_t close = span_chr(rest, '>');

		if (close < 0)
			return err_at(reterr, -EINVAL, (size_t)(rest.ptr - text.ptr) - 1,
				      "no '>' ends the field `<%.*s`; write &lt; for a plain '<'",
				      SPAN_FMT(rest));
		split_field(span_take(rest, (size_t)close), step);
		if (span_ends(step->field, SPAN("*")))
			return err_at(reterr, -EINVAL, (size_t)(rest.ptr - text.ptr),
				      "`<%.*s>` needs the name of one field, without `*`",
				      SPAN_FMT(step->field));
		rest = span_skip(rest, (size_t)close + 1);
	}
	if (arena->overflowed)
		return -ENOMEM;
	*ret = template;
	return 0;
}

int template_check_extract(const struct template *template, struct err *reterr)
{
	bool named = false;

	for (size_t i = 0; i < template->nsteps; i++) {
		const struct template_step *step = &template->steps[i];

		named |= step->field.len > 0;
		if (step->option.len && !span_eq(step->option, SPAN("plain")))
			return err_set(reterr, -EINVAL,
				       "`%.*s:` is nothing that extract knows; there is only "
				       "`plain:`, which leaves quotes as they are",
				       SPAN_FMT(step->option));
		if (i > 0 && step->text.len == 0)
			return err_set(
				reterr, -EINVAL,
				"no text stands between <%.*s> and <%.*s>, so where one ends "
				"can't be told",
				SPAN_FMT(step[-1].field), SPAN_FMT(step->field));
	}
	if (!named)
		return err_set(reterr, -EINVAL, "the pattern names no field; write one as <name>");
	return 0;
}

/* A quoted string at the front of `rest`: its text and length. */
static bool quoted_prefix(struct span rest, struct arena *arena, struct span *ret_text,
			  size_t *ret_len)
{
	if (rest.len == 0 || (rest.ptr[0] != '"' && rest.ptr[0] != '`'))
		return false;
	return quote_parse(rest, arena, ret_text, ret_len) == 0;
}

int template_extract(const struct template *template, struct span value, struct arena *arena,
		     struct span *matches)
{
	size_t n = template->nsteps;

	memset(matches, 0, n * sizeof *matches);
	if (n == 0)
		return 0;
	ptrdiff_t at = span_find(value, template->steps[0].text);

	if (at < 0)
		return 0;
	struct span rest = span_skip(value, (size_t)at + template->steps[0].text.len);

	for (size_t i = 0; i < n; i++) {
		struct span next = i + 1 < n ? template->steps[i + 1].text : SPAN("");
		size_t len;

		if (!span_eq(template->steps[i].option, SPAN("plain")) &&
		    quoted_prefix(rest, arena, &matches[i], &len)) {
			rest = span_skip(rest, len);
			if (!span_starts(rest, next))
				break;
		} else if (next.len == 0) {
			matches[i] = rest;
			break;
		} else {
			at = span_find(rest, next);
			if (at < 0)
				break;
			matches[i] = span_take(rest, (size_t)at);
			rest = span_skip(rest, (size_t)at);
		}
		rest = span_skip(rest, next.len);
	}
	return arena->overflowed ? -ENOMEM : 0;
}

/* The options of `format`.  Each appends, or returns false: the value as it is. */

static bool put_duration(struct span value, struct buf *out)
{
	char text[LANG_DURATION_MAX];
	int64_t ns;

	if (!lang_i64(value, &ns))
		return false;
	buf_put(out, text, lang_format_duration(text, ns));
	return true;
}

static bool put_duration_seconds(struct span value, struct buf *out)
{
	int64_t ns;

	if (!lang_duration(value, &ns))
		return false;
	number_put(out, (double)ns / 1e9);
	return true;
}

static bool put_hex_number(struct span value, struct buf *out)
{
	uint64_t n;

	if (!lang_u64(value, &n))
		return false;
	buf_printf(out, "%016llX", (unsigned long long)n);
	return true;
}

static bool put_ipv4(struct span value, struct buf *out)
{
	uint64_t n;

	if (!lang_u64(value, &n) || n > UINT32_MAX)
		return false;
	buf_printf(out, "%u.%u.%u.%u", (unsigned)(n >> 24), (unsigned)(n >> 16 & 255),
		   (unsigned)(n >> 8 & 255), (unsigned)(n & 255));
	return true;
}

static bool put_time(struct span value, struct buf *out)
{
	int64_t ns;

	if (timestamp_parse_number(value, &ns) < 0)
		return false;
	number_put_time(out, ns);
	return true;
}

static bool put_json_string(struct span value, struct buf *out)
{
	json_write_string(out, value);
	return true;
}

static const struct format_option {
	const char *name;
	bool (*put)(struct span value, struct buf *out);
} format_options[] = {
	{"base64decode", transform_base64_decode},
	{"base64encode", transform_base64_encode},
	{"duration", put_duration},
	{"duration_seconds", put_duration_seconds},
	{"hexdecode", transform_hex_decode},
	{"hexencode", transform_hex_encode},
	{"hexnumdecode", transform_hex_number_decode},
	{"hexnumencode", put_hex_number},
	{"ipv4", put_ipv4},
	{"lc", transform_lower},
	{"q", put_json_string},
	{"time", put_time},
	{"uc", transform_upper},
	{"urldecode", transform_url_decode},
	{"urlencode", transform_url_encode},
};

#define FORMAT_OPTIONS (sizeof format_options / sizeof *format_options)

static const struct format_option *find_option(struct span name)
{
	for (size_t i = 0; name.len && i < FORMAT_OPTIONS; i++)
		if (span_eq(name, span_cstr(format_options[i].name)))
			return &format_options[i];
	return NULL;
}

int template_check_format(const struct template *template, struct err *reterr)
{
	for (size_t i = 0; i < template->nsteps; i++) {
		struct span option = template->steps[i].option;
		struct buf names = BUF_INIT(4096);

		if (!option.len || find_option(option))
			continue;
		for (size_t k = 0; k < FORMAT_OPTIONS; k++)
			buf_printf(&names, " %s", format_options[k].name);
		err_set(reterr, -EINVAL, "`%.*s:` is no way to format a field; there are%s",
			SPAN_FMT(option), buf_cstr(&names));
		buf_release(&names);
		return -EINVAL;
	}
	return 0;
}

void template_format_step(const struct template_step *step, struct span value, struct buf *out)
{
	const struct format_option *option = find_option(step->option);

	buf_puts(out, step->text);
	if (step->field.len && !(option && option->put(value, out)))
		buf_puts(out, value);
}
