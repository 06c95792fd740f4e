#include "common/flow/chain.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/flow/plugin.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>

#define CHAIN_MAGIC 0x43484e31u

/* The ABI's view of a field is our field: chain_process() hands out the array itself. */
_Static_assert(sizeof(struct field) == sizeof(struct sl_field) &&
		       offsetof(struct field, key) == offsetof(struct sl_field, key) &&
		       offsetof(struct field, text) == offsetof(struct sl_field, text) &&
		       offsetof(struct field, type) == offsetof(struct sl_field, type),
	       "struct field has the layout of sl_field");
_Static_assert(sizeof(struct span) == sizeof(struct sl_str) &&
		       offsetof(struct span, ptr) == offsetof(struct sl_str, ptr) &&
		       offsetof(struct span, len) == offsetof(struct sl_str, len),
	       "struct span has the layout of sl_str");
_Static_assert((int)VALUE_NULL == (int)SL_NULL && (int)VALUE_BOOL == (int)SL_BOOL &&
		       (int)VALUE_NUMBER == (int)SL_NUMBER && (int)VALUE_STRING == (int)SL_STRING &&
		       (int)VALUE_JSON == (int)SL_JSON,
	       "value_type is sl_type");

struct chain_filter {
	struct plugin plugin;
	void *self;
	bool opened;
	struct query *when;     /* NULL = every record */
	struct conf_node *node; /* whose layers point to the plugin's options */
	struct span name;
	/* Written by the chain's thread only; others read. */
	_Atomic uint64_t in, dropped, errors;
};

struct chain {
	unsigned magic;
	const struct chain_env *env;
	struct chain_filter *filters;
	size_t len;
};

/* What a filter gets: the ABI's view, and behind it the record that it is of. */
struct view {
	struct sl_record view;
	struct record *rec;
	struct field found; /* of host->get() inside a nested object */
};

static struct span from_str(struct sl_str text)
{
	return span_of(text.ptr, text.len);
}

static struct sl_str to_str(struct span text)
{
	return (struct sl_str){text.ptr, text.len};
}

static void refresh(struct view *v)
{
	const void *fields = v->rec->fields;

	v->view = (struct sl_record){.fields = fields,
				     .nfields = v->rec->nfields,
				     .severity = v->rec->severity,
				     .time_ns = v->rec->time_ns,
				     .line = to_str(v->rec->line)};
}

static struct view *view_of(struct sl_record *rec)
{
	return (struct view *)(void *)rec;
}

static int host_set(struct sl_record *rec, struct sl_str key, enum sl_type type, struct sl_str text)
{
	struct view *v = view_of(rec);
	int r;

	if (type > SL_JSON)
		return -EINVAL;
	r = record_set(v->rec, from_str(key), (enum value_type)type, from_str(text));
	refresh(v);
	return r;
}

static int host_del(struct sl_record *rec, struct sl_str key)
{
	struct view *v = view_of(rec);
	int r = record_del(v->rec, from_str(key));

	refresh(v);
	return r;
}

static void *host_alloc(struct sl_record *rec, size_t size)
{
	return arena_alloc(view_of(rec)->rec->arena, size);
}

static int host_match(const void *regex, struct sl_str subject)
{
	return regex_match(regex, from_str(subject));
}

static int host_find(const void *regex, struct sl_str subject, size_t start, struct sl_str *groups,
		     size_t max)
{
	struct span found[REGEX_GROUPS_MAX + 1];
	size_t room = max < REGEX_GROUPS_MAX + 1 ? max : REGEX_GROUPS_MAX + 1;
	int n = regex_exec(regex, from_str(subject), start, found, room);

	for (int i = 0; i < n; i++)
		groups[i] = to_str(found[i]);
	return n;
}

static const struct sl_field *host_get(struct sl_record *rec, struct sl_str key)
{
	struct view *v = view_of(rec);
	const struct sl_field *top = sl_get(rec, key);
	const void *found = &v->found;

	if (top)
		return top;
	return record_find(v->rec, from_str(key), &v->found) == 0 ? found : NULL;
}

/*
 * host->log() has no context of its own, and is for open() and close() only:
 * while one of them runs, this says for whom.  An error in open() becomes part
 * of the configuration's error.
 */
static _Thread_local struct talking {
	const struct chain_env *env;
	bool opening;
	char text[256];
} * talking;

static void host_log(int priority, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
static void host_log(int priority, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!talking)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (talking->opening && priority <= 3)
		memcpy(talking->text, text, sizeof(text));
	else if (talking->env->log)
		talking->env->log(priority, "filter: %s", text);
}

static const struct sl_host host = {
	.size = sizeof(struct sl_host),
	.minor = SL_ABI_MINOR,
	.log = host_log,
	.set = host_set,
	.del = host_del,
	.alloc = host_alloc,
	.match = host_match,
	.get = host_get,
	.find = host_find,
};

/* What every filter has beside its own options. */
struct common {
	struct sl_str type, when;
};
static const struct sl_option common_options[] = {
	{.name = "type",
	 .type = SL_OPT_STR,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct common, type),
	 .help = "a filter's name, or the path of a plugin"},
	{.name = "when",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct common, when),
	 .help = "LogsQL; only records that match are filtered"},
	{0},
};
static const struct conf_schema common_schema = {.size = sizeof(struct common),
						 .options = common_options};

static const struct chain_builtin *find_builtin(const struct chain_env *env, struct span name)
{
	for (const struct chain_builtin *b = env->builtins; b && b->name; b++)
		if (span_eq(span_cstr(b->name), name))
			return b;
	return NULL;
}

static int unknown_filter(const struct chain_env *env, struct conf *conf,
			  const struct conf_node *type, const struct err *err)
{
	struct nearest near;

	nearest_init(&near, type->text);
	for (const struct chain_builtin *b = env->builtins; b && b->name; b++)
		nearest_try(&near, span_cstr(b->name));
	if (near.best.len)
		return conf_error(conf, type, "unknown filter '%.*s' (did you mean '%.*s'?)",
				  SPAN_FMT(type->text), SPAN_FMT(near.best));
	return conf_error(conf, type, "unknown filter '%.*s': not built in, and %s",
			  SPAN_FMT(type->text), err->text);
}

/* `type` is the name of a builtin, of a plugin in the folder, or a path. */
static int load(const struct chain_env *env, struct conf *conf, const struct conf_node *type,
		struct plugin *ret)
{
	const struct chain_builtin *builtin = find_builtin(env, type->text);
	bool is_path = span_chr(type->text, '/') >= 0;
	struct err err = {.text = "there is no folder for plugins"};
	struct span path;
	int r;

	if (builtin) {
		r = plugin_builtin(builtin->entry(), ret, &err);
		return r < 0 ? conf_error(conf, type, "%s", err.text) : 0;
	}
	if (!is_path && !env->plugin_dir)
		return unknown_filter(env, conf, type, &err);
	if (is_path)
		path = arena_printf(&conf_mem(conf)->arena, "%.*s%c", SPAN_FMT(type->text), '\0');
	else
		path = arena_printf(&conf_mem(conf)->arena, "%s/%.*s.so%c", env->plugin_dir,
				    SPAN_FMT(type->text), '\0');
	if (!path.ptr)
		return -ENOMEM;
	r = plugin_open(path.ptr, ret, &err);
	if (r == -ENOENT && !is_path)
		return unknown_filter(env, conf, type, &err);
	return r < 0 ? conf_error(conf, type, "plugin %s", err.text) : 0;
}

static int parse_when(struct conf *conf, const struct conf_node *node, struct sl_str text,
		      struct query **ret)
{
	const struct conf_node *when = conf_get(node, "when");
	struct err err;
	int r;

	if (!text.len)
		return 0;
	r = query_parse(from_str(text), clock_real_ns(), NULL, ret, &err);
	if (r < 0)
		return conf_error_in(conf, when, err.offset, "%s", err.text);
	if ((*ret)->options.given)
		return conf_error_in(
			conf, when, 0,
			"options(…) are about running a query; write the filter alone");
	return 0;
}

static int open_instance(const struct chain *chain, struct chain_filter *f, struct conf *conf)
{
	struct talking words = {.env = chain->env, .opening = true};
	int r = 0;

	talking = &words;
	if (f->plugin.filter.open)
		r = f->plugin.filter.open(f->self, &host);
	talking = NULL;
	f->opened = r >= 0;
	if (r >= 0)
		return 0;
	return conf_error(conf, f->node, "filter '%s' refuses its options: %s",
			  f->plugin.filter.name, words.text[0] ? words.text : strerror(-r));
}

/* Fill the instance from the mapping: what all filters have, and the filter's own. */
static int apply_options(struct chain_filter *f, struct conf *conf, struct common *ret)
{
	struct conf_schema *own = ARENA_NEW(&conf_mem(conf)->arena, struct conf_schema);

	if (!own)
		return -ENOMEM;
	*own = (struct conf_schema){.size = f->plugin.filter.self_size,
				    .options = f->plugin.filter.options};
	struct conf_layer second = {own, f->self, NULL};
	struct conf_layer first = {&common_schema, ret, &second};

	return conf_apply_layers(conf, f->node, &first);
}

static int add_filter(struct chain *chain, struct conf *conf, struct conf_node *node)
{
	struct chain_filter *f = &chain->filters[chain->len];
	const struct conf_node *type = conf_get(node, "type");
	struct common common;
	int r;

	if (node->kind != CONF_MAPPING)
		return conf_error(conf, node, "a filter has keys and values, at least a type");
	if (!type || type->kind != CONF_SCALAR)
		return conf_apply(conf, node, &common_schema, &common);
	r = load(chain->env, conf, type, &f->plugin);
	if (r < 0)
		return r;
	chain->len++;
	f->node = node;
	f->name = type->text;
	f->self = calloc(1, f->plugin.filter.self_size ? f->plugin.filter.self_size : 1);
	if (!f->self)
		return -ENOMEM;
	r = apply_options(f, conf, &common);
	if (r == 0)
		r = parse_when(conf, node, common.when, &f->when);
	return r < 0 ? r : open_instance(chain, f, conf);
}

static int add_filters(struct chain *chain, struct conf *conf, struct conf_node *list)
{
	size_t n = 0;
	int r = 0;

	if (!list || list->kind == CONF_NULL)
		return 0;
	if (list->kind != CONF_SEQUENCE)
		return conf_error(conf, list, "filters: expected a list");
	for (const struct conf_node *node = list->first; node; node = node->next)
		n++;
	if (n > CHAIN_MAX)
		return conf_error(conf, list, "more than %d filters", CHAIN_MAX);
	chain->filters = calloc(n ? n : 1, sizeof(*chain->filters));
	if (!chain->filters)
		return -ENOMEM;
	for (struct conf_node *node = list->first; node; node = node->next) {
		int r2 = add_filter(chain, conf, node);

		r = r2 < 0 ? r2 : r;
	}
	return r;
}

int chain_new(const struct chain_env *env, struct conf *conf, struct conf_node *filters,
	      struct chain **ret)
{
	struct chain *chain = calloc(1, sizeof(*chain));
	int r;

	if (!chain)
		return -ENOMEM;
	chain->magic = CHAIN_MAGIC;
	chain->env = env;
	r = add_filters(chain, conf, filters);
	if (r < 0)
		chain_free(chain);
	else
		*ret = chain;
	return r;
}

static void close_filter(const struct chain *chain, struct chain_filter *f)
{
	struct talking words = {.env = chain->env};

	talking = &words;
	if (f->opened && f->plugin.filter.close)
		f->plugin.filter.close(f->self);
	talking = NULL;
	free(f->self);
	query_free(f->when);
	f->node->layers = NULL;
	plugin_close(&f->plugin);
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	CHECK_MAGIC(chain, CHAIN_MAGIC);
	for (size_t i = chain->len; i > 0; i--)
		close_filter(chain, &chain->filters[i - 1]);
	free(chain->filters);
	free(chain);
}

/* One writer: no locked instruction is needed to count. */
static void count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

int chain_process(struct chain *chain, struct record *rec)
{
	struct view v = {.rec = rec};

	for (size_t i = 0; i < chain->len; i++) {
		struct chain_filter *f = &chain->filters[i];

		if (f->when && !filter_match_record(f->when->filter, rec))
			continue;
		refresh(&v);
		count(&f->in);
		int r = f->plugin.filter.process(f->self, &host, &v.view);

		if (r == SL_DROP) {
			count(&f->dropped);
			return SL_DROP;
		}
		if (r != SL_KEEP)
			count(&f->errors);
	}
	return SL_KEEP;
}

size_t chain_len(const struct chain *chain)
{
	return chain->len;
}

void chain_stats(const struct chain *chain, size_t i, struct chain_stats *ret)
{
	const struct chain_filter *f = &chain->filters[i];

	*ret = (struct chain_stats){
		.name = f->name,
		.in = atomic_load_explicit(&f->in, memory_order_relaxed),
		.dropped = atomic_load_explicit(&f->dropped, memory_order_relaxed),
		.errors = atomic_load_explicit(&f->errors, memory_order_relaxed),
	};
}

uint64_t chain_errors(const struct chain *chain)
{
	uint64_t errors = 0;

	for (size_t i = 0; i < chain->len; i++)
		errors += atomic_load_explicit(&chain->filters[i].errors, memory_order_relaxed);
	return errors;
}

/* By type: the builtins' own keys; a plugin's are not known before it is loaded. */
void chain_describe(const struct chain_builtin *builtins, struct buf *out)
{
	bool any = false;

	buf_puts(out, SPAN("{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"));
	conf_json_properties(common_options, out);
	buf_puts(out, SPAN("},\"required\":[\"type\"],\"allOf\":["));
	for (const struct chain_builtin *b = builtins; b && b->name; b++) {
		buf_printf(out,
			   "%s{\"if\":{\"properties\":{\"type\":{\"const\":\"%s\"}}},\"then\":"
			   "{\"properties\":{\"type\":true,\"when\":true",
			   any ? "," : "", b->name);
		if (b->entry()->options && b->entry()->options->name)
			buf_putc(out, ',');
		conf_json_properties(b->entry()->options, out);
		buf_puts(out, SPAN("},\"additionalProperties\":false}}"));
		any = true;
	}
	buf_puts(out, SPAN("]}}"));
}
