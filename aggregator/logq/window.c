/* window.c - rows of a stretch of time, and answers about them. */
#include "aggregator/logq/window.h"
#include "aggregator/logq/cell.h"
#include "aggregator/logq/notice.h"
#include "aggregator/logq/relay.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include <errno.h>
#include <pthread.h>
#include <sys/ioctl.h>

#define SLOTS      10
#define REDRAW_NS  (500 * NS_PER_MS)
#define CALM       10 /* of the time at most this part is for answers */
#define SCREEN_MAX (1u << 20)

struct slot {
	struct arena arena;
	VEC(struct source_row) rows;
};

struct window {
	struct row_sink sink;
	struct window_conf conf;
	pthread_t thread;
	bool threaded;
	size_t nslots; /* 1, or SLOTS on a terminal */

	pthread_mutex_t lock; /* of the slots, `stop`, `failed` */
	pthread_cond_t news;
	struct slot slots[SLOTS];
	size_t filling;
	bool stop;
	int failed;
	struct err err;

	/* Of whoever answers: the thread, or window_finish() after it. */
	struct row_sink answer_sink;
	struct printer *printer; /* of this answer */
	int64_t begin_ns;        /* real time */
	int64_t slot_end_ns;     /* when the next slot begins */
	unsigned drawn;          /* lines on the terminal */
	struct winsize size;     /* … when they were drawn */
	unsigned notices;        /* … and what was said until then */
	uint64_t nrows;
	struct buf screen;
};

static bool on_terminal(const struct window *window)
{
	return window->nslots > 1;
}

static int row(struct row_sink *sink, const struct span *names, const struct span *texts, size_t n)
{
	struct window *window = (struct window *)sink;
	struct span *pairs;
	struct slot *slot;
	int r;

	pthread_mutex_lock(&window->lock);
	slot = &window->slots[window->filling];
	pairs = ARENA_ARRAY(&slot->arena, struct span, 2 * n + 1);
	for (size_t i = 0; i < n && pairs; i++) {
		pairs[2 * i] = arena_dup(&slot->arena, names[i]);
		pairs[2 * i + 1] = arena_dup(&slot->arena, texts[i]);
	}
	r = slot->arena.overflowed ? -ENOBUFS
				   : vec_push(&slot->rows, (struct source_row){pairs, n});
	if (window->failed)
		r = window->failed;
	pthread_mutex_unlock(&window->lock);
	return r;
}

static int pause_rows(struct row_sink *sink)
{
	struct window *window = (struct window *)sink;
	int r;

	pthread_mutex_lock(&window->lock);
	r = window->failed;
	pthread_mutex_unlock(&window->lock);
	return r;
}

/* A row of an answer: where several follow each other, it says which window it is of. */
static int answer_row(struct row_sink *sink, const struct span *names, const struct span *texts,
		      size_t n)
{
	struct window *window =
		(struct window *)((char *)sink - offsetof(struct window, answer_sink));
	_cleanup_free_ struct span *more = NULL;
	char time[TIMESTAMP_TEXT_LEN];

	if (on_terminal(window))
		return printer_row(window->printer, names, texts, n);
	for (size_t i = 0; i < n; i++)
		if (span_eq(names[i], SPAN("_time")))
			return printer_row(window->printer, names, texts, n);
	more = calloc(2 * (n + 1), sizeof(*more));
	if (!more)
		return -ENOMEM;
	timestamp_format(time, window->begin_ns);
	more[0] = SPAN("_time");
	more[n + 1] = span_of(time, sizeof(time));
	memcpy(more + 1, names, n * sizeof(*names));
	memcpy(more + n + 2, texts, n * sizeof(*texts));
	return printer_row(window->printer, more, more + n + 1, n + 1);
}

static int take_rows(void *ctx, struct rows *rows)
{
	struct window *window = ctx;

	return rows_to_sink(rows, &window->answer_sink);
}

/* With the lock held: the oldest slot is emptied and filled from now on. */
static void next_slot(struct window *window)
{
	struct slot *slot;

	window->filling = (window->filling + 1) % window->nslots;
	slot = &window->slots[window->filling];
	slot->rows.len = 0;
	arena_reset(&slot->arena);
}

/* All slots as one source; those whose time is over make room. */
static int take_slots(struct window *window, struct query_source **ret, size_t *ret_rows)
{
	VEC(struct source_row) all = {0};
	int r = 0;

	pthread_mutex_lock(&window->lock);
	for (size_t i = 0; i < window->nslots && r == 0; i++) {
		struct slot *slot = &window->slots[(window->filling + 1 + i) % window->nslots];

		for (size_t k = 0; k < slot->rows.len && r == 0; k++)
			r = vec_push(&all, slot->rows.ptr[k]);
	}
	if (r == 0)
		r = source_rows_open(all.ptr, all.len, ret);
	for (size_t i = 0; i < window->nslots && clock_mono_ns() >= window->slot_end_ns; i++) {
		next_slot(window);
		window->slot_end_ns += window->conf.length_ns / (int64_t)window->nslots;
	}
	if (clock_mono_ns() >= window->slot_end_ns) /* was stopped for long */
		window->slot_end_ns =
			clock_mono_ns() + window->conf.length_ns / (int64_t)window->nslots;
	pthread_mutex_unlock(&window->lock);
	*ret_rows = all.len;
	vec_release(&all);
	return r;
}

/* "last 10s: 1204 rows, 12:00:05": below an answer, so that one sees it live. */
static void put_status(struct window *window, size_t rows, unsigned hidden, struct buf *out)
{
	const struct style *style = &window->conf.print.style;
	struct buf time = BUF_INIT(64), text = BUF_INIT(256);
	char now[TIMESTAMP_TEXT_LEN], length[LANG_DURATION_MAX];

	timestamp_format(now, clock_real_ns());
	style_time(style, span_of(now, sizeof(now)), false, &time);
	if (hidden)
		buf_printf(&text, "%u more line%s; ", hidden, hidden == 1 ? "" : "s");
	buf_puts(&text, SPAN("last "));
	buf_put(&text, length, lang_format_duration(length, window->conf.length_ns));
	buf_printf(&text, ": %zu row%s, ", rows, rows == 1 ? "" : "s");
	buf_puts(&text, span_take(span_skip(buf_span(&time), strlen("Mar 01 ")), 8));
	buf_puts(out, SPAN("\033[K"));
	style_begin(style, PAINT_NAME, out);
	cell_put(style, buf_span(&text), style->width ? style->width : SCREEN_MAX, CELL_LAST, out);
	style_end(style, out);
	buf_putc(out, '\n');
	buf_release(&text);
	buf_release(&time);
}

static unsigned count_lines(struct span text)
{
	unsigned lines = 0;
	struct span line;

	while (text.len && span_cut(&text, '\n', &line))
		lines++;
	return lines;
}

/*
 * Over what was drawn before, unless something was said below it since: up, and
 * each line anew.  What is too wide is cut
 * by the terminal, what is too high here, so that a line stays a line.  Where
 * the terminal's size has changed it may have put our lines anywhere, so the
 * screen is begun anew.
 */
static int draw(struct window *window, size_t rows)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(2 * SCREEN_MAX);
	struct span rest = buf_span(&window->screen), line;
	unsigned all = count_lines(rest), lines = 0, most = window->size.ws_row - 2;

	buf_puts(&out, SPAN("\033[?7l"));
	if (window->drawn && window->notices == notice_count())
		buf_printf(&out, "\r\033[%uA", window->drawn);
	while (lines < most && rest.len && span_cut(&rest, '\n', &line)) {
		buf_puts(&out, SPAN("\033[K")); /* first: behind the last column it takes that */
		buf_puts(&out, line);
		buf_puts(&out, SPAN("\033[0m\n"));
		lines++;
	}
	put_status(window, rows, all - lines, &out);
	buf_puts(&out, SPAN("\033[J\033[?7h"));
	window->drawn = lines + 1;
	window->notices = notice_count();
	return out.failed ? out.failed : io_write_full(window->conf.print.fd, out.ptr, out.len);
}

/* Before an answer: how large the terminal is now. */
static int look_at_size(struct window *window)
{
	static const char anew[] = "\033[H\033[J";
	struct winsize size = {0};
	bool changed;

	if (ioctl(window->conf.print.fd, TIOCGWINSZ, &size) < 0 || size.ws_row < 3)
		size.ws_row = 24;
	changed = window->drawn &&
		  (size.ws_row != window->size.ws_row || size.ws_col != window->size.ws_col);
	window->size = size;
	window->conf.print.style.width = size.ws_col;
	if (!changed)
		return 0;
	window->drawn = 0;
	return io_write_full(window->conf.print.fd, anew, sizeof(anew) - 1);
}

static int run_pipes(struct window *window, struct query_source *source, struct err *reterr)
{
	struct query_result result = {0};
	int r = query_execute(window->conf.query, &window->conf.query_conf, source, take_rows,
			      window, &result, reterr);

	query_result_release(&result);
	return r == 1 ? 0 : r;
}

static int answer(struct window *window, struct err *reterr)
{
	struct query_source *source = NULL;
	struct print_conf print;
	size_t rows = 0;
	int r = on_terminal(window) ? look_at_size(window) : 0;

	print = window->conf.print;
	if (on_terminal(window))
		print.to = &window->screen;
	buf_reset(&window->screen);
	if (r == 0)
		r = printer_new(&print, &window->printer);
	if (r == 0)
		r = take_slots(window, &source, &rows);
	if (r < 0)
		(void)err_set(reterr, r, "can't answer: %s", strerror(-r));
	if (r == 0)
		r = run_pipes(window, source, reterr);
	if (source)
		source_close(source);
	if (r == 0)
		r = printer_end(window->printer, reterr);
	window->nrows += r == 0 ? printer_rows(window->printer) : 0;
	printer_free(window->printer);
	window->printer = NULL;
	if (r == 0 && on_terminal(window))
		r = draw(window, rows);
	window->begin_ns = clock_real_ns();
	return r;
}

/* With the lock held, until it is time for an answer.  False: stop. */
static bool wait_until(struct window *window, int64_t until_ns)
{
	struct timespec until = {.tv_sec = until_ns / NS_PER_SEC, .tv_nsec = until_ns % NS_PER_SEC};

	while (!window->stop && clock_mono_ns() < until_ns)
		pthread_cond_timedwait(&window->news, &window->lock, &until);
	return !window->stop;
}

static void *run(void *arg)
{
	struct window *window = arg;
	int64_t until_ns =
		on_terminal(window) ? clock_mono_ns() + REDRAW_NS / 2 : window->slot_end_ns;
	struct err err = {0};
	int r = 0;

	pthread_mutex_lock(&window->lock);
	while (r == 0 && wait_until(window, until_ns)) {
		int64_t start_ns = clock_mono_ns(), took_ns;

		pthread_mutex_unlock(&window->lock);
		r = answer(window, &err);
		took_ns = clock_mono_ns() - start_ns;
		if (!on_terminal(window))
			until_ns = window->slot_end_ns;
		else
			until_ns = start_ns +
				   (CALM * took_ns > REDRAW_NS ? CALM * took_ns : REDRAW_NS);
		pthread_mutex_lock(&window->lock);
	}
	window->failed = r;
	window->err = err;
	pthread_mutex_unlock(&window->lock);
	return NULL;
}

struct row_sink *window_sink(struct window *window)
{
	return &window->sink;
}

static void stop(struct window *window)
{
	pthread_mutex_lock(&window->lock);
	window->stop = true;
	pthread_cond_broadcast(&window->news);
	pthread_mutex_unlock(&window->lock);
	if (window->threaded)
		pthread_join(window->thread, NULL);
	window->threaded = false;
}

int window_finish(struct window *window, uint64_t *ret_rows, struct err *reterr)
{
	int r;

	stop(window);
	r = window->failed;
	if (r == 0 && (on_terminal(window) || window->slots[window->filling].rows.len))
		r = answer(window, reterr);
	else if (r < 0 && window->err.code && reterr)
		*reterr = window->err;
	else if (r < 0)
		(void)err_set(reterr, r, "can't print: %s", strerror(-r));
	*ret_rows = window->nrows;
	return r;
}

void window_free(struct window *window)
{
	if (!window)
		return;
	stop(window);
	for (size_t i = 0; i < SLOTS; i++) {
		arena_release(&window->slots[i].arena);
		vec_release(&window->slots[i].rows);
	}
	buf_release(&window->screen);
	pthread_cond_destroy(&window->news);
	pthread_mutex_destroy(&window->lock);
	free(window);
}
DEFINE_CLEANUP(struct window *, window_free);

int window_open(const struct window_conf *conf, struct window **ret, struct err *reterr)
{
	_cleanup_(window_freep) struct window *window = calloc(1, sizeof(*window));
	pthread_condattr_t attr;

	if (!window)
		return err_set(reterr, -ENOMEM, "out of memory");
	*window = (struct window){.sink = {.row = row, .pause = pause_rows},
				  .answer_sink = {.row = answer_row},
				  .conf = *conf,
				  .nslots = isatty(conf->print.fd) ? SLOTS : 1,
				  .begin_ns = clock_real_ns(),
				  .screen = BUF_INIT(SCREEN_MAX)};
	window->slot_end_ns = clock_mono_ns() + conf->length_ns / (int64_t)window->nslots;
	window->conf.query_conf.has_time_range = false; /* rows were chosen already */
	for (size_t i = 0; i < window->nslots; i++)
		arena_init(&window->slots[i].arena, WINDOW_BYTES / window->nslots);
	pthread_mutex_init(&window->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&window->news, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&window->thread, NULL, run, window) != 0)
		return err_set(reterr, -EAGAIN, "no thread");
	window->threaded = true;
	*ret = TAKE(window);
	return 0;
}
