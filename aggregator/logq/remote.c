/* remote.c - ask a server, print what it says. */
#include "aggregator/logq/remote.h"
#include "aggregator/logq/http_client.h"
#include "common/base/cleanup.h"
#include "common/base/num.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include <errno.h>

#define ROW_ARENA (128u << 20)

struct remote {
	const struct options *opts;
	struct printer *printer;
	struct answer *answer;
	struct arena arena;
	bool ended;  /* the trailer was there */
	bool enough; /* we stopped reading by ourselves */
	struct err *reterr;
};

const char *remote_default(void)
{
	static const char *const sockets[] = {"/run/aggregator/aggregator.sock",
					      "/var/lib/aggregator/aggregator.sock"};

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (access(sockets[i], F_OK) == 0)
			return sockets[i];
	return NULL;
}

static uint64_t number_of(const struct record *rec, const char *name)
{
	uint64_t n;

	return num_parse_u64(record_text(rec, span_cstr(name)), &n) == 0 ? n : 0;
}

/* {"_end":{…}} */
static int take_end(struct remote *remote, struct span object)
{
	struct answer *answer = remote->answer;
	struct record rec;
	struct span error;
	size_t at;

	record_init(&rec, &remote->arena, object);
	if (json_scan_record(object, &rec, &at) < 0)
		return err_set(remote->reterr, -EPROTO, "the end of the answer is garbled");
	remote->ended = true;
	answer->partial = span_eq(record_text(&rec, SPAN("partial")), SPAN("true"));
	buf_puts(&answer->why, record_text(&rec, SPAN("partial_why")));
	buf_printf(&answer->cost,
		   "%llu rows read, %llu matched; %llu of %llu blocks skipped; %.*s ms",
		   (unsigned long long)number_of(&rec, "rows_scanned"),
		   (unsigned long long)number_of(&rec, "rows_matched"),
		   (unsigned long long)number_of(&rec, "blocks_skipped"),
		   (unsigned long long)(number_of(&rec, "blocks_skipped") +
					number_of(&rec, "blocks_scanned")),
		   SPAN_FMT(record_text(&rec, SPAN("ms"))));
	error = record_text(&rec, SPAN("error"));
	if (error.len)
		return err_set(remote->reterr, -EIO, "%.*s", SPAN_FMT(error));
	return 0;
}

static int take_error(struct remote *remote, unsigned status, struct span line)
{
	struct record rec;
	size_t at;

	record_init(&rec, &remote->arena, line);
	if (json_scan_record(line, &rec, &at) < 0)
		return err_set(remote->reterr, -EPROTO, "the server answers %u: %.*s", status,
			       SPAN_FMT(span_take(line, 300)));
	return err_set(remote->reterr, -EIO, "%.*s", SPAN_FMT(record_text(&rec, SPAN("error"))));
}

static int take_line(void *ctx, unsigned status, struct span line)
{
	struct remote *remote = ctx;
	const struct span *names;
	struct span *parts;
	struct record rec;
	size_t at;
	int r;

	if (logq_cancel)
		return -ECANCELED;
	arena_reset(&remote->arena);
	if (status != 200)
		return take_error(remote, status, line);
	if (!line.len)
		return 0;
	record_init(&rec, &remote->arena, line);
	if (json_scan_record(line, &rec, &at) < 0)
		return err_set(remote->reterr, -EPROTO, "a row of the answer is no JSON");
	if (rec.nfields == 1 && span_eq(rec.fields[0].key, SPAN("_end")))
		return take_end(remote, rec.fields[0].text);
	parts = ARENA_ARRAY(&remote->arena, struct span, 2 * (size_t)rec.nfields + 1);
	if (!parts)
		return err_set(remote->reterr, -ENOMEM, "a row is too long");
	names = parts;
	for (size_t i = 0; i < rec.nfields; i++) {
		parts[i] = rec.fields[i].key;
		parts[rec.nfields + i] = rec.fields[i].text;
	}
	r = printer_row(remote->printer, names, parts + rec.nfields, rec.nfields);
	remote->enough = r == 1;
	if (r == 0 && remote->opts->follow)
		r = printer_flush(remote->printer);
	return r < 0 ? err_set(remote->reterr, r, "can't print: %s", strerror(-r)) : r;
}

static void add_time(struct buf *form, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_LEN];

	if (ns == INT64_MIN || ns == INT64_MAX)
		return;
	timestamp_format(text, ns);
	http_form_add(form, name, span_of(text, sizeof(text)));
}

static void write_form(const struct options *opts, const struct ask *ask, struct buf *form)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(QUERY_TEXT_MAX);
	char timeout[NUM_TEXT_MAX + 4];

	query_print(ask->query, &text);
	http_form_add(form, "query", buf_span(&text));
	http_form_add(form, "trailer", SPAN("1"));
	if (ask->has_time_range) {
		add_time(form, "start", ask->min_time);
		add_time(form, "end", ask->max_time);
	}
	if (opts->timeout > 0) {
		snprintf(timeout, sizeof(timeout), "%lldns", (long long)opts->timeout);
		http_form_add(form, "timeout", span_cstr(timeout));
	}
}

int remote_run(const struct options *opts, struct ask *ask, const char *server,
	       struct printer *printer, struct answer *ret, struct err *reterr)
{
	_cleanup_(buf_release) struct buf form = BUF_INIT(4 * QUERY_TEXT_MAX);
	struct remote remote = {.opts = opts, .printer = printer, .answer = ret, .reterr = reterr};
	int r;

	write_form(opts, ask, &form);
	if (form.failed)
		return err_set(reterr, form.failed, "the query is too long");
	arena_init(&remote.arena, ROW_ARENA);
	r = http_client_post(server, opts->follow ? "/api/v1/tail" : "/api/v1/query",
			     buf_span(&form), take_line, &remote, reterr);
	arena_release(&remote.arena);
	if (logq_cancel)
		return -ECANCELED;
	if (r == 0 && !remote.ended && !remote.enough)
		return err_set(reterr, -EPROTO, "the server cut the answer short");
	return r;
}
