/*
 * options.h - everything that can be set, by flag or by file.
 *
 * The flags are laid over the configuration file; a table each, in
 * options.c and settings.c.  A `setup` is what one configuration builds: parsers, labels, the
 * filter chain.  A reload builds a second one and only then frees the first.
 *
 *	code = options_parse(argc, argv, &mem, &flags);	≥ 0: exit with it
 *	r = setup_new(&flags, &setup);			errors were printed
 *	setup->settings.inputs …
 */
#ifndef SLUICE_PARSE_OPTIONS_H
#define SLUICE_PARSE_OPTIONS_H

#include "common/conf/program.h"
#include "common/flow/chain.h"
#include "common/parse/events.h"
#include "common/parse/parse.h"
#include <stdbool.h>

enum start_at { START_BEGINNING, START_END };

/* The command line. */
struct flags {
	struct conf_flags conf;
	struct sl_str state, to, service, host, start_at, listen, parse, multiline;
	struct sl_list labels, filters, files;
	int once;
};

/* One of `inputs`. */
struct input {
	struct sl_list paths, exclude;
	struct sl_str service;
	struct sl_str parse, multiline;
	struct sl_list labels;
	uint64_t max_line_bytes;
	int64_t partial_timeout, multiline_timeout;
	int start_at; /* enum start_at */
	int follow_symlinks;

	/* Built from the above. */
	struct parser *parser;
	struct joining joining;
	struct buf resource;
};

struct output {
	struct sl_str to;
	struct sl_list kafka; /* properties of librdkafka */
	uint64_t queue_bytes, message_max;
	int64_t compression_level;
};

struct limits {
	int64_t files;
	int64_t flush;
	int64_t rotate_wait;
	int64_t forget_after;
};

struct settings {
	struct sl_str data_dir, host, listen;
	struct sl_list labels;
	struct conf_list inputs; /* struct input */
	struct output output;
	struct limits limits;
	struct conf_node *filters;
};

struct setup {
	struct conf *conf;
	struct settings settings;
	struct chain *chain;
	char host_name[256];
	struct span host;
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

static inline struct input *setup_input(const struct setup *setup, size_t i)
{
	return (struct input *)setup->settings.inputs.items + i;
}

#endif
