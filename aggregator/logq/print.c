/* print.c - which format, which rows, and out with them. */
#include "aggregator/logq/print.h"
#include "aggregator/logq/print_row.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <errno.h>

#define FLUSH_BYTES (64u << 10)
#define OUT_MAX     (1u << 30)
#define LIVE_NS     (100 * NS_PER_MS)

/* One of the two is set; a template says itself how a row looks. */
static const struct format {
	print_row_fn *row;
	print_rows_fn *rows;
} formats[] = {
	[OUTPUT_SHORT] = {.row = print_short},   [OUTPUT_SHORT_ISO] = {.row = print_short_iso},
	[OUTPUT_PRETTY] = {.row = print_pretty}, [OUTPUT_VERBOSE] = {.row = print_verbose},
	[OUTPUT_JSON] = {.row = print_json},     [OUTPUT_LOGFMT] = {.row = print_logfmt},
	[OUTPUT_CAT] = {.row = print_cat},       [OUTPUT_CSV] = {.rows = print_csv},
	[OUTPUT_TABLE] = {.rows = print_table},  [OUTPUT_TEMPLATE] = {0},
};
/* Draws what conf.view says, of all rows. */
static const struct format drawn = {.rows = print_table};

struct printer {
	struct print_conf conf;
	const struct format *format; /* NULL until the first row tells */
	struct buf out;
	uint64_t nrows;
	int64_t flushed_ns;
	/* Rows that are kept: their format wants all of them, or they are printed backwards. */
	struct arena arena;
	VEC(struct out_row) kept;
	const struct span *names; /* of the last row that was kept */
	size_t nnames;
};

int printer_new(const struct print_conf *conf, struct printer **ret)
{
	struct printer *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	buf_init(&p->out, OUT_MAX);
	arena_init(&p->arena, PRINT_KEEP_MAX);
	if (conf->view.kind != VIEW_NONE && conf->format == OUTPUT_AUTO)
		p->format = &drawn;
	else if (conf->format != OUTPUT_AUTO)
		p->format = &formats[conf->format];
	*ret = p;
	return 0;
}

void printer_free(struct printer *p)
{
	if (!p)
		return;
	buf_release(&p->out);
	arena_release(&p->arena);
	vec_release(&p->kept);
	free(p);
}

uint64_t printer_rows(const struct printer *p)
{
	return p->nrows;
}

int printer_flush(struct printer *p)
{
	int r = p->out.failed;

	if (p->out.len && p->conf.live)
		progress_stop(p->conf.progress);
	if (r == 0 && p->conf.to)
		buf_puts(p->conf.to, buf_span(&p->out));
	else if (r == 0 && p->out.len)
		r = io_write_full(p->conf.pager ? pager_fd(p->conf.pager) : p->conf.fd, p->out.ptr,
				  p->out.len);
	if (p->conf.live)
		p->flushed_ns = clock_mono_ns();
	buf_reset(&p->out);
	return r;
}

/* The names of a row are mostly those of the row before. */
static const struct span *keep_names(struct printer *p, const struct out_row *row)
{
	struct span *copy;
	bool same = p->names && p->nnames == row->n;

	for (size_t i = 0; same && i < row->n; i++)
		same = span_eq(p->names[i], row->names[i]);
	if (same)
		return p->names;
	copy = ARENA_ARRAY(&p->arena, struct span, row->n + 1);
	for (size_t i = 0; copy && i < row->n; i++)
		copy[i] = arena_dup(&p->arena, row->names[i]);
	p->names = copy;
	p->nnames = row->n;
	return copy;
}

static int keep(struct printer *p, const struct out_row *row)
{
	struct span *texts = ARENA_ARRAY(&p->arena, struct span, row->n + 1);

	for (size_t i = 0; texts && i < row->n; i++)
		texts[i] = arena_dup(&p->arena, row->texts[i]);
	struct out_row copy = {.names = keep_names(p, row), .texts = texts, .n = row->n};

	if (p->arena.overflowed)
		return -ENOBUFS;
	return vec_push(&p->kept, copy);
}

/*
 * A log record: it has a stream, or nothing but what a line of `short` shows.
 * What pipes computed has neither.
 */
static bool is_log_record(const struct out_row *row)
{
	static const struct span shown[] = {
		{"_time", 5}, {"_msg", 4}, {"level", 5}, {"service", 7}, {"host", 4}};
	size_t known = 0;

	if (!out_row_get(row, "_msg").len || !out_row_get(row, "_time").len)
		return false;
	for (size_t i = 0; i < row->n; i++)
		for (size_t k = 0; k < sizeof(shown) / sizeof(*shown); k++)
			known += span_eq(row->names[i], shown[k]);
	return known == row->n || out_row_get(row, "_stream").len;
}

static const struct format *choose(const struct out_row *row)
{
	return &formats[is_log_record(row) ? OUTPUT_SHORT : OUTPUT_TABLE];
}

/* Between chunks of context; for programs it is a row like others. */
static bool is_parting(const struct printer *p, const struct out_row *row)
{
	enum output_format format = p->conf.format;

	return row->n <= 3 && span_eq(out_row_get(row, "_msg"), SPAN("---")) &&
	       format != OUTPUT_JSON && format != OUTPUT_LOGFMT;
}

static void put_row(struct printer *p, const struct out_row *row)
{
	if (is_parting(p, row)) {
		style_paint(&p->conf.style, PAINT_NAME, SPAN("--"), &p->out);
		buf_putc(&p->out, '\n');
		return;
	}
	if (p->format == &formats[OUTPUT_TEMPLATE])
		print_template(p->conf.template, &p->conf.style, row, &p->out);
	else
		p->format->row(&p->conf.style, row, &p->out);
}

int printer_row(struct printer *p, const struct span *names, const struct span *texts, size_t n)
{
	struct out_row row = {.names = names, .texts = texts, .n = n};
	int r = 0;

	if (p->conf.limit && p->nrows >= p->conf.limit)
		return 1;
	if (!p->format)
		p->format = choose(&row);
	if (p->conf.reversed || p->format->rows)
		r = keep(p, &row);
	else
		put_row(p, &row);
	if (r < 0)
		return r;
	p->nrows++;
	if (p->out.len >= FLUSH_BYTES || p->out.failed ||
	    (p->conf.live && clock_mono_ns() - p->flushed_ns > LIVE_NS))
		r = printer_flush(p);
	return r < 0 ? r : p->conf.limit && p->nrows >= p->conf.limit;
}

static void reverse(struct printer *p)
{
	for (size_t i = 0, k = p->kept.len; i + 1 < k; i++) {
		struct out_row swap = p->kept.ptr[i];

		p->kept.ptr[i] = p->kept.ptr[--k];
		p->kept.ptr[k] = swap;
	}
}

int printer_end(struct printer *p, struct err *reterr)
{
	int r = 0;

	if (p->conf.reversed)
		reverse(p);
	if (p->format == &drawn)
		r = print_view(&p->conf.style, &p->conf.view, p->kept.ptr, p->kept.len, &p->out);
	else if (p->format && p->format->rows)
		r = p->format->rows(&p->conf.style, p->kept.ptr, p->kept.len, &p->out);
	for (size_t i = 0; i < p->kept.len && !p->format->rows && r == 0; i++) {
		put_row(p, &p->kept.ptr[i]);
		if (p->out.len >= FLUSH_BYTES)
			r = printer_flush(p);
	}
	if (r == 0)
		r = printer_flush(p);
	if (r < 0)
		return err_set(reterr, r, "can't print: %s", strerror(-r));
	return 0;
}
