/*
 * loggen - the logs of a small shop, eight services, from a seed.
 *
 * Requests walk through the services as real ones do: a trace crosses edge,
 * frontend, cart, checkout, payment, inventory, shipping and recommend, each in
 * the shape that its logger writes.  There are bursts, slow calls, declined
 * payments with a stack trace, rotation by rename, and one line of junk in a
 * thousand.  The same seed and clock write the same bytes.
 *
 * Every line but junk and the inside of a stack trace carries its service's
 * sequence number `seq`, from 1 without a gap, so that tests/tools/seqcheck can
 * tell loss, duplicates and order.  The last line of standard output is the
 * truth: {"lines":…,"bytes":…,"errors":…,"services":{"edge":…}}.
 *
 *	loggen --dir logs --records 100000 --seed 7
 *	loggen --dir logs --rate 5000 --seconds 20 --rotate 4000000
 */
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { EDGE, FRONTEND, CART, CHECKOUT, PAYMENT, INVENTORY, SHIPPING, RECOMMEND, SERVICES };

enum level { DEBUG, INFO, WARN, ERROR };

struct event {
	int64_t time_ns;
	uint64_t trace_hi, trace_lo, span, parent;
	uint32_t order, user, sku, duration_us;
	uint16_t status;
	uint8_t service, level, what;
	bool stack; /* followed by a stack trace */
};

/* What a service says: verbs of its messages by `what`. */
struct service {
	const char *name;
	const char *says[4];
	void (*write)(FILE *out, const struct event *e, const char *message, uint64_t seq);
};

struct output {
	FILE *file;
	uint64_t seq, lines, bytes, rotated_at;
};

static struct {
	const char *dir;
	uint64_t records, seed, rotate, rate;
	int64_t seconds, start_ns;
	bool json;
} opt = {.dir = ".", .seed = 1, .start_ns = 0};

static struct output outputs[SERVICES];
static uint64_t errors;
static uint64_t random_state;
static volatile sig_atomic_t stopping;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(void)
{
	uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_next() % n);
}

static const char *iso_time(const struct event *e, int digits)
{
	static char text[TIMESTAMP_TEXT_LEN + 1];

	timestamp_format(text, e->time_ns);
	text[20 + digits] = 'Z';
	text[21 + digits] = 0;
	return text;
}

static const char *trace_id(const struct event *e)
{
	static char text[33];

	snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)e->trace_hi,
		 (unsigned long long)e->trace_lo);
	return text;
}

static const char *const level_upper[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const level_lower[] = {"debug", "info", "warn", "error"};

#define SEQ(n) (unsigned long long)(n)

/* nginx, combined format with a trace at the end. */
static void write_combined(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	time_t seconds = e->time_ns / NS_PER_SEC;
	struct tm tm;
	char when[40];

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &tm);
	fprintf(out,
		"10.2.%u.%u - - [%s] \"GET /%s/%u?seq=%llu HTTP/1.1\" %u %u \"-\" "
		"\"Mozilla/5.0 (X11; Linux x86_64) shop/%u.%u\"\n",
		e->user % 7, e->user % 250, when, message, e->order, SEQ(seq), e->status,
		400 + e->duration_us % 9000, 1 + e->user % 3, e->user % 10);
}

/* pino: numeric level, milliseconds. */
static void write_pino(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	static const int levels[] = {20, 30, 40, 50};

	fprintf(out,
		"{\"level\":%d,\"time\":%lld,\"pid\":17,\"hostname\":\"web-%u\",\"trace_id\":\"%"
		"s\","
		"\"span_id\":\"%016llx\",\"req\":{\"method\":\"GET\",\"url\":\"/api/order/%u\","
		"\"user\":\"u-%05u\"},\"res\":{\"status\":%u},\"responseTime\":%.2f,\"seq\":%llu,"
		"\"msg\":\"%s\"}\n",
		levels[e->level], (long long)(e->time_ns / NS_PER_MS), e->user % 4, trace_id(e),
		(unsigned long long)e->span, e->order, e->user, e->status, e->duration_us / 1000.0,
		SEQ(seq), message);
}

/* Go's slog. */
static void write_slog(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	fprintf(out,
		"{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"%s\",\"trace_id\":\"%s\","
		"\"span_id\":\"%016llx\",\"parent_span_id\":\"%016llx\",\"user\":\"u-%05u\","
		"\"sku\":\"SKU-%04u\",\"items\":%u,\"seq\":%llu}\n",
		iso_time(e, 9), level_upper[e->level], message, trace_id(e),
		(unsigned long long)e->span, (unsigned long long)e->parent, e->user, e->sku,
		1 + e->order % 7, SEQ(seq));
}

/* zap: seconds as a float, caller. */
static void write_zap(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	fprintf(out,
		"{\"level\":\"%s\",\"ts\":%lld.%06lld,\"caller\":\"checkout/"
		"order.go:%u\",\"msg\":\"%s\","
		"\"order_id\":\"A-%u\",\"trace_id\":\"%s\",\"span_id\":\"%016llx\","
		"\"parent_span_id\":\"%016llx\",\"amount\":%u.%02u,\"elapsed\":%.6f,\"seq\":%llu}"
		"\n",
		level_lower[e->level], (long long)(e->time_ns / NS_PER_SEC),
		(long long)(e->time_ns % NS_PER_SEC / NS_PER_US), 40 + e->what * 31u, message,
		e->order, trace_id(e), (unsigned long long)e->span, (unsigned long long)e->parent,
		5 + e->sku % 300, e->user % 100, e->duration_us / 1e6, SEQ(seq));
}

/* logback with the logstash encoder; the stack trace is a field. */
static void write_logback(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	fprintf(out,
		"{\"@timestamp\":\"%s\",\"@version\":\"1\",\"message\":\"%s order=A-%u\","
		"\"logger_name\":\"c.s.payment.PaymentService\",\"thread_name\":\"http-%u\","
		"\"level\":\"%s\",\"traceId\":\"%s\",\"spanId\":\"%016llx\","
		"\"parent_span_id\":\"%016llx\",\"seq\":%llu%s}\n",
		iso_time(e, 3), message, e->order, e->user % 8, level_upper[e->level], trace_id(e),
		(unsigned long long)e->span, (unsigned long long)e->parent, SEQ(seq),
		e->stack ? ",\"stack_trace\":\"com.shop.payment.CardDeclinedException: issuer said "
			   "no"
			   "\\n\\tat com.shop.payment.CardGateway.charge(CardGateway.java:118)"
			   "\\n\\tat com.shop.payment.PaymentService.pay(PaymentService.java:77)"
			   "\\nCaused by: java.net.SocketTimeoutException: Read timed out\""
			 : "");
}

/* python-json-logger. */
static void write_python(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

	fprintf(out,
		"{\"asctime\": \"%s\", \"levelname\": \"%s\", \"name\": \"inventory.stock\", "
		"\"message\": \"%s\", \"trace_id\": \"%s\", \"span_id\": \"%016llx\", "
		"\"parent_span_id\": \"%016llx\", \"sku\": \"SKU-%04u\", \"left\": %u, \"seq\": "
		"%llu}\n",
		iso_time(e, 3), levels[e->level], message, trace_id(e), (unsigned long long)e->span,
		(unsigned long long)e->parent, e->sku, e->user % 500, SEQ(seq));
	if (!e->stack)
		return;
	/* Its uncaught exceptions go to the same file, as lines of their own. */
	fputs("Traceback (most recent call last):\n"
	      "  File \"/app/inventory/stock.py\", line 88, in reserve\n"
	      "    row = self.lock(sku)\n"
	      "StockConflict: somebody else holds the row\n",
	      out);
	outputs[INVENTORY].lines += 4;
}

/* logrus in logfmt. */
static void write_logfmt(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	fprintf(out,
		"time=\"%s\" level=%s msg=\"%s\" trace_id=%s span_id=%016llx "
		"parent_span_id=%016llx "
		"order=A-%u carrier=%s duration=%.3fms seq=%llu\n",
		iso_time(e, 6), e->level == WARN ? "warning" : level_lower[e->level], message,
		trace_id(e), (unsigned long long)e->span, (unsigned long long)e->parent, e->order,
		e->sku % 2 ? "dhl" : "ups", e->duration_us / 1000.0, SEQ(seq));
}

/* Rust's tracing, JSON layer. */
static void write_tracing(FILE *out, const struct event *e, const char *message, uint64_t seq)
{
	fprintf(out,
		"{\"timestamp\":\"%s\",\"level\":\"%s\",\"fields\":{\"message\":\"%s\",\"model\":"
		"\"v%u\","
		"\"score\":0.%03u},\"target\":\"recommend::rank\",\"trace_id\":\"%s\","
		"\"span_id\":\"%016llx\",\"parent_span_id\":\"%016llx\",\"seq\":%llu}\n",
		iso_time(e, 6), level_upper[e->level], message, 1 + e->sku % 3, e->user % 1000,
		trace_id(e), (unsigned long long)e->span, (unsigned long long)e->parent, SEQ(seq));
}

static const struct service services[SERVICES] = {
	[EDGE] = {"edge", {"order", "product", "cart", "search"}, write_combined},
	[FRONTEND] = {"frontend",
		      {"request completed", "rendered page", "session refreshed",
		       "upstream failed"},
		      write_pino},
	[CART] = {"cart",
		  {"item added", "cart loaded", "cart merged", "cart store slow"},
		  write_slog},
	[CHECKOUT] = {"checkout",
		      {"order received", "order placed", "waiting for payment", "order failed"},
		      write_zap},
	[PAYMENT] = {"payment",
		     {"charging card", "payment accepted", "retrying issuer", "payment declined"},
		     write_logback},
	[INVENTORY] = {"inventory",
		       {"stock reserved", "stock checked", "stock low", "stock conflict"},
		       write_python},
	[SHIPPING] = {"shipping",
		      {"label printed", "parcel booked", "carrier slow", "carrier refused parcel"},
		      write_logfmt},
	[RECOMMEND] = {"recommend",
		       {"ranked products", "cache warm", "model stale", "feature store timeout"},
		       write_tracing},
};

static const char *const junk[] = {
	"{\"level\":\"info\",\"msg\":\"cut off in the mid",
	"panic: \xff\xfe runtime error \x80",
	"    ",
	"}{",
	"=== 4242 ===",
};

static int output_open(int service, bool append)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s.log", opt.dir, services[service].name);
	outputs[service].file = fopen(path, append ? "ae" : "we");
	if (!outputs[service].file) {
		fprintf(stderr, "loggen: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	return 0;
}

/* NAME.log.1 becomes .2 and so on, NAME.log becomes .1: as logrotate does. */
static int output_rotate(int service)
{
	char from[4096], to[4096];

	fclose(outputs[service].file);
	for (int i = 99; i >= 0; i--) {
		snprintf(from, sizeof from, i ? "%s/%s.log.%d" : "%s/%s.log", opt.dir,
			 services[service].name, i);
		snprintf(to, sizeof to, "%s/%s.log.%d", opt.dir, services[service].name, i + 1);
		if (rename(from, to) < 0 && errno != ENOENT)
			fprintf(stderr, "loggen: rename %s: %s\n", from, strerror(errno));
	}
	return output_open(service, false);
}

static int write_event(const struct event *e)
{
	struct output *out = &outputs[e->service];
	const struct service *s = &services[e->service];

	if (random_below(1000) == 0) {
		fprintf(out->file, "%s\n", junk[random_below(sizeof junk / sizeof *junk)]);
		out->lines++;
	}
	if (opt.json)
		write_zap(out->file, e, s->says[e->what], ++out->seq);
	else
		s->write(out->file, e, s->says[e->what], ++out->seq);
	out->lines++;
	errors += e->level == ERROR;
	uint64_t size = (uint64_t)ftell(out->file);

	if (opt.rotate && size >= opt.rotate) {
		out->bytes += size;
		return output_rotate(e->service);
	}
	return 0;
}

/* Events wait here until their time: a binary heap, earliest on top. */
static struct event heap[4096];
static size_t heap_len;
static uint64_t heap_pushed;

static void heap_push(const struct event *e)
{
	size_t i = heap_len++;

	heap_pushed++;

	for (; i > 0 && heap[(i - 1) / 2].time_ns > e->time_ns; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = *e;
}

static struct event heap_pop(void)
{
	struct event top = heap[0], last = heap[--heap_len];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < heap_len && heap[child + 1].time_ns < heap[child].time_ns)
			child++;
		if (child >= heap_len || heap[child].time_ns >= last.time_ns)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return top;
}

/* One hop of the walk: `says` records by `service`, the last with the outcome. */
static int64_t hop(struct event *e, int service, int64_t at, unsigned says, bool fails)
{
	uint64_t parent = e->span;
	struct event h = *e;

	h.service = (uint8_t)service;
	h.parent = parent;
	h.span = random_next();
	for (unsigned i = 0; i < says; i++) {
		bool last = i + 1 == says;

		at += (int64_t)(200 + random_below(3000)) * NS_PER_US;
		h.time_ns = at;
		h.duration_us = 300 + random_below(random_below(50) ? 9000 : 400000);
		h.level = last && fails           ? ERROR
			  : random_below(60) == 0 ? WARN
			  : random_below(9)       ? INFO
						  : DEBUG;
		h.what = h.level == ERROR ? 3 : h.level == WARN ? 2 : (uint8_t)(i % 2);
		h.status = h.level == ERROR ? 502 : 200;
		h.stack = (service == PAYMENT || service == INVENTORY) && h.level == ERROR;
		heap_push(&h);
	}
	e->span = h.span;
	return at;
}

/* A request at `at`: browse, or buy, which one payment in fifty fails. */
static void request(int64_t at)
{
	struct event e = {.trace_hi = random_next(),
			  .trace_lo = random_next(),
			  .order = 1000 + random_below(900000),
			  .user = random_below(20000),
			  .sku = random_below(2000)};
	bool buys = random_below(3) == 0, declined = buys && random_below(50) == 0;

	at = hop(&e, EDGE, at, 1, declined || random_below(300) == 0);
	at = hop(&e, FRONTEND, at, 1, false);
	uint64_t frontend = e.span;

	if (!buys) {
		at = hop(&e, RECOMMEND, at, 1, random_below(400) == 0);
		e.span = frontend;
		hop(&e, CART, at, 1 + random_below(2), false);
		return;
	}
	at = hop(&e, CHECKOUT, at, 2, false);
	uint64_t checkout = e.span;

	at = hop(&e, INVENTORY, at, 2, random_below(500) == 0);
	e.span = checkout;
	at = hop(&e, PAYMENT, at, 2, declined);
	e.span = checkout;
	if (!declined)
		hop(&e, SHIPPING, at, 2, random_below(300) == 0);
	else
		hop(&e, CHECKOUT, at, 1, true);
}

static void on_signal(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

/* Keep to --rate: sleep until the wall clock has caught up with what was made. */
static void keep_rate(int64_t started)
{
	int64_t due = started + (int64_t)((double)heap_pushed / (double)opt.rate * NS_PER_SEC);
	int64_t wait = due - clock_mono_ns();

	if (wait <= 2 * NS_PER_MS)
		return;
	for (int i = 0; i < SERVICES; i++)
		fflush(outputs[i].file);
	struct timespec ts = {wait / NS_PER_SEC, wait % NS_PER_SEC};

	nanosleep(&ts, NULL);
}

static int generate(void)
{
	int64_t started = clock_mono_ns();
	int64_t now = opt.start_ns ? opt.start_ns : clock_real_ns();
	uint64_t written = 0;

	while (!stopping && (!opt.records || written < opt.records)) {
		if (opt.seconds && clock_mono_ns() - started >= opt.seconds * NS_PER_SEC)
			break;
		if (opt.rate)
			now = clock_real_ns();
		else
			now += (int64_t)random_below(400) * NS_PER_US;
		/* A burst now and then: many requests at one instant. */
		unsigned n = random_below(500) == 0 ? 40 : 1;

		for (unsigned i = 0; i < n && heap_len < 4000; i++)
			request(now);
		while (heap_len && (heap[0].time_ns <= now || heap_len > 3000)) {
			struct event e = heap_pop();

			if (write_event(&e) < 0)
				return 1;
			if (++written == opt.records)
				break;
		}
		if (opt.rate)
			keep_rate(started);
	}
	return 0;
}

static void print_truth(void)
{
	uint64_t lines = 0, bytes = 0;

	for (int i = 0; i < SERVICES; i++) {
		lines += outputs[i].lines;
		bytes += outputs[i].bytes + (uint64_t)ftell(outputs[i].file);
	}
	printf("{\"lines\":%llu,\"bytes\":%llu,\"errors\":%llu,\"services\":{", SEQ(lines),
	       SEQ(bytes), SEQ(errors));
	for (int i = 0; i < SERVICES; i++)
		printf("%s\"%s\":%llu", i ? "," : "", services[i].name, SEQ(outputs[i].seq));
	printf("}}\n");
}

static int usage(const char *why)
{
	fprintf(stderr,
		"loggen: %s\n"
		"usage: loggen --dir DIR [--records N] [--seconds S] [--rate LINES/S] [--seed N]\n"
		"              [--rotate BYTES] [--start UNIX-SECONDS] [--json]\n",
		why);
	return 64;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"dir", 1, NULL, 'd'},   {"records", 1, NULL, 'n'}, {"seconds", 1, NULL, 't'},
		{"rate", 1, NULL, 'r'},  {"seed", 1, NULL, 's'},    {"rotate", 1, NULL, 'b'},
		{"start", 1, NULL, 'S'}, {"json", 0, NULL, 'j'},    {0},
	};
	uint64_t seconds = 0, start = 0, ignored;
	uint64_t *const number[256] = {['n'] = &opt.records, ['t'] = &seconds,    ['r'] = &opt.rate,
				       ['s'] = &opt.seed,    ['b'] = &opt.rotate, ['S'] = &start};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == '?')
			return usage("unknown option");
		if (c == 'j')
			opt.json = true;
		else if (c == 'd')
			opt.dir = optarg;
		else if (!parse_number(optarg, number[c] ? number[c] : &ignored))
			return usage("not a number");
	}
	if (optind < argc)
		return usage("unexpected argument");
	opt.seconds = (int64_t)seconds;
	opt.start_ns = (int64_t)start * NS_PER_SEC;
	random_state = opt.seed;
	mkdir(opt.dir, 0755);
	for (int i = 0; i < SERVICES; i++)
		if (output_open(i, false) < 0)
			return 1;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	int failed = generate();

	print_truth();
	for (int i = 0; i < SERVICES; i++)
		failed |= fclose(outputs[i].file) != 0;
	return failed;
}
