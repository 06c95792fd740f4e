/* print_line.c - formats for people: a line (or a few) for each record. */
#include "aggregator/logq/highlight.h"
#include "aggregator/logq/print_row.h"

#define LEVEL_COLUMNS 5
#define INDENT        4

struct span out_row_get(const struct out_row *row, const char *name)
{
	struct span wanted = span_cstr(name);

	for (size_t i = 0; i < row->n; i++)
		if (span_eq(row->names[i], wanted))
			return row->texts[i];
	return SPAN("");
}

/* A service that logs no levels leaves the column empty. */
static void put_level(const struct style *style, struct span level, bool keep_column,
		      struct buf *out)
{
	if (!level.len && !keep_column)
		return;
	style_paint(style, style_level(level), level, out);
	for (size_t n = style_columns(level); n < LEVEL_COLUMNS; n++)
		buf_putc(out, ' ');
	buf_putc(out, ' ');
}

/* Whose row it is: its service or, of several files, the name of its file. */
static struct span row_origin(const struct style *style, const struct out_row *row)
{
	struct span service = out_row_get(row, "service"), file;
	const char *slash;

	if (service.len || !style->by_file)
		return service;
	file = out_row_get(row, "log.file");
	slash = file.len ? memrchr(file.ptr, '/', file.len) : NULL;
	return slash ? span_skip(file, (size_t)(slash + 1 - file.ptr)) : file;
}

/* time LEVEL service: message */
static void put_head(const struct style *style, const struct out_row *row, bool iso,
		     struct buf *out)
{
	struct span time = out_row_get(row, "_time"), origin = row_origin(style, row);

	if (time.len) {
		style_begin(style, PAINT_TIME, out);
		style_time(style, time, iso, out);
		style_end(style, out);
		buf_putc(out, ' ');
	}
	put_level(style, out_row_get(row, "level"), origin.len > 0, out);
	if (origin.len) {
		style_paint(style, PAINT_SERVICE, origin, out);
		buf_puts(out, SPAN(": "));
	}
	highlight_lines(style, SPAN("_msg"), out_row_get(row, "_msg"), INDENT, out);
}

/* What is no log record (a row of stats) has no message: then its fields are the line. */
static void print_head(const struct style *style, const struct out_row *row, bool iso,
		       struct buf *out)
{
	if (!out_row_get(row, "_msg").len) {
		print_logfmt(style, row, out);
		return;
	}
	put_head(style, row, iso, out);
	buf_putc(out, '\n');
}

void print_short(const struct style *style, const struct out_row *row, struct buf *out)
{
	print_head(style, row, false, out);
}

void print_short_iso(const struct style *style, const struct out_row *row, struct buf *out)
{
	print_head(style, row, true, out);
}

/* Fields that the head shows, or that say nothing beyond it. */
static bool in_head(struct span name)
{
	static const struct span names[] = {
		SPAN("_time"),   SPAN("_msg"), SPAN("_stream"),  SPAN("_stream_id"), SPAN("level"),
		SPAN("service"), SPAN("host"), SPAN("log.file"), SPAN("log.offset")};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_eq(name, names[i]))
			return true;
	return false;
}

void print_pretty(const struct style *style, const struct out_row *row, struct buf *out)
{
	put_head(style, row, false, out);
	for (size_t i = 0; i < row->n; i++) {
		if (!row->texts[i].len || in_head(row->names[i]))
			continue;
		buf_putc(out, ' ');
		style_begin(style, PAINT_NAME, out);
		style_text(style, row->names[i], out);
		buf_putc(out, '=');
		style_end(style, out);
		highlight_text(style, row->names[i], row->texts[i], out);
	}
	buf_putc(out, '\n');
}

void print_verbose(const struct style *style, const struct out_row *row, struct buf *out)
{
	style_begin(style, PAINT_TIME, out);
	style_time(style, out_row_get(row, "_time"), true, out);
	style_end(style, out);
	buf_putc(out, '\n');
	for (size_t i = 0; i < row->n; i++) {
		if (!row->texts[i].len || span_eq(row->names[i], SPAN("_time")))
			continue;
		buf_printf(out, "%*s", INDENT, "");
		style_paint(style, PAINT_NAME, row->names[i], out);
		buf_putc(out, '=');
		highlight_lines(style, row->names[i], row->texts[i], 2 * INDENT, out);
		buf_putc(out, '\n');
	}
}
