/*
 * pipes.h - the pipes, one file each; pipes.c is the table.
 */
#ifndef SLUICE_QUERY_PIPES_PIPES_H
#define SLUICE_QUERY_PIPES_PIPES_H

#include "aggregator/query/pipe.h"

extern const struct pipe_ops pipe_block_stats_ops;
extern const struct pipe_ops pipe_blocks_count_ops;
extern const struct pipe_ops pipe_collapse_nums_ops;
extern const struct pipe_ops pipe_copy_ops;
extern const struct pipe_ops pipe_decolorize_ops;
extern const struct pipe_ops pipe_delete_ops;
extern const struct pipe_ops pipe_diff_ops;
extern const struct pipe_ops pipe_drop_empty_fields_ops;
extern const struct pipe_ops pipe_extract_ops;
extern const struct pipe_ops pipe_extract_regexp_ops;
extern const struct pipe_ops pipe_facets_ops;
extern const struct pipe_ops pipe_field_names_ops;
extern const struct pipe_ops pipe_field_values_ops;
extern const struct pipe_ops pipe_fields_ops;
extern const struct pipe_ops pipe_filter_ops;
extern const struct pipe_ops pipe_first_ops;
extern const struct pipe_ops pipe_format_ops;
extern const struct pipe_ops pipe_generate_sequence_ops;
extern const struct pipe_ops pipe_hash_ops;
extern const struct pipe_ops pipe_join_ops;
extern const struct pipe_ops pipe_json_array_len_ops;
extern const struct pipe_ops pipe_last_ops;
extern const struct pipe_ops pipe_len_ops;
extern const struct pipe_ops pipe_limit_ops;
extern const struct pipe_ops pipe_math_ops;
extern const struct pipe_ops pipe_offset_ops;
extern const struct pipe_ops pipe_pack_json_ops;
extern const struct pipe_ops pipe_pack_logfmt_ops;
extern const struct pipe_ops pipe_patterns_ops;
extern const struct pipe_ops pipe_query_stats_ops;
extern const struct pipe_ops pipe_rename_ops;
extern const struct pipe_ops pipe_replace_ops;
extern const struct pipe_ops pipe_replace_regexp_ops;
extern const struct pipe_ops pipe_running_stats_ops;
extern const struct pipe_ops pipe_sample_ops;
extern const struct pipe_ops pipe_set_stream_fields_ops;
extern const struct pipe_ops pipe_sort_ops;
extern const struct pipe_ops pipe_split_ops;
extern const struct pipe_ops pipe_stats_ops;
extern const struct pipe_ops pipe_stream_context_ops;
extern const struct pipe_ops pipe_time_add_ops;
extern const struct pipe_ops pipe_top_ops;
extern const struct pipe_ops pipe_total_stats_ops;
extern const struct pipe_ops pipe_trace_ops;
extern const struct pipe_ops pipe_union_ops;
extern const struct pipe_ops pipe_uniq_ops;
extern const struct pipe_ops pipe_unpack_json_ops;
extern const struct pipe_ops pipe_unpack_logfmt_ops;
extern const struct pipe_ops pipe_unpack_syslog_ops;
extern const struct pipe_ops pipe_unpack_words_ops;
extern const struct pipe_ops pipe_unroll_ops;

/* The N of `limit N`. */
uint64_t limit_count(const struct pipe *limit);

#endif
