#include "common/data/timestamp.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include "common/parse/when.h"

/*
 * Kubernetes' and Google's text format; the year is not in it:
 *
 *	E0301 12:00:00.123456    1234 file.go:10] message
 *	I0301 12:00:00.123456       1 x.go:8] "Pod was deleted" pod="kube-system/dns"
 */

/* The space-separated word at the front of *rest, spaces before it skipped. */
static struct span cut_word(struct span *rest)
{
	struct span word = {0};

	while (rest->len && rest->ptr[0] == ' ')
		*rest = span_skip(*rest, 1);
	span_cut(rest, ' ', &word);
	return word;
}

static bool all_digits(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* MMDD hh:mm:ss.uuuuuu → the same as syslog's, by name of the month. */
static size_t read_time(struct span text, int64_t observed_ns, int64_t *ret_ns)
{
	struct civil_time t = {0};
	const char *end = span_end(text);

	if (text.len < 14 || !all_digits(span_take(text, 4)) || text.ptr[4] != ' ')
		return 0;
	t.month = (unsigned)(text.ptr[0] - '0') * 10 + (unsigned)(text.ptr[1] - '0');
	t.day = (unsigned)(text.ptr[2] - '0') * 10 + (unsigned)(text.ptr[3] - '0');
	const char *p = timestamp_read_clock(text.ptr + 5, end, &t);

	return p && when_infer_year(&t, observed_ns, ret_ns) ? (size_t)(p - text.ptr) : 0;
}

/* "message" key=value …, or all of it is the message. */
static int add_message(struct record *rec, struct span text)
{
	ptrdiff_t quote = span_starts(text, SPAN("\"")) ? span_chr(span_skip(text, 1), '"') : -1;
	uint32_t before = rec->nfields;

	if (quote >= 0 && !memchr(text.ptr, '\\', (size_t)quote)) {
		struct span rest = span_skip(text, (size_t)quote + 2);
		int r = rest.len == 0 ? 1 : logfmt_pairs(rest, rec);

		if (r < 0)
			return r;
		if (r > 0)
			return canon_text(rec, SPAN("message"),
					  span_take(span_skip(text, 1), (size_t)quote));
		rec->nfields = before;
	}
	return canon_text(rec, SPAN("message"), text);
}

int format_klog(struct span text, int64_t observed_ns, struct record *rec)
{
	int64_t ns;
	size_t n;

	if (text.len < 22 || !memchr("IWEFD", text.ptr[0], 5))
		return 0;
	n = read_time(span_skip(text, 1), observed_ns, &ns);
	if (!n)
		return 0;
	struct span rest = span_skip(text, n + 1), thread = cut_word(&rest), where;

	if (!all_digits(thread) || !span_cut(&rest, ']', &where))
		return 0;
	while (where.len && where.ptr[0] == ' ')
		where = span_skip(where, 1);
	if (span_chr(where, ':') < 0 || span_chr(where, ' ') >= 0)
		return 0;
	if (rest.len && rest.ptr[0] == ' ')
		rest = span_skip(rest, 1);
	int r = add_message(rec, rest);

	if (r >= 0)
		r = envelope_add(rec, SPAN("thread"),
				 thread.ptr[0] == '0' ? VALUE_STRING : VALUE_NUMBER, thread);
	if (r >= 0)
		r = envelope_add(rec, SPAN("caller"), VALUE_STRING, where);
	canon_time(rec, ns);
	rec->severity = severity_parse(span_take(text, 1));
	return r < 0 ? r : 1;
}
