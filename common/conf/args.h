/*
 * args.h - the command line of all programs, by table.
 *
 * A flag is an option row (its name is the long spelling, its offset says where
 * the value goes) with a letter.  Understood: --name VALUE, --name=VALUE,
 * -x VALUE, -xVALUE, -abc for switches, --no-NAME to turn a switch off, -- to end
 * flags, flags and positional arguments in any order.  The help text is the table.
 *
 * One table says all that can be set, and where: a value is the flag's, else the
 * environment's (LOGQ_NO_PAGER=1), else the configuration file's (no-pager: true),
 * else the default.  A list of a stronger origin replaces a weaker one's; in the
 * environment its items stand between commas.
 *
 *	static const struct arg table[] = {
 *		{.opt = {.name = "config", .type = SL_OPT_STR, .help = "configuration file",
 *			 .offset = offsetof(struct opts, config), .def = "/etc/sluice/shipper.yaml"},
 *		 .letter = 'c', .value = "FILE"},
 *		{.opt = {.name = "once", .type = SL_OPT_BOOL, .help = "read to the end, then exit",
 *			 .offset = offsetof(struct opts, once)}},
 *		{.opt = {0}}};
 *	static const struct args args = {
 *		.program = "shipper", .usage = "[OPTION…] FILE…", .about = "Ships logs.",
 *		.table = table, .rest = offsetof(struct opts, files), .rest_max = SIZE_MAX};
 *
 *	int code = args_run(&args, argc, argv, &mem, &opts);
 *	if (code >= 0)
 *		return code;		--help and --version (0), wrong usage (64)
 *
 * --help (-h) and --version (-V) come by themselves, with a file also --config,
 * --print-config and --json-schema.  Values live in `mem`.
 */
#ifndef SLUICE_CONF_ARGS_H
#define SLUICE_CONF_ARGS_H

#include "common/conf/option.h"

#define EXIT_USAGE  64 /* sysexits.h: EX_USAGE */
#define EXIT_CONFIG 78 /* EX_CONFIG */

enum arg_flag {
	ARG_OPTIONAL = 1, /* --name alone means `bare`; a value only as --name=VALUE */
	ARG_HIDDEN = 2,   /* not in the help */
	ARG_PER_RUN = 4,  /* is about one run: not in the configuration file */
};

/* Where a value is from, the stronger the greater. */
enum arg_origin { ARG_DEFAULT, ARG_FILE, ARG_ENV, ARG_FLAG };

struct arg {
	struct sl_option opt; /* BOOL takes no value; LIST and PAIRS may be repeated */
	char letter;          /* 0 = none */
	const char *value;    /* what the help calls the value: "DIR" */
	const char *aliases;  /* other long spellings: "tail|limit"; NULL = none */
	unsigned flags;       /* enum arg_flag */
	const char *bare;     /* of ARG_OPTIONAL */
	const char *heading;  /* starts a group in the help; NULL = same group */
	size_t origin;        /* offset of an int: its enum arg_origin; 0 = not wanted */
	/*
	 * Of those with the same number one may be given; that of a stronger origin
	 * silences the others.  0 = none.
	 */
	int group;
	/* Optional, of STR and LIST: -EINVAL with text where the type says too little. */
	int (*check)(struct span text, struct err *reterr);
};

struct args {
	const char *program;
	const char *usage;       /* behind the program's name */
	const char *about;       /* a sentence or two */
	const struct arg *table; /* ends with {.opt = {0}} */
	size_t rest;             /* offset of a struct sl_list for positional arguments */
	size_t rest_max;         /* how many may be there; 0 = none, then `rest` is not used */
	const char *env;         /* "LOGQ_": LOGQ_NO_PAGER=1 works as --no-pager; NULL = none */
	const char *file;        /* "logq/config.yaml", below ~/.config; NULL = none */
	const char *epilog;      /* behind the options, e.g. examples; may be NULL */
	const char *dashed;      /* how to give a word that begins with '-', for one that is no
				    flag; may be NULL */
	int usage_code;          /* exit status of wrong usage; 0 = EXIT_USAGE */
};

/*
 * All values into the zeroed target.  0; -EINVAL with text in reterr; what was
 * asked for instead.
 */
enum args_asked { ARGS_HELP = 1, ARGS_VERSION, ARGS_JSON_SCHEMA, ARGS_PRINT_CONFIG };
int args_parse(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	       void *target, struct err *reterr);
/* parse, and print what is to be printed.  -1: go on; else the exit status. */
int args_run(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	     void *target);
void args_help(const struct args *args, struct buf *out);
/* The variable of a row: "LOGQ_NO_PAGER".  Its length. */
#define ARGS_ENV_MAX 128
size_t args_env_name(const struct args *args, const struct arg *arg, char ret[ARGS_ENV_MAX]);

#endif
