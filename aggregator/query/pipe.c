/* What the parsers of pipes share. */
#include "aggregator/query/pipe.h"

#include "common/lang/words.h"
#include <errno.h>

int pipe_no_memory(struct lex *lex)
{
	return lex_error_at(lex, lex->pos, "the query needs too much memory to be parsed");
}

int pipe_parse_as(struct lex *lex, struct span *ret_field)
{
	lex_accept(lex, "as");
	return lex_parse_field(lex, ret_field);
}

int pipe_parse_if(struct lex *lex, struct filter **ret)
{
	return lex_is(lex, "if") ? lang_parse_if(lex, ret) : 0;
}

void pipe_print_if(const struct filter *filter, struct buf *out)
{
	if (!filter)
		return;
	buf_puts(out, SPAN(" if ("));
	filter_print(filter, out);
	buf_putc(out, ')');
}

void pipe_print_fields(const struct span_list *fields, struct buf *out)
{
	text_print_field_filters(out, fields->ptr, fields->len);
}

void pipe_print_by(const char *keyword, const struct span_list *fields, struct buf *out)
{
	if (!fields->len)
		return;
	buf_printf(out, " %s (", keyword);
	text_print_list(out, fields->ptr, fields->len);
	buf_putc(out, ')');
}

int pipe_parse_by(struct lex *lex, const char *stops, struct span_list *ret)
{
	bool by = lex_accept(lex, "by");

	if (lex_is(lex, "("))
		return lex_parse_fields_in_parens(lex, ret);
	if (!lex_at_pipe_end(lex) && !lex_is_any(lex, stops))
		return lex_parse_fields(lex, ret);
	return by ? lex_error(lex, "expected fields after `by`") : 0;
}

int pipe_parse_above_zero(struct lex *lex, const char *what, uint64_t *ret)
{
	size_t pos = lex->pos;
	int r = lex_parse_u64(lex, what, ret);

	return r >= 0 && !*ret ? lex_error_at(lex, pos, "expected %s above 0", what) : r;
}

int pipe_parse_rank(struct lex *lex, struct span *ret_field)
{
	if (lex_accept(lex, "as"))
		return lex_parse_field(lex, ret_field);
	if (lex_at_pipe_end(lex) || lex_is_any(lex, "limit offset partition hits rank")) {
		*ret_field = SPAN("rank");
		return 0;
	}
	return lex_parse_field(lex, ret_field);
}

bool span_list_has(const struct span_list *list, struct span text)
{
	for (size_t i = 0; i < list->len; i++)
		if (span_eq(list->ptr[i], text))
			return true;
	return false;
}

int pipe_free_name(struct lex *lex, const struct span_list *taken, struct span *name)
{
	while (span_list_has(taken, *name)) {
		*name = arena_printf(lex->arena, "%.*ss", SPAN_FMT(*name));
		if (!name->ptr)
			return pipe_no_memory(lex);
	}
	return 0;
}
