/* print_table.c - formats that need all rows: csv, tables, bars. */
#include "aggregator/logq/print_row.h"
#include "aggregator/query/rows.h"
#include "common/base/map.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include <errno.h>

#define COLUMN_MAX    80 /* characters of a value in a table, where the width is limited */
#define BAR_COLUMNS   50
#define TABLE_PADDING 2

/* Names that were met, and which of a batch's, so that its rows are looked through quickly. */
struct names {
	VEC(struct span) list;
	struct map seen;
	const struct span *batch; /* rows of one batch share their names */
	bool *met;
};

static int begin_batch(struct names *names, const struct out_row *row)
{
	bool *met = realloc(names->met, row->n + 1);

	if (!met)
		return -ENOMEM;
	memset(met, 0, row->n + 1);
	names->met = met;
	names->batch = row->names;
	return 0;
}

/* `all`: also names of fields that are empty. */
static int add_names(struct names *names, const struct out_row *row, bool all)
{
	int r = row->names == names->batch ? 0 : begin_batch(names, row);

	for (size_t k = 0; k < row->n && r == 0; k++) {
		bool added;

		if (names->met[k] || (!all && !row->texts[k].len))
			continue;
		names->met[k] = true;
		if (!map_put(&names->seen, row->names[k], &added))
			r = -ENOMEM;
		else if (added)
			r = vec_push(&names->list, row->names[k]);
	}
	return r;
}

int print_names(const struct style *style, const struct out_row *rows, size_t n,
		struct span **ret_names, size_t *ret_n)
{
	struct names names = {0};
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = add_names(&names, &rows[i], !style->by_name);
	map_release(&names.seen);
	free(names.met);
	if (r < 0) {
		vec_release(&names.list);
		return r;
	}
	if (style->by_name && names.list.len)
		qsort(names.list.ptr, names.list.len, sizeof(*names.list.ptr), rows_compare_names);
	*ret_names = names.list.ptr;
	*ret_n = names.list.len;
	return 0;
}

static struct span cell(const struct out_row *row, struct span name, size_t guess)
{
	if (guess < row->n && span_eq(row->names[guess], name))
		return row->texts[guess];
	for (size_t i = 0; i < row->n; i++)
		if (span_eq(row->names[i], name))
			return row->texts[i];
	return SPAN("");
}

/* RFC 4180. */
static void put_csv(struct buf *out, struct span text)
{
	if (!memchr(text.ptr ? text.ptr : "", '"', text.len) && span_chr(text, ',') < 0 &&
	    span_chr(text, '\n') < 0 && span_chr(text, '\r') < 0) {
		buf_puts(out, text);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, text.ptr[i]);
	}
	buf_putc(out, '"');
}

int print_csv(const struct style *style, const struct out_row *rows, size_t n, struct buf *out)
{
	struct span *names;
	size_t nnames;
	int r = print_names(style, rows, n, &names, &nnames);

	if (r < 0)
		return r;
	for (size_t k = 0; k < nnames; k++) {
		if (k)
			buf_putc(out, ',');
		put_csv(out, names[k]);
	}
	if (nnames)
		buf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < nnames; k++) {
			if (k)
				buf_putc(out, ',');
			put_csv(out, cell(&rows[i], names[k], k));
		}
		buf_putc(out, '\n');
	}
	free(names);
	return out->failed;
}

static bool is_number(struct span text)
{
	double d;

	return num_parse_double(text, &d) == 0;
}

/* How a column of a table looks. */
struct table_column {
	struct span name;
	size_t width;
	bool right; /* all values are numbers */
};

static void measure(const struct out_row *rows, size_t n, size_t k, struct table_column *column)
{
	column->width = style_columns(column->name);
	column->right = n > 0;
	for (size_t i = 0; i < n; i++) {
		struct span text = cell(&rows[i], column->name, k);
		size_t width = style_columns(text);

		if (width > column->width)
			column->width = width;
		if (text.len && !is_number(text))
			column->right = false;
	}
}

static void put_cell(const struct style *style, const struct table_column *column, struct span text,
		     bool last, struct buf *out)
{
	size_t width = style_columns(text);
	int pad = width < column->width ? (int)(column->width - width) : 0;

	if (column->right)
		buf_printf(out, "%*s", pad, "");
	style_text(style, text, out);
	if (!last)
		buf_printf(out, "%*s", (column->right ? 0 : pad) + TABLE_PADDING, "");
}

/* On a terminal long values are cut, between characters. */
static struct span shown(const struct style *style, struct span text)
{
	size_t columns = 0;

	if (!style->width || text.len <= COLUMN_MAX)
		return text;
	for (struct span rest = text; rest.len;) {
		uint32_t rune;
		size_t n = utf8_decode(rest, &rune);

		columns += style_columns(span_take(rest, n));
		if (columns > COLUMN_MAX)
			return span_between(text.ptr, rest.ptr);
		rest = span_skip(rest, n);
	}
	return text;
}

int print_table(const struct style *style, const struct out_row *rows, size_t n, struct buf *out)
{
	struct span *names;
	struct table_column *columns;
	size_t nnames;
	int r = print_names(style, rows, n, &names, &nnames);

	if (r < 0)
		return r;
	columns = calloc(nnames + 1, sizeof(*columns));
	for (size_t k = 0; columns && k < nnames; k++) {
		columns[k].name = names[k];
		measure(rows, n, k, &columns[k]);
		if (style->width && columns[k].width > COLUMN_MAX)
			columns[k].width = COLUMN_MAX;
	}
	for (size_t k = 0; columns && k < nnames; k++) {
		style_begin(style, PAINT_NAME, out);
		put_cell(style, &columns[k], names[k], k + 1 == nnames, out);
		style_end(style, out);
	}
	if (nnames)
		buf_putc(out, '\n');
	for (size_t i = 0; columns && i < n; i++) {
		for (size_t k = 0; k < nnames; k++)
			put_cell(style, &columns[k], shown(style, cell(&rows[i], names[k], k)),
				 k + 1 == nnames, out);
		buf_putc(out, '\n');
	}
	r = columns ? out->failed : -ENOMEM;
	free(columns);
	free(names);
	return r;
}

/* _time and hits as bars, the longest as wide as there is room. */
int print_bars(const struct style *style, const struct out_row *rows, size_t n, struct buf *out)
{
	size_t room = style->width > 40 ? style->width - 32 : BAR_COLUMNS;
	uint64_t most = 1, hits;

	for (size_t i = 0; i < n; i++)
		if (num_parse_u64(out_row_get(&rows[i], "hits"), &hits) == 0 && hits > most)
			most = hits;
	for (size_t i = 0; i < n; i++) {
		struct span time = out_row_get(&rows[i], "_time");

		if (num_parse_u64(out_row_get(&rows[i], "hits"), &hits) < 0)
			continue;
		style_begin(style, PAINT_TIME, out);
		style_time(style, time, false, out);
		style_end(style, out);
		buf_printf(out, " %8llu ", (unsigned long long)hits);
		style_begin(style, PAINT_BAR, out);
		for (uint64_t k = 0; k < (hits * room + most - 1) / most; k++)
			buf_puts(out, style->ascii ? SPAN("#") : SPAN("█"));
		style_end(style, out);
		buf_putc(out, '\n');
	}
	return out->failed;
}
