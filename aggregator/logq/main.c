/* main.c - logq: from words to rows on stdout. */
#include "aggregator/logq/answer.h"
#include "aggregator/logq/complete.h"
#include "aggregator/logq/show.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <signal.h>
#include <time.h>

atomic_bool logq_cancel, logq_interrupted;

static void on_signal(int signal)
{
	(void)signal;
	logq_interrupted = true;
	logq_cancel = true;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* --print-query, --check-query, --explain of what isn't opened. */
static int print_query(const struct ask *ask)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(4 * QUERY_TEXT_MAX);

	query_print(ask->query, &text);
	buf_putc(&text, '\n');
	fwrite(text.ptr, 1, text.len, stdout);
	return text.failed ? LOGQ_ERROR : LOGQ_FOUND;
}

static int explain(const struct ask *ask)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(4 * QUERY_TEXT_MAX);
	const struct query_conf conf = {.has_time_range = ask->has_time_range,
					.min_time = ask->min_time,
					.max_time = ask->max_time};
	int r = query_explain(ask->query, &conf, &text);

	fwrite(text.ptr, 1, text.len, stdout);
	return r < 0 || text.failed ? LOGQ_ERROR : LOGQ_FOUND;
}

int main(int argc, char **argv)
{
	struct option_mem mem;
	struct options opts = {0};
	struct ask ask = {0};
	struct err err = {0};
	int64_t now = clock_real_ns();
	int code;

	option_mem_init(&mem, 4 << 20);
	code = logq_options_parse(argc, argv, &mem, &opts);
	/* The query's times ask libc what is local. */
	if (opts.utc && setenv("TZ", "UTC0", 1) == 0)
		tzset();
	if (code < 0) {
		catch_signals();
		if (opts.complete.len)
			code = complete_print(&opts);
		else if (ask_init(&ask, &opts, now, &err) < 0)
			code = show_error(&ask, &err);
		else if (opts.check_query)
			code = LOGQ_FOUND;
		else if (opts.print_query)
			code = print_query(&ask);
		else if (opts.explain)
			code = explain(&ask);
		else
			code = show(&opts, &ask, now);
	}
	ask_release(&ask);
	option_mem_release(&mem);
	return code;
}
