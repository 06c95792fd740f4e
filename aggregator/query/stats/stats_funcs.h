/*
 * stats_funcs.h - the functions that stats_table.c lists.
 */
#ifndef SLUICE_QUERY_STATS_FUNCS_H
#define SLUICE_QUERY_STATS_FUNCS_H

#include "aggregator/query/stats.h"

extern const struct stats_func_ops stats_any_ops, stats_avg_ops, stats_count_ops,
	stats_count_empty_ops, stats_count_uniq_ops, stats_count_uniq_hash_ops, stats_field_max_ops,
	stats_field_min_ops, stats_histogram_ops, stats_json_values_ops, stats_max_ops,
	stats_median_ops, stats_min_ops, stats_quantile_ops, stats_rate_ops, stats_rate_sum_ops,
	stats_row_any_ops, stats_row_max_ops, stats_row_min_ops, stats_stddev_ops, stats_sum_ops,
	stats_sum_len_ops, stats_uniq_values_ops, stats_values_ops;

/* count(), of rows and no fields. */
bool stats_counts_rows(const struct stats_func *func);

#endif
