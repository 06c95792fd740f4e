/*
 * program.h - the part of a program's start that has to do with its configuration.
 *
 * Flags to say which file, to check it, to show it and to describe it; reading it:
 * the file, the flags laid over it, the schema applied, every error told at once.
 *
 *	struct flags { struct conf_flags conf; … };
 *	static const struct arg table[] = {
 *		CONF_ARG_FILE(struct flags, conf), …, CONF_ARGS_ASK(struct flags, conf), {.opt = {0}}};
 *
 *	if (flags.conf.json_schema)
 *		return conf_show_schema(&schema, "shipper");
 *	r = conf_read(conf, &flags.conf, options_lay, &flags, &schema, &settings);
 *	…					more errors: conf_error(conf, node, …)
 *	r = conf_complain(conf);		-EINVAL: all of them are on stderr
 */
#ifndef SLUICE_CONF_PROGRAM_H
#define SLUICE_CONF_PROGRAM_H

#include "common/conf/args.h"
#include "common/conf/conf.h"

struct conf_flags {
	struct sl_str file;
	int check, print, json_schema;
};

/* clang-format off */
#define CONF_ARG_FILE(target, member)                                                              \
	{                                                                                          \
		.opt = {.name = "config",                                                          \
			.type = SL_OPT_STR,                                                        \
			.offset = offsetof(target, member.file),                                   \
			.help = "read this configuration; flags are laid over it"},                \
		.letter = 'c', .value = "FILE",                                                    \
	}
#define CONF_ARGS_ASK(target, member)                                                              \
	{.opt = {.name = "check-config",                                                           \
		 .type = SL_OPT_BOOL,                                                              \
		 .offset = offsetof(target, member.check),                                         \
		 .help = "say what is wrong with the configuration and exit (0 or 78)"}},          \
	{.opt = {.name = "print-config",                                                           \
		 .type = SL_OPT_BOOL,                                                              \
		 .offset = offsetof(target, member.print),                                         \
		 .help = "print the configuration as it is in effect and exit"}},                  \
	{.opt = {.name = "json-schema",                                                            \
		 .type = SL_OPT_BOOL,                                                              \
		 .offset = offsetof(target, member.json_schema),                                   \
		 .help = "print the JSON Schema of the configuration and exit, for editors"}}
/* clang-format on */

/* Set what flags say, by conf_set(). */
typedef int conf_lay_fn(struct conf *conf, const void *flags);

/* 0; -EINVAL after errors were collected in `conf`; only -ENOMEM stops it early. */
int conf_read(struct conf *conf, const struct conf_flags *asked, conf_lay_fn *lay,
	      const void *flags, const struct conf_schema *schema, void *target);
/* Print what was collected on stderr.  0 when that is nothing, else -EINVAL. */
int conf_complain(const struct conf *conf);
/* On stdout: --print-config and --json-schema.  The exit status. */
int conf_show(struct conf *conf);
int conf_show_schema(const struct conf_schema *schema, const char *title);

#endif
