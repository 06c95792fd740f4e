/*
 * chain.h - the ordered filters that every record passes.
 *
 * From the configuration's list:
 *
 *	filters:
 *	  - type: grep                    # a builtin, PLUGINDIR/grep.so, or a path with a slash
 *	    when: service:payment         # LogsQL; other records pass by untouched
 *	    field: level
 *	    drop: ^debug$
 *
 * A filter's own options are the other keys of its mapping, checked like all
 * configuration.  One chain belongs to one thread: its instances keep state
 * without locks.  Make a chain per worker from the same node; the statistics
 * may be read by any thread at any time.
 *
 *	chain_new(conf, node, &chain);		errors are collected in conf
 *	if (chain_process(chain, rec) == SL_DROP)
 *		continue;
 *	chain_free(chain);			before conf_free()
 *
 * A filter that returns an error keeps the record and is counted.
 */
#ifndef SLUICE_FLOW_CHAIN_H
#define SLUICE_FLOW_CHAIN_H

#include "common/api/filter.h"
#include "common/conf/conf.h"
#include "common/data/record.h"

#define CHAIN_MAX 64 /* filters */

struct chain;

/* What the filters say while they open and close goes here; NULL = nowhere. */
typedef void chain_log_fn(int priority, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* Names to linked-in filters; the program passes filters/builtin.h's table. */
struct chain_builtin {
	const char *name;
	const struct sl_filter *(*entry)(void);
};

struct chain_env {
	const struct chain_builtin *builtins; /* ends with {0}; NULL = none */
	const char *plugin_dir;               /* for names that are not built in; NULL = none */
	chain_log_fn *log;
};

/*
 * `env` is borrowed as long as the chain.  `filters` may be NULL or null: a chain that keeps everything.  0; -EINVAL
 * after errors were collected in `conf`, which outlives the chain; -ENOMEM.
 */
int chain_new(const struct chain_env *env, struct conf *conf, struct conf_node *filters,
	      struct chain **ret);
void chain_free(struct chain *chain);

/* SL_KEEP or SL_DROP. */
int chain_process(struct chain *chain, struct record *rec);

struct chain_stats {
	struct span name; /* lives as long as the chain */
	uint64_t in;      /* records that it saw: `when` was true */
	uint64_t dropped;
	uint64_t errors;
};
size_t chain_len(const struct chain *chain);
void chain_stats(const struct chain *chain, size_t i, struct chain_stats *ret);
/* The errors of all filters. */
uint64_t chain_errors(const struct chain *chain);

/* The JSON Schema of `filters:` with these builtins. */
void chain_describe(const struct chain_builtin *builtins, struct buf *out);

#endif
