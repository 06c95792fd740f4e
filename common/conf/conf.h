/*
 * conf.h - YAML files to typed structs, with an answer to every mistake.
 *
 * Three steps.  Load: libyaml parses the file and its includes into one tree of
 * nodes, each of which knows its file:line:col; ${NAME} and ${NAME:-default}
 * are expanded in scalars.  Apply: a schema (option tables, nested) is laid over
 * the tree and fills a struct.  Report: every error was collected on the way;
 * none stops the others from being found.
 *
 *	shipper.yaml:6:4: error: unknown key 'max_lin' in inputs[1] (did you mean 'max_line_bytes'?)
 *
 * A schema is a mapping: option rows for its scalars, subs for what is nested,
 * variants for what depends on its `type:`.
 *
 *	struct tls { struct sl_str ca; };
 *	struct input { int type; struct sl_list paths; uint64_t max_line_bytes; };
 *	struct settings { struct sl_str data_dir; struct conf_list inputs; struct tls tls; };
 *
 *	static const struct conf_schema input_schema = {
 *		.size = sizeof(struct input), .options = input_options};
 *	static const struct conf_schema schema = {
 *		.size = sizeof(struct settings), .options = options,
 *		.subs = (const struct conf_sub[]){
 *			{.name = "inputs", .kind = CONF_MANY, .schema = &input_schema,
 *			 .offset = offsetof(struct settings, inputs)},
 *			{.name = "tls", .kind = CONF_ONE, .schema = &tls_schema,
 *			 .offset = offsetof(struct settings, tls)},
 *			{0}}};
 *
 *	struct settings s;
 *	conf_new(&conf);
 *	conf_load_file(conf, "/etc/sluice/shipper.yaml");
 *	conf_apply(conf, conf_root(conf), &schema, &s);
 *	if (conf_nerrors(conf)) { conf_report(conf, &text); exit(78); }
 *
 * Ownership: the conf owns the tree and all that the values point to (texts,
 * lists, regexes), so it outlives the struct and whatever was built from it.
 * A reload makes a second conf and frees the first one last.
 */
#ifndef SLUICE_CONF_CONF_H
#define SLUICE_CONF_CONF_H

#include "common/conf/option.h"

#define CONF_FILE_MAX    (4u << 20)  /* bytes of one file */
#define CONF_BUDGET      (64u << 20) /* memory of one configuration */
#define CONF_DEPTH_MAX   32          /* nesting, aliases expanded */
#define CONF_INCLUDE_MAX 8           /* include within include */
#define CONF_ERRORS_MAX  100

struct conf;
struct conf_schema;

enum conf_kind { CONF_NULL, CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };

struct conf_node {
	enum conf_kind kind;
	struct span text;        /* of a scalar, expanded */
	struct span key;         /* when it is a member of a mapping */
	const char *file;        /* or the flag that gave it: "--to" */
	int line, col;           /* from 1; of the key for members, as editors count; 0 = no file */
	int text_line, text_col; /* of the value */
	struct conf_node *parent, *first, *last, *next;
	const struct conf_layer *layers; /* what conf_apply laid over it, for printing */
	bool quoted;                     /* never null, never a block of text */
	bool implied;                    /* not in the file: a section of defaults */
};

enum conf_sub_kind {
	CONF_END,
	CONF_ONE,  /* a mapping → a struct at offset; absent = its defaults */
	CONF_MANY, /* a list of mappings → struct conf_list at offset */
	CONF_RAW,  /* any → struct conf_node * at offset, NULL when absent: applied later */
};

/* CONF_MANY's value: `len` structs of the schema's size. */
struct conf_list {
	void *items;
	size_t len;
};

struct conf_sub {
	const char *name;
	enum conf_sub_kind kind;
	size_t offset;
	const struct conf_schema *schema;
	const char *help;
	/* Optional, of CONF_RAW: append its JSON Schema. */
	void (*describe)(struct buf *out);
};

struct conf_schema {
	size_t size;                     /* of the struct; conf_apply zeroes it */
	const struct sl_option *options; /* ends with {0}; NULL = none */
	const struct conf_sub *subs;     /* ends with {0}; NULL = none */
	/*
	 * The choices of the ENUM option `type` have their own keys: variant i
	 * belongs to choice i and fills the same struct.  NULL = none.
	 */
	const struct conf_schema *const *variants;
	/* Optional: what no row can say.  Reports through conf_error(). */
	void (*check)(struct conf *conf, const struct conf_node *node, void *target);
};

/* One of the schemas laid over a mapping; the filter chain lays two. */
struct conf_layer {
	const struct conf_schema *schema;
	void *target;
	const struct conf_layer *next;
};

int conf_new(struct conf **ret);
void conf_free(struct conf *conf);

/*
 * Add a file, or text that is called `name` in messages, to the tree.  Mappings
 * merge, lists append, a scalar that is set twice is an error.  0, or -EINVAL
 * after errors were collected; -ENOMEM.
 */
int conf_load_file(struct conf *conf, const char *path);
int conf_load_text(struct conf *conf, const char *name, struct span text);
/*
 * Set a scalar from a flag, over what files say: path "output.topic",
 * "inputs[0].paths[+]" ("[+]" appends).  `origin` names it in messages and is
 * borrowed.  No ${} here.
 */
int conf_set(struct conf *conf, const char *path, struct span value, const char *origin);

/* A mapping, empty when nothing was loaded. */
struct conf_node *conf_root(struct conf *conf);
/* The member `key`, or NULL (also when node is no mapping, or NULL). */
struct conf_node *conf_get(const struct conf_node *node, const char *key);

/*
 * Fill `target` from `node` (NULL or CONF_NULL: defaults).  0, or -EINVAL after
 * errors were collected; target is then complete but not to be used.
 */
int conf_apply(struct conf *conf, struct conf_node *node, const struct conf_schema *schema,
	       void *target);
/* The same with several schemas over one mapping: a key belongs to the first that has it. */
int conf_apply_layers(struct conf *conf, struct conf_node *node, const struct conf_layer *layers);

/* Collect an error at `node` (NULL: no position).  Returns -EINVAL. */
int conf_error(struct conf *conf, const struct conf_node *node, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
/*
 * The same in the text of a scalar: two more lines show it with a caret under
 * byte `offset`.  "path: " goes before what fmt gives.
 */
int conf_error_in(struct conf *conf, const struct conf_node *node, size_t offset, const char *fmt,
		  ...) __attribute__((__format__(__printf__, 4, 5)));
/* "inputs[1].max_line_bytes"; empty for the root. */
void conf_path(const struct conf_node *node, struct buf *out);

size_t conf_nerrors(const struct conf *conf);
/* All of them, a line each (a regex has two more: pattern and caret), by position. */
void conf_report(const struct conf *conf, struct buf *out);

/* --print-config: valid YAML, merged, defaults shown, secrets masked.  After conf_apply. */
void conf_print(struct conf *conf, struct buf *out);
/* The same, each value with where it is from: "# logq.yaml:3", "# --utc", "# default". */
void conf_print_origins(struct conf *conf, struct buf *out);
/* JSON Schema (2020-12) of `schema`. */
void conf_json_schema(const struct conf_schema *schema, const char *title, struct buf *out);
/* The same for a filter's or another's bare table: the "properties" of it. */
void conf_json_properties(const struct sl_option *options, struct buf *out);

/* Memory that lives as long as the conf: option_store() for others, copies. */
struct option_mem *conf_mem(struct conf *conf);

#endif
