/* Nodes to structs: schemas laid over mappings. */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/conf/internal.h"
#include <errno.h>

#define SECRET_MAX (64u << 10)

static int apply_mapping(struct conf *conf, struct conf_node *node,
			 const struct conf_layer *layers);

/* "inputs[1].max_line_bytes: text". */
static int value_error(struct conf *conf, const struct conf_node *node, const char *text)
{
	_cleanup_(buf_release) struct buf path = BUF_INIT(4096);

	conf_path(node, &path);
	return conf_error_value(conf, node, SPAN(""), "%.*s: %s", SPAN_FMT(buf_span(&path)), text);
}

static int store_failed(struct conf *conf, const struct conf_node *node,
			const struct sl_option *row, const struct err *err)
{
	if (err->code == -ENOMEM)
		return conf_no_memory(conf);
	if (row->type == SL_OPT_REGEX && err->code == -EINVAL)
		return conf_error_in(conf, node, err->offset, "%s", err->text);
	return value_error(conf, node, err->text);
}

/* Secrets. */

static int read_secret(struct conf *conf, const struct conf_node *from, const char *path,
		       struct buf *out)
{
	struct err err;
	int r = io_read_file(path, out, &err);

	if (r < 0)
		return value_error(conf, from, err.text);
	while (out->len && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
		out->len--;
	return 0;
}

static const char *credential_path(struct conf *conf, const struct conf_node *from)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (span_chr(from->text, '/') >= 0 || span_starts(from->text, SPAN("."))) {
		value_error(conf, from, "a credential is a name, not a path");
		return NULL;
	}
	if (!dir) {
		value_error(
			conf, from,
			"CREDENTIALS_DIRECTORY is not set (LoadCredential= of the unit sets it)");
		return NULL;
	}
	struct span path =
		arena_printf(&conf->mem.arena, "%s/%.*s%c", dir, SPAN_FMT(from->text), '\0');

	if (!path.ptr)
		conf_no_memory(conf);
	return path.ptr;
}

/* {file: PATH} or {credential: NAME}: never the secret itself.  Appends what it refers to. */
static int resolve_secret(struct conf *conf, const struct conf_node *node, struct buf *out)
{
	const struct conf_node *from = node->kind == CONF_MAPPING ? node->first : NULL;
	bool file = from && span_eq(from->key, SPAN("file"));
	const char *path;

	if (!from || from->next || from->kind != CONF_SCALAR ||
	    (!file && !span_eq(from->key, SPAN("credential"))))
		return value_error(
			conf, node,
			"a secret is given as {file: PATH} or {credential: NAME}, never itself");
	path = file ? conf_beside(conf, from->file, from->text) : credential_path(conf, from);
	return path ? read_secret(conf, from, path, out) : -EINVAL;
}

static int apply_secret(struct conf *conf, const struct conf_node *node,
			const struct sl_option *row, void *target)
{
	_cleanup_(buf_release) struct buf secret = BUF_INIT(SECRET_MAX);
	struct err err;
	int r = resolve_secret(conf, node, &secret);

	if (r < 0)
		return r;
	r = option_store(&conf->mem, row, buf_span(&secret), target, &err);
	return r < 0 ? store_failed(conf, node, row, &err) : 0;
}

/* Values. */

/* Of PAIRS with SL_OPT_SECRET: these values are references, the others may be. */
static bool is_secret_key(struct span key)
{
	static const char *const signs[] = {"password", "secret", "key.pem"};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (span_find(key, span_cstr(signs[i])) >= 0)
			return true;
	return false;
}

/* The text of one item: its own, or of a secret what it refers to, kept in the arena. */
static int item_text(struct conf *conf, const struct conf_node *item, const struct sl_option *row,
		     struct sl_str *ret)
{
	_cleanup_(buf_release) struct buf secret = BUF_INIT(SECRET_MAX);
	struct span text = item->text;

	if ((row->flags & SL_OPT_SECRET) &&
	    (item->kind == CONF_MAPPING || is_secret_key(item->key))) {
		int r = resolve_secret(conf, item, &secret);

		if (r < 0)
			return r;
		text = arena_dup(&conf->mem.arena, buf_span(&secret));
		if (secret.len && !text.ptr)
			return conf_no_memory(conf);
	} else if (item->kind != CONF_SCALAR) {
		return value_error(conf, item, "expected a text");
	}
	*ret = (struct sl_str){text.ptr, text.len};
	return 0;
}

/* A list may be written as one text; pairs are a mapping. */
static int apply_items(struct conf *conf, const struct conf_node *node, const struct sl_option *row,
		       void *target)
{
	bool pairs = row->type == SL_OPT_PAIRS;
	VEC(struct sl_str) items = {0};
	struct sl_str text;
	struct err err;
	int r = 0;

	if (node->kind != (pairs ? CONF_MAPPING : CONF_SEQUENCE))
		return value_error(conf, node,
				   pairs ? "expected keys and values" : "expected a list of texts");
	for (const struct conf_node *n = node->first; n; n = n->next) {
		if (item_text(conf, n, row, &text) < 0)
			r = -EINVAL;
		else if ((pairs && vec_push(&items, (struct sl_str){n->key.ptr, n->key.len}) < 0) ||
			 vec_push(&items, text) < 0)
			r = conf_no_memory(conf);
	}
	if (r == 0 && option_store_items(&conf->mem, row, items.ptr, items.len, target, &err) < 0)
		r = conf_no_memory(conf);
	vec_release(&items);
	return r;
}

static int apply_option(struct conf *conf, const struct conf_node *node,
			const struct sl_option *row, void *target)
{
	bool many = row->type == SL_OPT_LIST || row->type == SL_OPT_PAIRS;
	struct err err;

	if ((row->flags & SL_OPT_SECRET) && !many)
		return apply_secret(conf, node, row, target);
	if (many && !(row->type == SL_OPT_LIST && node->kind == CONF_SCALAR))
		return apply_items(conf, node, row, target);
	if (many) {
		struct sl_str one = {node->text.ptr, node->text.len};

		return option_store_items(&conf->mem, row, &one, 1, target, &err) < 0
			       ? conf_no_memory(conf)
			       : 0;
	}
	if (node->kind != CONF_SCALAR) {
		_cleanup_(buf_release) struct buf text = BUF_INIT(4096);

		buf_puts(&text, SPAN("expected "));
		option_type_text(row, &text);
		buf_puts(&text, node->kind == CONF_MAPPING ? SPAN(", got keys and values")
							   : SPAN(", got a list"));
		return value_error(conf, node, buf_cstr(&text) ? text.ptr : "wrong type");
	}
	int r = option_store(&conf->mem, row, node->text, target, &err);

	return r < 0 ? store_failed(conf, node, row, &err) : 0;
}

/* What is nested. */

static int apply_list(struct conf *conf, struct conf_node *node, const struct conf_sub *sub,
		      struct conf_list *ret)
{
	size_t len = 0;
	int r = 0;

	*ret = (struct conf_list){0};
	if (!conf_given(node))
		return 0;
	if (node->kind != CONF_SEQUENCE)
		return value_error(conf, node, "expected a list");
	for (const struct conf_node *n = node->first; n; n = n->next)
		len++;
	if (len == 0)
		return 0;
	ret->items = arena_calloc(&conf->mem.arena, len, sub->schema->size);
	if (!ret->items)
		return conf_no_memory(conf);
	for (struct conf_node *n = node->first; n; n = n->next) {
		char *item = (char *)ret->items + ret->len++ * sub->schema->size;

		r = conf_apply(conf, n, sub->schema, item) < 0 ? -EINVAL : r;
	}
	return r;
}

/* A section that the file does not have: its defaults, and a place for messages. */
static struct conf_node *imply(struct conf *conf, struct conf_node *parent, const char *key)
{
	struct conf_node *node =
		conf_node_new(conf, CONF_MAPPING, parent->file, parent->line, parent->col);

	if (!node) {
		conf_no_memory(conf);
		return NULL;
	}
	node->key = span_cstr(key);
	node->implied = true;
	conf_node_append(parent, node);
	return node;
}

static int apply_sub(struct conf *conf, struct conf_node *parent, const struct conf_sub *sub,
		     char *at)
{
	struct conf_node *node = conf_get(parent, sub->name);

	if (sub->kind == CONF_RAW) {
		node = conf_given(node) ? node : NULL;
		memcpy(at, &node, sizeof(node));
		return 0;
	}
	if (sub->kind == CONF_MANY)
		return apply_list(conf, node, sub, (struct conf_list *)(void *)at);
	if (!node)
		node = imply(conf, parent, sub->name);
	return node ? conf_apply(conf, node, sub->schema, at) : -ENOMEM;
}

static const struct conf_sub *find_sub(const struct conf_schema *schema, struct span name)
{
	for (const struct conf_sub *sub = schema->subs; sub && sub->name; sub++)
		if (span_eq(span_cstr(sub->name), name))
			return sub;
	return NULL;
}

static bool layer_has(const struct conf_layer *layer, struct span key)
{
	return option_find(layer->schema->options, key) || find_sub(layer->schema, key);
}

/* A mapping as a whole. */

/* The choice of `type:` in this layer, or -1: not given, or wrong (which is said elsewhere). */
static int variant_index(const struct conf_node *node, const struct conf_layer *layer)
{
	const struct sl_option *row = option_find(layer->schema->options, SPAN("type"));
	const struct conf_node *given = conf_get(node, "type");
	struct span name;

	if (!layer->schema->variants || !row)
		return -1;
	name = conf_given(given) ? given->text : span_cstr(row->def);
	for (int i = 0; option_choice(row, (size_t)i).ptr; i++)
		if (span_eq(option_choice(row, (size_t)i), name))
			return i;
	return -1;
}

/* Copies of the layers in the arena, the chosen variant of each behind it. */
static const struct conf_layer *expand_layers(struct conf *conf, const struct conf_node *node,
					      const struct conf_layer *layers)
{
	const struct conf_layer *first = NULL;
	const struct conf_layer **next = &first;

	for (; layers; layers = layers->next) {
		struct conf_layer *copy = ARENA_ARRAY(&conf->mem.arena, struct conf_layer, 2);
		int variant = variant_index(node, layers);

		if (!copy) {
			conf_no_memory(conf);
			return NULL;
		}
		copy[0] = (struct conf_layer){layers->schema, layers->target, NULL};
		*next = &copy[0];
		next = &copy[0].next;
		if (variant >= 0 && layers->schema->variants[variant]) {
			copy[1] = (struct conf_layer){layers->schema->variants[variant],
						      layers->target, NULL};
			*next = &copy[1];
			next = &copy[1].next;
		}
	}
	return first;
}

static void try_names(struct nearest *near, const struct conf_schema *schema)
{
	for (const struct sl_option *row = schema->options; row && row->name; row++)
		nearest_try(near, span_cstr(row->name));
	for (const struct conf_sub *sub = schema->subs; sub && sub->name; sub++)
		nearest_try(near, span_cstr(sub->name));
}

/* The type that the key would be right for, or the empty span. */
static struct span other_variant(const struct conf_layer *layers, struct span key)
{
	for (; layers; layers = layers->next) {
		const struct sl_option *row = option_find(layers->schema->options, SPAN("type"));

		if (!row || !layers->schema->variants)
			continue;
		for (size_t i = 0; option_choice(row, i).ptr; i++) {
			struct conf_layer other = {layers->schema->variants[i], NULL, NULL};

			if (other.schema && layer_has(&other, key))
				return option_choice(row, i);
		}
	}
	return span_of(NULL, 0);
}

static int unknown_key(struct conf *conf, const struct conf_node *member,
		       const struct conf_layer *layers)
{
	struct span where = conf_where(conf, member->parent);
	struct span other = other_variant(layers, member->key);
	struct nearest near;

	if (other.len)
		return conf_error(conf, member, "'%.*s'%.*s is only for type: %.*s",
				  SPAN_FMT(member->key), SPAN_FMT(where), SPAN_FMT(other));
	nearest_init(&near, member->key);
	for (; layers; layers = layers->next)
		try_names(&near, layers->schema);
	if (near.best.len)
		return conf_error(conf, member, "unknown key '%.*s'%.*s (did you mean '%.*s'?)",
				  SPAN_FMT(member->key), SPAN_FMT(where), SPAN_FMT(near.best));
	return conf_error(conf, member, "unknown key '%.*s'%.*s", SPAN_FMT(member->key),
			  SPAN_FMT(where));
}

static int apply_members(struct conf *conf, const struct conf_node *node,
			 const struct conf_layer *layers)
{
	int r = 0;

	for (const struct conf_node *m = node->first; m; m = m->next) {
		const struct conf_layer *layer = layers;

		if (m->implied)
			continue;
		while (layer && !layer_has(layer, m->key))
			layer = layer->next;
		const struct sl_option *row =
			layer ? option_find(layer->schema->options, m->key) : NULL;

		if (!layer)
			r = unknown_key(conf, m, layers);
		else if (row && conf_given(m) && apply_option(conf, m, row, layer->target) < 0)
			r = -EINVAL;
	}
	return r;
}

static int apply_layer(struct conf *conf, struct conf_node *node, const struct conf_layer *layer)
{
	int r = 0;

	for (const struct sl_option *row = layer->schema->options; row && row->name; row++)
		if ((row->flags & SL_OPT_REQUIRED) && !conf_given(conf_get(node, row->name)))
			r = conf_error(conf, node, "missing key '%s'%.*s", row->name,
				       SPAN_FMT(conf_where(conf, node)));
	for (const struct conf_sub *sub = layer->schema->subs; sub && sub->name; sub++)
		if (apply_sub(conf, node, sub, (char *)layer->target + sub->offset) < 0)
			r = -EINVAL;
	return r;
}

static int set_defaults(struct conf *conf, const struct conf_node *node,
			const struct conf_layer *layers)
{
	struct err err;

	for (; layers; layers = layers->next)
		if (option_defaults(&conf->mem, layers->schema->options, layers->target, &err) < 0)
			return conf_error(conf, node, "%s", err.text);
	return 0;
}

static int apply_mapping(struct conf *conf, struct conf_node *node, const struct conf_layer *layers)
{
	size_t errors = conf_nerrors(conf);

	if (set_defaults(conf, node, layers) < 0)
		return -EINVAL;
	apply_members(conf, node, layers);
	for (const struct conf_layer *layer = layers; layer; layer = layer->next)
		apply_layer(conf, node, layer);
	for (const struct conf_layer *layer = layers; layer; layer = layer->next)
		if (layer->schema->check && conf_nerrors(conf) == errors)
			layer->schema->check(conf, node, layer->target);
	return conf_nerrors(conf) == errors ? 0 : -EINVAL;
}

int conf_apply_layers(struct conf *conf, struct conf_node *node, const struct conf_layer *layers)
{
	for (const struct conf_layer *layer = layers; layer; layer = layer->next)
		memset(layer->target, 0, layer->schema->size);
	if (!node) {
		node = conf_node_new(conf, CONF_MAPPING, NULL, 0, 0);
		if (!node)
			return conf_no_memory(conf);
	}
	if (node->kind == CONF_NULL)
		node->kind = CONF_MAPPING;
	if (node->kind != CONF_MAPPING)
		return node->parent ? value_error(conf, node, "expected keys and values")
				    : conf_error(conf, node, "expected keys and values");
	node->layers = expand_layers(conf, node, layers);
	return node->layers ? apply_mapping(conf, node, node->layers) : -ENOMEM;
}

int conf_apply(struct conf *conf, struct conf_node *node, const struct conf_schema *schema,
	       void *target)
{
	return conf_apply_layers(conf, node, &(struct conf_layer){schema, target, NULL});
}
