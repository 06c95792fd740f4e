/* num: numbers, durations, sizes, varints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/num.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof(list[0]))

static void integers(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t n;
	} cases[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"+7", 0, 7},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"99999999999999999999999x", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"--1", -EINVAL, 0},
	};
	uint64_t u;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t n = 99;

		assert_int_equal(num_parse_i64(span_cstr(cases[i].text), &n), cases[i].r);
		assert_int_equal(n, cases[i].r < 0 ? 99 : cases[i].n);
	}
	assert_int_equal(num_parse_u64(SPAN("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(num_parse_u64(SPAN("18446744073709551616"), &u), -ERANGE);
	assert_int_equal(num_parse_u64(SPAN("-1"), &u), -EINVAL);
}

static void integers_print_as_libc_does(void **state)
{
	static const int64_t numbers[] = {0, 1, -1, 9, 10, 99, 100, INT64_MAX, INT64_MIN};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		char ours[NUM_TEXT_MAX], theirs[NUM_TEXT_MAX];
		size_t n = num_format_i64(ours, numbers[i]);

		snprintf(theirs, sizeof(theirs), "%lld", (long long)numbers[i]);
		assert_int_equal(n, strlen(theirs));
		assert_memory_equal(ours, theirs, n);
	}
}

/* Against strtod, over the shapes that take different paths. */
static void doubles_parse_as_strtod_does(void **state)
{
	static const char *const shapes[] = {"%.0f", "%.3f", "%.17g", "%e", "%.20f", "%g"};
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		char text[512];
		double source, ours;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(&source, &seed, sizeof(source));
		if (i % 3)
			source = (double)(int64_t)seed / (double)(1 + (i % 977));
		if (!isfinite(source))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), shapes[i % 6], source);
#pragma GCC diagnostic pop
		double theirs = strtod(text, NULL);

		assert_int_equal(num_parse_double(span_cstr(text), &ours), 0);
		assert_memory_equal(&ours, &theirs, sizeof(ours));
	}
}

static void doubles_refuse(void **state)
{
	static const char *const bad[] = {"",      "-",  ".",  "1.",  ".5",   "1e",      "1e+",
					  "0x1p3", "1 ", " 1", "1,5", "nanx", "infinit", "1e5x"};
	double d = 5;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(num_parse_double(span_cstr(bad[i]), &d), -EINVAL);
	assert_int_equal(num_parse_double(SPAN("1e999"), &d), -ERANGE);
	assert_true(d == 5);
	assert_int_equal(num_parse_double(SPAN("-Inf"), &d), 0);
	assert_true(isinf(d) && d < 0);
	assert_int_equal(num_parse_double(SPAN("nan"), &d), 0);
	assert_true(isnan(d));
	assert_int_equal(num_parse_double(SPAN("-0.0"), &d), 0);
	assert_true(d == 0 && signbit(d));
}

static void doubles_print_shortest(void **state)
{
	static const struct {
		double d;
		const char *text;
	} cases[] = {
		{0, "0"},        {-0.0, "-0"},
		{0.1, "0.1"},    {1e15, "1e+15"},
		{-1.5, "-1.5"},  {123456, "123456"},
		{1e21, "1e+21"}, {1.0 / 3, "0.3333333333333333"},
		{1e-7, "1e-07"}, {0.1 + 0.2, "0.30000000000000004"},
	};
	uint64_t seed = 3;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[NUM_TEXT_MAX] = {0};

		num_format_double(text, cases[i].d);
		assert_string_equal(text, cases[i].text);
	}
	for (int i = 0; i < 20000; i++) {
		char text[NUM_TEXT_MAX];
		double d, back;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(&d, &seed, sizeof(d));
		if (!isfinite(d))
			continue;
		size_t n = num_format_double(text, d);

		assert_true(n < NUM_TEXT_MAX);
		assert_int_equal(num_parse_double(span_of(text, n), &back), 0);
		assert_memory_equal(&back, &d, sizeof(d));
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t ns;
	} cases[] = {
		{"500ms", 0, 500000000},
		{"5s", 0, 5000000000},
		{"1m", 0, 60000000000},
		{"1.5h", 0, 5400000000000},
		{"1h30m", 0, 5400000000000},
		{"-10m", 0, -600000000000},
		{"7d", 0, 604800000000000},
		{"1w", 0, 604800000000000},
		{"3us", 0, 3000},
		{"3\xc2\xb5s", 0, 3000},
		{"0", 0, 0},
		{"10", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"5 s", -EINVAL, 0},
		{"5x", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1e3s", -EINVAL, 0},
		{"1..5s", -EINVAL, 0},
		{"300y", -ERANGE, 0},
		{"99999999999999999999s", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ns = 0;

		assert_int_equal(num_parse_duration(span_cstr(cases[i].text), &ns), cases[i].r);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void durations_print_for_people(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ns"},
		{1500, "1.5us"},
		{2500000, "2.5ms"},
		{5300000000, "5.3s"},
		{60000000000, "1m"},
		{5400000000000, "1h30m"},
		{90061000000000, "1d1h1m1s"},
		{-2000000000, "-2s"},
		{61000000001, "1m1s"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[NUM_TEXT_MAX] = {0};
		int64_t back;
		size_t n = num_format_duration(text, cases[i].ns);

		assert_string_equal(text, cases[i].text);
		assert_int_equal(num_parse_duration(span_of(text, n), &back), 0);
	}
	char longest[NUM_TEXT_MAX];

	assert_true(num_format_duration(longest, INT64_MIN) < NUM_TEXT_MAX);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} cases[] = {
		{"512", 0, 512},
		{"16KiB", 0, 16384},
		{"64MB", 0, 64000000},
		{"1GiB", 0, 1u << 30},
		{"10K", 0, 10000},
		{"1.5GiB", 0, 1610612736},
		{"2tib", 0, 2199023255552},
		{"0", 0, 0},
		{"", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1 K", -EINVAL, 0},
		{"1XB", -EINVAL, 0},
		{"1K1", -EINVAL, 0},
		{"99999999TiB", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 0;

		assert_int_equal(num_parse_size(span_cstr(cases[i].text), &bytes), cases[i].r);
		assert_true(bytes == cases[i].bytes);
	}
}

static void sizes_print_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"},           {1023, "1023 B"},        {1024, "1.0 KiB"},
		     {1468006, "1.3 MiB"}, {1048575, "1023.9 KiB"}, {UINT64_MAX, "15.9 EiB"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[NUM_TEXT_MAX] = {0};

		num_format_size(text, cases[i].bytes);
		assert_string_equal(text, cases[i].text);
	}
}

static void varints(void **state)
{
	unsigned char bytes[16];

	(void)state;
	for (int bit = 0; bit < 64; bit++)
		for (int delta = -1; delta <= 1; delta++) {
			uint64_t n = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta, back;
			unsigned char *end = varint_put(bytes, n);

			assert_ptr_equal(varint_get(bytes, end, &back), end);
			assert_true(back == n);
			assert_null(varint_get(bytes, end - 1, &back));
			assert_int_equal(unzigzag(zigzag((int64_t)n)), (int64_t)n);
		}
	memset(bytes, 0x80, sizeof(bytes));
	uint64_t back;

	assert_null(varint_get(bytes, bytes + 16, &back)); /* never ends */
	memset(bytes, 0xff, 9);
	bytes[9] = 2; /* 65 bits */
	assert_null(varint_get(bytes, bytes + 10, &back));
	assert_int_equal(zigzag(-1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(integers_print_as_libc_does),
		cmocka_unit_test(doubles_parse_as_strtod_does),
		cmocka_unit_test(doubles_refuse),
		cmocka_unit_test(doubles_print_shortest),
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_print_for_people),
		cmocka_unit_test(sizes),
		cmocka_unit_test(sizes_print_for_people),
		cmocka_unit_test(varints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
