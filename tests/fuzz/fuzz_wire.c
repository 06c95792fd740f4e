/* What the aggregator reads: any bytes, and writing them again says the same. */
#include "common/base/check.h"
#include "common/data/json_scan.h"
#include "common/data/wire.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span line = span_of((const char *)bytes, n);
	struct buf out = BUF_INIT(64 << 20);
	struct record rec, back;
	struct field field;
	struct arena arena;
	size_t at;

	arena_init(&arena, 64 << 20);
	record_init(&rec, &arena, line);
	int r = wire_read_record(line, &rec, &at);

	if (r < 0) {
		CHECK(r == -12 || at <= n);
		goto out;
	}
	record_find(&rec, SPAN("http.status.code"), &field);
	/* A record that was read has its canonical fields flagged, or under other names. */
	struct field *level = record_get(&rec, SPAN("level"));
	struct field *message = record_get(&rec, SPAN("message"));
	struct field *timestamp = record_get(&rec, SPAN("timestamp"));

	if ((message && !(message->flags & FIELD_CANONICAL)) ||
	    (timestamp && !(timestamp->flags & FIELD_CANONICAL)) ||
	    (level && !(level->flags & FIELD_CANONICAL)))
		goto out;
	wire_write_record(&out, &rec, NULL);
	CHECK(!out.failed);
	record_init(&back, &arena, (struct span){0});
	CHECK(wire_read_record(span_take(buf_span(&out), out.len - 1), &back, &at) == 0);
	CHECK(back.time_ns == rec.time_ns);
	/* A field `severity` of the service itself stands where the step would. */
	if (record_get(&rec, SPAN("severity")))
		CHECK(span_eq(severity_name(back.severity), severity_name(rec.severity)));
	else
		CHECK(back.severity == rec.severity);
out:
	buf_release(&out);
	arena_release(&arena);
	return 0;
}
