/* syslog.c - see syslog.h. */
#include "aggregator/query/text/syslog.h"
#include "aggregator/query/text/logfmt.h"
#include "aggregator/query/text/number_text.h"
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include "common/lang/number.h"

struct syslog {
	struct arena *arena;
	syslog_field_fn *emit;
	void *ctx;
};

static const char *const facilities[] = {
	"kern",   "user",   "mail",     "daemon", "auth",   "syslog",   "lpr",     "news",
	"uucp",   "cron",   "authpriv", "ftp",    "ntp",    "security", "console", "solaris-cron",
	"local0", "local1", "local2",   "local3", "local4", "local5",   "local6",  "local7",
};
static const char *const levels[] = {"emerg",   "alert",  "critical", "error",
				     "warning", "notice", "info",     "debug"};

static void emit(const struct syslog *s, const char *name, struct span value)
{
	s->emit(s->ctx, span_cstr(name), value);
}

/* <165>: facility and severity.  False when there is no number. */
static bool parse_priority(const struct syslog *s, struct span *rest)
{
	ptrdiff_t close = span_chr(*rest, '>');
	uint64_t priority;

	if (close < 0)
		return false;
	struct span text = span_take(span_skip(*rest, 1), (size_t)close - 1);

	emit(s, "priority", text);
	if (!lang_u64(text, &priority))
		return false;
	uint64_t facility = priority / 8;

	emit(s, "facility_keyword", span_cstr(facility < 24 ? facilities[facility] : "unknown"));
	emit(s, "level", span_cstr(levels[priority % 8]));
	emit(s, "facility", arena_printf(s->arena, "%llu", (unsigned long long)facility));
	emit(s, "severity", arena_printf(s->arena, "%llu", (unsigned long long)(priority % 8)));
	*rest = span_skip(*rest, (size_t)close + 1);
	return true;
}

/* Bytes of `[id a="b"]` in front, where \] and \" don't end it; 0 if it has no end. */
static size_t element_len(struct span text)
{
	bool quoted = false;

	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i] == '\\')
			i++;
		else if (text.ptr[i] == '"')
			quoted = !quoted;
		else if (text.ptr[i] == ']' && !quoted)
			return i + 1;
	}
	return 0;
}

/* `\]` is how a bracket is written inside; the quotes' own escapes know nothing of it. */
static struct span unescape_brackets(struct span text, struct arena *arena)
{
	char *copy, *to;

	if (span_find(text, SPAN("\\]")) < 0)
		return text;
	copy = to = arena_alloc(arena, text.len);
	for (size_t i = 0; copy && i < text.len; i++)
		if (text.ptr[i] != '\\' || i + 1 == text.len || text.ptr[i + 1] != ']')
			*to++ = text.ptr[i];
	return copy ? span_between(copy, to) : text;
}

static void parse_element(const struct syslog *s, struct span element)
{
	ptrdiff_t space = span_chr(element, ' ');
	struct span id = span_take(element, space < 0 ? element.len : (size_t)space);
	struct span rest = unescape_brackets(span_trim(span_skip(element, id.len)), s->arena);
	ptrdiff_t equals = span_chr(id, '=');
	struct span key, value;
	bool any = false;

	if (equals >= 0) {
		s->emit(s->ctx, span_take(id, (size_t)equals), span_skip(id, (size_t)equals + 1));
		id = SPAN("");
	}
	while (logfmt_next(&rest, s->arena, &key, &value)) {
		any = true;
		if (id.len)
			key = arena_printf(s->arena, "%.*s.%.*s", SPAN_FMT(id), SPAN_FMT(key));
		s->emit(s->ctx, key, value);
	}
	if (!any && id.len)
		s->emit(s->ctx, id, SPAN(""));
}

/* "- " or "[…][…] ".  False if it is neither. */
static bool parse_structured_data(const struct syslog *s, struct span *rest)
{
	if (span_starts(*rest, SPAN("- "))) {
		*rest = span_skip(*rest, 2);
		return true;
	}
	while (rest->len && rest->ptr[0] == '[') {
		size_t len = element_len(*rest);

		if (len == 0)
			return false;
		parse_element(s, span_of(rest->ptr + 1, len - 2));
		*rest = span_skip(*rest, len);
		if (span_starts(*rest, SPAN(" "))) {
			*rest = span_skip(*rest, 1);
			return true;
		}
	}
	return false;
}

static void parse_5424(const struct syslog *s, struct span rest)
{
	static const char *const names[] = {"timestamp", "hostname", "app_name", "proc_id",
					    "msg_id"};

	emit(s, "format", SPAN("rfc5424"));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ptrdiff_t space = span_chr(rest, ' ');

		if (rest.len == 0 && i == 0)
			return;
		emit(s, names[i], span_take(rest, space < 0 ? rest.len : (size_t)space));
		if (space < 0)
			return;
		rest = span_skip(rest, (size_t)space + 1);
	}
	if (parse_structured_data(s, &rest))
		emit(s, "message", rest);
}

static int two_digits(const char *p)
{
	int high = p[0] == ' ' ? 0 : p[0] - '0', low = p[1] - '0';

	return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}

/* "Jun  3 17:42:32", 15 bytes.  False if it is none. */
static bool parse_padded(struct span text, int64_t now_ns, int64_t offset_ns, int64_t *ret)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t year, days;
	unsigned month, day;

	if (text.len < 15 || text.ptr[3] != ' ' || text.ptr[6] != ' ' || text.ptr[9] != ':' ||
	    text.ptr[12] != ':')
		return false;
	const char *found = memmem(months, 36, text.ptr, 3);
	int mday = two_digits(text.ptr + 4), hour = two_digits(text.ptr + 7);
	int minute = two_digits(text.ptr + 10), second = two_digits(text.ptr + 13);

	if (!found || (found - months) % 3 || mday < 1 || mday > 31 || hour < 0 || hour > 23 ||
	    minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	timestamp_civil(now_ns / (86400 * NS_PER_SEC), &year, &month, &day);
	month = (unsigned)(found - months) / 3 + 1;
	for (int back = 0; back < 2; back++) {
		days = timestamp_days(year - back, month, (unsigned)mday);
		*ret = (days * 86400 + hour * 3600 + minute * 60 + second) * NS_PER_SEC - offset_ns;
		if (*ret - 86400 * NS_PER_SEC <= now_ns)
			break;
	}
	return true;
}

/* The same, also when the day is not padded ("Jun 3 17:42:32").  Bytes read, 0 if it is none. */
static size_t parse_stamp(struct span text, int64_t now_ns, int64_t offset_ns, int64_t *ret)
{
	char padded[15];

	if (parse_padded(text, now_ns, offset_ns, ret))
		return 15;
	if (text.len < 14 || text.ptr[3] != ' ')
		return 0;
	memcpy(padded, text.ptr, 4);
	padded[4] = ' ';
	memcpy(padded + 5, text.ptr + 4, 10);
	return parse_padded(span_of(padded, 15), now_ns, offset_ns, ret) ? 14 : 0;
}

static struct span time_text(int64_t ns, struct arena *arena)
{
	char text[TIMESTAMP_TEXT_LEN];

	/* Milliseconds, as this format's readers expect. */
	timestamp_format(text, ns);
	text[23] = 'Z';
	return arena_dup(arena, span_of(text, 24));
}

static void parse_3164(const struct syslog *s, struct span rest, int64_t now_ns, int64_t offset_ns)
{
	int64_t ns;
	size_t len = 0, stamp = parse_stamp(rest, now_ns, offset_ns, &ns);

	emit(s, "format", SPAN("rfc3164"));
	if (stamp == 0) {
		emit(s, "message", rest);
		return;
	}
	emit(s, "timestamp", time_text(ns, s->arena));
	rest = span_skip(rest, stamp);
	if (!span_starts(rest, SPAN(" "))) {
		if (rest.len)
			emit(s, "message", rest);
		return;
	}
	rest = span_skip(rest, 1);
	ptrdiff_t space = span_chr(rest, ' ');

	emit(s, "hostname", span_take(rest, space < 0 ? rest.len : (size_t)space));
	if (space < 0)
		return;
	rest = span_skip(rest, (size_t)space + 1);
	while (len < rest.len && !strchr("[: ", rest.ptr[len]))
		len++;
	emit(s, "app_name", span_take(rest, len));
	rest = span_skip(rest, len);
	if (span_starts(rest, SPAN("["))) {
		ptrdiff_t close = span_chr(rest, ']');

		if (close < 0)
			return;
		emit(s, "proc_id", span_take(span_skip(rest, 1), (size_t)close - 1));
		rest = span_skip(rest, (size_t)close + 1);
	}
	rest = span_skip(rest, span_starts(rest, SPAN(":")));
	rest = span_skip(rest, span_starts(rest, SPAN(" ")));
	if (rest.len)
		emit(s, "message", rest);
}

void syslog_parse(struct span text, int64_t now_ns, int64_t offset_ns, struct arena *arena,
		  syslog_field_fn *emit_fn, void *ctx)
{
	struct syslog s = {arena, emit_fn, ctx};

	if (text.len == 0 || (text.ptr[0] == '<' && !parse_priority(&s, &text)) || text.len == 0)
		return;
	if (span_starts(text, SPAN("1 ")))
		parse_5424(&s, span_skip(text, 2));
	else
		parse_3164(&s, text, now_ns, offset_ns);
}
