/* print_table.c - formats that need all rows: csv and tables. */
#include "aggregator/logq/cell.h"
#include "aggregator/logq/print_row.h"
#include "aggregator/query/rows.h"
#include "common/base/map.h"
#include "common/base/num.h"
#include <errno.h>

#define COLUMN_LEAST  8 /* that a value is cut to where the terminal is narrow */
#define TABLE_PADDING 2
#define SCRATCH_MAX   (64u << 20)

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
	size_t nnames, from = out->len;
	int r = print_names(style, rows, n, &names, &nnames);

	if (r < 0)
		return r;
	for (size_t k = 0; k < nnames; k++) {
		if (k)
			buf_putc(out, ',');
		put_csv(out, names[k]);
	}
	if (nnames)
		print_line_end(style, out, from);
	for (size_t i = 0; i < n; i++) {
		from = out->len;
		for (size_t k = 0; k < nnames; k++) {
			if (k)
				buf_putc(out, ',');
			put_csv(out, cell(&rows[i], names[k], k));
		}
		print_line_end(style, out, from);
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
	bool used;  /* some row has a value */
};

struct table {
	const struct style *style;
	const struct out_row *rows;
	size_t n;
	struct table_column *columns;
	size_t ncolumns;
	struct buf scratch;
};

static void measure(struct table *table, size_t k)
{
	struct table_column *column = &table->columns[k];

	column->width = style_columns(cell_text(table->style, column->name, &table->scratch));
	column->right = table->n > 0;
	for (size_t i = 0; i < table->n; i++) {
		struct span text = cell(&table->rows[i], column->name, k);
		size_t width = style_columns(cell_text(table->style, text, &table->scratch));

		if (width > column->width)
			column->width = width;
		if (text.len && !is_number(text))
			column->right = false;
		column->used |= text.len > 0;
	}
	column->used |= table->ncolumns == 1;
}

static size_t total_width(const struct table *table)
{
	size_t total = 0;

	for (size_t k = 0; k < table->ncolumns; k++)
		if (table->columns[k].used)
			total += table->columns[k].width + TABLE_PADDING;
	return total ? total - TABLE_PADDING : 0;
}

/* Narrow the widest columns until all fit; numbers stay whole.  False: they can't. */
static bool narrow(struct table *table)
{
	while (table->style->width && total_width(table) > table->style->width) {
		struct table_column *widest = NULL;

		for (size_t k = 0; k < table->ncolumns; k++) {
			struct table_column *column = &table->columns[k];

			if (column->used && !column->right && column->width > COLUMN_LEAST &&
			    (!widest || column->width > widest->width))
				widest = column;
		}
		if (!widest)
			return false;
		widest->width--;
	}
	return true;
}

static void put_row(struct table *table, const struct out_row *row, struct buf *out)
{
	size_t last = table->ncolumns;

	while (last && !table->columns[last - 1].used)
		last--;
	for (size_t k = 0; k < last; k++) {
		const struct table_column *column = &table->columns[k];
		struct span text = row ? cell(row, column->name, k) : column->name;
		bool ends = k + 1 == last;

		if (!column->used)
			continue;
		cell_put(table->style, cell_text(table->style, text, &table->scratch),
			 column->width,
			 column->right ? CELL_RIGHT
			 : ends        ? CELL_LAST
				       : CELL_LEFT,
			 out);
		buf_printf(out, "%*s", ends ? 0 : TABLE_PADDING, "");
	}
}

/* Where columns don't fit side by side: a row is a few lines, one a field. */
static void put_fields(struct table *table, size_t i, struct buf *out)
{
	size_t names = 0;

	for (size_t k = 0; k < table->ncolumns; k++) {
		size_t columns = style_columns(table->columns[k].name);

		if (table->columns[k].used && columns > names)
			names = columns;
	}
	if (names > table->style->width / 2)
		names = table->style->width / 2;
	if (i)
		buf_putc(out, '\n');
	for (size_t k = 0; k < table->ncolumns; k++) {
		struct span name = table->columns[k].name, text = cell(&table->rows[i], name, k);

		if (!text.len)
			continue;
		style_begin(table->style, PAINT_NAME, out);
		cell_put(table->style, cell_text(table->style, name, &table->scratch), names,
			 CELL_LEFT, out);
		style_end(table->style, out);
		buf_printf(out, "%*s", TABLE_PADDING, "");
		buf_puts(out, cell_text(table->style, text, &table->scratch));
		buf_putc(out, '\n');
	}
}

int print_table(const struct style *style, const struct out_row *rows, size_t n, struct buf *out)
{
	struct table table = {
		.style = style, .rows = rows, .n = n, .scratch = BUF_INIT(SCRATCH_MAX)};
	struct span *names;
	bool fits;
	int r = print_names(style, rows, n, &names, &table.ncolumns);

	if (r < 0)
		return r;
	table.columns = calloc(table.ncolumns + 1, sizeof(*table.columns));
	for (size_t k = 0; table.columns && k < table.ncolumns; k++) {
		table.columns[k].name = names[k];
		measure(&table, k);
	}
	fits = table.columns && narrow(&table);
	if (fits && table.ncolumns) {
		style_begin(style, PAINT_NAME, out);
		put_row(&table, NULL, out);
		style_end(style, out);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; table.columns && i < n; i++) {
		if (!fits) {
			put_fields(&table, i, out);
			continue;
		}
		put_row(&table, &rows[i], out);
		buf_putc(out, '\n');
	}
	r = table.columns ? out->failed : -ENOMEM;
	free(table.columns);
	free(names);
	buf_release(&table.scratch);
	return r;
}
