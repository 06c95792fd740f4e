/*
 * args_file.h - the configuration file of a command line; inside common/conf.
 *
 * Its keys are the long names of the flags that are not about one run.  Values
 * go the way of a flag's text, by `store`, so that a row has one meaning.
 *
 *	~/.config/logq/config.yaml:2:1: error: unknown key 'serwer' (did you mean 'server'?)
 */
#ifndef SLUICE_CONF_ARGS_FILE_H
#define SLUICE_CONF_ARGS_FILE_H

#include "common/conf/args.h"
#include "common/conf/conf.h"

/* A value as it was given. */
struct args_value {
	const struct arg *arg;
	struct span text; /* borrowed */
};

struct args_given {
	enum arg_origin *origins;      /* of each row of the table */
	VEC(struct args_value) values; /* all of a row are of one origin */
};

int args_given_init(struct args_given *given, size_t nrows);
int args_given_add(struct args_given *given, const struct arg *arg, struct span text);
void args_given_release(struct args_given *given);

typedef int args_store_fn(void *ctx, const struct arg *arg, struct span text, struct err *reterr);

/*
 * `asked`: the file that was named, empty for none; NULL: the one below
 * $XDG_CONFIG_HOME or ~/.config, where nothing is no error.  0, or -EINVAL and
 * all errors are in `conf`.
 */
int args_file_read(const struct args *args, struct conf *conf, const struct sl_str *asked,
		   args_store_fn *store, void *ctx);
/* What is in force, as a file, with where each value is from.  `conf` was read above. */
void args_file_print(const struct args *args, struct conf *conf, const struct args_given *given,
		     struct buf *out);
void args_file_schema(const struct args *args, struct buf *out);

#endif
