/* Where in a query its end is: what may come next. */
#include "aggregator/logq/complete.h"
#include "common/lang/lex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *text, *kind, *field, *piece;
} places[] = {
	/* Filters */
	{"", "filter", "", ""},
	{"err", "filter", "", "err"},
	{"error ", "filter", "", ""},
	{"error and ser", "filter", "", "ser"},
	{"(error or http.st", "filter", "", "http.st"},
	{"-lev", "filter", "", "lev"},
	{"!lev", "filter", "", "lev"},
	{"not lev", "filter", "", "lev"},
	{"level:", "value", "level", ""},
	{"level:ER", "value", "level", "ER"},
	{"level : ER", "value", "level", "ER"},
	{"level:!ER", "value", "level", "ER"},
	{"a.b-c:x", "value", "a.b-c", "x"},
	{"\"a b\":x", "value", "a b", "x"},
	{"x http.path:/pa", "value", "http.path", "/pa"},
	{"level:=ER", "item", "level", "ER"},
	{"level:!=ER", "item", "level", "ER"},
	{"level:=\"ER", "item", "level", "\"ER"},
	{"service:\"web sh", "item", "service", "\"web sh"},
	{"service:'web sh", "item", "service", "'web sh"},
	{"level:in(", "item", "level", ""},
	{"level:in(ERROR, FA", "item", "level", "FA"},
	{"level:in(ERROR, \"FA", "item", "level", "\"FA"},
	{"level:!in(ERROR, FA", "item", "level", "FA"},
	{"level:in(ERROR) se", "filter", "", "se"},
	{"level:in(ERROR)", "", "", ""},
	{"level:(ERROR or FA", "value", "level", "FA"},
	{"level:(ERROR or FATAL) se", "filter", "", "se"},
	{"level:ERROR se", "filter", "", "se"},
	{"a:eq_field(b", "field", "", "b"},
	{"a:range(1, ", "", "", ""},
	{"n:>1", "", "", "1"},
	{"a:~\"b", "", "", "\"b"},
	{"\"wor", "", "", "\"wor"},
	{"level:ERROR {ser", "", "", "ser"},
	{"level:ERROR {service=pa", "", "", "pa"},
	{"level:in(x | fi", "pipe", "", "fi"},
	{"level:in(x | fields le", "field", "", "le"},
	{"level:in(x | fields level) or se", "filter", "", "se"},

	/* Pipes */
	{"x |", "pipe", "", ""},
	{"x | so", "pipe", "", "so"},
	{"x | stats count() | so", "pipe", "", "so"},
	{"x | where lev", "filter", "", "lev"},
	{"x | filter level:ER", "value", "level", "ER"},
	{"x | level:ER", "value", "level", "ER"},
	{"x | fields a, b", "field", "", "b"},
	{"x | fields ", "field", "", ""},
	{"x | fields a ", "", "", ""},
	{"x | sort ", "field by", "", ""},
	{"x | sort by (a", "field", "", "a"},
	{"x | sort by (a desc, b", "field", "", "b"},
	{"x | sort by (a desc", "", "", "desc"},
	{"x | top 5 ", "by", "", ""},
	{"x | top 5 by (a) | uniq by (", "field", "", ""},
	{"x | limit ", "", "", ""},
	{"x | copy a as b, c", "field", "", "c"},
	{"x | extract \"<a>\" from c", "field", "", "c"},
	{"x | extract if (level:E", "value", "level", "E"},
	{"x | union (lev", "filter", "", "lev"},
	{"x | join by (a) (lev", "filter", "", "lev"},
	{"x | join by (a) (y | fi", "pipe", "", "fi"},
	{"x | len(a", "field", "", "a"},

	/* Stats */
	{"x | stats ", "stats by", "", ""},
	{"x | stats co", "stats by", "", "co"},
	{"x | stats by (ser", "field", "", "ser"},
	{"x | stats by (a, b) su", "stats", "", "su"},
	{"x | stats by (a) sum(ser", "field", "", "ser"},
	{"x | stats sum(a) ", "", "", ""},
	{"x | stats sum(a) n, ma", "stats", "", "ma"},
	{"x | stats count() if (lev", "filter", "", "lev"},
	{"x | stats count() if (a) n, ma", "stats", "", "ma"},
	{"x | count() n, ma", "stats", "", "ma"},
	{"x | count(a", "field", "", "a"},
	{"x | stats by (a) count() n | fi", "pipe", "", "fi"},

	/* Nothing that ends wrongly is taken for something else. */
	{"x | \"", "", "", "\""},
	{")))) se", "filter", "", "se"},
};

static const char *kind_name(const struct complete_place *place, char *out, size_t size)
{
	static const char *const names[] = {
		[COMPLETE_NOTHING] = "",   [COMPLETE_FILTER] = "filter", [COMPLETE_VALUE] = "value",
		[COMPLETE_ITEM] = "item",  [COMPLETE_PIPE] = "pipe",     [COMPLETE_STATS] = "stats",
		[COMPLETE_FIELD] = "field"};
	const char *name = names[place->kind];

	snprintf(out, size, "%s%s%s", name, *name && place->by ? " " : "", place->by ? "by" : "");
	return out;
}

static void test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct arena arena;
		char kind[32];

		arena_init(&arena, 1 << 20);
		struct complete_place place = complete_find(span_cstr(places[i].text), &arena);
		bool about_field = place.kind == COMPLETE_VALUE || place.kind == COMPLETE_ITEM;
		struct span field = about_field ? place.field : SPAN("");

		kind_name(&place, kind, sizeof(kind));
		if (strcmp(kind, places[i].kind) != 0 ||
		    !span_eq(field, span_cstr(places[i].field)) ||
		    !span_eq(place.piece, span_cstr(places[i].piece)))
			fail_msg("%s: %s of `%.*s`, piece `%.*s`", places[i].text, kind,
				 SPAN_FMT(field), SPAN_FMT(place.piece));
		arena_release(&arena);
	}
}

/* Any text: no more parentheses than there is room for, no end of what is borrowed. */
static void test_any_text(void **state)
{
	static const char signs[] = "(:|)\"',= !-ab";
	static char text[2 * QUERY_DEPTH_MAX + 64];
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct arena arena;
		size_t n = round % 64;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = signs[(seed >> 16) % (sizeof(signs) - 1)];
		}
		if (round % 1000 == 0) {
			memset(text, '(', sizeof(text));
			n = sizeof(text);
		}
		arena_init(&arena, 1 << 20);
		struct complete_place place = complete_find(span_of(text, n), &arena);

		assert_ptr_equal(place.piece.ptr + place.piece.len, text + n);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
