/* print_data.c - formats for programs. */
#include "aggregator/logq/highlight.h"
#include "aggregator/logq/print_row.h"
#include "common/data/json_write.h"

#define TEMPLATE_LINE_MAX (64u << 20)

/*
 * JSON and logfmt escape what a terminal must not see by their own rules, and
 * csv does not; on a terminal DEL, C1 and bidi characters are left, so the line goes through
 * style_text() there.
 */
void print_line_end(const struct style *style, struct buf *out, size_t from)
{
	if (style->escape) {
		struct buf copy = BUF_INIT(out->max);

		buf_puts(&copy, span_skip(buf_span(out), from));
		out->len = from;
		style_text(style, buf_span(&copy), out);
		buf_release(&copy);
	}
	buf_putc(out, '\n');
}

void print_json(const struct style *style, const struct out_row *row, struct buf *out)
{
	size_t from = out->len;
	bool first = true;

	buf_putc(out, '{');
	for (size_t i = 0; i < row->n; i++)
		if (row->texts[i].len)
			json_write_field(out, &first, row->names[i], VALUE_STRING, row->texts[i]);
	buf_putc(out, '}');
	print_line_end(style, out, from);
}

/* A value is quoted when it could be read as something else. */
static bool needs_quotes(struct span text)
{
	if (!text.len)
		return true;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
			return true;
	}
	return false;
}

void print_logfmt(const struct style *style, const struct out_row *row, struct buf *out)
{
	size_t from = out->len;

	for (size_t i = 0; i < row->n; i++) {
		if (!row->texts[i].len)
			continue;
		if (out->len > from)
			buf_putc(out, ' ');
		buf_puts(out, row->names[i]);
		buf_putc(out, '=');
		if (needs_quotes(row->texts[i]))
			json_write_string(out, row->texts[i]);
		else
			buf_puts(out, row->texts[i]);
	}
	print_line_end(style, out, from);
}

/* The message; where there is none, the values, with tabs between them. */
void print_cat(const struct style *style, const struct out_row *row, struct buf *out)
{
	struct span message = out_row_get(row, "_msg");
	bool first = true;

	if (message.len) {
		highlight_lines(style, SPAN("_msg"), message, 0, out);
		buf_putc(out, '\n');
		return;
	}
	for (size_t i = 0; i < row->n; i++) {
		if (!first)
			buf_putc(out, '\t');
		first = false;
		style_text(style, row->texts[i], out);
	}
	buf_putc(out, '\n');
}

void print_template(const struct template *template, const struct style *style,
		    const struct out_row *row, struct buf *out)
{
	struct buf text = BUF_INIT(TEMPLATE_LINE_MAX);

	for (size_t i = 0; i < template->nsteps; i++) {
		const struct template_step *step = &template->steps[i];
		struct span value = {0};

		for (size_t k = 0; k < row->n && !value.len; k++)
			if (span_eq(row->names[k], step->field))
				value = row->texts[k];
		template_format_step(step, value, &text);
	}
	style_text(style, buf_span(&text), out);
	buf_putc(out, '\n');
	buf_release(&text);
}
