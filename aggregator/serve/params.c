/* params.c - see params.h. */
#include "aggregator/serve/params.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/json_scan.h"
#include "common/lang/time_arg.h"
#include "common/lang/words.h"
#include <errno.h>

#define FILTER_TEXT_MAX (2u << 20)
#define FILTER_MEMORY   (4u << 20)

int params_time(struct http_request *req, const char *name, int64_t *ret_ns, struct err *reterr)
{
	struct span text = http_param(req, name);
	int r = text.len ? time_arg_parse(text, clock_real_ns(), true, ret_ns, reterr) : 0;

	return r < 0 ? err_prefix(reterr, r, "%s", name) : 0;
}

int params_duration(struct http_request *req, const char *name, const char *def, int64_t *ret_ns,
		    struct err *reterr)
{
	struct span text = http_param(req, name);
	double seconds;

	if (!text.len && !def)
		return 0;
	if (!text.len)
		text = span_cstr(def);
	if (num_parse_duration(text, ret_ns) == 0 && *ret_ns > 0)
		return 0;
	if (num_parse_double(text, &seconds) == 0 && seconds >= 1e-9 && seconds < 9e9) {
		*ret_ns = (int64_t)(seconds * NS_PER_SEC);
		return 0;
	}
	return err_set(reterr, -EINVAL,
		       "%s: '%.*s' is no duration such as 500ms, 30s or 5m, nor seconds", name,
		       SPAN_FMT(text));
}

int params_number(struct http_request *req, const char *name, uint64_t *ret, struct err *reterr)
{
	struct span text = http_param(req, name);

	if (!text.len || num_parse_u64(text, ret) == 0)
		return 0;
	return err_set(reterr, -EINVAL, "%s: '%.*s' is no whole number from 0", name,
		       SPAN_FMT(text));
}

int params_limits(struct http_request *req, struct answer_conf *conf, struct err *reterr)
{
	struct query_conf *q = &conf->query;
	int64_t asked = 0;
	int r;

	q->min_time = INT64_MIN;
	q->max_time = INT64_MAX;
	r = params_time(req, "start", &q->min_time, reterr);
	if (r == 0)
		r = params_time(req, "end", &q->max_time, reterr);
	if (r == 0)
		r = params_number(req, "limit", &conf->limit, reterr);
	if (r == 0)
		r = params_duration(req, "timeout", NULL, &asked, reterr);
	if (asked && (!q->timeout_ns || asked < q->timeout_ns))
		q->timeout_ns = asked;
	q->has_time_range = q->min_time != INT64_MIN || q->max_time != INT64_MAX;
	conf->trailer = span_eq(http_param(req, "trailer"), SPAN("1"));
	return r;
}

/* One value, or all strings of an array: "cart", ["cart","payment"]. */
static int put_values(struct arena *arena, const struct json_item *item, struct buf *out)
{
	struct json_iter iter;
	struct json_item one = *item;
	bool first = true;

	if (item->type == VALUE_STRING) {
		text_print_quoted(out, item->text_escaped ? json_unescape(arena, item->text)
							  : item->text);
		return 0;
	}
	if (item->type != VALUE_JSON || !json_iter_init(&iter, item->text) || iter.object)
		return -EINVAL;
	for (; json_iter_next(&iter, &one); first = false) {
		if (one.type != VALUE_STRING)
			return -EINVAL;
		buf_puts(out, first ? SPAN("") : SPAN(", "));
		put_values(arena, &one, out);
	}
	return 0;
}

/* {"a":"b","c":["d","e"]} is  "a":in("b") "c":in("d", "e")  or  {"a" in ("b"), "c" in ("d", "e")} */
static int put_object(struct span object, bool stream, struct buf *out, struct err *reterr)
{
	_cleanup_(arena_release) struct arena arena;
	struct json_iter iter;
	struct json_item item;
	size_t members = 0;

	arena_init(&arena, FILTER_MEMORY);
	if (!json_iter_init(&iter, object))
		return -EINVAL;
	buf_puts(out, stream ? SPAN("{") : SPAN(""));
	for (; json_iter_next(&iter, &item); members++) {
		buf_puts(out, !members ? SPAN("") : stream ? SPAN(", ") : SPAN(" "));
		text_print_quoted(out,
				  item.key_escaped ? json_unescape(&arena, item.key) : item.key);
		buf_puts(out, stream ? SPAN(" in (") : SPAN(":in("));
		if (put_values(&arena, &item, out) < 0)
			return err_set(reterr, -EINVAL, "a value is a string or an array of them");
		buf_putc(out, ')');
	}
	buf_puts(out, stream ? SPAN("}") : members ? SPAN("") : SPAN("*"));
	return arena.overflowed ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}

/* One of them, as a filter that can be read. */
static int put_extra(struct span given, bool stream, struct buf *out, struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(FILTER_TEXT_MAX);
	struct query *query;
	size_t at;
	int r = 0;

	given = span_trim(given);
	/* {"service"="cart"} is no JSON, but a filter of streams. */
	if (span_starts(given, SPAN("{")) && json_validate(given, &at) == 0)
		r = put_object(given, stream, &text, reterr);
	else
		buf_puts(&text, given);
	if (r == 0)
		r = query_parse(buf_span(&text), clock_real_ns(), NULL, &query, reterr);
	if (r < 0)
		return r;
	if (out->len)
		buf_putc(out, ' ');
	buf_putc(out, '(');
	query_print(query, out);
	buf_putc(out, ')');
	query_free(query);
	return 0;
}

static int put_extras(struct http_request *req, const char *name, bool stream, struct buf *out,
		      struct span *ret_wrong, struct err *reterr)
{
	struct span given;

	for (size_t i = 0; (given = http_param_at(req, name, i)).ptr; i++) {
		int r = given.len ? put_extra(given, stream, out, reterr) : 0;

		if (r < 0) {
			*ret_wrong = given;
			return err_prefix(reterr, r, "%s", name);
		}
	}
	return 0;
}

/* The options of the query, if it has some, go on behind ours. */
static int put_under_filter(struct span text, struct span filter, struct buf *ret,
			    struct err *reterr)
{
	_cleanup_(buf_release) struct buf printed = BUF_INIT(QUERY_TEXT_MAX);
	const struct span options = SPAN("options(");
	struct span rest;
	struct query *query;
	int r = query_parse(text, clock_real_ns(), &query_lang_ops, &query, reterr);

	if (r < 0)
		return r;
	query_print(query, &printed);
	query_free(query);
	rest = buf_span(&printed);
	buf_printf(ret, "options(global_filter=(%.*s)", SPAN_FMT(filter));
	if (span_starts(rest, options)) {
		buf_puts(ret, SPAN(", "));
		rest = span_skip(rest, options.len);
	} else {
		buf_puts(ret, SPAN(") "));
	}
	buf_puts(ret, rest);
	return printed.failed ? err_set(reterr, -E2BIG, "the query is too long") : 0;
}

int params_query(struct http_request *req, struct span query, struct buf *ret,
		 struct span *ret_wrong, struct err *reterr)
{
	_cleanup_(buf_release) struct buf filter = BUF_INIT(FILTER_TEXT_MAX);
	int r;

	*ret_wrong = query;
	r = put_extras(req, "extra_filters", false, &filter, ret_wrong, reterr);
	if (r == 0)
		r = put_extras(req, "extra_stream_filters", true, &filter, ret_wrong, reterr);
	if (r == 0 && filter.len)
		r = put_under_filter(query, buf_span(&filter), ret, reterr);
	else if (r == 0)
		buf_puts(ret, query);
	if (r == 0 && (filter.failed || ret->failed))
		r = err_set(reterr, -E2BIG, "the query is too long");
	return r;
}
