/*
 * print_trace.c - a request as it walked through the services, on one axis of time.
 *
 *	trace 414642d6…  Nov 28 01:53:12.994 UTC  11.8ms  4 services, 2 errors
 *
 *	service         offset  latency  0                    11.8ms
 *	frontend             0        0  ▏
 *	  checkout      1.43ms   1.43ms    █                         order received
 *	    payment     6.00ms   4.57ms            ████████          first error: payment declined
 *	    (silent)    7.00ms   1.00ms                ·             silent: span 8d9f… left no row
 *
 * A bar is from a hop's first row to its last.  What went wrong is said in
 * words.  Where there is no room behind the bars, messages are on lines of their own.
 */
#include "aggregator/logq/cell.h"
#include "aggregator/logq/print_view.h"
#include "common/base/num.h"
#include "common/lang/number.h"
#include <errno.h>

#define GAP            "  "
#define NUMBER_COLUMNS 8
#define SERVICE_MOST   28
#define AXIS_PLAIN     40
#define AXIS_LEAST     12
#define MESSAGE_LEAST  36 /* narrower than that, messages get lines of their own */
#define DEEPEST        20
#define LINE_MAX_BYTES (64u << 20)

struct waterfall {
	const struct style *style;
	const struct out_row *rows;
	size_t n;
	int64_t length;                        /* ns */
	size_t service_columns, axis, message; /* message: 0 = on a line of its own */
	uint64_t errors, silent;
	size_t services;
};

static int64_t ns_of(const struct out_row *row, const char *name)
{
	int64_t ns;

	return lang_duration(out_row_get(row, name), &ns) ? ns : 0;
}

static uint64_t number_of(const struct out_row *row, const char *name)
{
	uint64_t n;

	return num_parse_u64(out_row_get(row, name), &n) == 0 ? n : 0;
}

static struct span id_of(const struct out_row *row)
{
	struct span id = out_row_get(row, "trace_id");

	return id.len ? id : row->n ? row->texts[0] : SPAN("");
}

static bool is_silent(const struct out_row *row)
{
	return span_eq(out_row_get(row, "note"), SPAN("silent"));
}

static size_t indent_of(const struct out_row *row)
{
	uint64_t depth = number_of(row, "depth");

	return 2 * (size_t)(depth < DEEPEST ? depth : DEEPEST);
}

static struct span name_of(const struct out_row *row)
{
	struct span service = out_row_get(row, "service");

	return is_silent(row) ? SPAN("(silent)") : service.len ? service : SPAN("(no service)");
}

static bool named_before(const struct waterfall *w, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_eq(name_of(&w->rows[k]), name_of(&w->rows[i])))
			return true;
	return false;
}

static void measure(struct waterfall *w)
{
	size_t fixed, left, width = w->style->width;
	struct buf scratch = BUF_INIT(LINE_MAX_BYTES);

	w->service_columns = strlen("service");
	for (size_t i = 0; i < w->n; i++) {
		const struct out_row *row = &w->rows[i];
		int64_t end = ns_of(row, "offset") + ns_of(row, "duration");
		size_t columns =
			indent_of(row) + style_columns(cell_text(w->style, name_of(row), &scratch));

		if (end > w->length)
			w->length = end;
		if (columns > w->service_columns)
			w->service_columns = columns;
		w->errors += number_of(row, "errors");
		w->silent += is_silent(row);
		w->services += !is_silent(row) && !named_before(w, i);
	}
	buf_release(&scratch);
	if (w->service_columns > SERVICE_MOST)
		w->service_columns = SERVICE_MOST;
	if (width && w->service_columns > width / 3)
		w->service_columns = width / 3;
	fixed = w->service_columns + NUMBER_COLUMNS + 2 * strlen(GAP) +
		(width && width < 60 ? 0 : NUMBER_COLUMNS + strlen(GAP));
	left = width > fixed + AXIS_LEAST ? width - fixed : AXIS_LEAST;
	if (!width)
		w->axis = AXIS_PLAIN;
	else
		w->axis = left >= AXIS_LEAST + MESSAGE_LEAST ? left * 2 / 5 : left;
	w->message = !width ? SIZE_MAX : w->axis < left ? left - w->axis - strlen(GAP) : 0;
}

static void put_duration(const struct waterfall *w, int64_t ns, struct buf *out)
{
	struct buf text = BUF_INIT(64);

	cell_duration(w->style, ns, &text);
	cell_label(buf_span(&text), NUMBER_COLUMNS, CELL_RIGHT, out);
	buf_release(&text);
}

static void put_columns(struct buf *out, size_t n)
{
	buf_printf(out, "%*s", (int)n, "");
}

/* Counted, with an s where it takes one. */
static void put_many(struct buf *out, const char *gap, uint64_t n, const char *what)
{
	buf_printf(out, "%s%llu %s%s", gap, (unsigned long long)n, what, n == 1 ? "" : "s");
}

/* What the whole was: lines of their own where the terminal is narrow. */
static void put_summary(const struct waterfall *w, struct buf *out)
{
	const struct out_row *first = &w->rows[0];
	bool narrow = w->style->width && w->style->width < 100;
	const char *gap = narrow ? "\n      " : GAP;
	struct buf scratch = BUF_INIT(LINE_MAX_BYTES);

	style_begin(w->style, PAINT_NAME, out);
	buf_puts(out, SPAN("trace "));
	style_end(w->style, out);
	cell_put(w->style, cell_text(w->style, id_of(first), &scratch),
		 w->style->width > 6 ? w->style->width - 6 : SIZE_MAX, CELL_LAST, out);
	buf_puts(out, span_cstr(gap));
	style_begin(w->style, PAINT_TIME, out);
	style_time(w->style, out_row_get(first, "_time"), false, out);
	buf_putc(out, ' ');
	style_zone(w->style, out_row_get(first, "_time"), out);
	style_end(w->style, out);
	buf_puts(out, SPAN(GAP));
	cell_duration(w->style, w->length, out);
	put_many(out, gap, w->services, "service");
	put_many(out, ", ", w->errors, "error");
	if (w->silent)
		put_many(out, ", ", w->silent, "silent hop");
	buf_puts(out, SPAN("\n\n"));
	buf_release(&scratch);
}

static bool shows_latency(const struct waterfall *w)
{
	return !w->style->width || w->style->width >= 60;
}

static void put_heads(const struct waterfall *w, struct buf *out)
{
	struct buf end = BUF_INIT(64);
	size_t columns;

	cell_duration(w->style, w->length, &end);
	columns = style_columns(buf_span(&end));
	style_begin(w->style, PAINT_NAME, out);
	cell_put(w->style, SPAN("service"), w->service_columns, CELL_LEFT, out);
	buf_puts(out, SPAN(GAP));
	cell_label(SPAN("offset"), NUMBER_COLUMNS, CELL_RIGHT, out);
	if (shows_latency(w)) {
		buf_puts(out, SPAN(GAP));
		cell_label(SPAN("latency"), NUMBER_COLUMNS, CELL_RIGHT, out);
	}
	buf_puts(out, SPAN(GAP "0"));
	if (w->axis > columns + 1)
		put_columns(out, w->axis - columns - 1);
	buf_puts(out, buf_span(&end));
	style_end(w->style, out);
	buf_putc(out, '\n');
	buf_release(&end);
}

/* The hop on the axis; `pad`: and blanks up to its end. */
static void put_axis(const struct waterfall *w, const struct out_row *row, bool pad,
		     struct buf *out)
{
	double scale = w->length ? (double)(w->axis - 1) / (double)w->length : 0;
	int64_t offset = ns_of(row, "offset");
	size_t from = offset > 0 ? (size_t)((double)offset * scale) : 0;
	size_t to = from + (size_t)((double)ns_of(row, "duration") * scale);
	struct span mark = w->style->ascii ? SPAN("#") : SPAN("█");

	if (is_silent(row))
		mark = SPAN("?");
	else if (to == from && !ns_of(row, "duration"))
		mark = w->style->ascii ? SPAN("|") : SPAN("▏");
	from = from < w->axis ? from : w->axis - 1;
	to = to < w->axis ? to : w->axis - 1;
	put_columns(out, from);
	style_begin(w->style, number_of(row, "errors") ? PAINT_ERROR : PAINT_BAR, out);
	for (size_t i = from; i <= to; i++)
		buf_puts(out, mark);
	style_end(w->style, out);
	if (pad)
		put_columns(out, w->axis - to - 1);
}

/* What is to be said about the hop, in words. */
static void put_message(const struct waterfall *w, const struct out_row *row, size_t columns,
			struct buf *out)
{
	struct buf text = BUF_INIT(LINE_MAX_BYTES), scratch = BUF_INIT(LINE_MAX_BYTES);
	bool failed = number_of(row, "errors") > 0;

	if (is_silent(row))
		buf_printf(&text, "no row of span %.*s", SPAN_FMT(out_row_get(row, "span_id")));
	else if (span_eq(out_row_get(row, "note"), SPAN("first error")))
		buf_puts(&text, SPAN("FIRST ERROR "));
	else if (failed)
		buf_puts(&text, SPAN("ERROR "));
	buf_puts(&text, out_row_get(row, "_msg"));
	if (failed)
		style_begin(w->style, PAINT_ERROR, out);
	cell_put(w->style, cell_text(w->style, buf_span(&text), &scratch), columns, CELL_LAST, out);
	if (failed)
		style_end(w->style, out);
	buf_release(&text);
	buf_release(&scratch);
}

static void put_hop(const struct waterfall *w, const struct out_row *row, struct buf *out)
{
	struct buf scratch = BUF_INIT(LINE_MAX_BYTES);
	size_t indent = indent_of(row), width = w->style->width;
	bool own_line = !w->message;

	indent = indent + 4 < w->service_columns ? indent : w->service_columns / 2;
	put_columns(out, indent);
	style_begin(w->style, PAINT_SERVICE, out);
	cell_put(w->style, cell_text(w->style, name_of(row), &scratch), w->service_columns - indent,
		 CELL_LEFT, out);
	style_end(w->style, out);
	buf_puts(out, SPAN(GAP));
	put_duration(w, ns_of(row, "offset"), out);
	if (shows_latency(w)) {
		buf_puts(out, SPAN(GAP));
		put_duration(w, ns_of(row, "latency"), out);
	}
	buf_puts(out, SPAN(GAP));
	put_axis(w, row, !own_line, out);
	if (own_line) {
		buf_putc(out, '\n');
		put_columns(out, indent + 2);
		put_message(w, row, width > indent + 12 ? width - indent - 2 : 10, out);
	} else {
		buf_puts(out, SPAN(GAP));
		put_message(w, row, w->message, out);
	}
	buf_putc(out, '\n');
	buf_release(&scratch);
}

int print_trace(const struct style *style, const struct out_row *rows, size_t n, struct buf *out)
{
	for (size_t i = 0, to; i < n && !out->failed; i = to) {
		struct waterfall w = {.style = style, .rows = &rows[i]};

		for (to = i + 1; to < n; to++)
			if (!span_eq(id_of(&rows[to]), id_of(&rows[i])))
				break;
		w.n = to - i;
		measure(&w);
		if (i)
			buf_putc(out, '\n');
		put_summary(&w, out);
		put_heads(&w, out);
		for (size_t k = 0; k < w.n; k++)
			put_hop(&w, &w.rows[k], out);
	}
	return out->failed;
}
