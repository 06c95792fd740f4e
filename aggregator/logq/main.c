/* main.c - logq: from words to rows on stdout. */
#include "aggregator/logq/local.h"
#include "aggregator/logq/pager.h"
#include "aggregator/logq/remote.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

atomic_bool logq_cancel;

static void on_signal(int signal)
{
	(void)signal;
	logq_cancel = true;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static unsigned stderr_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* A wrong query is shown with a caret under the byte. */
static int say_error(const struct ask *ask, const struct err *err)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);

	if (!ask->syntax) {
		fprintf(stderr, "logq: %s\n", err->text);
		return LOGQ_ERROR;
	}
	lex_print_error(&text, buf_span(&ask->text), err, stderr_width());
	if (text.len && text.ptr[text.len - 1] != '\n')
		buf_putc(&text, '\n');
	fwrite(text.ptr, 1, text.len, stderr);
	return LOGQ_ERROR;
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

static int ask_source(const struct options *opts, struct ask *ask, struct printer *printer,
		      struct answer *answer, struct err *reterr)
{
	_cleanup_free_ char *server =
		strndup(opts->server.len ? opts->server.ptr : "", opts->server.len);

	if (opts->dir.len || opts->bus.len || ask->files.len)
		return local_run(opts, ask, printer, answer, reterr);
	if (server && !server[0] && remote_default()) {
		free(server);
		server = strdup(remote_default());
	}
	if (!server)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!server[0])
		return err_set(reterr, -ENOENT,
			       "no aggregator runs here: name a file, -D DIR or --server URL");
	return remote_run(opts, ask, server, printer, answer, reterr);
}

/* What the exit status says. */
static int conclude(const struct options *opts, const struct ask *ask, int r, uint64_t rows,
		    const struct answer *answer, const struct err *err)
{
	if (opts->stats && answer->cost.len)
		fprintf(stderr, "logq: %.*s\n", SPAN_FMT(buf_span(&answer->cost)));
	if (r == -EPIPE)
		return LOGQ_FOUND; /* whoever reads has seen enough */
	if (logq_cancel)
		return LOGQ_INTERRUPTED;
	if (r < 0)
		return say_error(ask, err);
	if (answer->partial) {
		fprintf(stderr, "logq: the answer is partial: %.*s\n",
			SPAN_FMT(span_trim(buf_span(&answer->why))));
		return LOGQ_PARTIAL;
	}
	return rows ? LOGQ_FOUND : LOGQ_NONE;
}

static int show(const struct options *opts, struct ask *ask)
{
	bool page = isatty(STDOUT_FILENO) && !opts->no_pager && !opts->follow;
	struct print_conf conf = {.fd = STDOUT_FILENO,
				  .format = (enum output_format)opts->output,
				  .bars = opts->histogram.len > 0,
				  .reversed = ask->reversed,
				  .limit = ask->limit};
	struct answer answer;
	struct printer *printer;
	struct err err = {0};
	pid_t pid = -1;
	int r, code;

	answer_init(&answer);
	style_init(&conf.style, STDOUT_FILENO, opts->color, opts->utc);
	if (opts->count && conf.format == OUTPUT_AUTO)
		conf.format = OUTPUT_CAT;
	if (page)
		conf.fd = pager_open(&pid);
	if (printer_new(&conf, &printer) < 0)
		return LOGQ_ERROR;
	r = ask_source(opts, ask, printer, &answer, &err);
	if (r >= 0 || logq_cancel)
		r = printer_end(printer, &err);
	pager_close(conf.fd, pid);
	code = conclude(opts, ask, r, printer_rows(printer), &answer, &err);
	printer_free(printer);
	answer_release(&answer);
	return code;
}

int main(int argc, char **argv)
{
	struct option_mem mem;
	struct options opts = {0};
	struct ask ask = {0};
	struct err err = {0};
	int code;

	option_mem_init(&mem, 4 << 20);
	code = logq_options_parse(argc, argv, &mem, &opts);
	if (code < 0) {
		catch_signals();
		if (ask_init(&ask, &opts, clock_real_ns(), &err) < 0)
			code = say_error(&ask, &err);
		else if (opts.check_query)
			code = LOGQ_FOUND;
		else if (opts.print_query)
			code = print_query(&ask);
		else if (opts.explain)
			code = explain(&ask);
		else
			code = show(&opts, &ask);
	}
	ask_release(&ask);
	option_mem_release(&mem);
	return code;
}
