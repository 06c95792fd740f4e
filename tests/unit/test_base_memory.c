/* arena, buf, vec, map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/map.h"
#include "common/base/vec.h"
#include <errno.h>

static void arena_allocations_are_apart_and_aligned(void **state)
{
	struct arena arena;
	unsigned char *p[200];

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&arena, i * 7 % 300);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 8, 0);
		memset(p[i], (int)i, i * 7 % 300);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i * 7 % 300; k++)
			assert_int_equal(p[i][k], (unsigned char)i);
	assert_true(arena_used(&arena) >= 200 * 8);
	arena_release(&arena);
	arena_release(NULL);
}

static void arena_budget_is_never_passed(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 100000);
	assert_null(arena_alloc(&arena, 100001));
	assert_true(arena.overflowed);
	arena_reset(&arena);
	assert_false(arena.overflowed);
	size_t n = 0;

	while (arena_alloc(&arena, 1000))
		n++;
	assert_in_range(n, 80, 100);
	assert_true(arena.held <= 100000);
	assert_true(arena.overflowed);
	/* Idle chunks that are too small make room for one that is not. */
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 90000));
	assert_true(arena.held <= 100000);
	arena_release(&arena);
	assert_int_equal(arena.held, 0);
}

static void arena_reset_keeps_its_memory(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 10 << 20);
	for (int i = 0; i < 1000; i++)
		assert_non_null(arena_alloc(&arena, 3000));
	size_t held = arena.held;

	for (int round = 0; round < 5; round++) {
		arena_reset(&arena);
		assert_int_equal(arena_used(&arena), 0);
		for (int i = 0; i < 1000; i++)
			assert_non_null(arena_alloc(&arena, 3000));
		assert_int_equal(arena.held, held);
	}
	arena_release(&arena);
}

static void arena_sizes_that_wrap_fail(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, SIZE_MAX);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 7));
	assert_null(arena_calloc(&arena, SIZE_MAX / 2, 3));
	assert_true(arena.overflowed);
	arena_release(&arena);
}

static void arena_texts(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 16);
	struct span copy = arena_dup(&arena, SPAN("hello"));

	assert_true(span_eq(copy, SPAN("hello")));
	assert_non_null(arena_dup(&arena, (struct span){0}).ptr);
	assert_string_equal(arena_cstr(&arena, span_of("abcdef", 3)), "abc");
	assert_true(span_eq(arena_printf(&arena, "%d-%s", 7, "x"), SPAN("7-x")));
	arena_release(&arena);
}

static void buf_fails_once_and_keeps_what_it_has(void **state)
{
	_cleanup_(buf_release) struct buf buf = BUF_INIT(10);

	(void)state;
	buf_puts(&buf, SPAN("12345678"));
	assert_int_equal(buf.failed, 0);
	buf_puts(&buf, SPAN("9abc"));
	assert_int_equal(buf.failed, -ENOBUFS);
	assert_true(span_eq(buf_span(&buf), SPAN("12345678")));
	assert_true(span_eq(buf_span(&buf), SPAN("12345678")));
	buf_reset(&buf);
	assert_int_equal(buf.failed, 0);
	buf_printf(&buf, "%s", "0123456789"); /* exactly full, no room for a NUL */
	assert_int_equal(buf.failed, 0);
	assert_true(span_eq(buf_span(&buf), SPAN("0123456789")));
	assert_null(buf_cstr(&buf));
	buf_reset(&buf);
	buf_printf(&buf, "%s", "0123456789a");
	assert_int_equal(buf.failed, -ENOBUFS);
}

static void buf_appends(void **state)
{
	_cleanup_(buf_release) struct buf buf = BUF_INIT(1 << 20);

	(void)state;
	buf_put_u64(&buf, UINT64_MAX);
	buf_putc(&buf, ' ');
	buf_put_i64(&buf, INT64_MIN);
	buf_printf(&buf, " %05d", 42);
	assert_string_equal(buf_cstr(&buf), "18446744073709551615 -9223372036854775808 00042");
	buf_consume(&buf, 21);
	assert_string_equal(buf_cstr(&buf), "-9223372036854775808 00042");
	buf_consume(&buf, 1000);
	assert_int_equal(buf.len, 0);
	buf_put(&buf, NULL, 0);
	for (int i = 0; i < 10000; i++)
		buf_putc(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf.ptr[i], 'a' + i % 26);
}

static void vec_grows(void **state)
{
	VEC(int) vec = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vec_push(&vec, i * 3), 0);
	assert_int_equal(vec.len, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vec.ptr[i], i * 3);
	assert_int_equal(*vec_last(&vec), 2997);
	assert_int_equal(vec_reserve(&vec, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(vec.len, 1000);
	vec_release(&vec);
	assert_null(vec.ptr);
}

/* Against a plain array: 500 keys come and go 20,000 times. */
static void map_does_what_an_array_does(void **state)
{
	char keys[500][16];
	uint64_t expected[500];
	bool present[500] = {false};
	struct map map = {0};
	uint64_t seed = 42;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
	for (int step = 0; step < 20000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned k = (unsigned)(seed >> 33) % 500;
		struct span key = span_cstr(keys[k]);
		bool added;

		if (seed >> 62 == 0) {
			assert_int_equal(map_remove(&map, key), present[k]);
			len -= present[k];
			present[k] = false;
			continue;
		}
		union map_value *value = map_put(&map, key, &added);

		assert_non_null(value);
		assert_int_equal(added, !present[k]);
		len += added;
		present[k] = true;
		value->n = expected[k] = seed;
	}
	assert_int_equal(map.len, len);
	for (int i = 0; i < 500; i++) {
		union map_value *value = map_get(&map, span_cstr(keys[i]));

		assert_int_equal(value != NULL, present[i]);
		if (value)
			assert_int_equal(value->n, expected[i]);
	}
	size_t at = 0, seen = 0;
	struct span key;
	union map_value *value;

	while (map_next(&map, &at, &key, &value))
		seen++;
	assert_int_equal(seen, len);
	map_reset(&map);
	assert_null(map_get(&map, SPAN("k1")));
	map_release(&map);
	map_release(NULL);
}

static void map_takes_the_empty_key_and_rekeys(void **state)
{
	struct map map = {0};
	char text[] = "key";
	bool added;

	(void)state;
	assert_null(map_get(&map, SPAN("x")));
	assert_false(map_remove(&map, SPAN("x")));
	assert_non_null(map_put(&map, (struct span){0}, &added));
	assert_true(added);
	assert_non_null(map_put(&map, SPAN(""), &added));
	assert_false(added);
	map_put(&map, span_of(text, 3), &added)->n = 7;
	map_rekey(&map, span_of(text, 3), SPAN("key"));
	memset(text, 'z', 3);
	assert_int_equal(map_get(&map, SPAN("key"))->n, 7);
	map_release(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_allocations_are_apart_and_aligned),
		cmocka_unit_test(arena_budget_is_never_passed),
		cmocka_unit_test(arena_reset_keeps_its_memory),
		cmocka_unit_test(arena_sizes_that_wrap_fail),
		cmocka_unit_test(arena_texts),
		cmocka_unit_test(buf_fails_once_and_keeps_what_it_has),
		cmocka_unit_test(buf_appends),
		cmocka_unit_test(vec_grows),
		cmocka_unit_test(map_does_what_an_array_does),
		cmocka_unit_test(map_takes_the_empty_key_and_rekeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
