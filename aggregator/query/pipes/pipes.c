/* The table of pipes, and how common/lang gets at it. */
#include "aggregator/query/pipes/pipes.h"

#include "common/lang/words.h"
#include <errno.h>

const struct pipe_ops *const pipe_table[] = {
	&pipe_block_stats_ops,       /* block_stats */
	&pipe_blocks_count_ops,      /* blocks_count */
	&pipe_collapse_nums_ops,     /* collapse_nums */
	&pipe_copy_ops,              /* copy cp */
	&pipe_decolorize_ops,        /* decolorize */
	&pipe_delete_ops,            /* delete del rm drop */
	&pipe_diff_ops,              /* diff */
	&pipe_drop_empty_fields_ops, /* drop_empty_fields */
	&pipe_extract_ops,           /* extract */
	&pipe_extract_regexp_ops,    /* extract_regexp */
	&pipe_facets_ops,            /* facets */
	&pipe_field_names_ops,       /* field_names */
	&pipe_field_values_ops,      /* field_values */
	&pipe_fields_ops,            /* fields keep */
	&pipe_filter_ops,            /* filter where */
	&pipe_first_ops,             /* first */
	&pipe_format_ops,            /* format */
	&pipe_generate_sequence_ops, /* generate_sequence */
	&pipe_hash_ops,              /* hash */
	&pipe_join_ops,              /* join */
	&pipe_json_array_len_ops,    /* json_array_len */
	&pipe_last_ops,              /* last */
	&pipe_len_ops,               /* len */
	&pipe_limit_ops,             /* limit head */
	&pipe_math_ops,              /* math eval */
	&pipe_offset_ops,            /* offset skip */
	&pipe_pack_json_ops,         /* pack_json */
	&pipe_pack_logfmt_ops,       /* pack_logfmt */
	&pipe_patterns_ops,          /* patterns */
	&pipe_query_stats_ops,       /* query_stats */
	&pipe_rename_ops,            /* rename mv */
	&pipe_replace_ops,           /* replace */
	&pipe_replace_regexp_ops,    /* replace_regexp */
	&pipe_running_stats_ops,     /* running_stats */
	&pipe_sample_ops,            /* sample */
	&pipe_set_stream_fields_ops, /* set_stream_fields */
	&pipe_sort_ops,              /* sort order */
	&pipe_split_ops,             /* split */
	&pipe_stats_ops,             /* stats */
	&pipe_stream_context_ops,    /* stream_context */
	&pipe_time_add_ops,          /* time_add */
	&pipe_top_ops,               /* top */
	&pipe_total_stats_ops,       /* total_stats */
	&pipe_trace_ops,             /* trace */
	&pipe_union_ops,             /* union */
	&pipe_uniq_ops,              /* uniq */
	&pipe_unpack_json_ops,       /* unpack_json */
	&pipe_unpack_logfmt_ops,     /* unpack_logfmt */
	&pipe_unpack_syslog_ops,     /* unpack_syslog */
	&pipe_unpack_words_ops,      /* unpack_words */
	&pipe_unroll_ops,            /* unroll */
	NULL,
};

const struct pipe_ops *pipe_find(struct span name)
{
	for (size_t i = 0; pipe_table[i]; i++)
		if (words_have(pipe_table[i]->names, name))
			return pipe_table[i];
	return NULL;
}

/* Behind a pipe stands what is none of it; what other languages put there is named. */
static int trailing_error(const struct pipe_ops *ops, struct lex *lex)
{
	if (ops == &pipe_stats_ops && (lex_is(lex, "by") || span_ieq(lex->previous, SPAN("by"))))
		return lex_error(lex, "what to group by stands first: stats by (service) count(); "
				      "expected `|`, `)` or the end");
	if (ops == &pipe_sort_ops && lex->kind == LEX_WORD && words_have(ops->names, lex->previous))
		return lex_error(lex, "expected `by (…)` with the fields to sort by");
	return lex_error(lex, "expected `|`, `)` or the end after pipe `%.*s`",
			 (int)strcspn(ops->names, " "), ops->names);
}

static int parse_with(const struct pipe_ops *ops, struct lex *lex, void **ret_pipe)
{
	struct pipe *pipe;
	int r = ops->parse(lex, &pipe);

	if (r < 0)
		return r;
	if (!lex_at_pipe_end(lex)) {
		if (ops->free)
			ops->free(pipe);
		return trailing_error(ops, lex);
	}
	*ret_pipe = pipe;
	return 0;
}

/* `count() n`, `by (host) count() n`: stats without its name. */
static bool looks_like_stats(const struct lex *lex)
{
	struct lex ahead = *lex;

	if (lex->kind != LEX_WORD || !words_have(words_stats, lex->text))
		return false;
	lex_next(&ahead);
	return lex_is(&ahead, "(");
}

/* The word up to its first dot: `limit.10` is `limit` and something wrong. */
static bool starts_with_pipe_name(struct span word)
{
	ptrdiff_t dot = span_chr(word, '.');

	if (dot >= 0)
		word = span_take(word, (size_t)dot);
	return pipe_find(word) || words_have(words_stats, word);
}

/* `cont(`: what must be a function is none. */
static bool unknown_function(const struct lex *lex)
{
	struct lex ahead = *lex;

	lex_next(&ahead);
	return lex->kind == LEX_WORD && lex_is(&ahead, "(") && !ahead.space &&
	       !words_have(words_filters, lex->text);
}

static int function_error(struct lex *lex)
{
	bool stats = words_nearest(words_stats, lex->text).len > 0;

	lex_error_at(lex, lex->pos, "`%.*s` is no pipe, stats function or filter function",
		     SPAN_FMT(lex->text));
	return lex_suggest(lex, lex->text, stats ? words_stats : words_pipes);
}

/* `stas count()`: no filter, so the first word was meant for a pipe if it is near one. */
static int parse_filter(struct lex *lex, void **ret_pipe)
{
	struct lex behind = *lex;
	size_t pos = lex->pos;
	int r = parse_with(&pipe_filter_ops, lex, ret_pipe);

	lex_next(&behind);
	if (r >= 0 || lex_is(&behind, ":") || !words_nearest(words_pipes, behind.previous).len)
		return r;
	lex_error_at(lex, pos, "`%.*s` is no pipe, and with what follows no filter",
		     SPAN_FMT(behind.previous));
	return lex_suggest(lex, behind.previous, words_pipes);
}

static int parse_nameless(struct lex *lex, void **ret_pipe)
{
	const struct pipe_ops *stats = pipe_find(SPAN("stats"));
	struct lex saved = *lex;

	if (stats && (looks_like_stats(lex) || lex_is_any(lex, "by (")) &&
	    parse_with(stats, lex, ret_pipe) >= 0)
		return 0;
	if (looks_like_stats(&saved) || lex_is(&saved, "by"))
		return -EINVAL;
	*lex = saved;
	if (lex->kind == LEX_WORD && words_have(words_stats, lex->text))
		return lex_error_at(lex, lex->pos,
				    "`%.*s` is a function of stats: write stats %.*s(…)",
				    SPAN_FMT(lex->text), SPAN_FMT(lex->text));
	if (lex->kind == LEX_WORD && starts_with_pipe_name(lex->text)) {
		lex_error(lex, "expected a pipe or a filter");
		return lex_suggest(lex, lex->text, words_pipes);
	}
	return unknown_function(lex) ? function_error(lex) : parse_filter(lex, ret_pipe);
}

static int parse_pipe(struct lex *lex, void **ret_pipe)
{
	const struct pipe_ops *ops = lex->kind == LEX_WORD ? pipe_find(lex->text) : NULL;

	if (!ops)
		return parse_nameless(lex, ret_pipe);
	lex_next(lex);
	return parse_with(ops, lex, ret_pipe);
}

static void print_pipe(const void *pipe, struct buf *out)
{
	((const struct pipe *)pipe)->ops->print(pipe, out);
}

static void free_pipe(void *pipe)
{
	struct pipe *p = pipe;

	if (p->ops->free)
		p->ops->free(p);
}

static bool single_field(const void *pipe, struct span *ret_field)
{
	const struct pipe *p = pipe;

	return p->ops->single_field && p->ops->single_field(p, ret_field);
}

const struct lang_ops query_lang_ops = {
	.parse_pipe = parse_pipe,
	.print_pipe = print_pipe,
	.free_pipe = free_pipe,
	.single_field = single_field,
};
