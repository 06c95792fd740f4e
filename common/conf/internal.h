/*
 * internal.h - what the files of common/conf share.
 *
 *	yaml.c    files → nodes     conf.c   the tree, flags, errors
 *	apply.c   nodes → structs   print.c  nodes → YAML   schema.c  tables → JSON Schema
 */
#ifndef SLUICE_CONF_INTERNAL_H
#define SLUICE_CONF_INTERNAL_H

#include "common/conf/conf.h"

struct conf_problem {
	size_t file; /* index in conf->files; SIZE_MAX = no position: printed first */
	int line, col;
	struct span text;
	struct span extra; /* further lines, each with its newline */
};

struct conf {
	struct option_mem mem; /* everything lives here */
	struct conf_node *root;
	VEC(const char *) files; /* in the order of loading */
	VEC(struct conf_problem) problems;
	size_t suppressed; /* problems past CONF_ERRORS_MAX */
};

/* A zeroed node at the position; NULL = out of memory. */
struct conf_node *conf_node_new(struct conf *conf, enum conf_kind kind, const char *file, int line,
				int col);
void conf_node_append(struct conf_node *parent, struct conf_node *child);
struct conf_node *conf_member(const struct conf_node *node, struct span key);

/* An error at line:col of the node's value instead of its key. */
int conf_error_value(struct conf *conf, const struct conf_node *node, struct span extra,
		     const char *fmt, ...) __attribute__((__format__(__printf__, 4, 5)));
int conf_error_at(struct conf *conf, const char *file, int line, int col, const char *fmt, ...)
	__attribute__((__format__(__printf__, 5, 6)));
int conf_no_memory(struct conf *conf);

/* " in inputs[1]", or nothing for the root. */
struct span conf_where(struct conf *conf, const struct conf_node *node);
/* `name` beside the file of `node`, unless it is absolute.  NULL = out of memory. */
const char *conf_beside(struct conf *conf, const char *file, struct span name);

/* Whether a value was given: not absent, not null. */
static inline bool conf_given(const struct conf_node *node)
{
	return node && node->kind != CONF_NULL;
}

#endif
