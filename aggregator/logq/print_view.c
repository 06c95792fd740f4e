/* print_view.c - see print_view.h for how it looks. */
#include "aggregator/logq/print_view.h"
#include "aggregator/logq/cell.h"
#include "aggregator/logq/shorthand.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <time.h>

#define GAP           "  "
#define BAR_PLAIN     50 /* columns of a bar where nothing says how wide it may be */
#define BAR_WIDEST    100
#define BAR_SHARE     24
#define BAR_LEAST     4
#define COLUMN_LEAST  8
#define EMPTY_MAX     3    /* more empty steps in a row than that are one line */
#define TREND_COLUMNS 8    /* as the pipe `patterns` makes it */
#define SEEN_COLUMNS  15   /* Mar 01 12:00:00 */
#define WIDE_TERMINAL 110  /* where first and last are shown, too */
#define NO_WIDTH      4096 /* in a pipe nothing is cut */

struct tick {
	int64_t ns;
	uint64_t hits;
};

struct ticks {
	struct tick *ptr;
	size_t len, cap;
};

static size_t width_of(const struct style *style)
{
	return style->width ? style->width : NO_WIDTH;
}

/* What is left behind `used` columns, for a bar. */
static size_t bar_room(const struct style *style, size_t used, size_t most)
{
	size_t room = style->width > used ? style->width - used : 0;

	if (!style->width)
		return most < BAR_PLAIN ? most : BAR_PLAIN;
	return room < BAR_LEAST ? 0 : room < most ? room : most;
}

static size_t digits(uint64_t n)
{
	size_t len = 1;

	while (n >= 10) {
		n /= 10;
		len++;
	}
	return len;
}

static void put_number(struct buf *out, uint64_t n, size_t columns)
{
	buf_printf(out, "%*llu", (int)columns, (unsigned long long)n);
}

static bool local_time(const struct style *style, int64_t ns, struct tm *ret)
{
	time_t t = (time_t)(ns / NS_PER_SEC - (ns % NS_PER_SEC < 0));

	return style->utc ? gmtime_r(&t, ret) != NULL : localtime_r(&t, ret) != NULL;
}

/* How much of a time must be shown to tell all ticks: "12:00", "12:00:05", …. */
struct tick_form {
	bool days; /* only */
	bool seconds, millis;
	bool years;
};

static struct tick_form form_of(const struct style *style, const struct ticks *ticks)
{
	struct tick_form form = {.days = true};
	struct tm tm, first = {0};

	for (size_t i = 0; i < ticks->len; i++) {
		if (!local_time(style, ticks->ptr[i].ns, &tm))
			continue;
		if (i == 0)
			first = tm;
		form.days = form.days && !tm.tm_hour && !tm.tm_min && !tm.tm_sec;
		form.seconds |= tm.tm_sec != 0;
		form.millis |= ticks->ptr[i].ns % NS_PER_SEC != 0;
		form.years |= tm.tm_year != first.tm_year;
	}
	form.days = form.days && !form.millis;
	form.seconds |= form.millis;
	return form;
}

/* The day is written where it is another than that of the line before. */
static size_t put_tick(const struct style *style, struct tick_form form, int64_t ns, int *day,
		       struct buf *out)
{
	char date[32], clock[32];
	size_t before = out->len;
	struct tm tm;
	bool same;

	if (!local_time(style, ns, &tm))
		return 0;
	same = *day == tm.tm_year * 366 + tm.tm_yday;
	*day = tm.tm_year * 366 + tm.tm_yday;
	if (form.years)
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	else
		strftime(date, sizeof(date), "%b %d", &tm);
	buf_printf(out, "%*s", (int)strlen(date), same ? "" : date);
	if (!form.days) {
		strftime(clock, sizeof(clock), " %H:%M:%S", &tm);
		clock[form.seconds ? sizeof(" 00:00:00") - 1 : sizeof(" 00:00") - 1] = 0;
		buf_puts(out, span_cstr(clock));
	}
	if (form.millis)
		buf_printf(out, ".%03d",
			   (int)((ns % NS_PER_SEC + NS_PER_SEC) % NS_PER_SEC / NS_PER_MS));
	return out->len - before;
}

static int read_ticks(const struct out_row *rows, size_t n, struct ticks *ticks)
{
	for (size_t i = 0; i < n; i++) {
		struct tick tick;

		if (timestamp_parse(out_row_get(&rows[i], "_time"), &tick.ns) < 0 ||
		    num_parse_u64(out_row_get(&rows[i], "hits"), &tick.hits) < 0)
			continue; /* rows without a time have no place on the axis */
		if (vec_push(ticks, tick) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int64_t floor_to(int64_t ns, int64_t step)
{
	int64_t rest = ns % step;

	return ns - (rest < 0 ? rest + step : rest);
}

/* Times of five hundred years apart are in logs, too: of clocks that are wrong. */
static int64_t distance(int64_t from, int64_t to)
{
	int64_t ns;

	return __builtin_sub_overflow(to, from, &ns) ? INT64_MAX : ns;
}

/* Fewer, wider steps. */
static int64_t coarsen(struct ticks *ticks, int64_t step)
{
	size_t kept = 0;
	int64_t wider;

	if (ticks->len < 2)
		return step;
	histogram_step(distance(ticks->ptr[0].ns, ticks->ptr[ticks->len - 1].ns), &wider);
	if (wider <= step)
		return step;
	for (size_t i = 0; i < ticks->len; i++) {
		int64_t ns = floor_to(ticks->ptr[i].ns, wider);

		if (kept && ticks->ptr[kept - 1].ns == ns)
			ticks->ptr[kept - 1].hits += ticks->ptr[i].hits;
		else
			ticks->ptr[kept++] = (struct tick){ns, ticks->ptr[i].hits};
	}
	ticks->len = kept;
	return wider;
}

/* What all lines of a histogram have in common. */
struct bars {
	const struct style *style;
	struct tick_form form;
	uint64_t most;
	size_t time_columns, number_columns, room;
	int day;
};

static void put_bar(struct bars *bars, int64_t ns, uint64_t hits, struct buf *out)
{
	style_begin(bars->style, PAINT_TIME, out);
	put_tick(bars->style, bars->form, ns, &bars->day, out);
	style_end(bars->style, out);
	buf_puts(out, SPAN(GAP));
	put_number(out, hits, bars->number_columns);
	if (hits) {
		buf_puts(out, SPAN(GAP));
		cell_bar(bars->style, hits, bars->most, bars->room, out);
	}
	buf_putc(out, '\n');
}

/* The steps between two that have rows. */
static void put_empty(struct bars *bars, int64_t from, int64_t to, int64_t step, struct buf *out)
{
	int64_t n = step ? distance(from, to) / step - 1 : 0;
	struct span dots = bars->style->ascii ? SPAN("...") : SPAN("⋮");

	if (n <= EMPTY_MAX) {
		for (int64_t ns = from + step; n > 0 && ns < to; ns += step)
			put_bar(bars, ns, 0, out);
		return;
	}
	cell_label(dots, bars->time_columns, CELL_RIGHT, out);
	buf_puts(out, SPAN(GAP));
	put_number(out, 0, bars->number_columns);
	buf_printf(out, GAP "%lld times\n", (long long)n);
}

static void put_zone(struct bars *bars, int64_t ns, struct buf *out)
{
	struct buf head = BUF_INIT(64);
	struct tm tm;

	if (!local_time(bars->style, ns, &tm))
		tm.tm_zone = "";
	buf_printf(&head, "time %s", bars->style->utc ? "UTC" : tm.tm_zone);
	style_begin(bars->style, PAINT_NAME, out);
	cell_put(bars->style, buf_span(&head), bars->time_columns, CELL_LEFT, out);
	buf_puts(out, SPAN(GAP));
	cell_label(SPAN("hits"), bars->number_columns, CELL_RIGHT, out);
	style_end(bars->style, out);
	buf_putc(out, '\n');
	buf_release(&head);
}

static int print_histogram(const struct style *style, const struct view *view,
			   const struct out_row *rows, size_t n, struct buf *out)
{
	struct bars bars = {.style = style, .number_columns = strlen("hits"), .day = -1};
	int64_t step = view->step_ns;
	struct buf scratch = BUF_INIT(64);
	struct ticks ticks = {0};
	int day = -1, r = read_ticks(rows, n, &ticks);

	if (r == 0 && view->coarsen)
		step = coarsen(&ticks, step);
	bars.form = form_of(style, &ticks);
	for (size_t i = 0; i < ticks.len; i++) {
		if (ticks.ptr[i].hits > bars.most)
			bars.most = ticks.ptr[i].hits;
		if (i == 0)
			bars.time_columns =
				put_tick(style, bars.form, ticks.ptr[0].ns, &day, &scratch);
	}
	if (digits(bars.most) > bars.number_columns)
		bars.number_columns = digits(bars.most);
	bars.room = bar_room(style, bars.time_columns + bars.number_columns + 4, BAR_WIDEST);
	if (ticks.len)
		put_zone(&bars, ticks.ptr[0].ns, out);
	for (size_t i = 0; i < ticks.len && r == 0; i++) {
		if (i)
			put_empty(&bars, ticks.ptr[i - 1].ns, ticks.ptr[i].ns, step, out);
		put_bar(&bars, ticks.ptr[i].ns, ticks.ptr[i].hits, out);
	}
	buf_release(&scratch);
	vec_release(&ticks);
	return r < 0 ? r : out->failed;
}

/* A view of counts: the names of its fields, and the whole that a share is of. */
struct counts {
	const char *name, *count;
	uint64_t most, sum;
	size_t name_columns, count_columns;
};

static uint64_t count_of(const struct out_row *row, const char *name)
{
	uint64_t n;

	return num_parse_u64(out_row_get(row, name), &n) == 0 ? n : 0;
}

#define NO_VALUE "(none)"

static void measure_counts(const struct style *style, struct counts *counts,
			   const struct out_row *rows, size_t n)
{
	struct buf scratch = BUF_INIT(64u << 20);

	counts->name_columns = style_columns(span_cstr(counts->name));
	counts->count_columns = strlen(counts->count);
	for (size_t i = 0; i < n; i++) {
		uint64_t count = count_of(&rows[i], counts->count);
		struct span text = cell_text(style, out_row_get(&rows[i], counts->name), &scratch);
		size_t columns = text.len ? style_columns(text) : strlen(NO_VALUE);

		if (count > counts->most)
			counts->most = count;
		counts->sum += count;
		if (columns > counts->name_columns)
			counts->name_columns = columns;
	}
	if (digits(counts->most) > counts->count_columns)
		counts->count_columns = digits(counts->most);
	buf_release(&scratch);
}

static void put_share(uint64_t part, uint64_t whole, struct buf *out)
{
	char text[32];
	struct buf share = BUF_INIT(sizeof(text));

	cell_share(part, whole, &share);
	buf_printf(out, "%6.*s", (int)share.len, share.ptr ? share.ptr : "");
	buf_release(&share);
}

/* Values, counts, shares of the sum (or of the most: a field is in so many of all rows). */
static int print_counts(const struct style *style, struct counts *counts, bool of_most,
			const struct out_row *rows, size_t n, struct buf *out)
{
	struct buf scratch = BUF_INIT(64u << 20);
	size_t fixed, room;
	uint64_t whole;

	measure_counts(style, counts, rows, n);
	whole = of_most ? counts->most : counts->sum;
	fixed = counts->count_columns + 6 + 2 * strlen(GAP);
	if (width_of(style) < fixed + counts->name_columns)
		counts->name_columns = width_of(style) > fixed + COLUMN_LEAST
					       ? width_of(style) - fixed
					       : COLUMN_LEAST;
	room = bar_room(style, fixed + counts->name_columns + strlen(GAP), BAR_SHARE);
	style_begin(style, PAINT_NAME, out);
	cell_put(style, span_cstr(counts->name), counts->name_columns, CELL_LEFT, out);
	buf_puts(out, SPAN(GAP));
	cell_label(span_cstr(counts->count), counts->count_columns, CELL_RIGHT, out);
	buf_puts(out, SPAN(GAP " share"));
	style_end(style, out);
	buf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		uint64_t count = count_of(&rows[i], counts->count);
		struct span text = cell_text(style, out_row_get(&rows[i], counts->name), &scratch);

		cell_put(style, text.len ? text : SPAN(NO_VALUE), counts->name_columns, CELL_LEFT,
			 out);
		buf_puts(out, SPAN(GAP));
		put_number(out, count, counts->count_columns);
		buf_puts(out, SPAN(GAP));
		put_share(count, whole, out);
		buf_puts(out, room ? SPAN(GAP) : SPAN(""));
		cell_bar(style, count, counts->most, room, out);
		buf_putc(out, '\n');
	}
	buf_release(&scratch);
	return out->failed;
}

/* Block characters as what ASCII has of about the same weight. */
static void put_trend(const struct style *style, struct span trend, struct buf *out)
{
	static const char weights[] = ".:-=+*%#"; /* of U+2581 to U+2588 */
	size_t columns = style_columns(trend), n;

	style_begin(style, PAINT_BAR, out);
	for (; trend.len; trend = span_skip(trend, n)) {
		uint32_t rune;

		n = utf8_decode(trend, &rune);
		if (style->ascii && rune >= 0x2581 && rune <= 0x2588)
			buf_putc(out, weights[rune - 0x2581]);
		else
			buf_puts(out, span_take(trend, n));
	}
	style_end(style, out);
	for (; columns < TREND_COLUMNS; columns++)
		buf_putc(out, ' ');
}

static void put_seen(const struct style *style, struct span time, struct buf *out)
{
	struct buf text = BUF_INIT(256);

	style_time(style, time, false, &text);
	buf_puts(out, SPAN(GAP));
	cell_label(span_take(buf_span(&text), SEEN_COLUMNS), SEEN_COLUMNS, CELL_LEFT, out);
	buf_release(&text);
}

static int print_patterns(const struct style *style, const struct out_row *rows, size_t n,
			  struct buf *out)
{
	struct counts counts = {.name = "pattern", .count = "count"};
	bool wide = width_of(style) >= WIDE_TERMINAL;
	struct buf scratch = BUF_INIT(64u << 20);
	size_t used, room;

	measure_counts(style, &counts, rows, n);
	used = counts.count_columns + TREND_COLUMNS + 2 * strlen(GAP) +
	       (wide ? 2 * (SEEN_COLUMNS + strlen(GAP)) : 0);
	room = width_of(style) > used + COLUMN_LEAST ? width_of(style) - used : COLUMN_LEAST;
	style_begin(style, PAINT_NAME, out);
	cell_label(SPAN("count"), counts.count_columns, CELL_RIGHT, out);
	buf_puts(out, SPAN(GAP));
	cell_label(SPAN("trend"), TREND_COLUMNS, CELL_LEFT, out);
	if (wide)
		buf_puts(out, SPAN(GAP "first          " GAP "last           "));
	buf_puts(out, SPAN(GAP "pattern"));
	style_end(style, out);
	buf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		struct span text = cell_text(style, out_row_get(&rows[i], "pattern"), &scratch);

		put_number(out, count_of(&rows[i], "count"), counts.count_columns);
		buf_puts(out, SPAN(GAP));
		put_trend(style, out_row_get(&rows[i], "trend"), out);
		if (wide) {
			put_seen(style, out_row_get(&rows[i], "first"), out);
			put_seen(style, out_row_get(&rows[i], "last"), out);
		}
		buf_puts(out, SPAN(GAP));
		cell_put(style, text, room, CELL_LAST, out);
		buf_putc(out, '\n');
	}
	buf_release(&scratch);
	return out->failed;
}

static bool has(const struct out_row *row, const char *name)
{
	for (size_t i = 0; i < row->n; i++)
		if (span_eq(row->names[i], span_cstr(name)))
			return true;
	return false;
}

struct timed {
	int64_t ns;
	size_t at;
};

static int compare_timed(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* A table in order of time, which `stats by (_time:1m)` alone does not promise. */
static int print_times(const struct style *style, const struct out_row *rows, size_t n,
		       struct buf *out)
{
	struct timed *order = calloc(n, sizeof(*order));
	struct out_row *sorted = calloc(n, sizeof(*sorted));
	int r = -ENOMEM;

	if (order && sorted) {
		for (size_t i = 0; i < n; i++) {
			order[i].at = i;
			if (timestamp_parse(out_row_get(&rows[i], "_time"), &order[i].ns) < 0)
				order[i].ns = INT64_MIN; /* rows without a time come first */
		}
		qsort(order, n, sizeof(*order), compare_timed);
		for (size_t i = 0; i < n; i++)
			sorted[i] = rows[order[i].at];
		r = print_table(style, sorted, n, out);
	}
	free(order);
	free(sorted);
	return r;
}

int print_view(const struct style *style, const struct view *view, const struct out_row *rows,
	       size_t n, struct buf *out)
{
	char field[256];
	struct counts values = {.name = field, .count = "count"};
	struct counts names = {.name = "name", .count = "hits"};

	if (n == 0)
		return 0;
	if (view->kind == VIEW_HISTOGRAM && has(rows, "hits"))
		return print_histogram(style, view, rows, n, out);
	if (view->kind == VIEW_VALUES && has(rows, "count")) {
		snprintf(field, sizeof(field), "%.*s", SPAN_FMT(view->field));
		return print_counts(style, &values, false, rows, n, out);
	}
	if (view->kind == VIEW_NAMES && has(rows, "name") && has(rows, "hits"))
		return print_counts(style, &names, true, rows, n, out);
	if (view->kind == VIEW_PATTERNS && has(rows, "pattern") && has(rows, "trend"))
		return print_patterns(style, rows, n, out);
	if (view->kind == VIEW_TIMES && has(rows, "_time"))
		return print_times(style, rows, n, out);
	if (view->kind == VIEW_TRACE && has(rows, "hop") && has(rows, "offset"))
		return print_trace(style, rows, n, out);
	return print_table(style, rows, n, out);
}
