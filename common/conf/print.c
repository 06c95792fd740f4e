/*
 * Nodes back to YAML.  Where a schema was laid over a mapping, its keys come in
 * the order of the table, with defaults that the file does not have; a secret
 * is printed as the reference that the file has, never as its value.
 */
#include "common/base/cleanup.h"
#include "common/conf/internal.h"
#include "common/data/json_write.h"

struct printer {
	struct buf *out;
	int indent;
	bool inlined;                   /* the line has begun: "- " is out */
	bool origins;                   /* say of each member where it is from */
	const struct conf_node *member; /* of which that is to be said at the end of the line */
};

static void print_node(struct printer *p, const struct conf_node *node,
		       const struct sl_option *row);

static void begin_line(struct printer *p)
{
	if (p->inlined)
		p->inlined = false;
	else
		buf_printf(p->out, "%*s", 2 * p->indent, "");
}

static bool is_plain_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '/';
}

/* Plain where no YAML reader could take it for something else. */
static bool is_plain(struct span text)
{
	static const char *const words[] = {"true", "false", "yes", "no",  "on", "off",
					    "null", "y",     "n",   "inf", "nan"};

	if (text.len == 0 || (text.ptr[0] >= '0' && text.ptr[0] <= '9') || text.ptr[0] == '-' ||
	    text.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_plain_char(text.ptr[i]))
			return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_ieq(text, span_cstr(words[i])))
			return false;
	return true;
}

/* Numbers and words of a typed row were checked: they are what they look like. */
static bool is_typed(const struct sl_option *row)
{
	return row && row->type != SL_OPT_STR && row->type != SL_OPT_LIST &&
	       row->type != SL_OPT_PAIRS && row->type != SL_OPT_REGEX;
}

static void print_word(struct buf *out, struct span text)
{
	if (is_plain(text))
		buf_puts(out, text);
	else
		json_write_string(out, text);
}

/* ${ was expanded when it was read: what is left is meant literally. */
static void print_text(struct buf *out, struct span text, const struct sl_option *row)
{
	_cleanup_(buf_release) struct buf escaped = BUF_INIT(2 * CONF_FILE_MAX);
	ptrdiff_t at;

	if (is_typed(row)) {
		buf_puts(out, text);
		return;
	}
	while ((at = span_find(text, SPAN("${"))) >= 0) {
		buf_puts(&escaped, span_take(text, (size_t)at));
		buf_puts(&escaped, SPAN("$${"));
		text = span_skip(text, (size_t)at + 2);
	}
	buf_puts(&escaped, text);
	if (escaped.failed)
		out->failed = escaped.failed;
	print_word(out, buf_span(&escaped));
}

static void print_key(struct printer *p, struct span key)
{
	begin_line(p);
	print_word(p->out, key);
	buf_putc(p->out, ':');
}

static bool has_default(const struct sl_option *row)
{
	if (row->def || (row->flags & SL_OPT_SECRET))
		return row->def != NULL;
	if (row->type == SL_OPT_INT || row->type == SL_OPT_SIZE || row->type == SL_OPT_DURATION)
		return row->min <= 0;
	return row->type == SL_OPT_BOOL || row->type == SL_OPT_ENUM;
}

static struct span span_str(struct sl_str text)
{
	return span_of(text.ptr, text.len);
}

/* One item a line, as a list that the file has is printed. */
static void print_default_items(struct printer *p, const struct sl_option *row)
{
	struct span rest = span_cstr(row->def);
	struct sl_str key, value;

	buf_puts(p->out, SPAN("  # default\n"));
	p->indent++;
	while (option_default_next(row, &rest, &key, &value)) {
		if (row->type == SL_OPT_PAIRS) {
			print_key(p, span_str(key));
		} else {
			begin_line(p);
			buf_putc(p->out, '-');
		}
		buf_putc(p->out, ' ');
		print_text(p->out, span_str(value), row);
		buf_putc(p->out, '\n');
	}
	p->indent--;
}

static void print_default(struct printer *p, const struct sl_option *row)
{
	static const char *const zeros[] = {[SL_OPT_INT] = "0",
					    [SL_OPT_SIZE] = "0",
					    [SL_OPT_DURATION] = "0s",
					    [SL_OPT_BOOL] = "false"};

	if (!has_default(row))
		return;
	print_key(p, span_cstr(row->name));
	if (row->def && (row->type == SL_OPT_LIST || row->type == SL_OPT_PAIRS)) {
		print_default_items(p, row);
		return;
	}
	buf_putc(p->out, ' ');
	if (row->def)
		print_text(p->out, span_cstr(row->def), row);
	else if (row->type == SL_OPT_ENUM)
		buf_puts(p->out, option_choice(row, 0));
	else
		buf_puts(p->out, span_cstr(zeros[row->type]));
	buf_puts(p->out, SPAN("  # default\n"));
}

static void print_member(struct printer *p, const struct conf_node *node,
			 const struct sl_option *row)
{
	print_key(p, node->key);
	p->member = p->origins ? node : NULL;
	print_node(p, node, row);
}

static void print_layer(struct printer *p, const struct conf_node *node,
			const struct conf_layer *layer)
{
	for (const struct sl_option *row = layer->schema->options; row && row->name; row++) {
		const struct conf_node *member = conf_get(node, row->name);

		if (conf_given(member))
			print_member(p, member, row);
		else
			print_default(p, row);
	}
	for (const struct conf_sub *sub = layer->schema->subs; sub && sub->name; sub++) {
		const struct conf_node *member = conf_get(node, sub->name);

		if (conf_given(member))
			print_member(p, member, NULL);
	}
}

static void print_mapping(struct printer *p, const struct conf_node *node)
{
	for (const struct conf_layer *layer = node->layers; layer; layer = layer->next)
		print_layer(p, node, layer);
	for (const struct conf_node *m = node->first; m && !node->layers; m = m->next)
		print_member(p, m, NULL);
}

static void print_sequence(struct printer *p, const struct conf_node *node,
			   const struct sl_option *row)
{
	for (const struct conf_node *n = node->first; n; n = n->next) {
		begin_line(p);
		buf_puts(p->out, SPAN("-"));
		if (n->kind == CONF_MAPPING && (n->first || n->layers)) {
			buf_putc(p->out, ' ');
			p->inlined = true;
			p->indent++;
			print_mapping(p, n);
			p->indent--;
			if (p->inlined)
				buf_puts(p->out, SPAN("{}\n"));
			p->inlined = false;
		} else {
			print_node(p, n, row);
		}
	}
}

static void end_line(struct printer *p)
{
	const struct conf_node *member = p->member;

	if (member && member->file)
		buf_printf(p->out, "  # %s", member->file);
	if (member && member->file && member->line)
		buf_printf(p->out, ":%d", member->line);
	p->member = NULL;
	buf_putc(p->out, '\n');
}

/* Behind "key:" or "-": on the same line, or as a block below. */
static void print_node(struct printer *p, const struct conf_node *node, const struct sl_option *row)
{
	size_t before;

	if (node->kind == CONF_SCALAR) {
		buf_putc(p->out, ' ');
		print_text(p->out, node->text, row);
		end_line(p);
		return;
	}
	if (node->kind == CONF_NULL) {
		buf_puts(p->out, SPAN(" null"));
		end_line(p);
		return;
	}
	if (!node->first)
		p->member = NULL; /* the line goes on below */
	end_line(p);
	before = p->out->len;
	p->indent++;
	if (node->kind == CONF_MAPPING)
		print_mapping(p, node);
	else
		print_sequence(p, node, row);
	p->indent--;
	if (p->out->len == before && !p->out->failed) {
		p->out->len--;
		buf_puts(p->out, node->kind == CONF_MAPPING ? SPAN(" {}\n") : SPAN(" []\n"));
	}
}

static void print_root(struct conf *conf, bool origins, struct buf *out)
{
	struct printer p = {.out = out, .origins = origins};
	size_t before = out->len;

	print_mapping(&p, conf->root);
	if (out->len == before)
		buf_puts(out, SPAN("{}\n"));
}

void conf_print(struct conf *conf, struct buf *out)
{
	print_root(conf, false, out);
}

void conf_print_origins(struct conf *conf, struct buf *out)
{
	print_root(conf, true, out);
}
