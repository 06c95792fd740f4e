#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/when.h"

/*
 * Web servers' common and combined log format, with what nginx setups put
 * behind it kept as http.extra:
 *
 *	1.2.3.4 - alice [17/May/2015:10:05:03 +0000] "GET /x HTTP/1.1" 200 203 "referer" "agent" …
 *
 * Split by hand: 24 M lines/s where PCRE2's JIT makes 6.5 M.
 */
struct access {
	struct span client, user, request, status, bytes, referer, agent, extra;
	int64_t ns;
};

static bool all_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* "…" at the front of *rest; a quote inside is written \". */
static bool cut_quoted(struct span *rest, struct span *ret)
{
	struct span text = *rest;

	if (!text.len || text.ptr[0] != '"')
		return false;
	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i] == '\\') {
			i++;
		} else if (text.ptr[i] == '"') {
			*ret = span_between(text.ptr + 1, text.ptr + i);
			*rest = span_skip(text, i + 1);
			return true;
		}
	}
	return false;
}

static bool cut_space(struct span *rest)
{
	if (!rest->len || rest->ptr[0] != ' ')
		return false;
	*rest = span_skip(*rest, 1);
	return true;
}

/* Everything up to the status, which is where the two formats agree. */
static bool read_common(struct span *rest, struct access *a)
{
	struct span ident;

	if (!span_cut(rest, ' ', &a->client) || !span_cut(rest, ' ', &ident) ||
	    !span_cut(rest, ' ', &a->user) || !a->client.len)
		return false;
	/* "www.example.com:80 1.2.3.4 - -": the virtual host in front. */
	if (rest->len && rest->ptr[0] == '-' && ident.len > 6) {
		a->client = ident;
		if (!span_cut(rest, ' ', &a->user))
			return false;
	}
	if (!rest->len || rest->ptr[0] != '[')
		return false;
	size_t n = when_access(span_skip(*rest, 1), &a->ns);

	*rest = span_skip(*rest, n + 1);
	if (!n || !span_starts(*rest, SPAN("] ")))
		return false;
	*rest = span_skip(*rest, 2);
	return cut_quoted(rest, &a->request) && cut_space(rest) &&
	       span_cut(rest, ' ', &a->status) && a->status.len == 3 && all_digits(a->status);
}

static bool read_access(struct span text, struct access *a)
{
	struct span rest = text;

	if (!read_common(&rest, a))
		return false;
	if (!span_cut(&rest, ' ', &a->bytes))
		return true;
	if (!all_digits(a->bytes) && !span_eq(a->bytes, SPAN("-")))
		return false;
	struct span before = rest;

	if (!cut_quoted(&rest, &a->referer) || !cut_space(&rest) || !cut_quoted(&rest, &a->agent)) {
		a->referer = a->agent = (struct span){0};
		rest = before;
	}
	cut_space(&rest);
	a->extra = rest;
	return true;
}

static int add(struct record *rec, struct span key, struct span text)
{
	/* "-" is how these formats write nothing. */
	if (!text.len || span_eq(text, SPAN("-")))
		return 0;
	return record_add(rec, (struct field){.key = key, .text = text, .type = VALUE_STRING});
}

static int add_number(struct record *rec, struct span key, struct span text)
{
	while (text.len > 1 && text.ptr[0] == '0')
		text = span_skip(text, 1);
	if (!all_digits(text))
		return 0;
	return record_add(rec, (struct field){.key = key, .text = text, .type = VALUE_NUMBER});
}

/* GET /x?q=1 HTTP/1.1; what is not of this shape (a TLS hello on port 80) stays whole. */
static int add_request(struct record *rec, struct span request)
{
	struct span rest = request, method, path, version = {0};
	const char *last = request.len ? memrchr(request.ptr, ' ', request.len) : NULL;

	if (!last || !span_cut(&rest, ' ', &method) || method.len > 20)
		return add(rec, SPAN("http.request"), request);
	path = rest;
	if (last > path.ptr &&
	    span_starts(span_skip(request, (size_t)(last + 1 - request.ptr)), SPAN("HTTP/"))) {
		version = span_skip(request, (size_t)(last + 6 - request.ptr));
		path = span_between(path.ptr, last);
	}
	int r = add(rec, SPAN("http.method"), method);

	if (r >= 0)
		r = add(rec, SPAN("http.path"), path);
	return r < 0 ? r : add(rec, SPAN("http.version"), version);
}

int format_access(struct span text, int64_t observed_ns, struct record *rec)
{
	struct access a = {.ns = TIME_UNKNOWN};
	const struct {
		struct span key, *text;
	} texts[] = {
		{{"client.ip", 9}, &a.client},      {{"user.name", 9}, &a.user},
		{{"http.referer", 12}, &a.referer}, {{"http.user_agent", 15}, &a.agent},
		{{"http.extra", 10}, &a.extra},
	};

	(void)observed_ns;
	if (text.len < 40 || !read_access(text, &a))
		return 0;
	/* What one reads: GET /x HTTP/1.1 200 */
	struct span message =
		arena_printf(rec->arena, "%.*s %.*s", SPAN_FMT(a.request), SPAN_FMT(a.status));
	int r = message.ptr ? add_request(rec, a.request) : -12;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && r >= 0; i++)
		r = add(rec, texts[i].key, *texts[i].text);
	if (r >= 0)
		r = add_number(rec, SPAN("http.status"), a.status);
	if (r >= 0)
		r = add_number(rec, SPAN("http.bytes"), a.bytes);
	if (r >= 0)
		r = canon_text(rec, SPAN("message"), message);
	canon_time(rec, a.ns);
	return r < 0 ? r : 1;
}
