#include "common/conf/conf.h"
#include "common/base/cleanup.h"
#include "common/base/num.h"
#include "common/conf/internal.h"
#include <errno.h>
#include <stdarg.h>

int conf_new(struct conf **ret)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return -ENOMEM;
	option_mem_init(&conf->mem, CONF_BUDGET);
	conf->root = conf_node_new(conf, CONF_MAPPING, NULL, 0, 0);
	if (!conf->root) {
		conf_free(conf);
		return -ENOMEM;
	}
	*ret = conf;
	return 0;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	option_mem_release(&conf->mem);
	vec_release(&conf->files);
	vec_release(&conf->problems);
	free(conf);
}

struct conf_node *conf_root(struct conf *conf)
{
	return conf->root;
}

struct option_mem *conf_mem(struct conf *conf)
{
	return &conf->mem;
}

struct conf_node *conf_node_new(struct conf *conf, enum conf_kind kind, const char *file, int line,
				int col)
{
	struct conf_node *node = ARENA_NEW(&conf->mem.arena, struct conf_node);

	if (node)
		*node = (struct conf_node){.kind = kind,
					   .file = file,
					   .line = line,
					   .col = col,
					   .text_line = line,
					   .text_col = col};
	return node;
}

void conf_node_append(struct conf_node *parent, struct conf_node *child)
{
	child->parent = parent;
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

struct conf_node *conf_member(const struct conf_node *node, struct span key)
{
	if (!node || node->kind != CONF_MAPPING)
		return NULL;
	for (struct conf_node *m = node->first; m; m = m->next)
		if (span_eq(m->key, key))
			return m;
	return NULL;
}

struct conf_node *conf_get(const struct conf_node *node, const char *key)
{
	return conf_member(node, span_cstr(key));
}

const char *conf_beside(struct conf *conf, const char *file, struct span name)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	if (!slash || span_starts(name, SPAN("/")))
		return arena_cstr(&conf->mem.arena, name);
	return arena_printf(&conf->mem.arena, "%.*s%.*s%c", (int)(slash + 1 - file), file,
			    SPAN_FMT(name), '\0')
		.ptr;
}

static void put_path(const struct conf_node *node, struct buf *out, int depth)
{
	size_t index = 0;

	if (!node || !node->parent || depth > CONF_DEPTH_MAX + 2)
		return;
	put_path(node->parent, out, depth + 1);
	if (node->parent->kind != CONF_SEQUENCE) {
		if (out->len)
			buf_putc(out, '.');
		buf_puts(out, node->key);
		return;
	}
	for (const struct conf_node *n = node->parent->first; n && n != node; n = n->next)
		index++;
	buf_printf(out, "[%zu]", index);
}

void conf_path(const struct conf_node *node, struct buf *out)
{
	put_path(node, out, 0);
}

struct span conf_where(struct conf *conf, const struct conf_node *node)
{
	_cleanup_(buf_release) struct buf path = BUF_INIT(4096);

	conf_path(node, &path);
	if (path.len == 0)
		return SPAN("");
	return arena_printf(&conf->mem.arena, " in %.*s", SPAN_FMT(buf_span(&path)));
}

static size_t file_index(const struct conf *conf, const char *file)
{
	for (size_t i = 0; file && i < conf->files.len; i++)
		if (strcmp(conf->files.ptr[i], file) == 0)
			return i;
	return SIZE_MAX;
}

/* The same value may be looked at twice: by its schema, and by who knows more. */
static bool is_known(const struct conf *conf, const struct conf_problem *problem)
{
	for (size_t i = 0; i < conf->problems.len; i++) {
		const struct conf_problem *p = &conf->problems.ptr[i];

		if (p->file == problem->file && p->line == problem->line &&
		    p->col == problem->col && span_eq(p->text, problem->text))
			return true;
	}
	return false;
}

static int add_problem(struct conf *conf, const char *file, int line, int col, struct span extra,
		       const char *fmt, va_list ap) __attribute__((__format__(__printf__, 6, 0)));
static int add_problem(struct conf *conf, const char *file, int line, int col, struct span extra,
		       const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	struct conf_problem problem = {file_index(conf, file), line, col, {NULL, 0}, extra};

	if (conf->problems.len == CONF_ERRORS_MAX) {
		conf->suppressed++;
		return -EINVAL;
	}
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return conf_no_memory(conf);
	}
	if (problem.file == SIZE_MAX && file)
		problem.text = arena_printf(&conf->mem.arena, "%s: error: %s", file, text);
	else
		problem.text = arena_printf(&conf->mem.arena, "error: %s", text);
	if (!problem.text.ptr)
		return conf_no_memory(conf);
	if (is_known(conf, &problem))
		return -EINVAL;
	return vec_push(&conf->problems, problem) < 0 ? conf_no_memory(conf) : -EINVAL;
}

/* The one problem that needs no memory of the arena. */
int conf_no_memory(struct conf *conf)
{
	struct conf_problem problem = {.file = SIZE_MAX,
				       .text = SPAN("error: the configuration is too large")};

	if (conf->problems.len == CONF_ERRORS_MAX || vec_push(&conf->problems, problem) < 0)
		conf->suppressed++;
	return -ENOMEM;
}

int conf_error(struct conf *conf, const struct conf_node *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = add_problem(conf, node ? node->file : NULL, node ? node->line : 0,
			    node ? node->col : 0, SPAN(""), fmt, ap);

	va_end(ap);
	return r;
}

int conf_error_value(struct conf *conf, const struct conf_node *node, struct span extra,
		     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = add_problem(conf, node->file, node->text_line, node->text_col, extra, fmt, ap);

	va_end(ap);
	return r;
}

/* Columns are characters: continuation bytes of UTF-8 don't move the caret. */
static size_t columns(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return n;
}

int conf_error_in(struct conf *conf, const struct conf_node *node, size_t offset, const char *fmt,
		  ...)
{
	_cleanup_(buf_release) struct buf path = BUF_INIT(4096);
	_cleanup_free_ char *text = NULL;
	struct span extra = SPAN("");
	va_list ap;

	va_start(ap, fmt);
	int r = vasprintf(&text, fmt, ap);

	va_end(ap);
	if (r < 0) {
		text = NULL;
		return conf_no_memory(conf);
	}
	conf_path(node, &path);
	if (span_chr(node->text, '\n') < 0)
		extra = arena_printf(&conf->mem.arena, "    %.*s\n    %*s^\n", SPAN_FMT(node->text),
				     (int)columns(span_take(node->text, offset)), "");
	return conf_error_value(conf, node, extra, "%.*s: %s", SPAN_FMT(buf_span(&path)), text);
}

int conf_error_at(struct conf *conf, const char *file, int line, int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = add_problem(conf, file, line, col, SPAN(""), fmt, ap);

	va_end(ap);
	return r;
}

size_t conf_nerrors(const struct conf *conf)
{
	return conf->problems.len + conf->suppressed;
}

static bool problem_after(const struct conf_problem *a, const struct conf_problem *b)
{
	if (a->file != b->file)
		return a->file + 1 > b->file + 1; /* SIZE_MAX, no position, comes first */
	return a->line != b->line ? a->line > b->line : a->col > b->col;
}

/* Positions of `order` by position in the files; equal ones stay in order of discovery. */
static void sort_problems(const struct conf *conf, size_t order[CONF_ERRORS_MAX])
{
	for (size_t i = 0; i < conf->problems.len; i++) {
		const struct conf_problem *p = &conf->problems.ptr[i];
		size_t at = i;

		for (; at > 0 && problem_after(&conf->problems.ptr[order[at - 1]], p); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

void conf_report(const struct conf *conf, struct buf *out)
{
	size_t order[CONF_ERRORS_MAX] = {0};

	sort_problems(conf, order);
	for (size_t i = 0; i < conf->problems.len; i++) {
		const struct conf_problem *p = &conf->problems.ptr[order[i]];

		if (p->file != SIZE_MAX)
			buf_printf(out, "%s:%d:%d: ", conf->files.ptr[p->file], p->line, p->col);
		buf_puts(out, p->text);
		buf_putc(out, '\n');
		buf_puts(out, p->extra);
	}
	if (conf->suppressed)
		buf_printf(out, "error: %zu more\n", conf->suppressed);
}

/* One step of a conf_set() path: a key, an index, or the place behind the last item. */
struct step {
	struct span key; /* NULL ptr: an index */
	size_t index;    /* SIZE_MAX = append */
};

static bool cut_step(struct span *rest, struct step *ret)
{
	size_t n = 0;

	*rest = span_starts(*rest, SPAN(".")) ? span_skip(*rest, 1) : *rest;
	if (rest->len == 0)
		return false;
	if (rest->ptr[0] == '[') {
		ptrdiff_t close = span_chr(*rest, ']');
		struct span inside = span_of(rest->ptr + 1, close > 0 ? (size_t)close - 1 : 0);
		uint64_t index = SIZE_MAX;

		if (!span_eq(inside, SPAN("+")) && num_parse_u64(inside, &index) < 0)
			return false;
		*ret = (struct step){.index = index};
		*rest = span_skip(*rest, (size_t)close + 1);
		return true;
	}
	while (n < rest->len && rest->ptr[n] != '.' && rest->ptr[n] != '[')
		n++;
	*ret = (struct step){.key = span_take(*rest, n)};
	*rest = span_skip(*rest, n);
	return true;
}

/* The child that the step leads to, made if it is not there. */
static struct conf_node *take_step(struct conf *conf, struct conf_node *node, struct step step,
				   const char *origin)
{
	enum conf_kind kind = step.key.ptr ? CONF_MAPPING : CONF_SEQUENCE;
	struct conf_node *child;

	if (node->kind != kind) {
		node->kind = kind;
		node->first = node->last = NULL;
	}
	child = step.key.ptr ? conf_member(node, step.key) : NULL;
	if (!step.key.ptr) {
		child = step.index == SIZE_MAX ? NULL : node->first;
		for (size_t i = 0; child && i < step.index; i++)
			child = child->next;
	}
	if (child)
		return child;
	child = conf_node_new(conf, CONF_NULL, origin, 0, 0);
	if (!child)
		return NULL;
	child->key = step.key.ptr ? arena_dup(&conf->mem.arena, step.key) : span_of(NULL, 0);
	conf_node_append(node, child);
	return child;
}

int conf_set(struct conf *conf, const char *path, struct span value, const char *origin)
{
	struct span rest = span_cstr(path);
	struct conf_node *node = conf->root;
	struct step step;

	while (cut_step(&rest, &step)) {
		node = take_step(conf, node, step, origin);
		if (!node)
			return conf_no_memory(conf);
	}
	if (rest.len || node == conf->root)
		return conf_error_at(conf, origin, 0, 0, "bad path '%s'", path);
	node->kind = CONF_SCALAR;
	node->quoted = true;
	node->file = origin;
	node->line = node->col = node->text_line = node->text_col = 0;
	node->text = arena_dup(&conf->mem.arena, value);
	return value.len && !node->text.ptr ? conf_no_memory(conf) : 0;
}
