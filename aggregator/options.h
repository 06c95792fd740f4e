/*
 * options.h - everything that can be set, by flag or by file.
 *
 * Flags (options.c) are laid over the configuration file (settings.c), a table
 * each.  A `setup` is what one configuration builds; a reload builds a second
 * one and only then frees the first.
 *
 *	code = options_parse(argc, argv, &mem, &flags);	≥ 0: exit with it
 *	r = setup_new(&flags, &setup);			errors were printed
 *	setup->settings.store.path …
 */
#ifndef SLUICE_AGGREGATOR_OPTIONS_H
#define SLUICE_AGGREGATOR_OPTIONS_H

#include "common/conf/program.h"
#include "common/flow/chain.h"

/* The command line. */
struct flags {
	struct conf_flags conf;
	struct sl_str from, store, listen, socket, partitions;
	struct sl_list command; /* "fsck", or nothing: run */
	int once;
};

struct source_settings {
	struct sl_str from;
	struct sl_str partitions; /* "all" or "0,3,4" */
	struct sl_list kafka;     /* properties of librdkafka */
	uint64_t queue_bytes;
};

struct store_settings {
	struct sl_str path;
	int64_t commit_age, retention;
	uint64_t memory, max_disk, free_space;
};

struct http_settings {
	struct sl_str listen, socket;
	int64_t connections;
};

struct limit_settings {
	int64_t queries, tails, query_time, sources, lag;
	uint64_t query_memory, quarantine;
};

struct settings {
	struct source_settings source;
	struct store_settings store;
	struct http_settings http;
	struct limit_settings limits;
	struct conf_node *filters;
};

struct setup {
	struct conf *conf;
	struct settings settings;
	struct chain *chain;
	uint32_t *partitions; /* NULL = all */
	size_t npartitions;
};

/* -1: go on; else the exit status (help, version, wrong usage). */
int options_parse(int argc, char *const argv[], struct option_mem *mem, struct flags *ret);
/* Lay the flags over a configuration: a conf_lay_fn. */
int options_lay(struct conf *conf, const void *flags);

extern const struct conf_schema settings_schema;

/* 0, or -EINVAL after every error was printed to stderr. */
int setup_new(const struct flags *flags, struct setup **ret);
void setup_free(struct setup *setup);

static inline struct span setup_text(struct sl_str text)
{
	return span_of(text.ptr, text.len);
}

#endif
