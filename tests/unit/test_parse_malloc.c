/* Nothing is allocated per record: malloc is counted while 10,000 lines go through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/data/wire.h"
#include "common/parse/parse.h"
#include "tests/unit/sanitized.h"
#include <stdio.h>
#include <stdlib.h>

static unsigned long allocations;

#if !SANITIZED
/* glibc's own names for its allocator, for programs that put theirs in front. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}
#endif

static const char *const lines[] = {
	"{\"time\":\"2026-03-01T12:00:00.123456789Z\",\"level\":\"INFO\",\"msg\":\"a\\tb\",\"n\":"
	"1}",
	"{\"ts\":1772366400.5,\"lvl\":\"warn\",\"message\":\"x\",\"http\":{\"status\":200},"
	"\"service\":{\"name\":\"s\"},\"log\":{\"logger\":\"l\"},\"trace_id\":"
	"\"5D9DC9F81818E811892F902BD23F0824\"}",
	"level=info ts=1772366400 msg=\"a \\\"b\\\"\" dur=1.5e3",
	"2026-03-01 12:00:00,123 INFO  [main] com.foo.Bar - started",
	"2026-03-01T12:00:00.123456789Z stderr F {\"level\":\"error\",\"msg\":\"inner\"}",
	"<165>1 2026-03-01T12:00:00.003Z web app 123 ID47 [ex@1 k=\"v\"] An event",
	"1.2.3.4 - - [01/Mar/2026:12:00:00 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"curl\"",
	"E0301 12:00:00.123456    1234 file.go:10] it broke",
	"{\"broken\":",
	"bytes \xff\xfe that are no UTF-8",
	"",
};

static const struct wire_labels labels = {.service = {"shop", 4},
					  .host = {"node", 4},
					  .file = {"/var/log/a.log", 14},
					  .resource = {"\"env\":\"prod\"", 12}};

static void run(const struct parser *parser, struct arena *arena, struct buf *out, size_t records)
{
	for (size_t i = 0; i < records; i++) {
		struct record rec;

		if (i % 500 == 0) {
			arena_reset(arena);
			buf_reset(out);
		}
		record_init(&rec, arena, span_cstr(lines[i % (sizeof(lines) / sizeof(lines[0]))]));
		assert_int_equal(parser_line(parser, rec.line, 1, &rec), 0);
		wire_write_record(out, &rec, &labels);
	}
	assert_int_equal(out->failed, 0);
}

static void nothing_is_allocated_per_record(void **state)
{
	struct parser *parser = NULL;
	struct buf out = BUF_INIT(16 << 20);
	struct arena arena;

	(void)state;
	arena_init(&arena, 16 << 20);
	assert_int_equal(parser_new(SPAN("auto"), &parser, NULL), 0);
	assert_true(allocations > 0); /* the counter counts */
	run(parser, &arena, &out, 1000);
	unsigned long before = allocations;

	run(parser, &arena, &out, 10000);
	assert_int_equal(allocations - before, 0);
	parser_free(parser);
	buf_release(&out);
	arena_release(&arena);
}

int main(void)
{
#if SANITIZED
	puts("1..0 # SKIP the sanitizer has put its own malloc in front");
	return 0;
#endif
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_allocated_per_record)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
