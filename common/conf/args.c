#include "common/conf/args.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/conf/args_file.h"
#include <errno.h>

/* Flags that come by themselves, and where their values go. */
struct own {
	int help, version, json_schema, print_config;
	struct sl_str config;
};

enum { OWN_HELP, OWN_VERSION, OWN_CONFIG, OWN_PRINT_CONFIG, OWN_JSON_SCHEMA, OWNS };

#define AT(member) .offset = offsetof(struct own, member)

static const struct arg own_args[OWNS] = {
	[OWN_HELP] =
		{.opt = {.name = "help", .type = SL_OPT_BOOL, AT(help), .help = "print this help"},
		 .letter = 'h'},
	[OWN_VERSION] = {.opt = {.name = "version",
				 .type = SL_OPT_BOOL,
				 AT(version),
				 .help = "print the version"},
			 .letter = 'V'},
	[OWN_CONFIG] = {.opt = {.name = "config",
				.type = SL_OPT_STR,
				AT(config),
				.help = "the configuration file; empty: none"},
			.value = "FILE"},
	[OWN_PRINT_CONFIG] = {.opt = {.name = "print-config",
				      .type = SL_OPT_BOOL,
				      AT(print_config),
				      .help = "print what is in force, and where it is from"}},
	[OWN_JSON_SCHEMA] = {.opt = {.name = "json-schema",
				     .type = SL_OPT_BOOL,
				     AT(json_schema),
				     .help = "print the JSON Schema of the configuration file"}},
};

/* How many of them a program has. */
static size_t owns(const struct args *args)
{
	return args->file ? OWNS : OWN_VERSION + 1;
}

struct parse {
	const struct args *args;
	int argc, at; /* the next argument to look at */
	char *const *argv;
	struct option_mem *mem;
	void *target;
	struct err *reterr;
	size_t nrest;
	struct own own;
	enum arg_origin own_config;
	struct args_given given;
	struct conf *conf;      /* of the file, when there is one */
	enum arg_origin origin; /* of what is being stored */
};

static bool is_own(const struct arg *arg)
{
	return arg >= own_args && arg < own_args + OWNS;
}

static bool has_alias(const struct arg *arg, struct span name)
{
	struct span rest = span_cstr(arg->aliases), alias;

	while (span_cut(&rest, '|', &alias))
		if (span_eq(alias, name))
			return true;
	return false;
}

static const struct arg *find_long(const struct args *args, struct span name)
{
	for (const struct arg *arg = args->table; arg->opt.name; arg++)
		if (span_eq(span_cstr(arg->opt.name), name) || has_alias(arg, name))
			return arg;
	for (size_t i = 0; i < owns(args); i++)
		if (span_eq(span_cstr(own_args[i].opt.name), name))
			return &own_args[i];
	return NULL;
}

/* The switch that --no-utc or, of --no-pager, --pager turns off. */
static const struct arg *find_negated(const struct args *args, struct span name)
{
	const struct span no = SPAN("no-");
	const struct arg *arg =
		span_starts(name, no) ? find_long(args, span_skip(name, no.len)) : NULL;

	if (arg)
		return arg->opt.type == SL_OPT_BOOL && !is_own(arg) ? arg : NULL;
	for (arg = args->table; arg->opt.name; arg++) {
		struct span other = span_cstr(arg->opt.name);

		if (arg->opt.type == SL_OPT_BOOL && span_starts(other, no) &&
		    span_eq(span_skip(other, no.len), name))
			return arg;
	}
	return NULL;
}

/* A letter of the table goes before -h and -V. */
static const struct arg *find_letter(const struct args *args, char letter)
{
	for (const struct arg *arg = args->table; arg->opt.name; arg++)
		if (arg->letter == letter)
			return arg;
	for (size_t i = 0; i < owns(args); i++)
		if (own_args[i].letter == letter)
			return &own_args[i];
	return NULL;
}

static int unknown_long(const struct parse *p, struct span name)
{
	struct nearest near;

	nearest_init(&near, name);
	for (const struct arg *arg = p->args->table; arg->opt.name; arg++) {
		struct span rest = span_cstr(arg->aliases), alias;

		nearest_try(&near, span_cstr(arg->opt.name));
		while (span_cut(&rest, '|', &alias))
			nearest_try(&near, alias);
	}
	for (size_t i = 0; i < owns(p->args); i++)
		nearest_try(&near, span_cstr(own_args[i].opt.name));
	if (near.best.len)
		return err_set(p->reterr, -EINVAL,
			       "unknown option '--%.*s' (did you mean '--%.*s'?)", SPAN_FMT(name),
			       SPAN_FMT(near.best));
	return err_set(p->reterr, -EINVAL, "unknown option '--%.*s'", SPAN_FMT(name));
}

/* A switch that was turned off is not in anybody's way. */
static bool is_off(const struct parse *p, const struct arg *arg)
{
	int on = 0;

	if (arg->opt.type == SL_OPT_BOOL)
		memcpy(&on, (const char *)p->target + arg->opt.offset, sizeof(on));
	return arg->opt.type == SL_OPT_BOOL && !on;
}

/* Who of its group has a value already; NULL = nobody. */
static const struct arg *rival(const struct parse *p, const struct arg *arg)
{
	for (size_t i = 0; arg->group && p->args->table[i].opt.name; i++) {
		const struct arg *other = &p->args->table[i];

		if (other != arg && other->group == arg->group && p->given.origins[i] &&
		    !is_off(p, other))
			return other;
	}
	return NULL;
}

static void note(struct parse *p, const struct arg *arg)
{
	int origin = p->origin;

	p->given.origins[arg - p->args->table] = p->origin;
	if (arg->origin)
		memcpy((char *)p->target + arg->origin, &origin, sizeof(origin));
}

static int store_own(struct parse *p, const struct arg *arg, struct span spelled, struct span value)
{
	int r;

	if (p->origin < p->own_config)
		return 0;
	r = option_store(p->mem, &arg->opt, value, &p->own, p->reterr);
	if (arg == &own_args[OWN_CONFIG])
		p->own_config = p->origin;
	return r < 0 ? err_prefix(p->reterr, r, "%.*s", SPAN_FMT(spelled)) : 0;
}

/*
 * `spelled` is how it was written, for messages.  The strongest origins come
 * first, so that what is there already stays.
 */
static int store(struct parse *p, const struct arg *arg, struct span spelled, struct span value)
{
	const struct arg *other;
	enum arg_origin before;
	int r = 0;

	if (is_own(arg))
		return store_own(p, arg, spelled, value);
	before = p->given.origins[arg - p->args->table];
	other = rival(p, arg);
	if (before > p->origin || (other && p->given.origins[other - p->args->table] > p->origin))
		return 0;
	if (other)
		return err_set(p->reterr, -EINVAL, "%.*s doesn't go with --%s", SPAN_FMT(spelled),
			       other->opt.name);
	if (before < p->origin && (arg->opt.type == SL_OPT_LIST || arg->opt.type == SL_OPT_PAIRS))
		memset((char *)p->target + arg->opt.offset, 0, sizeof(struct sl_list));
	if (arg->check)
		r = arg->check(value, p->reterr);
	if (r == 0)
		r = option_store(p->mem, &arg->opt, value, p->target, p->reterr);
	if (r < 0)
		return err_prefix(p->reterr, r, "%.*s", SPAN_FMT(spelled));
	note(p, arg);
	return args_given_add(&p->given, arg, value) < 0
		       ? err_set(p->reterr, -ENOMEM, "out of memory")
		       : 0;
}

static int needs_value(const struct parse *p, const struct arg *arg, struct span spelled)
{
	return err_set(p->reterr, -EINVAL, "%.*s needs a value: %s", SPAN_FMT(spelled),
		       arg->value ? arg->value : "VALUE");
}

/* A flag without a value of its own: a switch, the bare value, or the next argument. */
static int store_without(struct parse *p, const struct arg *arg, struct span spelled)
{
	if (arg->opt.type == SL_OPT_BOOL)
		return store(p, arg, spelled, SPAN("true"));
	if (arg->flags & ARG_OPTIONAL)
		return store(p, arg, spelled, span_cstr(arg->bare));
	if (p->at == p->argc)
		return needs_value(p, arg, spelled);
	return store(p, arg, spelled, span_cstr(p->argv[p->at++]));
}

static int parse_long(struct parse *p, struct span text)
{
	ptrdiff_t equals = span_chr(text, '=');
	struct span spelled = equals < 0 ? text : span_take(text, (size_t)equals);
	const struct arg *arg = find_long(p->args, span_skip(spelled, 2));

	if (!arg) {
		arg = find_negated(p->args, span_skip(spelled, 2));
		if (!arg)
			return unknown_long(p, span_skip(spelled, 2));
		if (equals >= 0)
			return err_set(p->reterr, -EINVAL, "%.*s takes no value",
				       SPAN_FMT(spelled));
		return store(p, arg, spelled, SPAN("false"));
	}
	if (equals < 0)
		return store_without(p, arg, spelled);
	return store(p, arg, spelled, span_skip(text, (size_t)equals + 1));
}

/* -abc is -a -b -c as long as a and b are switches; the rest of -n10 is n's value. */
static int parse_letters(struct parse *p, struct span letters)
{
	for (; letters.len; letters = span_skip(letters, 1)) {
		const struct arg *arg = find_letter(p->args, letters.ptr[0]);
		char spelled[3] = {'-', letters.ptr[0], '\0'};
		struct span name = span_of(spelled, 2);
		bool takes_rest = arg && arg->opt.type != SL_OPT_BOOL &&
				  !(arg->flags & ARG_OPTIONAL) && letters.len > 1;
		int r;

		if (!arg)
			return err_set(p->reterr, -EINVAL, "unknown option '%s'%s%s", spelled,
				       p->args->dashed ? "; " : "",
				       p->args->dashed ? p->args->dashed : "");
		r = takes_rest ? store(p, arg, name, span_skip(letters, 1))
			       : store_without(p, arg, name);
		if (r < 0 || takes_rest)
			return r;
	}
	return 0;
}

static int store_rest(struct parse *p, struct span text)
{
	struct sl_option row = {.name = "", .type = SL_OPT_LIST, .offset = p->args->rest};

	if (p->nrest++ == p->args->rest_max)
		return err_set(p->reterr, -EINVAL, "unexpected argument '%.*s'", SPAN_FMT(text));
	return option_store(p->mem, &row, text, p->target, p->reterr);
}

/* What is answered whatever else is on the line; 0 = nothing. */
static int asked_now(const struct parse *p)
{
	if (p->own.help)
		return ARGS_HELP;
	if (p->own.version)
		return ARGS_VERSION;
	return p->own.json_schema ? ARGS_JSON_SCHEMA : 0;
}

static int parse_argv(struct parse *p)
{
	bool flags = true;
	int r = 0;

	p->origin = ARG_FLAG;
	while (r == 0 && p->at < p->argc && !asked_now(p)) {
		struct span text = span_cstr(p->argv[p->at++]);

		if (flags && span_eq(text, SPAN("--")))
			flags = false;
		else if (flags && span_starts(text, SPAN("--")))
			r = parse_long(p, text);
		else if (flags && text.len > 1 && text.ptr[0] == '-')
			r = parse_letters(p, span_skip(text, 1));
		else
			r = store_rest(p, text);
	}
	return r;
}

size_t args_env_name(const struct args *args, const struct arg *arg, char ret[ARGS_ENV_MAX])
{
	int n = snprintf(ret, ARGS_ENV_MAX, "%s%s", args->env, arg->opt.name);

	CHECK(n > 0 && n < ARGS_ENV_MAX);
	for (char *c = ret; *c; c++)
		*c = *c == '-' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
	return (size_t)n;
}

static int store_env(struct parse *p, const struct arg *arg)
{
	char text[ARGS_ENV_MAX];
	struct span name = span_of(text, args_env_name(p->args, arg, text));
	const char *value = getenv(text);
	struct span rest = span_cstr(value), item;
	int r = 0;

	if (!rest.len)
		return 0;
	if (arg->opt.type != SL_OPT_LIST)
		return store(p, arg, name, rest);
	while (r == 0 && span_cut(&rest, ',', &item))
		r = store(p, arg, name, span_trim(item));
	return r;
}

static int parse_env(struct parse *p)
{
	int r = 0;

	p->origin = ARG_ENV;
	for (const struct arg *arg = p->args->table; p->args->env && arg->opt.name && r == 0; arg++)
		r = store_env(p, arg);
	if (r == 0 && p->args->env && p->args->file)
		r = store_env(p, &own_args[OWN_CONFIG]);
	return r;
}

static int store_from_file(void *ctx, const struct arg *arg, struct span text, struct err *reterr)
{
	struct parse *p = ctx;
	struct err *before = p->reterr;

	p->reterr = reterr;
	int r = store(p, arg, span_cstr(arg->opt.name), text);

	p->reterr = before;
	return r;
}

/* All errors of the file are in p->conf, the first ones in reterr. */
static int parse_file(struct parse *p)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	int r;

	if (!p->args->file)
		return 0;
	if (conf_new(&p->conf) < 0)
		return err_set(p->reterr, -ENOMEM, "out of memory");
	p->origin = ARG_FILE;
	r = args_file_read(p->args, p->conf, p->own_config ? &p->own.config : NULL, store_from_file,
			   p);
	if (r < 0) {
		conf_report(p->conf, &text);
		return err_set(p->reterr, r, "%.*s", SPAN_FMT(span_trim(buf_span(&text))));
	}
	return 0;
}

static int set_defaults(const struct parse *p)
{
	for (const struct arg *arg = p->args->table; arg->opt.name; arg++) {
		struct sl_option row[2] = {arg->opt};
		int r = option_defaults(p->mem, row, p->target, p->reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static size_t table_rows(const struct args *args)
{
	size_t n = 0;

	while (args->table[n].opt.name)
		n++;
	return n;
}

static void parse_release(struct parse *p)
{
	args_given_release(&p->given);
	conf_free(p->conf);
}

/* 0, what was asked for, or -EINVAL. */
static int parse_all(struct parse *p)
{
	int r;

	p->at = 1;
	if (args_given_init(&p->given, table_rows(p->args)) < 0)
		return err_set(p->reterr, -ENOMEM, "out of memory");
	r = set_defaults(p);
	if (r == 0)
		r = parse_argv(p);
	if (r < 0 || asked_now(p))
		return r < 0 ? r : asked_now(p);
	r = parse_env(p);
	if (r == 0)
		r = parse_file(p);
	return r < 0 ? r : p->own.print_config ? ARGS_PRINT_CONFIG : 0;
}

int args_parse(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	       void *target, struct err *reterr)
{
	struct parse p = {.args = args,
			  .argc = argc,
			  .argv = argv,
			  .mem = mem,
			  .target = target,
			  .reterr = reterr};
	int r = parse_all(&p);

	parse_release(&p);
	return r;
}

/* "  -c, --config FILE" */
static void put_spelling(const struct arg *arg, struct buf *out)
{
	if (arg->letter)
		buf_printf(out, "  -%c, ", arg->letter);
	else
		buf_puts(out, SPAN("      "));
	buf_printf(out, "--%s", arg->opt.name);
	if (arg->opt.type == SL_OPT_BOOL)
		return;
	const char *value = arg->value ? arg->value : "VALUE";

	buf_printf(out, arg->flags & ARG_OPTIONAL ? "[=%s]" : " %s", value);
}

#define HELP_COLUMN 30
#define HELP_WIDTH  80

/* Words of `text` from HELP_COLUMN to HELP_WIDTH; `at` is where the line stands. */
static void put_wrapped(struct span text, size_t at, struct buf *out)
{
	struct span word;

	if (at + 2 > HELP_COLUMN) {
		buf_putc(out, '\n');
		at = 0;
	}
	buf_printf(out, "%*s", (int)(HELP_COLUMN - at), "");
	at = HELP_COLUMN;
	while (span_cut(&text, ' ', &word)) {
		if (at > HELP_COLUMN && at + 1 + word.len > HELP_WIDTH) {
			buf_printf(out, "\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		} else if (at > HELP_COLUMN) {
			buf_putc(out, ' ');
			at++;
		}
		buf_puts(out, word);
		at += word.len;
	}
	buf_putc(out, '\n');
}

static void put_arg(const struct arg *arg, struct option_mem *mem, struct buf *out)
{
	size_t start = out->len;
	const struct sl_option *row = &arg->opt;
	struct span text = span_cstr(row->help);

	/* A default below zero stands for "none". */
	bool tells = row->def && row->type != SL_OPT_BOOL && row->def[0] != '-';

	if (row->type == SL_OPT_ENUM) {
		struct buf choices = BUF_INIT(4096);

		option_type_text(row, &choices);
		text = arena_printf(&mem->arena, "%s: %.*s", row->help ? row->help : "",
				    SPAN_FMT(buf_span(&choices)));
		buf_release(&choices);
	}
	if (tells)
		text = arena_printf(&mem->arena, "%.*s (default %s)", SPAN_FMT(text), row->def);
	put_spelling(arg, out);
	if (text.len)
		put_wrapped(text, out->len - start, out);
	else
		buf_putc(out, '\n');
}

void args_help(const struct args *args, struct buf *out)
{
	struct option_mem mem;

	option_mem_init(&mem, 1 << 20);
	buf_printf(out, "Usage: %s %s\n", args->program, args->usage);
	if (args->about)
		buf_printf(out, "%s\n", args->about);
	if (!args->table->heading)
		buf_puts(out, SPAN("\nOptions:\n"));
	for (const struct arg *arg = args->table; arg->opt.name; arg++) {
		if (arg->heading)
			buf_printf(out, "\n%s:\n", arg->heading);
		if (!(arg->flags & ARG_HIDDEN))
			put_arg(arg, &mem, out);
	}
	for (size_t i = 0; i < owns(args); i++) {
		struct arg own = own_args[i];

		if (own.letter && find_letter(args, own.letter) != &own_args[i])
			own.letter = 0;
		put_arg(&own, &mem, out);
	}
	if (args->epilog)
		buf_printf(out, "\n%s\n", args->epilog);
	option_mem_release(&mem);
}

/* Words of the command line are repeated, but not what they would do to a terminal. */
static void put_harmless(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_putc(out, (char)c);
	}
}

static int complain(const struct parse *p, const struct err *err)
{
	_cleanup_(buf_release) struct buf report = BUF_INIT(1 << 20);

	if (p->conf && conf_nerrors(p->conf)) {
		conf_report(p->conf, &report);
	} else {
		buf_printf(&report, "%s: ", p->args->program);
		put_harmless(&report, span_cstr(err->text));
		buf_printf(&report, "\nTry '%s --help'.\n", p->args->program);
	}
	fwrite(report.ptr, 1, report.len, stderr);
	return p->args->usage_code ? p->args->usage_code : EXIT_USAGE;
}

static int answer(const struct parse *p, enum args_asked asked)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);

	if (asked == ARGS_HELP)
		args_help(p->args, &text);
	else if (asked == ARGS_VERSION)
		buf_printf(&text, "%s %s\n", p->args->program, SLUICE_VERSION);
	else if (asked == ARGS_JSON_SCHEMA)
		args_file_schema(p->args, &text);
	else
		args_file_print(p->args, p->conf, &p->given, &text);
	if (text.failed || fwrite(text.ptr, 1, text.len, stdout) < text.len || fflush(stdout) != 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int args_run(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	     void *target)
{
	struct err err = {0};
	struct parse p = {.args = args,
			  .argc = argc,
			  .argv = argv,
			  .mem = mem,
			  .target = target,
			  .reterr = &err};
	int r = parse_all(&p);

	if (r < 0)
		r = complain(&p, &err);
	else
		r = r == 0 ? -1 : answer(&p, (enum args_asked)r);
	parse_release(&p);
	return r;
}
