/* test_time_arg.c - the moments that people type. */
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include "common/lang/time_arg.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* 2026-03-01T12:34:56.5Z, a Sunday in winter */
#define NOW (INT64_C(1772368496) * NS_PER_SEC + 500 * NS_PER_MS)

static const struct {
	const char *text, *utc, *berlin; /* "" = not a time */
} cases[] = {
	{"now", "2026-03-01T12:34:56.500000000Z", "2026-03-01T12:34:56.500000000Z"},
	{"10m", "2026-03-01T12:24:56.500000000Z", "2026-03-01T12:24:56.500000000Z"},
	{"-10m", "2026-03-01T12:24:56.500000000Z", "2026-03-01T12:24:56.500000000Z"},
	{"now-10m", "2026-03-01T12:24:56.500000000Z", "2026-03-01T12:24:56.500000000Z"},
	{"now+1h30m", "2026-03-01T14:04:56.500000000Z", "2026-03-01T14:04:56.500000000Z"},
	{"0", "1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00.000000000Z"},
	{"1h30m", "2026-03-01T11:04:56.500000000Z", "2026-03-01T11:04:56.500000000Z"},
	{"2d", "2026-02-27T12:34:56.500000000Z", "2026-02-27T12:34:56.500000000Z"},
	{"today", "2026-03-01T00:00:00.000000000Z", "2026-02-28T23:00:00.000000000Z"},
	{"yesterday", "2026-02-28T00:00:00.000000000Z", "2026-02-27T23:00:00.000000000Z"},
	{"tomorrow", "2026-03-02T00:00:00.000000000Z", "2026-03-01T23:00:00.000000000Z"},
	{"08:30", "2026-03-01T08:30:00.000000000Z", "2026-03-01T07:30:00.000000000Z"},
	{"08:30:15.25", "2026-03-01T08:30:15.250000000Z", "2026-03-01T07:30:15.250000000Z"},
	{"2026-03-01", "2026-03-01T00:00:00.000000000Z", "2026-02-28T23:00:00.000000000Z"},
	/* summer time */
	{"2025-07-01T12:00", "2025-07-01T12:00:00.000000000Z", "2025-07-01T10:00:00.000000000Z"},
	{"2025-07-01 12:00:07", "2025-07-01T12:00:07.000000000Z", "2025-07-01T10:00:07.000000000Z"},
	{"2025-07-01T12:00:00Z", "2025-07-01T12:00:00.000000000Z",
	 "2025-07-01T12:00:00.000000000Z"},
	{"2025-07-01T12:00:00+05:30", "2025-07-01T06:30:00.000000000Z",
	 "2025-07-01T06:30:00.000000000Z"},
	/* the days on which the clock is put forward and back, and what is around that hour */
	{"2026-03-29", "2026-03-29T00:00:00.000000000Z", "2026-03-28T23:00:00.000000000Z"},
	{"2026-03-29T01:59:59", "2026-03-29T01:59:59.000000000Z", "2026-03-29T00:59:59.000000000Z"},
	{"2026-03-29T03:00", "2026-03-29T03:00:00.000000000Z", "2026-03-29T01:00:00.000000000Z"},
	{"2026-03-30", "2026-03-30T00:00:00.000000000Z", "2026-03-29T22:00:00.000000000Z"},
	{"2026-10-25", "2026-10-25T00:00:00.000000000Z", "2026-10-24T22:00:00.000000000Z"},
	{"2026-10-25T01:59:59", "2026-10-25T01:59:59.000000000Z", "2026-10-24T23:59:59.000000000Z"},
	{"2026-10-25T03:00", "2026-10-25T03:00:00.000000000Z", "2026-10-25T02:00:00.000000000Z"},
	{"2026-10-26", "2026-10-26T00:00:00.000000000Z", "2026-10-25T23:00:00.000000000Z"},
	{"@1772366400", "2026-03-01T12:00:00.000000000Z", "2026-03-01T12:00:00.000000000Z"},
	{"@1772366400.5", "2026-03-01T12:00:00.500000000Z", "2026-03-01T12:00:00.500000000Z"},
	{"1772366400123", "2026-03-01T12:00:00.123000000Z", "2026-03-01T12:00:00.123000000Z"},
	{" 10m ", "2026-03-01T12:24:56.500000000Z", "2026-03-01T12:24:56.500000000Z"},
	{"", "", ""},
	{"soon", "", ""},
	{"10", "", ""},
	{"25:00", "", ""},
	{"12:60", "", ""},
	{"2026-02-30", "", ""},
	{"2026-03-01T12:00:00Zjunk", "", ""},
	{"@", "", ""},
	{"--5m", "", ""},
	{"now-", "", ""},
	{"now10m", "", ""},
	{"nowhere", "", ""},
	{"-0", "", ""},
	{"12:30:00:00:00:00:00:00:00:00:00:00:00", "", ""},
};

static void check(const char *text, bool utc, const char *expected)
{
	char got[TIMESTAMP_TEXT_LEN + 1] = "";
	struct err err = {0};
	int64_t ns;
	int r = time_arg_parse(span_cstr(text), NOW, utc, &ns, &err);

	if (r == 0)
		timestamp_format(got, ns);
	else
		assert_int_equal(r, -EINVAL);
	if (strcmp(got, expected) != 0)
		print_message("'%s' (%s): got '%s' %s\n", text, utc ? "UTC" : "local", got,
			      err.text);
	assert_string_equal(got, expected);
	assert_true(r == 0 || strstr(err.text, text));
}

static void test_utc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].text, true, cases[i].utc);
}

static void test_local(void **state)
{
	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].text, false, cases[i].berlin);
}

/* Days are days of the calendar, hours are hours. */
static void test_the_day_after(void **state)
{
	static const struct {
		int64_t now; /* s */
		const char *text, *expected;
	} days[] = {
		{1774864800, "today", "2026-03-29T22:00:00.000000000Z"}, /* 2026-03-30 12:00 */
		{1774864800, "yesterday", "2026-03-28T23:00:00.000000000Z"},
		{1774864800, "24h", "2026-03-29T10:00:00.000000000Z"},
		{1774864800, "00:30", "2026-03-29T22:30:00.000000000Z"},
		{1793012400, "today", "2026-10-25T23:00:00.000000000Z"}, /* 2026-10-26 12:00 */
		{1793012400, "yesterday", "2026-10-24T22:00:00.000000000Z"},
	};

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		char got[TIMESTAMP_TEXT_LEN + 1] = "";
		int64_t ns;

		assert_int_equal(time_arg_parse(span_cstr(days[i].text), days[i].now * NS_PER_SEC,
						false, &ns, NULL),
				 0);
		timestamp_format(got, ns);
		assert_string_equal(got, days[i].expected);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_the_day_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
