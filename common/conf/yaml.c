/*
 * YAML files to nodes: libyaml does the parsing, this file checks structure,
 * expands ${NAME}, follows includes and merges what several files say.
 */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/conf/internal.h"
#include <errno.h>
#include <glob.h>
#include <yaml.h>

#define MEMBERS_MAX 4096 /* keys of one mapping: the check for duplicates is quadratic */

struct load {
	struct conf *conf;
	yaml_document_t *doc;
	const char *file;
	int depth;
};

static bool is_name_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_name_char(s.ptr[i], i == 0))
			return false;
	return s.len > 0;
}

/* Append the value of `inside`, the text between ${ and }. */
static int expand_one(const struct load *load, const struct conf_node *node, struct span inside,
		      struct buf *out)
{
	ptrdiff_t dash = span_find(inside, SPAN(":-"));
	struct span name = dash < 0 ? inside : span_take(inside, (size_t)dash);
	char text[256];

	if (!is_name(name) || name.len >= sizeof(text))
		return conf_error_value(load->conf, node, SPAN(""),
					"'${%.*s}' is no variable (write $${ for a literal ${)",
					SPAN_FMT(inside));
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	const char *value = getenv(text);

	if (dash >= 0 && (!value || !*value))
		buf_puts(out, span_skip(inside, (size_t)dash + 2));
	else if (value)
		buf_puts(out, span_cstr(value));
	else
		return conf_error_value(load->conf, node, SPAN(""),
					"environment variable '%s' is not set "
					"(${%s:-default} gives it a default)",
					text, text);
	return 0;
}

/* ${NAME} ${NAME:-default} and $${ for a literal; other dollars stay. */
static int expand(const struct load *load, struct conf_node *node)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(CONF_FILE_MAX);
	struct span rest = node->text;
	ptrdiff_t at;
	int r = 0;

	while ((at = span_find(rest, SPAN("${"))) >= 0) {
		if (at > 0 && rest.ptr[at - 1] == '$') {
			buf_puts(&out, span_take(rest, (size_t)at - 1));
			buf_puts(&out, SPAN("${"));
			rest = span_skip(rest, (size_t)at + 2);
			continue;
		}
		buf_puts(&out, span_take(rest, (size_t)at));
		rest = span_skip(rest, (size_t)at + 2);
		ptrdiff_t close = span_chr(rest, '}');

		if (close < 0)
			return conf_error_value(load->conf, node, SPAN(""),
						"'${' without '}' (write $${ for a literal ${)");
		if (expand_one(load, node, span_take(rest, (size_t)close), &out) < 0)
			r = -EINVAL;
		rest = span_skip(rest, (size_t)close + 1);
	}
	if (rest.len == node->text.len)
		return 0;
	buf_puts(&out, rest);
	node->text = arena_dup(&load->conf->mem.arena, buf_span(&out));
	return out.failed || (out.len && !node->text.ptr) ? conf_no_memory(load->conf) : r;
}

static bool is_null(struct span text)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq(text, span_cstr(words[i])))
			return true;
	return false;
}

static int convert_scalar(const struct load *load, const yaml_node_t *yaml, struct conf_node *node)
{
	struct span text = span_of((const char *)yaml->data.scalar.value, yaml->data.scalar.length);

	node->quoted = yaml->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (!node->quoted && is_null(text)) {
		node->kind = CONF_NULL;
		return 0;
	}
	node->kind = CONF_SCALAR;
	node->text = arena_dup(&load->conf->mem.arena, text);
	if (text.len && !node->text.ptr)
		return conf_no_memory(load->conf);
	return expand(load, node);
}

static int convert(struct load *load, int id, struct conf_node *node);

static int convert_sequence(struct load *load, const yaml_node_t *yaml, struct conf_node *node)
{
	int r = 0;

	node->kind = CONF_SEQUENCE;
	for (yaml_node_item_t *item = yaml->data.sequence.items.start;
	     item < yaml->data.sequence.items.top && r != -ENOMEM; item++) {
		yaml_mark_t mark = yaml_document_get_node(load->doc, *item)->start_mark;
		struct conf_node *child = conf_node_new(load->conf, CONF_NULL, load->file,
							(int)mark.line + 1, (int)mark.column + 1);

		if (!child)
			return conf_no_memory(load->conf);
		conf_node_append(node, child);
		int r2 = convert(load, *item, child);

		r = r2 < 0 ? r2 : r;
	}
	return r;
}

/* The member for `key`, not yet in the mapping; NULL after an error. */
static struct conf_node *make_member(const struct load *load, const yaml_node_t *key,
				     struct conf_node *node)
{
	int line = (int)key->start_mark.line + 1, col = (int)key->start_mark.column + 1;
	const struct conf_node *twin;
	struct conf_node *child;

	if (key->type != YAML_SCALAR_NODE) {
		conf_error_at(load->conf, load->file, line, col, "a key must be a text%.*s",
			      SPAN_FMT(conf_where(load->conf, node)));
		return NULL;
	}
	child = conf_node_new(load->conf, CONF_NULL, load->file, line, col);
	if (child)
		child->key = arena_dup(
			&load->conf->mem.arena,
			span_of((const char *)key->data.scalar.value, key->data.scalar.length));
	if (!child || (key->data.scalar.length && !child->key.ptr)) {
		conf_no_memory(load->conf);
		return NULL;
	}
	twin = conf_member(node, child->key);
	if (twin) {
		conf_error_at(load->conf, load->file, line, col,
			      "duplicate key '%.*s'%.*s (first at line %d)", SPAN_FMT(child->key),
			      SPAN_FMT(conf_where(load->conf, node)), twin->line);
		return NULL;
	}
	return child;
}

static int convert_mapping(struct load *load, const yaml_node_t *yaml, struct conf_node *node)
{
	const yaml_node_pair_t *pair = yaml->data.mapping.pairs.start;
	int r = 0;

	node->kind = CONF_MAPPING;
	if (yaml->data.mapping.pairs.top - pair > MEMBERS_MAX)
		return conf_error(load->conf, node, "more than %d keys", MEMBERS_MAX);
	for (; pair < yaml->data.mapping.pairs.top && !load->conf->mem.arena.overflowed; pair++) {
		struct conf_node *child =
			make_member(load, yaml_document_get_node(load->doc, pair->key), node);
		int r2 = -EINVAL;

		if (child) {
			conf_node_append(node, child);
			r2 = convert(load, pair->value, child);
		}
		r = r2 < 0 ? r2 : r;
	}
	return r;
}

/* Recursion is bounded by CONF_DEPTH_MAX; an alias is expanded where it stands. */
static int convert(struct load *load, int id, struct conf_node *node)
{
	const yaml_node_t *yaml = yaml_document_get_node(load->doc, id);
	int r;

	node->text_line = (int)yaml->start_mark.line + 1;
	node->text_col = (int)yaml->start_mark.column + 1;
	if (load->depth == CONF_DEPTH_MAX)
		return conf_error(load->conf, node, "nested deeper than %d levels", CONF_DEPTH_MAX);
	load->depth++;
	if (yaml->type == YAML_MAPPING_NODE)
		r = convert_mapping(load, yaml, node);
	else if (yaml->type == YAML_SEQUENCE_NODE)
		r = convert_sequence(load, yaml, node);
	else
		r = convert_scalar(load, yaml, node);
	load->depth--;
	return r;
}

/* Move what `from` has into `to`.  Bounded by the depth of the tree. */
static int merge(struct conf *conf, struct conf_node *to, struct conf_node *from)
{
	struct conf_node *next;
	int r = 0;

	for (struct conf_node *m = from->first; m; m = next) {
		struct conf_node *old = to->kind == CONF_MAPPING ? conf_member(to, m->key) : NULL;

		next = m->next;
		if (!old)
			conf_node_append(to, m);
		else if (old->kind == m->kind &&
			 (m->kind == CONF_MAPPING || m->kind == CONF_SEQUENCE))
			r = merge(conf, old, m) < 0 ? -EINVAL : r;
		else if (m->kind != CONF_NULL)
			r = conf_error(conf, m, "'%.*s' is set already at %s:%d:%d",
				       SPAN_FMT(m->key), old->file, old->line, old->col);
	}
	return r;
}

static int load_text(struct conf *conf, const char *file, struct span text, int depth);
static int load_file(struct conf *conf, const char *path, int depth, const struct conf_node *from);

static int include_pattern(struct conf *conf, const struct conf_node *pattern, int depth)
{
	glob_t found = {0};
	int r = 0;

	if (pattern->kind != CONF_SCALAR)
		return conf_error_value(conf, pattern, SPAN(""),
					"include: expected a file name or pattern");
	const char *path = conf_beside(conf, pattern->file, pattern->text);

	if (!path)
		return conf_no_memory(conf);
	/* A name must be there; a pattern may find nothing. */
	int code = glob(path, 0, NULL, &found);

	if (code == GLOB_NOMATCH && !strpbrk(path, "*?["))
		r = load_file(conf, path, depth + 1, pattern);
	else if (code != 0 && code != GLOB_NOMATCH)
		r = conf_error_value(conf, pattern, SPAN(""), "include: cannot read '%s'", path);
	for (size_t i = 0; code == 0 && i < found.gl_pathc; i++) {
		const char *name = arena_cstr(&conf->mem.arena, span_cstr(found.gl_pathv[i]));
		int r2 = name ? load_file(conf, name, depth + 1, pattern) : conf_no_memory(conf);

		r = r2 < 0 ? r2 : r;
	}
	globfree(&found);
	return r;
}

/* `include:` is a member of the file's root: take it out, then load what it names. */
static struct conf_node *take_include(struct conf_node *root)
{
	struct conf_node *before = NULL;

	for (struct conf_node *m = root->first; m; before = m, m = m->next) {
		if (!span_eq(m->key, SPAN("include")))
			continue;
		*(before ? &before->next : &root->first) = m->next;
		if (root->last == m)
			root->last = before;
		return m;
	}
	return NULL;
}

static int load_includes(struct conf *conf, struct conf_node *include, int depth)
{
	int r = 0;

	if (!conf_given(include))
		return 0;
	if (depth == CONF_INCLUDE_MAX)
		return conf_error(conf, include, "include: more than %d levels", CONF_INCLUDE_MAX);
	if (include->kind != CONF_SEQUENCE)
		return include_pattern(conf, include, depth);
	for (const struct conf_node *n = include->first; n; n = n->next)
		r = include_pattern(conf, n, depth) < 0 ? -EINVAL : r;
	return r;
}

/* libyaml's words: a problem, and often the construct that was being parsed. */
static int yaml_problem(struct conf *conf, const char *file, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "unknown problem";
	int line = (int)parser->problem_mark.line + 1, col = (int)parser->problem_mark.column + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return conf_no_memory(conf);
	if (parser->error == YAML_READER_ERROR)
		return conf_error_at(conf, file, 1, 1, "not YAML: %s at byte %zu", problem,
				     parser->problem_offset);
	if (parser->context)
		return conf_error_at(conf, file, line, col, "not YAML: %s, %s from line %zu on",
				     problem, parser->context, parser->context_mark.line + 1);
	return conf_error_at(conf, file, line, col, "not YAML: %s", problem);
}

static int load_document(struct conf *conf, const char *file, yaml_document_t *doc, int depth)
{
	struct load load = {.conf = conf, .doc = doc, .file = file};
	struct conf_node *tree, *include;
	int r, r2;

	if (!yaml_document_get_root_node(doc))
		return 0;
	tree = conf_node_new(conf, CONF_NULL, file, 1, 1);
	if (!tree)
		return conf_no_memory(conf);
	r = convert(&load, 1, tree);
	if (tree->kind == CONF_NULL || r == -ENOMEM)
		return r;
	if (tree->kind != CONF_MAPPING)
		return conf_error(conf, tree, "expected keys and values");
	if (!conf->root->file)
		*conf->root = (struct conf_node){.kind = CONF_MAPPING,
						 .file = file,
						 .line = 1,
						 .col = 1,
						 .first = conf->root->first,
						 .last = conf->root->last};
	include = take_include(tree);
	r2 = merge(conf, conf->root, tree);
	r = r2 < 0 ? r2 : r;
	r2 = load_includes(conf, include, depth);
	return r2 < 0 ? r2 : r;
}

static int load_text(struct conf *conf, const char *file, struct span text, int depth)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	int r;

	if (vec_push(&conf->files, file) < 0 || !yaml_parser_initialize(&parser))
		return conf_no_memory(conf);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""),
				     text.len);
	if (!yaml_parser_load(&parser, &doc)) {
		r = yaml_problem(conf, file, &parser);
		yaml_parser_delete(&parser);
		return r;
	}
	r = load_document(conf, file, &doc, depth);
	yaml_document_delete(&doc);
	if (r == 0 && !yaml_parser_load(&parser, &doc)) {
		r = yaml_problem(conf, file, &parser);
	} else if (r == 0) {
		const yaml_node_t *second = yaml_document_get_root_node(&doc);

		if (second)
			r = conf_error_at(conf, file, (int)second->start_mark.line + 1, 1,
					  "only one document a file");
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	return r;
}

static int load_file(struct conf *conf, const char *path, int depth, const struct conf_node *from)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(CONF_FILE_MAX);
	struct err err;
	int r;

	for (size_t i = 0; from && i < conf->files.len; i++)
		if (strcmp(conf->files.ptr[i], path) == 0)
			return conf_error_value(conf, from, SPAN(""),
						"include: '%s' is loaded already", path);
	r = io_read_file(path, &text, &err);
	if (r < 0 && from)
		return conf_error_value(conf, from, SPAN(""), "include: %s", err.text);
	if (r < 0)
		return conf_error_at(conf, NULL, 0, 0, "%s", err.text);
	return load_text(conf, path, buf_span(&text), depth);
}

int conf_load_file(struct conf *conf, const char *path)
{
	const char *copy = arena_cstr(&conf->mem.arena, span_cstr(path));

	return copy ? load_file(conf, copy, 0, NULL) : conf_no_memory(conf);
}

int conf_load_text(struct conf *conf, const char *name, struct span text)
{
	const char *copy = arena_cstr(&conf->mem.arena, span_cstr(name));

	return copy ? load_text(conf, copy, text, 0) : conf_no_memory(conf);
}
