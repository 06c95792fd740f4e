/* stats_table.c - every stats function by name. */
#include "aggregator/query/stats/stats_funcs.h"
#include <errno.h>

static const struct stats_func_ops *const table[] = {
	&stats_any_ops,         &stats_avg_ops,         &stats_count_ops,
	&stats_count_empty_ops, &stats_count_uniq_ops,  &stats_count_uniq_hash_ops,
	&stats_field_max_ops,   &stats_field_min_ops,   &stats_histogram_ops,
	&stats_json_values_ops, &stats_max_ops,         &stats_median_ops,
	&stats_min_ops,         &stats_quantile_ops,    &stats_rate_ops,
	&stats_rate_sum_ops,    &stats_row_any_ops,     &stats_row_max_ops,
	&stats_row_min_ops,     &stats_stddev_ops,      &stats_sum_ops,
	&stats_sum_len_ops,     &stats_uniq_values_ops, &stats_values_ops,
};

#define TABLE_LEN (sizeof table / sizeof *table)

const struct stats_func_ops *stats_func_find(struct span name)
{
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (span_ieq(name, span_cstr(table[i]->names)))
			return table[i];
	return NULL;
}

int stats_func_parse(struct lex *lex, struct stats_func **ret)
{
	const struct stats_func_ops *ops =
		lex->kind == LEX_WORD ? stats_func_find(lex->text) : NULL;

	if (ops) {
		lex_next(lex);
		return ops->parse(lex, ret);
	}
	struct span given = lex->text;
	struct buf names = BUF_INIT(4096);
	int r = lex_error(lex, "expected a stats function such as count() or quantile(0.9, x)");

	for (size_t i = 0; i < TABLE_LEN; i++)
		buf_printf(&names, "%s%s", i ? " " : "", table[i]->names);
	const char *words = buf_cstr(&names);

	if (words)
		lex_suggest(lex, given, words);
	buf_release(&names);
	return r;
}
