/* shorthand.c - flags as LogsQL. */
#include "aggregator/logq/shorthand.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/data/record.h"
#include "common/lang/words.h"
#include <errno.h>

#define LEVELS         6
#define HISTOGRAM_BARS 40
#define LONG_SPAN      (400 * 24 * 3600 * NS_PER_SEC) /* asked for all, most likely */
#define SECONDS        (HISTOGRAM_BARS * NS_PER_SEC)
#define MINUTES        (HISTOGRAM_BARS * 60 * NS_PER_SEC)

static void space(struct buf *out)
{
	if (out->len)
		buf_putc(out, ' ');
}

/* field:="a"  field:="a"*  (field:="a" or field:="b") */
static void add_values(struct buf *out, const char *field, const struct sl_list *values)
{
	if (!values->len)
		return;
	space(out);
	if (values->len > 1)
		buf_putc(out, '(');
	for (size_t i = 0; i < values->len; i++) {
		struct span value = opt_text(values->items[i]);
		bool prefix = span_ends(value, SPAN("*"));

		buf_printf(out, "%s%s:=", i ? " or " : "", field);
		text_print_quoted(out, prefix ? span_take(value, value.len - 1) : value);
		if (prefix)
			buf_putc(out, '*');
	}
	if (values->len > 1)
		buf_putc(out, ')');
}

/* 0 TRACE … 5 FATAL; -1: no level. */
static int level_of(struct span text)
{
	static const char journal[] = "55543321"; /* of syslog's 0 emerg … 7 debug */
	uint32_t severity;

	if (text.len == 1 && text.ptr[0] >= '0' && text.ptr[0] <= '7')
		return journal[text.ptr[0] - '0'] - '0';
	if (span_ieq(text, SPAN("emerg")) || span_ieq(text, SPAN("alert")))
		return LEVELS - 1;
	severity = severity_parse(text);
	return severity ? (int)(severity - 1) / 4 : -1;
}

/* "err": that and worse; "info..err": from one to the other. */
static int add_priority(struct buf *out, struct span text, struct err *reterr)
{
	ptrdiff_t dots = span_find(text, SPAN(".."));
	int low = level_of(dots < 0 ? text : span_take(text, (size_t)dots));
	int high = dots < 0 ? LEVELS - 1 : level_of(span_skip(text, (size_t)dots + 2));

	if (low < 0 || high < 0)
		return err_set(reterr, -EINVAL,
			       "-p '%.*s' is no level: expected emerg, alert, crit, err, warning, "
			       "notice, info, debug, trace, fatal or 0 to 7",
			       SPAN_FMT(text));
	if (low > high) {
		int swap = low;

		low = high;
		high = swap;
	}
	space(out);
	buf_puts(out, SPAN("level:in("));
	for (int i = low; i <= high; i++) {
		if (i > low)
			buf_putc(out, ',');
		buf_puts(out, severity_name((uint32_t)i * 4 + 1));
	}
	buf_putc(out, ')');
	return 0;
}

static void add_grep(const struct options *opts, struct buf *out)
{
	struct span regex = opt_text(opts->grep);
	struct buf pattern = BUF_INIT(regex.len + 8);

	space(out);
	if (opts->invert)
		buf_putc(out, '!');
	if (opts->ignore_case)
		buf_puts(&pattern, SPAN("(?i)"));
	buf_puts(&pattern, regex);
	buf_puts(out, SPAN("_msg:~"));
	text_print_quoted(out, buf_span(&pattern));
	buf_release(&pattern);
}

int shorthand_filter(const struct options *opts, struct buf *out, struct err *reterr)
{
	add_values(out, "service", &opts->services);
	add_values(out, "host", &opts->hosts);
	add_values(out, "trace_id", &opts->traces);
	if (opts->ignore_case && !opts->grep.len)
		return err_set(reterr, -EINVAL, "-i belongs to -g; in LogsQL it is i(word)");
	if (opts->grep.len)
		add_grep(opts, out);
	return opts->priority.len ? add_priority(out, opt_text(opts->priority), reterr) : 0;
}

const char *histogram_step(int64_t span_ns, int64_t *ret_ns)
{
	static const struct {
		const char *text;
		int64_t ns;
	} steps[] = {
		{"1ms", NS_PER_MS},
		{"10ms", 10 * NS_PER_MS},
		{"100ms", 100 * NS_PER_MS},
		{"1s", NS_PER_SEC},
		{"5s", 5 * NS_PER_SEC},
		{"10s", 10 * NS_PER_SEC},
		{"30s", 30 * NS_PER_SEC},
		{"1m", 60 * NS_PER_SEC},
		{"2m", 120 * NS_PER_SEC},
		{"5m", 300 * NS_PER_SEC},
		{"10m", 600 * NS_PER_SEC},
		{"30m", 1800 * NS_PER_SEC},
		{"1h", 3600 * NS_PER_SEC},
		{"3h", 3 * 3600 * NS_PER_SEC},
		{"6h", 6 * 3600 * NS_PER_SEC},
		{"12h", 12 * 3600 * NS_PER_SEC},
		{"1d", 24 * 3600 * NS_PER_SEC},
		{"7d", 7 * 24 * 3600 * NS_PER_SEC},
		{"30d", 30 * 24 * 3600 * NS_PER_SEC},
	};
	size_t i = 0, last = sizeof(steps) / sizeof(steps[0]) - 1;

	while (i < last && steps[i].ns < span_ns / HISTOGRAM_BARS)
		i++;
	*ret_ns = steps[i].ns;
	return steps[i].text;
}

const char *histogram_auto_step(int64_t span_ns, bool known, int64_t *ret_ns, bool *ret_fine)
{
	*ret_fine = !known || span_ns > LONG_SPAN;
	if (!known)
		return histogram_step(SECONDS, ret_ns);
	return *ret_fine ? histogram_step(MINUTES, ret_ns) : histogram_step(span_ns, ret_ns);
}

bool shorthand_context(const struct options *opts, bool newest_first, struct buf *out)
{
	int64_t before = opts->before > opts->context ? opts->before : opts->context;
	int64_t after = opts->after > opts->context ? opts->after : opts->context;
	uint64_t most = options_most(opts);

	if (!before && !after)
		return false;
	if (most < UINT64_MAX)
		buf_printf(out, "sort by (_time%s, log.offset%s) limit %llu | ",
			   newest_first ? " desc" : "", newest_first ? " desc" : "",
			   (unsigned long long)most);
	buf_printf(out, "stream_context before %lld after %lld", (long long)before,
		   (long long)after);
	return true;
}

void shorthand_pipes(const struct options *opts, const char *step, struct buf *out)
{
	if (opts->field.len) {
		buf_puts(out, SPAN("\n| stats by ("));
		text_print(out, opt_text(opts->field));
		buf_puts(out, SPAN(") count() as count | sort by (count desc, "));
		text_print(out, opt_text(opts->field));
		buf_putc(out, ')');
	}
	if (opts->patterns)
		buf_puts(out, SPAN("\n| patterns"));
	if (opts->names)
		buf_puts(out, SPAN("\n| field_names"));
	if (opts->histogram.len)
		buf_printf(out, "\n| stats by (_time:%s) count() as hits | sort by (_time)", step);

	if (opts->count)
		buf_puts(out, SPAN("\n| stats count() as count"));
}
