/*
 * pipe_extract.c - extract [if (…)] "a=<b> c=<d>" [from field] [keep…|skip…]
 *                  extract_regexp [if (…)] "(?P<b>\d+)" [from field] [keep…|skip…]
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/unpack.h"
#include "aggregator/query/text/template.h"
#include "common/base/cleanup.h"
#include "common/conf/regex.h"
#include "common/lang/words.h"
#include <errno.h>

#define GROUPS_MAX 256

struct pipe_extract {
	struct pipe_unpack unpack;
	struct span pattern;
	struct template template; /* extract */
	struct regex *regex;      /* extract_regexp */
};

static int compile_template(struct pipe_extract *pipe, struct lex *lex, struct err *reterr)
{
	int r = template_parse(pipe->pattern, lex->arena, &pipe->template, reterr);

	return r < 0 ? r : template_check_extract(&pipe->template, reterr);
}

static int compile_regex(struct pipe_extract *pipe, struct lex *lex, struct err *reterr)
{
	(void)lex;
	int r = regex_new(pipe->pattern, REGEX_RE2 | REGEX_DOTALL, &pipe->regex, reterr);

	for (size_t i = 1; r >= 0 && i <= regex_groups(pipe->regex); i++)
		if (regex_group_name(pipe->regex, i).len)
			return 0;
	if (r >= 0) {
		regex_free(TAKE(pipe->regex));
		r = err_set(reterr, -EINVAL,
			    "the pattern names no group; write one as (?P<name>…)");
	}
	return r;
}

static int parse_any(struct lex *lex, const struct pipe_ops *ops,
		     int (*compile)(struct pipe_extract *, struct lex *, struct err *),
		     struct pipe **ret)
{
	struct pipe_extract *pipe = PIPE_NEW(lex, struct pipe_extract, ops);
	struct err err;

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->unpack.condition);
	size_t pos = lex->pos;

	if (r >= 0)
		r = lex_parse_text(lex, "the pattern", &pipe->pattern);
	pipe->unpack.from = SPAN("_msg");
	if (r >= 0 && lex_accept(lex, "from"))
		r = lex_parse_field(lex, &pipe->unpack.from);
	if (r < 0)
		return r;
	unpack_parse_keep(lex, &pipe->unpack);
	if (compile(pipe, lex, &err) < 0)
		return lex_error_at(lex, pos, "%s", err.text);
	*ret = &pipe->unpack.pipe;
	return 0;
}

static int extract_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_extract_ops, compile_template, ret);
}

static int extract_regexp_parse(struct lex *lex, struct pipe **ret)
{
	return parse_any(lex, &pipe_extract_regexp_ops, compile_regex, ret);
}

static void extract_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_extract *e = (const struct pipe_extract *)pipe;

	buf_puts(out, span_cstr(pipe->ops->names));
	pipe_print_if(e->unpack.condition, out);
	buf_putc(out, ' ');
	text_print_quoted(out, e->pattern);
	unpack_print_from(&e->unpack, out);
	unpack_print_rest(&e->unpack, out);
}

static void extract_free(struct pipe *pipe)
{
	regex_free(((struct pipe_extract *)pipe)->regex);
}

static void extract(struct unpack *unpack, struct span text)
{
	const struct template *template = &((const struct pipe_extract *)unpack->pipe)->template;
	struct span *matches = ARENA_ARRAY(unpack->rows->arena, struct span, template->nsteps);

	if (!matches || template_extract(template, text, unpack->rows->arena, matches) < 0) {
		unpack->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < template->nsteps; i++)
		if (template->steps[i].field.len)
			unpack_add(unpack, template->steps[i].field, matches[i]);
}

static void extract_regexp(struct unpack *unpack, struct span text)
{
	const struct regex *regex = ((const struct pipe_extract *)unpack->pipe)->regex;
	struct span groups[GROUPS_MAX];
	int n = regex_exec(regex, text, 0, groups, GROUPS_MAX);

	for (size_t i = 1; i <= regex_groups(regex); i++) {
		struct span name = regex_group_name(regex, i);

		if (name.len)
			unpack_add(unpack, name, n > 0 && i < (size_t)n ? groups[i] : SPAN(""));
	}
}

static int extract_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return unpack_push(stage, worker, rows, extract);
}

static int extract_regexp_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return unpack_push(stage, worker, rows, extract_regexp);
}

const struct pipe_ops pipe_extract_ops = {
	.names = "extract",
	.streams = true,
	.parse = extract_parse,
	.print = extract_print,
	.needs = unpack_needs,
	.filters = unpack_filters,
	.push = extract_push,
};

const struct pipe_ops pipe_extract_regexp_ops = {
	.names = "extract_regexp",
	.streams = true,
	.parse = extract_regexp_parse,
	.print = extract_print,
	.free = extract_free,
	.needs = unpack_needs,
	.filters = unpack_filters,
	.push = extract_regexp_push,
};
