#include "common/conf/args.h"
#include "common/base/check.h"
#include <errno.h>

static const struct arg help_arg = {
	.opt = {.name = "help", .type = SL_OPT_BOOL, .help = "print this help"},
	.letter = 'h',
};
static const struct arg version_arg = {
	.opt = {.name = "version", .type = SL_OPT_BOOL, .help = "print the version"},
	.letter = 'V',
};

struct parse {
	const struct args *args;
	int argc, at; /* the next argument to look at */
	char *const *argv;
	struct option_mem *mem;
	void *target;
	struct err *reterr;
	size_t nrest;
	int asked; /* enum args_asked */
};

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
	if (span_eq(name, SPAN("help")))
		return &help_arg;
	return span_eq(name, SPAN("version")) ? &version_arg : NULL;
}

/* A letter of the table goes before -h and -V. */
static const struct arg *find_letter(const struct args *args, char letter)
{
	for (const struct arg *arg = args->table; arg->opt.name; arg++)
		if (arg->letter == letter)
			return arg;
	if (letter == help_arg.letter)
		return &help_arg;
	return letter == version_arg.letter ? &version_arg : NULL;
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
	nearest_try(&near, SPAN("help"));
	nearest_try(&near, SPAN("version"));
	if (near.best.len)
		return err_set(p->reterr, -EINVAL,
			       "unknown option '--%.*s' (did you mean '--%.*s'?)", SPAN_FMT(name),
			       SPAN_FMT(near.best));
	return err_set(p->reterr, -EINVAL, "unknown option '--%.*s'", SPAN_FMT(name));
}

/* `spelled` is how it was written, for messages. */
static int store(struct parse *p, const struct arg *arg, struct span spelled, struct span value)
{
	int r;

	if (arg == &help_arg || arg == &version_arg) {
		p->asked = arg == &help_arg ? ARGS_HELP : ARGS_VERSION;
		return 0;
	}
	r = option_store(p->mem, &arg->opt, value, p->target, p->reterr);
	if (r < 0)
		return err_prefix(p->reterr, r, "%.*s", SPAN_FMT(spelled));
	if (arg->given) {
		char *at = (char *)p->target + arg->given;
		int count;

		memcpy(&count, at, sizeof(count));
		count++;
		memcpy(at, &count, sizeof(count));
	}
	return 0;
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

	if (!arg)
		return unknown_long(p, span_skip(spelled, 2));
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
			return err_set(p->reterr, -EINVAL, "unknown option '%s'", spelled);
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

static int parse_argv(struct parse *p)
{
	bool flags = true;
	int r = 0;

	while (r == 0 && p->at < p->argc && !p->asked) {
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

/* "no-pager" behind "LOGQ_" is LOGQ_NO_PAGER. */
static int parse_env(struct parse *p)
{
	for (const struct arg *arg = p->args->table; p->args->env && arg->opt.name; arg++) {
		char name[128];
		int n = snprintf(name, sizeof(name), "%s%s", p->args->env, arg->opt.name);

		CHECK(n > 0 && (size_t)n < sizeof(name));
		for (char *c = name; *c; c++)
			*c = *c == '-' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
		const char *value = getenv(name);

		if (!value || !*value)
			continue;
		int r = store(p, arg, span_of(name, (size_t)n), span_cstr(value));

		if (r < 0)
			return r;
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

int args_parse(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	       void *target, struct err *reterr)
{
	struct parse p = {.args = args,
			  .argc = argc,
			  .at = 1,
			  .argv = argv,
			  .mem = mem,
			  .target = target,
			  .reterr = reterr};
	int r = set_defaults(&p);

	if (r == 0)
		r = parse_env(&p);
	if (r == 0)
		r = parse_argv(&p);
	return r < 0 ? r : p.asked;
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

	if (row->type == SL_OPT_ENUM) {
		struct buf choices = BUF_INIT(4096);

		option_type_text(row, &choices);
		text = arena_printf(&mem->arena, "%s: %.*s", row->help ? row->help : "",
				    SPAN_FMT(buf_span(&choices)));
		buf_release(&choices);
	}
	if (row->def && row->type != SL_OPT_BOOL)
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
	struct arg last[2] = {help_arg, version_arg};

	for (size_t i = 0; i < 2; i++) {
		if (find_letter(args, last[i].letter)->opt.name != last[i].opt.name)
			last[i].letter = 0;
		put_arg(&last[i], &mem, out);
	}
	if (args->epilog)
		buf_printf(out, "\n%s\n", args->epilog);
	option_mem_release(&mem);
}

int args_run(const struct args *args, int argc, char *const argv[], struct option_mem *mem,
	     void *target)
{
	struct buf text = BUF_INIT(1 << 20);
	struct err err = {0};
	int r = args_parse(args, argc, argv, mem, target, &err);

	if (r == 0)
		return -1;
	if (r < 0) {
		fprintf(stderr, "%s: %s\nTry '%s --help'.\n", args->program, err.text,
			args->program);
		return args->usage_code ? args->usage_code : EXIT_USAGE;
	}
	if (r == ARGS_HELP)
		args_help(args, &text);
	else
		buf_printf(&text, "%s %s\n", args->program, SLUICE_VERSION);
	fwrite(text.ptr, 1, text.len, stdout);
	r = text.failed || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	buf_release(&text);
	return r;
}
