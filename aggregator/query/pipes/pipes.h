/*
 * pipes.h - the pipes, one file each; pipes.c is the table.
 */
#ifndef SLUICE_QUERY_PIPES_PIPES_H
#define SLUICE_QUERY_PIPES_PIPES_H

#include "aggregator/query/pipe.h"

extern const struct pipe_ops pipe_copy_ops;
extern const struct pipe_ops pipe_delete_ops;
extern const struct pipe_ops pipe_fields_ops;
extern const struct pipe_ops pipe_filter_ops;
extern const struct pipe_ops pipe_first_ops;
extern const struct pipe_ops pipe_last_ops;
extern const struct pipe_ops pipe_limit_ops;
extern const struct pipe_ops pipe_offset_ops;
extern const struct pipe_ops pipe_rename_ops;
extern const struct pipe_ops pipe_sort_ops;

#endif
