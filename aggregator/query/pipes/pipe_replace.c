/* pipe_replace.c - replace and replace_regexp [if (…)] (old, new) [at field] [limit N] */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "common/base/utf8.h"
#include "common/conf/regex.h"
#include "common/lang/words.h"
#include <errno.h>

#define GROUPS_MAX 64

struct pipe_replace {
	struct pipe_update update;
	struct span old, new;
	uint64_t limit; /* replacements in one text; 0 = all */
	struct regex *regex;
};

/* ( old , new ) */
static int parse_pair(struct lex *lex, struct pipe_replace *pipe)
{
	int r = lex_expect(lex, "(", "before what is replaced");

	if (r >= 0)
		r = lex_parse_text(lex, "what is replaced", &pipe->old);
	if (r >= 0)
		r = lex_expect(lex, ",", "between what is replaced and what it becomes");
	if (r >= 0)
		r = lex_parse_text(lex, "what it becomes", &pipe->new);
	if (r >= 0)
		r = lex_expect(lex, ")", "behind what it becomes");
	return r;
}

static int parse_any(struct lex *lex, const struct pipe_ops *ops, struct pipe **ret)
{
	struct pipe_replace *pipe = PIPE_NEW(lex, struct pipe_replace, ops);
	struct err err;
	size_t pos;

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->update.condition);

	pos = lex->pos;
	if (r >= 0)
		r = parse_pair(lex, pipe);
	if (r >= 0)
		r = update_parse_at(lex, &pipe->update);
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &pipe->limit);
	if (r < 0)
		return r;
	if (ops == &pipe_replace_regexp_ops &&
	    regex_new(pipe->old, REGEX_RE2 | REGEX_DOTALL, &pipe->regex, &err) < 0)
		return lex_error_at(lex, pos, "%s", err.text);
	*ret = &pipe->update.pipe;
	return 0;
}

static int replace_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_replace_ops, ret);
}

static int replace_regexp_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_replace_regexp_ops, ret);
}

static void replace_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_replace *p = (const struct pipe_replace *)pipe;

	buf_puts(out, span_cstr(pipe->ops->names));
	pipe_print_if(p->update.condition, out);
	buf_puts(out, SPAN(" ("));
	text_print(out, p->old);
	buf_puts(out, SPAN(", "));
	text_print(out, p->new);
	buf_putc(out, ')');
	update_print_at(&p->update, SPAN("_msg"), out);
	if (p->limit)
		buf_printf(out, " limit %llu", (unsigned long long)p->limit);
}

static void replace_free(struct pipe *pipe)
{
	regex_free(((struct pipe_replace *)pipe)->regex);
}

static int replace(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	const struct pipe_replace *p = (const struct pipe_replace *)pipe;
	uint64_t left = p->limit ? p->limit : UINT64_MAX;
	ptrdiff_t at = p->old.len ? span_find(text, p->old) : -1;

	if (at < 0)
		return -EAGAIN;
	for (; at >= 0 && left > 0; left--, at = span_find(text, p->old)) {
		buf_puts(out, span_take(text, (size_t)at));
		buf_puts(out, p->new);
		text = span_skip(text, (size_t)at + p->old.len);
	}
	buf_puts(out, text);
	return 0;
}

static bool is_name_char(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The group called `name`, a number or a name; the empty span if there is none. */
static struct span group_text(const struct regex *regex, const struct span *groups, size_t n,
			      struct span name)
{
	size_t number = 0;

	for (size_t i = 0; i < name.len && number < GROUPS_MAX; i++) {
		if (name.ptr[i] < '0' || name.ptr[i] > '9') {
			number = SIZE_MAX;
			break;
		}
		number = number * 10 + (size_t)(name.ptr[i] - '0');
	}
	for (size_t i = 1; number == SIZE_MAX && i < n; i++)
		if (span_eq(regex_group_name(regex, i), name))
			number = i;
	return number < n ? groups[number] : SPAN("");
}

/* $1, $name, ${name} stand for groups, $$ for a dollar. */
static void expand(const struct pipe_replace *p, const struct span *groups, size_t n,
		   struct buf *out)
{
	struct span rest = p->new;

	for (ptrdiff_t at; (at = span_chr(rest, '$')) >= 0;) {
		buf_puts(out, span_take(rest, (size_t)at));
		rest = span_skip(rest, (size_t)at + 1);
		bool braces = rest.len && rest.ptr[0] == '{';
		struct span name = span_skip(rest, braces);
		size_t len = 0;

		while (len < name.len && is_name_char(name.ptr[len]))
			len++;
		if (rest.len && rest.ptr[0] == '$') {
			buf_putc(out, '$');
			rest = span_skip(rest, 1);
		} else if (len == 0 || (braces && (len == name.len || name.ptr[len] != '}'))) {
			buf_putc(out, '$');
		} else {
			buf_puts(out, group_text(p->regex, groups, n, span_take(name, len)));
			rest = span_skip(name, len + braces);
		}
	}
	buf_puts(out, rest);
}

/*
 * A field without a value stays so.  As in Go, an empty match right behind the
 * match before it is none.
 */
static int replace_regexp(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	const struct pipe_replace *p = (const struct pipe_replace *)pipe;
	uint64_t left = p->limit ? p->limit : UINT64_MAX;
	struct span groups[GROUPS_MAX];
	size_t at = 0, copied = 0;
	uint32_t rune;

	if (text.len == 0)
		return -EAGAIN;
	while (left > 0 && at <= text.len) {
		int n = regex_exec(p->regex, text, at, groups, GROUPS_MAX);

		if (n <= 0)
			break;
		size_t start = (size_t)(groups[0].ptr - text.ptr), end = start + groups[0].len;

		if (end > copied || start == 0) {
			buf_put(out, text.ptr + copied, start - copied);
			expand(p, groups, (size_t)n, out);
			copied = end;
			left--;
		}
		at = end;
		if (start == end)
			at += end < text.len ? utf8_decode(span_skip(text, end), &rune) : 1;
	}
	buf_puts(out, span_skip(text, copied));
	return 0;
}

static int replace_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, replace);
}

static int replace_regexp_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, replace_regexp);
}

const struct pipe_ops pipe_replace_ops = {
	.names = "replace",
	.streams = true,
	.parse = replace_parse,
	.print = replace_print,
	.needs = update_needs,
	.filters = update_filters,
	.push = replace_push,
};

const struct pipe_ops pipe_replace_regexp_ops = {
	.names = "replace_regexp",
	.streams = true,
	.parse = replace_regexp_parse,
	.print = replace_print,
	.free = replace_free,
	.needs = update_needs,
	.filters = update_filters,
	.push = replace_regexp_push,
};
