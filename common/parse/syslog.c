#include "common/data/timestamp.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/level.h"
#include "common/parse/when.h"
#include <errno.h>

/*
 * RFC 3164   <34>Oct 11 22:14:15 host su[123]: message          (also without <PRI>)
 * rsyslog    2026-03-01T12:00:00.123456+00:00 host su[123]: message
 * RFC 5424   <165>1 2003-10-11T22:14:15.003Z host app 123 ID47 [id k="v"] message
 *
 * The program's name becomes `service` and its machine `host`: a relayed line
 * knows them better than the machine that tails the file.
 */
static int add(struct record *rec, struct span key, enum value_type type, struct span text)
{
	return span_eq(text, SPAN("-")) ? 0 : envelope_add(rec, key, type, text);
}

static bool all_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

static int add_pid(struct record *rec, struct span text)
{
	bool number = all_digits(text) && text.ptr[0] != '0';

	return add(rec, SPAN("pid"), number ? VALUE_NUMBER : VALUE_STRING, text);
}

/* <PRI>: facility * 8 + severity.  Returns its length, 0 = none. */
static size_t read_pri(struct span text, unsigned *ret_pri)
{
	unsigned pri = 0;
	size_t i = 1;

	if (text.len < 4 || text.ptr[0] != '<')
		return 0;
	for (; i < 4 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		pri = pri * 10 + (unsigned)(text.ptr[i] - '0');
	if (i == 1 || i >= text.len || text.ptr[i] != '>' || pri > 191)
		return 0;
	*ret_pri = pri;
	return i + 1;
}

static int add_facility(struct record *rec, unsigned pri)
{
	static const char names[][9] = {
		"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
		"uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
		"local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

	return add(rec, SPAN("facility"), VALUE_STRING, span_cstr(names[pri / 8]));
}

/* The message: JSON (with rsyslog's @cee: cookie or without), else text as it is. */
static int add_message(struct record *rec, struct span text)
{
	struct span json = span_starts(text, SPAN("@cee:")) ? span_trim(span_skip(text, 5)) : text;
	size_t level_end;

	if (json.len && json.ptr[0] == '{') {
		uint32_t severity = rec->severity;
		int r = json_service_line(json, rec);

		if (!rec->severity)
			rec->severity = severity;
		if (r)
			return r;
	}
	if (!rec->severity)
		rec->severity = level_find(text, false, &level_end);
	return canon_text(rec, SPAN("message"), text);
}

/* One `k="v"` of structured data, unescaped, as sd.<id>.<k>. */
static int add_param(struct record *rec, struct span id, struct span name, struct span value)
{
	struct span key = arena_printf(rec->arena, "sd.%.*s.%.*s", SPAN_FMT(id), SPAN_FMT(name));
	char *text = arena_alloc(rec->arena, value.len), *out = text;

	if (!key.ptr || !text)
		return -ENOMEM;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '\\' && i + 1 < value.len && strchr("\"\\]", value.ptr[i + 1]))
			i++;
		*out++ = value.ptr[i];
	}
	if (record_get(rec, key))
		return 0;
	return record_add(
		rec,
		(struct field){.key = key, .text = span_between(text, out), .type = VALUE_STRING});
}

/* name="value" at the front of *rest: 1, 0 = malformed. */
static int cut_param(struct span *rest, struct span *ret_name, struct span *ret_value)
{
	size_t i;

	if (!span_cut(rest, '=', ret_name) || !ret_name->len || !rest->len || rest->ptr[0] != '"')
		return 0;
	for (i = 1; i < rest->len && rest->ptr[i] != '"'; i++)
		i += rest->ptr[i] == '\\';
	if (i >= rest->len)
		return 0;
	*ret_value = span_between(rest->ptr + 1, rest->ptr + i);
	*rest = span_skip(*rest, i + 1);
	return 1;
}

/*
 * [id k="v" k2="v2"][id2 …] or "-", cut off *rest: 1, 0 = malformed, -ENOMEM.
 * Without a record it is only measured.
 */
static int cut_structured(struct record *rec, struct span *rest)
{
	struct span name, value;

	if (span_starts(*rest, SPAN("-"))) {
		*rest = span_skip(*rest, 1);
		return 1;
	}
	if (!span_starts(*rest, SPAN("[")))
		return 0;
	while (span_starts(*rest, SPAN("["))) {
		size_t n = 1;

		while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != ']')
			n++;
		struct span id = span_skip(span_take(*rest, n), 1);

		*rest = span_skip(*rest, n);
		while (span_starts(*rest, SPAN(" "))) {
			*rest = span_skip(*rest, 1);
			if (!cut_param(rest, &name, &value))
				return 0;
			int r = rec ? add_param(rec, id, name, value) : 0;

			if (r < 0)
				return r;
		}
		if (!span_starts(*rest, SPAN("]")))
			return 0;
		*rest = span_skip(*rest, 1);
	}
	return 1;
}

/* Behind "<PRI>1 ". */
static int parse_5424(struct span rest, struct record *rec)
{
	struct span time, host, app, pid, id;
	int64_t ns;

	if (!span_cut(&rest, ' ', &time) || !span_cut(&rest, ' ', &host) ||
	    !span_cut(&rest, ' ', &app) || !span_cut(&rest, ' ', &pid) ||
	    !span_cut(&rest, ' ', &id))
		return 0;
	struct span structured = rest;
	int r = cut_structured(NULL, &rest);

	if (r <= 0)
		return r;
	if (rest.len && rest.ptr[0] == ' ')
		rest = span_skip(rest, 1);
	if (span_starts(rest, SPAN("\xef\xbb\xbf")))
		rest = span_skip(rest, 3);
	if (when_parse(time, &ns))
		canon_time(rec, ns);
	r = add_message(rec, rest);
	if (r >= 0)
		r = add(rec, SPAN("host"), VALUE_STRING, host);
	if (r >= 0)
		r = add(rec, SPAN("service"), VALUE_STRING, app);
	if (r >= 0)
		r = add_pid(rec, pid);
	if (r >= 0)
		r = add(rec, SPAN("msgid"), VALUE_STRING, id);
	if (r >= 0)
		r = cut_structured(rec, &structured);
	return r < 0 ? r : 1;
}

/* `su[123]: ` or `kernel: ` at the front: its length, 0 = none. */
static size_t read_tag(struct span text, struct span *ret_name, struct span *ret_pid)
{
	size_t n = 0;

	*ret_pid = (struct span){0};
	while (n < text.len && n < 64 && !strchr("[: ", text.ptr[n]))
		n++;
	*ret_name = span_take(text, n);
	if (n == 0 || n == text.len)
		return 0;
	if (text.ptr[n] == '[') {
		ptrdiff_t close = span_chr(span_skip(text, n), ']');

		if (close < 0 || close > 32)
			return 0;
		*ret_pid = span_take(span_skip(text, n + 1), (size_t)close - 1);
		n += (size_t)close + 1;
	}
	if (n >= text.len || text.ptr[n] != ':')
		return 0;
	n++;
	return n < text.len && text.ptr[n] == ' ' ? n + 1 : n;
}

/*
 * The time that rsyslog writes in front of a line: six digits and an offset,
 * `2026-03-01T12:00:00.123456+00:00`.  Its length, 0 = none.
 */
static size_t read_file_time(struct span text, int64_t *ret_ns)
{
	size_t n;

	if (text.len < 34 || text.ptr[10] != 'T' || text.ptr[19] != '.' || text.ptr[29] != ':' ||
	    text.ptr[32] != ' ' || (text.ptr[26] != '+' && text.ptr[26] != '-'))
		return 0;
	return timestamp_parse_iso(text, ret_ns, &n) == 0 && n == 32 ? n : 0;
}

/* `host su[123]:` is there, and not `INFO main:`. */
static bool has_host_and_tag(struct span text)
{
	struct span host, name, pid;

	return span_cut(&text, ' ', &host) && host.len && !severity_parse(host) &&
	       !span_ends(host, SPAN(":")) && read_tag(text, &name, &pid);
}

/* Behind the PRI, if there is one. */
static int parse_3164(struct span text, int64_t observed_ns, bool has_pri, struct record *rec)
{
	struct span host = {0}, name = {0}, pid = {0};
	int64_t ns = TIME_UNKNOWN;
	size_t n = when_syslog(text, observed_ns, &ns), tag;

	if (!n && has_pri && timestamp_parse_iso(text, &ns, &n) < 0)
		n = 0;
	if (!n && !has_pri) {
		n = read_file_time(text, &ns);
		if (n && !has_host_and_tag(span_skip(text, n + 1)))
			return 0;
	}
	if (!n && !has_pri)
		return 0;
	struct span rest = span_skip(text, n), after;

	if (n && rest.len && rest.ptr[0] == ' ')
		rest = span_skip(rest, 1);
	after = rest;
	/* A tag right here: the sender left its name out. */
	tag = read_tag(rest, &name, &pid);
	if (!tag && n && span_cut(&after, ' ', &host)) {
		tag = read_tag(after, &name, &pid);
		rest = tag || has_pri ? after : rest;
	}
	if (!tag && !has_pri)
		return 0;
	if (n)
		canon_time(rec, ns);
	int r = add_message(rec, span_skip(rest, tag));

	if (r >= 0)
		r = add(rec, SPAN("host"), VALUE_STRING, host);
	if (r >= 0 && tag)
		r = add(rec, SPAN("service"), VALUE_STRING, name);
	if (r >= 0 && tag)
		r = add_pid(rec, pid);
	return r < 0 ? r : 1;
}

int format_syslog(struct span text, int64_t observed_ns, struct record *rec)
{
	uint32_t before = rec->nfields;
	unsigned pri = 0;
	size_t n = read_pri(text, &pri);
	struct span rest = span_skip(text, n);
	char severity = (char)('0' + pri % 8);
	int r = 0;

	if (n)
		rec->severity = severity_parse(span_of(&severity, 1));
	if (n && span_starts(rest, SPAN("1 ")))
		r = parse_5424(span_skip(rest, 2), rec);
	if (r == 0)
		r = parse_3164(rest, observed_ns, n > 0, rec);
	if (r == 0) {
		rec->nfields = before;
		rec->severity = 0;
	}
	if (r <= 0 || !n)
		return r;
	r = add_facility(rec, pri);
	return r < 0 ? r : 1;
}
