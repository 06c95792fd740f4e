/*
 * builtin.h - the filters that are linked into the programs.
 *
 * The same source builds as NAME.so; a configuration that says `type: NAME`
 * gets this one.  Pass the table to chain_new().
 */
#ifndef SLUICE_FILTERS_BUILTIN_H
#define SLUICE_FILTERS_BUILTIN_H

#include "common/flow/chain.h"

/* Ends with {0}. */
extern const struct chain_builtin filters_builtin[];

/* The schema of `filters:`, for conf_sub.describe. */
void filters_describe(struct buf *out);

#endif
