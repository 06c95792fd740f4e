/* test_logq_print.c - each format against what it must print, byte for byte. */
#include "aggregator/logq/print.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define FIELDS 6

static const struct span names[FIELDS] = {SPAN("_time"), SPAN("level"),    SPAN("service"),
					  SPAN("_msg"),  SPAN("order_id"), SPAN("http.status")};

static const struct span rows[][FIELDS] = {
	{SPAN("2026-03-01T12:00:00.005306000Z"), SPAN("ERROR"), SPAN("payment"),
	 SPAN("payment declined"), SPAN("A-1009"), SPAN("402")},
	{SPAN("2026-03-01T12:00:01Z"), SPAN("INFO"), SPAN("web"), SPAN("line one\n  line two"),
	 SPAN(""), SPAN("")},
	{SPAN(""), SPAN(""), SPAN(""), SPAN("say \"hi\" a=b, \\ x"), SPAN("ü"), SPAN("")},
};

/* What stats give: no message, numbers. */
static const struct span stats_names[] = {SPAN("service"), SPAN("n")};
static const struct span stats_rows[][2] = {
	{SPAN("payment"), SPAN("12")}, {SPAN("web"), SPAN("1034")}, {SPAN("a, b"), SPAN("")}};

static const struct style plain = {.utc = true};

static const char *text_of(int fd)
{
	static char text[8192];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = 0;
	close(fd);
	return text;
}

static const char *print(struct print_conf conf, const struct span *row_names,
			 const struct span *texts, size_t nfields, size_t nrows)
{
	struct printer *printer;

	conf.fd = memfd_create("out", 0);
	assert_int_equal(printer_new(&conf, &printer), 0);
	for (size_t i = 0; i < nrows; i++)
		if (printer_row(printer, row_names, texts + i * nfields, nfields) != 0)
			break;
	assert_int_equal(printer_end(printer, NULL), 0);
	printer_free(printer);
	return text_of(conf.fd);
}

static const char *print_records(enum output_format format)
{
	return print((struct print_conf){.format = format, .style = plain}, names, rows[0], FIELDS,
		     sizeof(rows) / sizeof(rows[0]));
}

static const char *print_stats(enum output_format format)
{
	return print((struct print_conf){.format = format, .style = plain}, stats_names,
		     stats_rows[0], 2, 3);
}

static const struct {
	enum output_format format;
	const char *expected;
} golden[] = {
	{OUTPUT_SHORT, "Mar 01 12:00:00.005 ERROR payment: payment declined\n"
		       "Mar 01 12:00:01.000 INFO  web: line one\n      line two\n"
		       "say \"hi\" a=b, \\ x\n"},
	{OUTPUT_SHORT_ISO, "2026-03-01T12:00:00.005Z ERROR payment: payment declined\n"
			   "2026-03-01T12:00:01.000Z INFO  web: line one\n      line two\n"
			   "say \"hi\" a=b, \\ x\n"},
	{OUTPUT_PRETTY, "Mar 01 12:00:00.005 ERROR payment: payment declined order_id=A-1009 "
			"http.status=402\n"
			"Mar 01 12:00:01.000 INFO  web: line one\n      line two\n"
			"say \"hi\" a=b, \\ x order_id=ü\n"},
	{OUTPUT_VERBOSE, "2026-03-01T12:00:00.005Z\n    level=ERROR\n    service=payment\n"
			 "    _msg=payment declined\n    order_id=A-1009\n    http.status=402\n"
			 "2026-03-01T12:00:01.000Z\n    level=INFO\n    service=web\n"
			 "    _msg=line one\n          line two\n"
			 "\n    _msg=say \"hi\" a=b, \\ x\n    order_id=ü\n"},
	{OUTPUT_JSON,
	 "{\"_time\":\"2026-03-01T12:00:00.005306000Z\",\"level\":\"ERROR\",\"service\":"
	 "\"payment\",\"_msg\":\"payment declined\",\"order_id\":\"A-1009\",\"http.status\":"
	 "\"402\"}\n"
	 "{\"_time\":\"2026-03-01T12:00:01Z\",\"level\":\"INFO\",\"service\":\"web\",\"_msg\":"
	 "\"line one\\n  line two\"}\n"
	 "{\"_msg\":\"say \\\"hi\\\" a=b, \\\\ x\",\"order_id\":\"ü\"}\n"},
	{OUTPUT_LOGFMT, "_time=2026-03-01T12:00:00.005306000Z level=ERROR service=payment "
			"_msg=\"payment declined\" order_id=A-1009 http.status=402\n"
			"_time=2026-03-01T12:00:01Z level=INFO service=web _msg=\"line one\\n  "
			"line two\"\n"
			"_msg=\"say \\\"hi\\\" a=b, \\\\ x\" order_id=ü\n"},
	{OUTPUT_CSV, "_time,level,service,_msg,order_id,http.status\n"
		     "2026-03-01T12:00:00.005306000Z,ERROR,payment,payment declined,A-1009,402\n"
		     "2026-03-01T12:00:01Z,INFO,web,\"line one\n  line two\",,\n"
		     ",,,\"say \"\"hi\"\" a=b, \\ x\",ü,\n"},
	{OUTPUT_CAT, "payment declined\nline one\n  line two\nsay \"hi\" a=b, \\ x\n"},
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
		assert_string_equal(print_records(golden[i].format), golden[i].expected);
}

/* Without -o, records are lines, and what pipes computed is a table. */
static void test_auto(void **state)
{
	static const struct span line_names[] = {SPAN("_time"), SPAN("service"), SPAN("_msg")};
	static const struct span group_names[] = {SPAN("_msg"), SPAN("n")};
	static const struct span record_names[] = {SPAN("_time"), SPAN("_stream"), SPAN("_msg"),
						   SPAN("hop")};
	static const struct span texts[] = {SPAN("2026-03-01T12:00:00Z"), SPAN("web"), SPAN("up"),
					    SPAN("1")};
	struct print_conf conf = {.style = plain};

	(void)state;
	assert_string_equal(print(conf, line_names, texts, 3, 1),
			    "Mar 01 12:00:00.000       web: up\n");
	assert_string_equal(print(conf, record_names, texts, 4, 1), "Mar 01 12:00:00.000 up\n");
	assert_string_equal(print(conf, group_names, texts + 2, 2, 1), "_msg  n\nup    1\n");
}

static void test_stats(void **state)
{
	static const char table[] = "service     n\npayment    12\nweb      1034\na, b         \n";

	(void)state;
	assert_string_equal(print_stats(OUTPUT_TABLE), table);
	assert_string_equal(print_stats(OUTPUT_AUTO), table);
	assert_string_equal(print_stats(OUTPUT_CSV),
			    "service,n\npayment,12\nweb,1034\n\"a, b\",\n");
	assert_string_equal(print_stats(OUTPUT_CAT), "payment\t12\nweb\t1034\na, b\t\n");
	assert_string_equal(print_stats(OUTPUT_SHORT),
			    "service=payment n=12\nservice=web n=1034\nservice=\"a, b\"\n");
}

static void test_reversed_and_limited(void **state)
{
	struct print_conf conf = {.format = OUTPUT_CAT, .style = plain, .reversed = true};

	(void)state;
	assert_string_equal(print(conf, stats_names, stats_rows[0], 2, 3),
			    "a, b\t\nweb\t1034\npayment\t12\n");
	conf.limit = 2;
	assert_string_equal(print(conf, stats_names, stats_rows[0], 2, 3),
			    "web\t1034\npayment\t12\n");
	conf.reversed = false;
	assert_string_equal(print(conf, stats_names, stats_rows[0], 2, 3),
			    "payment\t12\nweb\t1034\n");
}

/* Empty steps are there, many of them as one line; the day is said where it changes. */
static void test_histogram(void **state)
{
	static const struct span bar_names[] = {SPAN("_time"), SPAN("hits")};
	static const struct span bar_rows[][2] = {{SPAN("2026-03-01T23:50:00Z"), SPAN("50")},
						  {SPAN("2026-03-02T00:00:00Z"), SPAN("1")},
						  {SPAN("2026-03-02T01:00:00Z"), SPAN("12345")}};
	struct print_conf conf = {
		.view = {.kind = VIEW_HISTOGRAM, .step_ns = INT64_C(300000000000)},
		.style = {.utc = true, .ascii = true, .width = 40}};

	(void)state;
	assert_string_equal(print(conf, bar_names, bar_rows[0], 2, 3),
			    "time UTC       hits\n"
			    "Mar 01 23:50     50  #\n"
			    "       23:55      0\n"
			    "Mar 02 00:00      1  #\n"
			    "         ...      0  11 times\n"
			    "       01:00  12345  ###################\n");
	conf.style.ascii = false;
	conf.view.coarsen = true;
	assert_string_equal(print(conf, bar_names, bar_rows[0], 2, 2),
			    "time UTC      hits\n"
			    "Mar 01 23:50    50  ████████████████████\n"
			    "       23:55     0\n"
			    "Mar 02 00:00     1  ▍\n");
	conf.view.coarsen = false;
	conf.view.step_ns = 0;
	conf.format = OUTPUT_CSV;
	assert_string_equal(print(conf, bar_names, bar_rows[0], 2, 1),
			    "_time,hits\n2026-03-01T23:50:00Z,50\n");
}

static void test_coarsen(void **state)
{
	static const struct span bar_names[] = {SPAN("_time"), SPAN("hits")};
	static const struct span bar_rows[][2] = {{SPAN("2026-03-01T00:00:10Z"), SPAN("2")},
						  {SPAN("2026-03-01T00:00:50Z"), SPAN("3")},
						  {SPAN("2026-03-01T00:03:00Z"), SPAN("10")}};
	struct print_conf conf = {
		.view = {.kind = VIEW_HISTOGRAM, .step_ns = INT64_C(1000000000), .coarsen = true},
		.style = {.utc = true, .ascii = true, .width = 40}};

	(void)state;
	assert_string_equal(print(conf, bar_names, bar_rows[0], 2, 3),
			    "time UTC         hits\n"
			    "Mar 01 00:00:10     2  ###\n"
			    "            ...     0  7 times\n"
			    "       00:00:50     3  #####\n"
			    "            ...     0  25 times\n"
			    "       00:03:00    10  #################\n");
}

static void test_shares(void **state)
{
	static const struct span field_names[] = {SPAN("level"), SPAN("count")};
	static const struct span field_rows[][2] = {{SPAN("INFO"), SPAN("9000")},
						    {SPAN(""), SPAN("999")},
						    {SPAN("a\tlong\nvalue of 你好"), SPAN("1")}};
	struct print_conf conf = {.view = {.kind = VIEW_VALUES, .field = SPAN("level")},
				  .style = {.width = 40}};

	(void)state;
	/* No row has the field: its column is not there, and nothing else says which it was. */
	assert_string_equal(print(conf, &field_names[1], &field_rows[0][1], 1, 1),
			    "level   count   share\n"
			    "(none)   9000  100.0%  █████████████████\n");
	assert_string_equal(print(conf, field_names, field_rows[0], 2, 3),
			    "level                  count   share\n"
			    "INFO                    9000   90.0%\n"
			    "(none)                   999   10.0%\n"
			    "a long\\nvalue of 你好      1   <0.1%\n");
	conf.style.width = 30;
	assert_string_equal(print(conf, field_names, field_rows[0], 2, 3),
			    "level            count   share\n"
			    "INFO              9000   90.0%\n"
			    "(none)             999   10.0%\n"
			    "a long\\nvalue …      1   <0.1%\n");
}

/* stats by (_time:1s), of which nobody said in which order it comes. */
static void test_times(void **state)
{
	static const struct span time_names[] = {SPAN("_time"), SPAN("n")};
	static const struct span time_rows[][2] = {{SPAN("2026-03-01T12:00:02Z"), SPAN("1")},
						   {SPAN("2026-03-01T12:00:01.5Z"), SPAN("2")},
						   {SPAN(""), SPAN("3")},
						   {SPAN("2026-03-01T12:00:01Z"), SPAN("4")},
						   {SPAN("2026-03-01T12:00:01.5Z"), SPAN("5")}};
	struct print_conf conf = {.view = {.kind = VIEW_TIMES}, .style = {.utc = true}};

	(void)state;
	assert_string_equal(print(conf, time_names, time_rows[0], 2, 5),
			    "_time                   n\n"
			    "                        3\n"
			    "2026-03-01T12:00:01Z    4\n"
			    "2026-03-01T12:00:01.5Z  2\n"
			    "2026-03-01T12:00:01.5Z  5\n"
			    "2026-03-01T12:00:02Z    1\n");
}

static void test_patterns(void **state)
{
	static const struct span fields[] = {SPAN("pattern"), SPAN("count"), SPAN("first"),
					     SPAN("last"), SPAN("trend")};
	static const struct span row[] = {SPAN("payment <N> declined"), SPAN("12"),
					  SPAN("2026-03-01T12:00:00Z"),
					  SPAN("2026-03-01T12:00:09Z"), SPAN("▁▂ █")};
	struct print_conf conf = {.view = {.kind = VIEW_PATTERNS},
				  .style = {.utc = true, .width = 35}};

	(void)state;
	assert_string_equal(print(conf, fields, row, 5, 1),
			    "count  trend     pattern\n   12  ▁▂ █      payment <N> decli…\n");
	conf.style.ascii = true;
	assert_string_equal(print(conf, fields, row, 5, 1),
			    "count  trend     pattern\n   12  .: #      payment <N> dec...\n");
	conf.style.width = 0;
	assert_string_equal(
		print(conf, fields, row, 5, 1),
		"count  trend     first            last             pattern\n"
		"   12  .: #      Mar 01 12:00:00  Mar 01 12:00:09  payment <N> declined\n");
}

/* Clocks that are centuries wrong. */
static void test_far_times(void **state)
{
	static const struct span bar_names[] = {SPAN("_time"), SPAN("hits")};
	static const struct span bar_rows[][2] = {{SPAN("1700-01-01T00:00:00Z"), SPAN("1")},
						  {SPAN("2250-01-01T00:00:00Z"), SPAN("2")}};
	struct print_conf conf = {
		.view = {.kind = VIEW_HISTOGRAM, .step_ns = INT64_C(1000000000), .coarsen = true},
		.style = {.utc = true, .ascii = true, .width = 40}};

	(void)state;
	assert_non_null(strstr(print(conf, bar_names, bar_rows[0], 2, 2), "times\n2249-12-"));
}

/* Hops on one axis; what went wrong and who was silent is said in words. */
static void test_trace(void **state)
{
	static const struct span fields[] = {SPAN("trace_id"), SPAN("hop"),      SPAN("depth"),
					     SPAN("service"),  SPAN("_time"),    SPAN("offset"),
					     SPAN("latency"),  SPAN("duration"), SPAN("errors"),
					     SPAN("note"),     SPAN("span_id"),  SPAN("_msg")};
	static const struct span hops[][12] = {
		{SPAN("5d9d"), SPAN("1"), SPAN("0"), SPAN("edge"), SPAN("2026-03-01T12:00:00Z"),
		 SPAN("0"), SPAN("0"), SPAN("0"), SPAN("0"), SPAN(""), SPAN("a"), SPAN("GET /")},
		{SPAN("5d9d"), SPAN("2"), SPAN("1"), SPAN("payment"), SPAN("2026-03-01T12:00:00Z"),
		 SPAN("2ms"), SPAN("2ms"), SPAN("2ms"), SPAN("1"), SPAN("first error"), SPAN("b"),
		 SPAN("declined")},
		{SPAN("5d9d"), SPAN("3"), SPAN("1"), SPAN(""), SPAN("2026-03-01T12:00:00Z"),
		 SPAN("1ms"), SPAN("1ms"), SPAN("0"), SPAN("0"), SPAN("silent"), SPAN("c"),
		 SPAN("")}};
	struct print_conf conf = {.view = {.kind = VIEW_TRACE},
				  .style = {.utc = true, .ascii = true, .width = 40}};

	(void)state;
	assert_string_equal(print(conf, fields, hops[0], 12, 3),
			    "trace 5d9d\n"
			    "      Mar 01 12:00:00.000 UTC  4.00ms\n"
			    "      2 services, 1 error, 1 silent hop\n"
			    "\n"
			    "service       offset  0           4.00ms\n"
			    "edge               0  |\n"
			    "  GET /\n"
			    "  payment     2.00ms          #########\n"
			    "    FIRST ERROR declined\n"
			    "  (silent)    1.00ms      ?\n"
			    "    no row of span c\n");
	conf.style.width = 100;
	assert_string_equal(print(conf, fields, hops[0], 12, 1),
			    "trace 5d9d  Mar 01 12:00:00.000 UTC  0  1 service, 0 errors\n"
			    "\n"
			    "service    offset   latency  0                          0\n"
			    "edge            0         0  |                             GET /\n");
}

/* Wide values are cut, numbers are not; where nothing helps, a field is a line. */
static void test_narrow_table(void **state)
{
	static const struct span wide[] = {SPAN("你好你好你好你好"), SPAN("1034"), SPAN("")};
	static const struct span fields[] = {SPAN("city"), SPAN("count"), SPAN("nothing")};
	struct print_conf conf = {.format = OUTPUT_TABLE, .style = {.width = 16}};

	(void)state;
	assert_string_equal(print(conf, fields, wide, 3, 1),
			    "city       count\n你好你好…   1034\n");
	conf.style.width = 10;
	assert_string_equal(print(conf, fields, wide, 3, 1),
			    "city   你好你好你好你好\ncount  1034\n");
}

/* Nothing that a log holds may reach a terminal as a command. */
static void test_escapes(void **state)
{
	static const struct span hostile[] = {SPAN(
		"\033]0;owned\007 \302\233x \342\200\256abc \357\273\277 \xff\xfe \x7f tab\tok ü")};
	static const struct span foreign[] = {SPAN("ü 你 😀")};
	static const struct span msg[] = {SPAN("_msg")};
	static const enum output_format all[] = {OUTPUT_SHORT,   OUTPUT_SHORT_ISO, OUTPUT_PRETTY,
						 OUTPUT_VERBOSE, OUTPUT_JSON,      OUTPUT_LOGFMT,
						 OUTPUT_CAT,     OUTPUT_TABLE,     OUTPUT_CSV};
	struct print_conf conf = {.format = OUTPUT_CAT, .style = {.escape = true}};

	(void)state;
	assert_string_equal(print(conf, msg, hostile, 1, 1),
			    "\\x1b]0;owned\\x07 \\x9bx \\u202eabc \\ufeff \\xff\\xfe \\x7f "
			    "tab\tok ü\n");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const unsigned char *text;

		conf.format = all[i];
		text = (const unsigned char *)print(conf, msg, hostile, 1, 1);
		for (; *text; text++)
			assert_true(*text >= 0x20 || *text == '\n' || *text == '\t');
		assert_null(strstr((const char *)text, "\302\233"));
	}
	conf.format = OUTPUT_CAT;
	conf.style.ascii_text = true; /* a terminal that may take any byte for a command */
	assert_string_equal(print(conf, msg, foreign, 1, 1), "\\u00fc \\u4f60 \\U0001f600\n");
	conf.style.escape = false;
	conf.format = OUTPUT_CAT;
	assert_memory_equal(print(conf, msg, hostile, 1, 1), hostile[0].ptr, hostile[0].len);
}

static void test_color(void **state)
{
	struct print_conf conf = {.format = OUTPUT_SHORT, .style = {.utc = true, .color = true}};

	(void)state;
	assert_string_equal(print(conf, names, rows[0], FIELDS, 1),
			    "\033[2mMar 01 12:00:00.005\033[0m \033[1;31mERROR\033[0m "
			    "\033[36mpayment\033[0m: payment declined\n");
}

/* Rows that are kept have a limit, and hitting it is an error. */
static void test_too_many_to_keep(void **state)
{
	struct print_conf conf = {.format = OUTPUT_TABLE, .style = plain};
	struct printer *printer;
	static char big[1 << 20];
	struct span text = span_of(big, sizeof(big)), name = SPAN("x");
	int r = 0;

	(void)state;
	memset(big, 'x', sizeof(big));
	conf.fd = open("/dev/null", O_WRONLY);
	assert_int_equal(printer_new(&conf, &printer), 0);
	for (unsigned i = 0; i < 300 && r == 0; i++)
		r = printer_row(printer, &name, &text, 1);
	assert_int_equal(r, -ENOBUFS);
	printer_free(printer);
	close(conf.fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_auto),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_reversed_and_limited),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_coarsen),
		cmocka_unit_test(test_far_times),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_narrow_table),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_too_many_to_keep),
	};

	setlocale(LC_CTYPE, "C.UTF-8"); /* as style_init() does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
