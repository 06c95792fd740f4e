#include "common/conf/args_file.h"
#include "common/base/cleanup.h"
#include "common/conf/internal.h"
#include <errno.h>
#include <unistd.h>

#define VALUE_BYTES 16 /* the largest type: a list */

_Static_assert(sizeof(struct sl_list) <= VALUE_BYTES, "values of the check have room");

int args_given_init(struct args_given *given, size_t nrows)
{
	*given = (struct args_given){.origins = calloc(nrows + 1, sizeof(*given->origins))};
	return given->origins ? 0 : -ENOMEM;
}

int args_given_add(struct args_given *given, const struct arg *arg, struct span text)
{
	return vec_push(&given->values, (struct args_value){arg, text});
}

void args_given_release(struct args_given *given)
{
	free(given->origins);
	vec_release(&given->values);
}

/*
 * The table's rows as a schema whose values go nowhere; `all`: also those of one
 * run.  It lives in the arena.  NULL = out of memory.
 */
static const struct conf_schema *make_schema(const struct args *args, bool all, struct arena *arena)
{
	struct conf_schema *schema = ARENA_NEW(arena, struct conf_schema);
	struct sl_option *rows;
	size_t n = 0;

	while (args->table[n].opt.name)
		n++;
	rows = ARENA_ARRAY(arena, struct sl_option, n + 1);
	if (!rows || !schema)
		return NULL;
	n = 0;
	for (const struct arg *arg = args->table; arg->opt.name; arg++) {
		if (!all && (arg->flags & ARG_PER_RUN))
			continue;
		rows[n] = arg->opt;
		rows[n].offset = n * VALUE_BYTES;
		n++;
	}
	rows[n] = (struct sl_option){0};
	*schema = (struct conf_schema){.size = (n + 1) * VALUE_BYTES, .options = rows};
	return schema;
}

/* Structure, names and types of the whole file; every mistake is in `conf`. */
static int check(const struct args *args, struct conf *conf, bool all)
{
	struct arena *arena = &conf_mem(conf)->arena;
	const struct conf_schema *schema = make_schema(args, all, arena);
	void *values = schema ? arena_calloc(arena, 1, schema->size) : NULL;

	if (!values)
		return conf_no_memory(conf);
	return conf_apply(conf, conf_root(conf), schema, values);
}

static int store_text(struct conf *conf, const struct conf_node *node, const struct arg *arg,
		      args_store_fn *store, void *ctx)
{
	struct err err = {0};

	if (store(ctx, arg, node->text, &err) == 0)
		return 0;
	return conf_error_value(conf, node, SPAN(""), "%s", err.text);
}

static int store_member(struct conf *conf, const struct conf_node *node, const struct arg *arg,
			args_store_fn *store, void *ctx)
{
	int r = 0;

	if (!conf_given(node))
		return 0;
	if (arg->flags & ARG_PER_RUN)
		return conf_error(conf, node, "'%s' is about one run: give it as --%s",
				  arg->opt.name, arg->opt.name);
	if (node->kind == CONF_SCALAR)
		return store_text(conf, node, arg, store, ctx);
	for (const struct conf_node *item = node->first; item; item = item->next)
		if (store_text(conf, item, arg, store, ctx) < 0)
			r = -EINVAL;
	return r;
}

/* $XDG_CONFIG_HOME, which has to be absolute, or ~/.config.  NULL = no file there. */
static const char *usual_path(const struct args *args, struct conf *conf)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *path = NULL;
	struct arena *arena = &conf_mem(conf)->arena;

	if (xdg && xdg[0] == '/')
		path = arena_printf(arena, "%s/%s%c", xdg, args->file, '\0').ptr;
	else if (home && home[0])
		path = arena_printf(arena, "%s/.config/%s%c", home, args->file, '\0').ptr;
	return path && access(path, F_OK) == 0 ? path : NULL;
}

int args_file_read(const struct args *args, struct conf *conf, const struct sl_str *asked,
		   args_store_fn *store, void *ctx)
{
	const char *path = asked ? asked->ptr : usual_path(args, conf);
	int r;

	if (!path || !*path)
		return 0;
	r = conf_load_file(conf, path);
	if (check(args, conf, true) < 0)
		r = -EINVAL;
	for (const struct arg *arg = args->table; arg->opt.name && r != -ENOMEM; arg++)
		if (store_member(conf, conf_get(conf_root(conf), arg->opt.name), arg, store, ctx) <
		    0)
			r = -EINVAL;
	return conf_nerrors(conf) ? -EINVAL : r;
}

/* "--server" or "LOGQ_SERVER".  NULL = out of memory. */
static const char *origin_name(const struct args *args, struct conf *conf, const struct arg *arg,
			       enum arg_origin origin)
{
	char env[ARGS_ENV_MAX];
	struct arena *arena = &conf_mem(conf)->arena;

	if (origin == ARG_FLAG)
		return arena_printf(arena, "--%s%c", arg->opt.name, '\0').ptr;
	return arena_cstr(arena, span_of(env, args_env_name(args, arg, env)));
}

/* Lay what a flag or the environment said over the tree of the file. */
static void lay(struct conf *conf, const struct arg *arg, const struct args_given *given,
		const char *origin)
{
	bool list = arg->opt.type == SL_OPT_LIST;
	char path[ARGS_ENV_MAX + 3];

	snprintf(path, sizeof(path), "%s%s", arg->opt.name, list ? "[+]" : "");
	for (size_t i = 0; i < given->values.len; i++)
		if (given->values.ptr[i].arg == arg)
			(void)conf_set(conf, path, given->values.ptr[i].text, origin);
}

static void print_run(const struct arg *arg, const struct args_given *given, const char *origin,
		      struct buf *out)
{
	for (size_t i = 0; i < given->values.len; i++)
		if (given->values.ptr[i].arg == arg)
			buf_printf(out, "# %s: %.*s  # %s\n", arg->opt.name,
				   SPAN_FMT(given->values.ptr[i].text), origin);
}

void args_file_print(const struct args *args, struct conf *conf, const struct args_given *given,
		     struct buf *out)
{
	for (const struct arg *arg = args->table; arg->opt.name; arg++) {
		enum arg_origin origin = given->origins[arg - args->table];
		struct conf_node *node = conf_get(conf_root(conf), arg->opt.name);
		const char *name;

		if (node && origin != ARG_FILE) /* silenced */
			*node = (struct conf_node){.kind = CONF_NULL,
						   .key = node->key,
						   .parent = node->parent,
						   .next = node->next};
		if (origin != ARG_ENV && origin != ARG_FLAG)
			continue;
		name = origin_name(args, conf, arg, origin);
		if (!name)
			out->failed = -ENOMEM;
		else if (arg->flags & ARG_PER_RUN)
			print_run(arg, given, name, out);
		else
			lay(conf, arg, given, name);
	}
	if (check(args, conf, false) < 0)
		out->failed = -ENOMEM; /* each value was good when it was stored */
	conf_print_origins(conf, out);
}

void args_file_schema(const struct args *args, struct buf *out)
{
	const struct conf_schema *schema;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	schema = make_schema(args, false, &arena);
	if (schema)
		conf_json_schema(schema, args->program, out);
	else
		out->failed = -ENOMEM;
	arena_release(&arena);
}
