/* window.c - rows of a stretch of time, and answers about them. */
#include "aggregator/logq/window.h"
#include "aggregator/logq/relay.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <pthread.h>
#include <sys/ioctl.h>

#define SLOTS      10
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
	unsigned drawn;          /* lines on the terminal */
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

/* All slots as one source; the next slot is emptied and filled from now on. */
static int take_slots(struct window *window, struct query_source **ret)
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
	window->filling = (window->filling + 1) % window->nslots;
	window->slots[window->filling].rows.len = 0;
	arena_reset(&window->slots[window->filling].arena);
	pthread_mutex_unlock(&window->lock);
	vec_release(&all);
	return r;
}

/*
 * Over what was drawn before: up, and each line anew.  What is too wide is cut
 * by the terminal, what is too high here, so that a line stays a line.
 */
static int draw(struct window *window)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(2 * SCREEN_MAX);
	struct span rest = buf_span(&window->screen), line;
	struct winsize size = {0};
	unsigned lines = 0, height = 24;
	int fd = window->conf.print.fd;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 1)
		height = size.ws_row;
	buf_puts(&out, SPAN("\033[?7l"));
	if (window->drawn)
		buf_printf(&out, "\r\033[%uA", window->drawn);
	while (lines + 1 < height && rest.len && span_cut(&rest, '\n', &line)) {
		buf_puts(&out, line);
		buf_puts(&out, SPAN("\033[0m\033[K\n"));
		lines++;
	}
	buf_puts(&out, SPAN("\033[J\033[?7h"));
	window->drawn = lines;
	return out.failed ? out.failed : io_write_full(fd, out.ptr, out.len);
}

static int answer(struct window *window, struct err *reterr)
{
	struct print_conf print = window->conf.print;
	struct query_source *source = NULL;
	struct query_result result = {0};
	int r;

	if (on_terminal(window))
		print.to = &window->screen;
	buf_reset(&window->screen);
	r = printer_new(&print, &window->printer);
	if (r == 0)
		r = take_slots(window, &source);
	if (r == 0) {
		r = query_execute(window->conf.query, &window->conf.query_conf, source, take_rows,
				  window, &result, reterr);
		source_close(source);
		query_result_release(&result);
		if (r == 1)
			r = 0;
	} else {
		(void)err_set(reterr, r, "out of memory");
	}
	if (r == 0)
		r = printer_end(window->printer, reterr);
	window->nrows += r == 0 ? printer_rows(window->printer) : 0;
	printer_free(window->printer);
	window->printer = NULL;
	if (r == 0 && on_terminal(window))
		r = draw(window);
	window->begin_ns = clock_real_ns();
	return r;
}

/* With the lock held, until the slot's time is over.  False: stop. */
static bool wait_slot(struct window *window, int64_t until_ns)
{
	struct timespec until = {.tv_sec = until_ns / NS_PER_SEC, .tv_nsec = until_ns % NS_PER_SEC};

	while (!window->stop && clock_mono_ns() < until_ns)
		pthread_cond_timedwait(&window->news, &window->lock, &until);
	return !window->stop;
}

static void *run(void *arg)
{
	struct window *window = arg;
	int64_t slot_ns = window->conf.length_ns / (int64_t)window->nslots;
	int64_t until_ns = clock_mono_ns() + slot_ns;
	struct err err = {0};
	int r = 0;

	pthread_mutex_lock(&window->lock);
	while (r == 0 && wait_slot(window, until_ns)) {
		pthread_mutex_unlock(&window->lock);
		r = answer(window, &err);
		until_ns += slot_ns;
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
	if (r == 0 && window->slots[window->filling].rows.len)
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
