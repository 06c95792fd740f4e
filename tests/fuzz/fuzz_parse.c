/* Any line through `auto` to the wire and back: nothing lost, always valid. */
#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include "common/data/wire.h"
#include "common/parse/parse.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct wire_labels labels = {.service = {"shop", 4},
					  .host = {"node", 4},
					  .file = {"/var/log/a.log", 14},
					  .resource = {"\"env\":\"prod\"", 12}};

/* The first byte chooses the format. */
static struct parser *parser_of(uint8_t choice)
{
	static const char *const names[] = {"auto", "json",   "logfmt", "plain",
					    "cri",  "syslog", "access", "klog"};
	struct parser *parser = NULL;

	CHECK(parser_new(span_cstr(names[choice % 8]), &parser, NULL) == 0);
	return parser;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	struct parser *parser = parser_of(bytes[0]);
	struct span line = span_of((const char *)bytes + 1, n - 1);
	struct buf out = BUF_INIT(64 << 20);
	struct record rec, back;
	struct arena arena;
	size_t at;

	arena_init(&arena, 64 << 20);
	record_init(&rec, &arena, line);
	if (parser_line(parser, line, INT64_C(1772366400000000000), &rec) == 0) {
		CHECK(record_get(&rec, SPAN("message")));
		for (uint32_t i = 0; i < rec.nfields; i++)
			if (!span_starts(rec.fields[i].key, SPAN("log.own.")))
				CHECK(record_get(&rec, rec.fields[i].key) == &rec.fields[i]);
		wire_write_record(&out, &rec, &labels);
		CHECK(!out.failed && out.ptr[out.len - 1] == '\n');
		struct span text = span_take(buf_span(&out), out.len - 1);

		CHECK(span_chr(text, '\n') < 0);
		record_init(&back, &arena, (struct span){0});
		CHECK(wire_read_record(text, &back, &at) == 0);
		CHECK(back.time_ns == rec.time_ns && back.severity == rec.severity);
		CHECK(back.flags == rec.flags);
		CHECK(span_eq(record_text(&back, SPAN("message")),
			      record_text(&rec, SPAN("message"))));
	}
	buf_release(&out);
	arena_release(&arena);
	parser_free(parser);
	return 0;
}
