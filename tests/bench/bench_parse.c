/*
 * Lines to records: ns a line of 250 bytes, each beside what it can't be
 * faster than (the copy, the check of UTF-8) and beside json-c on the same
 * line in the same run.
 */
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/timestamp.h"
#include "common/data/wire.h"
#include "common/parse/parse.h"
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5
#define LINES  20000

static const char json_line[] =
	"{\"time\":\"2026-03-01T12:00:00.123456789Z\",\"level\":\"INFO\",\"msg\":\"order placed "
	"for "
	"customer\",\"trace_id\":\"5d9dc9f81818e811892f902bd23f0824\",\"span_id\":"
	"\"0ed904759531985d\","
	"\"http\":{\"status\":200,\"method\":\"POST\",\"path\":\"/api/v1/orders\"},\"order_id\":"
	"\"A-1009\",\"duration_ms\":12.75}";
static const char logfmt_line[] =
	"time=2026-03-01T12:00:00.123456789Z level=info msg=\"order placed for customer\" "
	"trace_id=5d9dc9f81818e811892f902bd23f0824 span_id=0ed904759531985d status=200 method=POST "
	"path=/api/v1/orders order_id=A-1009 duration_ms=12.75 user=alice region=eu";
static const char plain_line[] =
	"2026-03-01 12:00:00,123 INFO  [main] com.example.orders.OrderService - order A-1009 "
	"placed "
	"for customer alice in 12.75 ms, status 200, path /api/v1/orders, region eu, cart of 7 "
	"items, total 129.95, currency EUR, next step payment";
static const char access_line[] =
	"83.149.9.216 - - [01/Mar/2026:12:00:00 +0000] \"GET /presentations/2013/images/search.png "
	"HTTP/1.1\" 200 203023 \"http://example.com/presentations/2013/\" \"Mozilla/5.0 (X11; "
	"Linux "
	"x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77\"";

struct bench {
	struct span line;
	struct arena arena;
	struct buf out;
	struct parser *parser;
};

static volatile size_t sink;

static void copy(struct bench *b)
{
	buf_puts(&b->out, b->line);
}

static void check_utf8(struct bench *b)
{
	sink += utf8_valid_prefix(b->line);
}

static void scan(struct bench *b)
{
	struct record rec;
	size_t at;

	record_init(&rec, &b->arena, b->line);
	if (json_scan_record(b->line, &rec, &at) < 0)
		abort();
	sink += rec.nfields;
}

static void parse(struct bench *b)
{
	struct record rec;

	record_init(&rec, &b->arena, b->line);
	if (parser_line(b->parser, b->line, 1, &rec) < 0 || rec.flags)
		abort();
	sink += rec.nfields;
}

static void parse_and_write(struct bench *b)
{
	static const struct wire_labels labels = {.service = {"shop", 4},
						  .host = {"node-17", 7},
						  .file = {"/var/log/shop/app.log", 21}};
	struct record rec;

	record_init(&rec, &b->arena, b->line);
	if (parser_line(b->parser, b->line, 1, &rec) < 0)
		abort();
	wire_write_record(&b->out, &rec, &labels);
}

static void read_wire(struct bench *b)
{
	struct record rec;
	size_t at;

	record_init(&rec, &b->arena, b->line);
	if (wire_read_record(b->line, &rec, &at) < 0)
		abort();
}

static void jsonc(struct bench *b)
{
	/* The line is a literal, so it ends in NUL. */
	struct json_object *object = json_tokener_parse(b->line.ptr);

	if (!object)
		abort();
	json_object_put(object);
}

static void format_time(struct bench *b)
{
	char text[TIMESTAMP_TEXT_LEN];

	timestamp_format(text, INT64_C(1772366400123456789) + (int64_t)sink);
	sink += (unsigned char)text[29];
	(void)b;
}

/* The fastest of some rounds, in ns a line: other work only ever adds. */
static double measure(struct bench *b, void (*work)(struct bench *))
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t begin = clock_cpu_ns();

		for (int i = 0; i < LINES; i++) {
			if (i % 500 == 0) {
				arena_reset(&b->arena);
				buf_reset(&b->out);
			}
			work(b);
		}
		double ns = (double)(clock_cpu_ns() - begin) / LINES;

		best = ns < best ? ns : best;
	}
	return best;
}

static void report(const char *name, double ns, const char *reference, double reference_ns)
{
	printf("bench: %s %.1f ns (%s %.1f ns, ratio %.2f)\n", name, ns, reference, reference_ns,
	       ns / reference_ns);
}

int main(void)
{
	static const struct {
		const char *name;
		struct span line;
	} formats[] = {
		{"parse.json_to_wire", {json_line, sizeof(json_line) - 1}},
		{"parse.logfmt_to_wire", {logfmt_line, sizeof(logfmt_line) - 1}},
		{"parse.plain_to_wire", {plain_line, sizeof(plain_line) - 1}},
		{"parse.access_to_wire", {access_line, sizeof(access_line) - 1}},
	};
	struct bench b = {.out = BUF_INIT(64 << 20)};

	arena_init(&b.arena, 64 << 20);
	if (parser_new(SPAN("auto"), &b.parser, NULL) < 0)
		return 1;
	b.line = formats[0].line;
	double floor_ns = measure(&b, copy) + measure(&b, check_utf8), json_c = measure(&b, jsonc);

	report("parse.json_scan", measure(&b, scan), "copy+utf8", floor_ns);
	report("parse.json_record", measure(&b, parse), "json-c", json_c);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		b.line = formats[i].line;
		report(formats[i].name, measure(&b, parse_and_write), "json-c", json_c);
	}
	b.line = formats[0].line;
	buf_reset(&b.out);
	parse_and_write(&b);
	struct span wire = arena_dup(&b.arena, span_take(buf_span(&b.out), b.out.len - 1));
	char *copy_of_wire = malloc(wire.len);

	if (!copy_of_wire)
		return 1;
	memcpy(copy_of_wire, wire.ptr, wire.len);
	b.line = span_of(copy_of_wire, wire.len);
	report("parse.wire_read", measure(&b, read_wire), "json-c", json_c);
	report("parse.timestamp_format", measure(&b, format_time), "copy+utf8", floor_ns);
	free(copy_of_wire);
	parser_free(b.parser);
	buf_release(&b.out);
	arena_release(&b.arena);
	return 0;
}
