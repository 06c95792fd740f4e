/* timestamp: against libc's calendar, and the texts that services write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

static uint64_t seed = 11;

static uint64_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed ^ seed >> 29;
}

static void formats_as_libc_does(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* All of int64_t, and half of the time the years people live in. */
		int64_t ns = (int64_t)draw();

		if (i % 2)
			ns = ns % (INT64_C(4000000000) * NS_PER_SEC);
		time_t seconds = (time_t)(ns / NS_PER_SEC - (ns % NS_PER_SEC < 0));
		int64_t fraction = ns - (int64_t)seconds * NS_PER_SEC;
		struct tm tm;
		char theirs[64], ours[TIMESTAMP_TEXT_LEN + 1] = {0};

		assert_non_null(gmtime_r(&seconds, &tm));
		size_t n = strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);

		snprintf(theirs + n, sizeof(theirs) - n, ".%09lldZ", (long long)fraction);
		timestamp_format(ours, ns);
		assert_string_equal(ours, theirs);
		int64_t back;

		assert_int_equal(timestamp_parse(span_cstr(ours), &back), 0);
		assert_true(back == ns);
	}
}

static void days_count_as_timegm_does(void **state)
{
	(void)state;
	for (int64_t days = -800000; days < 3000000; days += 61) {
		time_t seconds = (time_t)(days * 86400);
		struct tm tm;
		int64_t year;
		unsigned month, day;

		gmtime_r(&seconds, &tm);
		timestamp_civil(days, &year, &month, &day);
		assert_int_equal(year, tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(day, tm.tm_mday);
		assert_int_equal(timestamp_days(year, month, day), days);
	}
}

static void every_day_of_the_calendar_and_no_other(void **state)
{
	(void)state;
	for (unsigned year = 1896; year <= 2104; year += 4)
		for (unsigned month = 0; month <= 13; month++)
			for (unsigned day = 0; day <= 32; day++) {
				char text[64];
				struct tm tm = {.tm_year = (int)year - 1900,
						.tm_mon = (int)month - 1,
						.tm_mday = (int)day};
				time_t seconds = timegm(&tm);
				bool real = tm.tm_mon == (int)month - 1 && tm.tm_mday == (int)day;
				int64_t ns;

				snprintf(text, sizeof(text), "%04u-%02u-%02uT00:00:00Z", year,
					 month, day);
				assert_int_equal(timestamp_parse(span_cstr(text), &ns),
						 real ? 0 : -EINVAL);
				if (real)
					assert_true(ns == (int64_t)seconds * NS_PER_SEC);
			}
}

#define BASE (INT64_C(1772366400) * NS_PER_SEC) /* 2026-03-01T12:00:00Z */

static void what_services_write(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{"2026-03-01T12:00:00Z", BASE},
		{"2026-03-01t12:00:00z", BASE},
		{"2026-03-01 12:00:00", BASE},
		{"2026/03/01 12:00:00", BASE},
		{"2026-03-01T12:00Z", BASE},
		{"2026-03-01 12:00:00,123", BASE + 123000000},
		{"2026-03-01T12:00:00.123456789Z", BASE + 123456789},
		{"2026-03-01T12:00:00.1234567891234Z", BASE + 123456789},
		{"2026-03-01T13:00:00+01:00", BASE},
		{"2026-03-01T13:30:00+0130", BASE},
		{"2026-03-01T04:00:00-08", BASE},
		{"2026-03-01 13:00:00 +0100", BASE},
		{"2026-03-01 12:00:00.5 +0000 UTC", BASE + 500000000},
		{"2026-03-01T11:59:60Z", BASE},
		{"1772366400", BASE},
		{"1772366400.5", BASE + 500000000},
		{"1772366400123", BASE + 123000000},
		{"1772366400123456", BASE + 123456000},
		{"1772366400123456789", BASE + 123456789},
		{"1.7723664e9", BASE},
		{"1772366400123.25", BASE + 123250000},
		{"-1.5", -1500000000},
		{"0", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns = 0;

		if (timestamp_parse(span_cstr(cases[i].text), &ns) != 0 || ns != cases[i].ns)
			fail_msg("%s: %lld, not %lld", cases[i].text, (long long)ns,
				 (long long)cases[i].ns);
	}
}

static void what_is_no_time(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", -EINVAL},
		{"now", -EINVAL},
		{"2026-03-01", -EINVAL},
		{"2026-03-01T24:00:00Z", -EINVAL},
		{"2026-03-01T12:60:00Z", -EINVAL},
		{"2026-03-01T12:00:61Z", -EINVAL},
		{"2026-03-01T12:00:00+24:00", -EINVAL},
		{"2026-03-01T12:00:00Zx", -EINVAL},
		{"2026-03/01T12:00:00Z", -EINVAL},
		{"0000-03-01T12:00:00Z", -EINVAL},
		{"2026-3-1T12:00:00Z", -EINVAL},
		{"1.", -EINVAL},
		{".5", -EINVAL},
		{"1x", -EINVAL},
		{"-", -EINVAL},
		{"nan", -EINVAL},
		{"1677-01-01T00:00:00Z", -ERANGE},
		{"2263-01-01T00:00:00Z", -ERANGE},
		{"9999-12-31T23:59:59Z", -ERANGE},
		{"99999999999999999999", -ERANGE},
		{"1e40", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns = 5;
		int r = timestamp_parse(span_cstr(cases[i].text), &ns);

		if (r != cases[i].r || ns != 5)
			fail_msg("%s: %d, not %d", cases[i].text, r, cases[i].r);
	}
}

static void iso_from_the_front_says_where_it_stopped(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {{"2026-03-01T12:00:00Z x", 20},      {"2026-03-01 12:00:00 INFO", 19},
		     {"2026-03-01 12:00:00,5 - x", 21},   {"2026-03-01 12:00:00, x", 19},
		     {"2026-03-01 12:00:00 +0100 x", 25}, {"2026-03-01 12:00:00 -05 x", 19},
		     {"2026-03-01 12:00:00-05 x", 22},    {"2026-03-01 12:00 x", 16}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns;
		size_t len = 0;

		assert_int_equal(timestamp_parse_iso(span_cstr(cases[i].text), &ns, &len), 0);
		assert_int_equal(len, cases[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_libc_does),
		cmocka_unit_test(days_count_as_timegm_does),
		cmocka_unit_test(every_day_of_the_calendar_and_no_other),
		cmocka_unit_test(what_services_write),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(iso_from_the_front_says_where_it_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
