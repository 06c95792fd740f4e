/* hint.c - levels in lower case. */
#include "aggregator/logq/hint.h"
#include "common/base/cleanup.h"
#include "common/data/record.h"
#include "common/lang/ast/filter.h"
#include <stdio.h>

/* The level that is meant: "warning" is WARN. */
static int look(struct buf *out, struct span text)
{
	uint32_t severity = severity_parse(text);
	struct span name = severity ? severity_name(severity) : SPAN("");

	if (!severity || span_eq(text, name))
		return 0;
	buf_printf(out, "level is written in upper case: try level:%.*s", SPAN_FMT(name));
	return -1;
}

static int visit(void *ctx, struct filter *leaf)
{
	struct buf *out = ctx;
	int r = 0;

	if (!span_eq(leaf->field, SPAN("level")) || leaf->wild)
		return 0;
	if (leaf->kind == FILTER_PHRASE || leaf->kind == FILTER_EXACT)
		return look(out, leaf->text);
	if (leaf->kind == FILTER_IN || leaf->kind == FILTER_CONTAINS_ANY)
		for (size_t i = 0; i < leaf->values.len && r == 0; i++)
			r = look(out, leaf->values.ptr[i]);
	return r;
}

void hint_levels_text(struct filter *filter, struct buf *out)
{
	(void)filter_walk(filter, visit, out);
}

void hint_levels(struct filter *filter)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1024);

	hint_levels_text(filter, &text);
	if (text.len)
		fprintf(stderr, "logq: %.*s\n", SPAN_FMT(buf_span(&text)));
}
