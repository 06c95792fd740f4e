/* show.c - from a source through sinks to the printer. */
#include "aggregator/logq/show.h"
#include "aggregator/logq/backlog.h"
#include "aggregator/logq/chunks.h"
#include "aggregator/logq/fetch.h"
#include "aggregator/logq/highlight.h"
#include "aggregator/logq/hint.h"
#include "aggregator/logq/notice.h"
#include "aggregator/logq/pager.h"
#include "aggregator/logq/place.h"
#include "aggregator/logq/print.h"
#include "aggregator/logq/relay.h"
#include "aggregator/logq/window.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>

#define TEMPLATE_BYTES (1u << 20)
#define ROUND_MS       300 /* between two rounds of -f with a cursor */

/* All that rows pass, last first.  Zeroed: nothing yet. */
struct way {
	struct row_sink last; /* the printer's */
	struct arena arena;   /* of the template */
	struct template template;
	struct print_conf print;
	struct highlight *highlight;
	struct printer *printer;
	struct progress *progress;
	struct pager pager;
	struct relay *relay;
	struct chunks *chunks;
	struct window *window;
	struct backlog *backlog;
	bool drain; /* the relay shows what it has also when it is interrupted */
	struct place *place;
	struct row_sink *first;
	uint64_t rows; /* that the window printed */
};

static unsigned stderr_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int show_error(const struct ask *ask, const struct err *err)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);

	if (!ask->syntax) {
		notice("%s", err->text);
		return LOGQ_ERROR;
	}
	lex_print_error(&text, buf_span(&ask->text), err, stderr_width());
	notice_lines(buf_span(&text));
	return LOGQ_ERROR;
}

static int print_row(struct row_sink *sink, const struct span *names, const struct span *texts,
		     size_t n)
{
	struct way *way = (struct way *)sink;

	return printer_row(way->printer, names, texts, n);
}

static int print_pause(struct row_sink *sink)
{
	struct way *way = (struct way *)sink;

	return printer_flush(way->printer);
}

static int open_printer(struct way *way, const struct options *opts, const struct ask *ask,
			struct err *reterr)
{
	bool watched = isatty(STDOUT_FILENO);
	struct span template;
	int r;

	pager_init(&way->pager, watched && !opts->no_pager && !opts->follow, &logq_cancel);
	way->print = (struct print_conf){.fd = STDOUT_FILENO,
					 .live = watched,
					 .pager = &way->pager,
					 .view = ask->view,
					 .reversed = ask->reversed,
					 .limit = ask->limit};
	r = output_parse(opt_text(opts->output), &way->print.format, &template, reterr);
	if (r == 0 && way->print.format == OUTPUT_TEMPLATE) {
		arena_init(&way->arena, TEMPLATE_BYTES);
		r = template_parse(template, &way->arena, &way->template, reterr);
		if (r == 0)
			r = template_check_format(&way->template, reterr);
		if (r < 0)
			return err_prefix(reterr, r, "-o template");
		way->print.template = &way->template;
	}
	if (r < 0)
		return r;
	style_init(&way->print.style, STDOUT_FILENO, opts->color, opts->utc);
	if (opts->highlight && way->print.style.color &&
	    highlight_new(ask->query->filter, &way->highlight) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	way->print.style.highlight = way->highlight;
	way->print.style.by_file = ask->files.len > 1;
	way->print.style.by_name = !query_lists_fields(ask->rest.npipes ? &ask->rest : ask->query);
	if (opts->count && way->print.format == OUTPUT_AUTO && !opts->follow)
		way->print.format = OUTPUT_CAT;
	if (!opts->follow)
		progress_open(&way->progress);
	way->print.progress = way->progress;
	way->last = (struct row_sink){.row = print_row, .pause = print_pause};
	way->first = &way->last;
	return printer_new(&way->print, &way->printer) < 0
		       ? err_set(reterr, -ENOMEM, "out of memory")
		       : 0;
}

/* The pipes that run here, over all rows or a window of them. */
static int open_rest(struct way *way, const struct options *opts, struct ask *ask,
		     struct err *reterr)
{
	/* What a cursor has let pass is shown before the end, so that it isn't lost. */
	bool drain = opts->follow && opts->cursor_file.len;
	const struct query_conf conf = {.cancel = drain ? NULL : &logq_cancel, .threads = 1};
	int r = 0;

	if (ask->windowed) {
		const struct window_conf window = {.query = &ask->rest,
						   .print = way->print,
						   .length_ns = opts->window,
						   .query_conf = {.threads = 1}};

		r = window_open(&window, &way->window, reterr);
		if (r == 0)
			way->first = window_sink(way->window);
		return r;
	}
	if (ask->rest.npipes) {
		way->drain = drain;
		r = relay_open(&ask->rest, &conf, way->first, &way->relay, reterr);
		if (r == 0)
			way->first = relay_sink(way->relay);
	}
	if (r == 0 && ask->context) {
		r = chunks_open(way->first, &way->chunks, reterr);
		if (r == 0)
			way->first = chunks_sink(way->chunks);
	}
	return r;
}

/* -f that begins with what is there. */
static int open_last(struct way *way, const struct options *opts, struct ask *ask,
		     struct err *reterr)
{
	int r;

	if (!ask_looks_back(ask, opts))
		return 0;
	r = backlog_open(opts->lines >= 0 ? (uint64_t)opts->lines : BACKLOG_ALL, way->first,
			 &way->backlog, reterr);
	if (r < 0)
		return r;
	way->first = backlog_sink(way->backlog);
	ask->backlog = way->backlog;
	return 0;
}

/* A cursor belongs to a filter. */
static uint64_t hash_filter(const struct ask *ask)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(4 * QUERY_TEXT_MAX);
	struct query bare = *ask->query;

	bare.npipes = 0;
	query_print(&bare, &text);
	return hash64(buf_span(&text));
}

static int open_cursor(struct way *way, const struct options *opts, struct ask *ask, int64_t now_ns,
		       struct err *reterr)
{
	int64_t since = ask->has_time_range ? ask->min_time : INT64_MIN;
	int r;

	if (!opts->cursor_file.len)
		return 0;
	if (opts->follow && !ask->since_given)
		since = now_ns;
	r = place_open(opt_text(opts->cursor_file), hash_filter(ask), since, &way->place, reterr);
	if (r < 0)
		return r;
	way->first = place_sink(way->place, way->first, !way->relay && !way->window);
	ask->place = way->place;
	ask->min_time = place_since(way->place);
	ask->since_given = ask->min_time != INT64_MIN;
	if (!ask->has_time_range)
		ask->max_time = INT64_MAX;
	ask->has_time_range = true;
	return 0;
}

/* An index that may come back. */
static bool went_away(int r)
{
	return r == -ECONNREFUSED || r == -ECONNRESET || r == -ENOENT || r == -EPROTO ||
	       r == -EIO || r == -ETIMEDOUT || r == -EHOSTUNREACH;
}

/* Once, until there was a good round. */
static void say_broken(bool *broken, int r, struct answer *answer, const struct err *err)
{
	if (!*broken && r < 0)
		notice("%s; trying again", err->text);
	else if (!*broken)
		notice("%.*s; trying again", SPAN_FMT(span_trim(buf_span(&answer->why))));
	*broken = true;
	answer->partial = false;
	buf_reset(&answer->why);
}

static int end_round(struct way *way, struct err *reterr)
{
	int r = way->first->pause(way->first);

	return r == 0 && !way->relay && !way->window ? place_save(way->place, reterr) : r;
}

/*
 * With a cursor each round asks for what was committed since the one before;
 * following is asking again and again.
 */
static int ask_rounds(const struct options *opts, struct ask *ask, struct way *way,
		      struct answer *answer, struct err *reterr)
{
	struct options round = *opts;
	int r;

	round.follow = 0;
	for (bool began = false, broken = false;; began = true) {
		buf_reset(&answer->cost);
		r = fetch(&round, ask, way->first, answer, reterr);
		if (logq_cancel)
			return r;
		if (went_away(r) || answer->partial) {
			if (!opts->follow || !began)
				return r;
			say_broken(&broken, r, answer, reterr);
			r = place_break_round(way->place);
		} else if (r == 0) {
			broken = false;
			place_end_round(way->place);
			if (!opts->follow || place_is_full(way->place))
				return r;
			r = end_round(way, reterr);
		}
		if (r != 0)
			return r;
		poll(NULL, 0, ROUND_MS);
	}
}

/* Answers that wait for the end of rows, then the printer's. */
static int finish(struct way *way, int r, const struct answer *answer, struct err *reterr)
{
	bool dropped = way->relay && logq_cancel && !way->drain;

	if (r >= 0 && way->chunks && !logq_cancel)
		r = chunks_finish(way->chunks, reterr);
	if (way->relay && (logq_cancel ? way->drain : r >= 0)) {
		int q = relay_finish(way->relay, reterr);

		r = q < 0 ? q : r;
	}
	relay_free(way->relay);
	way->relay = NULL;
	if ((r >= 0 || logq_cancel) && way->window) {
		int w = window_finish(way->window, &way->rows, reterr);

		r = w < 0 ? w : r;
	}
	if (r >= 0 || logq_cancel) {
		int p = printer_end(way->printer, reterr);

		r = p < 0 ? p : r;
	} else if (r != -EPIPE) {
		(void)printer_flush(way->printer); /* what came before the error */
	}
	if (way->place && answer->partial)
		notice("the cursor stays where it was");
	else if (way->place && r != -EPIPE && !pager_was_left() && !dropped &&
		 (r >= 0 || logq_cancel))
		r = place_save(way->place, reterr);
	return r;
}

/* Nothing was found; or, by -F, one value, which may be that of all rows without the field. */
static void say_hint(const struct options *opts, const struct ask *ask, uint64_t rows)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(4096);

	if (rows == 0)
		hint_print(buf_span(&ask->text), ask->query->filter, &text);
	/* With a cursor, nothing new is no surprise. */
	if (!text.len && !opts->cursor_file.len && (rows == 0 || (rows == 1 && opts->field.len)))
		hint_field(opts, ask, &text);
	if (text.len)
		notice("%.*s", SPAN_FMT(buf_span(&text)));
}

/* What the exit status says. */
static int conclude(const struct options *opts, const struct ask *ask, int r, uint64_t rows,
		    const struct answer *answer, const struct err *err)
{
	if (opts->stats && answer->cost.len)
		notice("%.*s", SPAN_FMT(buf_span(&answer->cost)));
	if (logq_interrupted)
		return LOGQ_INTERRUPTED;
	if (r == -EPIPE || pager_was_left())
		return LOGQ_FOUND; /* whoever reads has seen enough */
	if (r < 0)
		return show_error(ask, err);
	if (answer->partial) {
		notice("the answer is partial: %.*s", SPAN_FMT(span_trim(buf_span(&answer->why))));
		return LOGQ_PARTIAL;
	}
	say_hint(opts, ask, rows);
	return rows ? LOGQ_FOUND : LOGQ_NONE;
}

static void way_release(struct way *way)
{
	relay_free(way->relay);
	chunks_free(way->chunks);
	window_free(way->window);
	backlog_free(way->backlog);
	place_free(way->place);
	printer_free(way->printer);
	highlight_free(way->highlight);
	progress_free(way->progress);
	arena_release(&way->arena);
}

int show(const struct options *opts, struct ask *ask, int64_t now_ns)
{
	struct way way = {.pager.pid = -1};
	struct answer answer;
	struct err err = {0};
	int r, code;

	answer_init(&answer);
	r = ask_split(ask, opts, now_ns, &err);
	if (r == 0)
		r = open_printer(&way, opts, ask, &err);
	if (r == 0)
		r = open_rest(&way, opts, ask, &err);
	if (r == 0)
		r = open_last(&way, opts, ask, &err);
	if (r == 0)
		r = open_cursor(&way, opts, ask, now_ns, &err);
	if (r == 0)
		r = fetch_ahead(opts, ask, now_ns, &answer, &err);
	if (r == 0) {
		answer.progress = progress_counters(way.progress);
		r = way.place ? ask_rounds(opts, ask, &way, &answer, &err)
			      : fetch(opts, ask, way.first, &answer, &err);
		r = finish(&way, r, &answer, &err);
	}
	progress_stop(way.progress);
	pager_close(&way.pager);
	code = conclude(opts, ask, r, way.rows + (way.printer ? printer_rows(way.printer) : 0),
			&answer, &err);
	way_release(&way);
	answer_release(&answer);
	return code;
}
