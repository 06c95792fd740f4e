/*
 * print_row.h - the formats, each a function from rows to text.
 */
#ifndef SLUICE_LOGQ_PRINT_ROW_H
#define SLUICE_LOGQ_PRINT_ROW_H

#include "aggregator/logq/style.h"
#include "aggregator/query/text/template.h"
#include "common/base/vec.h"

struct out_row {
	const struct span *names, *texts;
	size_t n;
};

/* The text of a field; empty if it isn't there. */
struct span out_row_get(const struct out_row *row, const char *name);

/*
 * The end of a line for programs, which began at byte `from`: where a terminal
 * shows it, what could harm it is escaped.
 */
void print_line_end(const struct style *style, struct buf *out, size_t from);

/* Formats of one row. */
typedef void print_row_fn(const struct style *style, const struct out_row *row, struct buf *out);
print_row_fn print_short, print_short_iso, print_pretty, print_verbose;
print_row_fn print_json, print_logfmt, print_cat;

/* The line that -o template=… describes, as the pipe `format` would make it. */
void print_template(const struct template *template, const struct style *style,
		    const struct out_row *row, struct buf *out);

/* Formats that need all rows. */
typedef int print_rows_fn(const struct style *style, const struct out_row *rows, size_t n,
			  struct buf *out);
print_rows_fn print_csv, print_table;

/*
 * The names of all rows, in the order of their first appearance; where the query
 * does not list them those that have a value, in that of rows_compare_names().
 * Free it.
 */
int print_names(const struct style *style, const struct out_row *rows, size_t n,
		struct span **ret_names, size_t *ret_n);

#endif
