/*
 * In the steady state nothing is allocated: not per record, not even per
 * block.  malloc and its kin are counted by taking their place.
 */
#include "common/base/log.h"
#include "shipper/pack.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNTING (!SANITIZED)

static size_t allocations;

#if COUNTING
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __libc_realloc(old, size);
}
#endif

/* The shapes that services write, in turn. */
static void write_line(FILE *file, unsigned i)
{
	switch (i % 7) {
	case 0:
		fprintf(file, "{\"ts\":1700000000.5,\"level\":\"info\",\"msg\":\"request %u\",", i);
		fprintf(file, "\"http\":{\"status\":200},\"text\":\"a\\nb\\u00e4\"}\n");
		break;
	case 1:
		fprintf(file, "ts=2026-03-01T12:00:00Z level=warn msg=\"slow %u\" ms=%u\n", i, i);
		break;
	case 2:
		fprintf(file, "plain text number %u, nothing to see\n", i);
		break;
	case 3:
		fprintf(file, "invalid \xff\xfe bytes %u\n", i);
		break;
	case 4:
		fprintf(file, "\tat com.example.A.b(A.java:%u)\n", i);
		break;
	case 5:
		fprintf(file, "2026-03-01T12:00:00.%09uZ stdout P cut\n", i);
		fprintf(file, "2026-03-01T12:00:00.%09uZ stderr F whole\n", i);
		fprintf(file, "2026-03-01T12:00:00.%09uZ stdout F rest\n", i);
		break;
	default:
		fprintf(file, "{\"broken\": %u\n", i);
	}
}

static size_t read_blocks(struct pack *pack, struct source *source, size_t blocks)
{
	struct packed packed;
	size_t records = 0;

	for (size_t i = 0; i < blocks; i++) {
		ssize_t n = pack_block(pack, source, EVENTS_HOLD, 0, &packed);

		assert_true(n > 0);
		assert_true(packed.records > 0);
		records += packed.records;
	}
	return records;
}

static void check_no_allocation(const char *multiline)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	struct input input = {.parse = {0}, .max_line_bytes = 1 << 20};
	struct source source = {.input = &input, .read_size = 128 << 10};
	struct pack pack;
	struct err err;

	if (!COUNTING) {
		print_message("# the sanitizer has malloc\n");
		skip();
	}
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/a.log", dir);
	FILE *file = fopen(path, "w");

	for (unsigned i = 0; i < 100000; i++)
		write_line(file, i);
	fclose(file);
	source.tail.fd = tail_open_file(path, true, &err);
	mark_init(&source.tail.mark);
	source.labels = (struct wire_labels){SPAN("svc"), SPAN("host"), SPAN("/a.log"),
					     SPAN("\"env\":\"test\"")};
	assert_int_equal(parser_new(SPAN("auto"), &input.parser, &err), 0);
	input.joining.cri = true;
	assert_int_equal(multiline_init(&input.joining.multiline, span_cstr(multiline), &err), 0);
	assert_int_equal(pack_init(&pack, 1, input.max_line_bytes), 0);

	read_blocks(&pack, &source, 10);
	size_t before = allocations, records = read_blocks(&pack, &source, 30);

	assert_true(before > 0); /* counting works */
	assert_true(records > 10000);
	assert_int_equal(allocations - before, 0);

	pack_release(&pack);
	parser_free(input.parser);
	close(source.tail.fd);
	scratch_remove(dir);
}

static void test_no_allocation_per_record(void **state)
{
	(void)state;
	check_no_allocation("none");
}

static void test_no_allocation_per_event(void **state)
{
	(void)state;
	check_no_allocation("auto");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_allocation_per_record),
		cmocka_unit_test(test_no_allocation_per_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
