/*
 * print.h - rows to stdout, in each of the formats.
 *
 * A row is names and texts; empty texts are left out.  Formats are rows of a
 * table (print.c): those that print a row at once, and those that need all of
 * them first (a table's widths, csv's header), which are kept in memory up to
 * PRINT_KEEP_MAX.  -o auto has views of its own (print_view.h).
 *
 *	printer_new(&conf, &p);
 *	printer_row(p, names, texts, n);	1 = enough rows, -EPIPE: nobody reads
 *	printer_flush(p);			where somebody watches
 *	printer_end(p, &err);
 *	printer_free(p);
 */
#ifndef SLUICE_LOGQ_PRINT_H
#define SLUICE_LOGQ_PRINT_H

#include "aggregator/logq/options.h"
#include "aggregator/logq/pager.h"
#include "aggregator/logq/print_view.h"
#include "aggregator/logq/progress.h"
#include "aggregator/logq/style.h"
#include "aggregator/query/text/template.h"
#include "common/base/err.h"

#define PRINT_KEEP_MAX (256u << 20)

struct print_conf {
	int fd;
	bool live; /* somebody watches: what is there is shown within LIVE_NS */
	enum output_format format;
	struct view view; /* of OUTPUT_AUTO */
	bool reversed;    /* print the last row first */
	uint64_t limit;   /* rows; 0 = all */
	/* All borrowed, NULL where there is none: */
	const struct template *template; /* of OUTPUT_TEMPLATE */
	struct buf *to;                  /* here instead of to the fd */
	struct progress *progress;       /* ends before a terminal is written to */
	struct pager *pager;             /* goes before the fd */
	struct style style;
};

struct printer;

int printer_new(const struct print_conf *conf, struct printer **ret);
void printer_free(struct printer *printer);

/* 0; 1: the limit is reached; -EPIPE; -ENOBUFS, -ENOMEM, … */
int printer_row(struct printer *printer, const struct span *names, const struct span *texts,
		size_t n);
/* Rows so far. */
uint64_t printer_rows(const struct printer *printer);
int printer_flush(struct printer *printer);
/* What was kept, and the rest of the buffer. */
int printer_end(struct printer *printer, struct err *reterr);

#endif
