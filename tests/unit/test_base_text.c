/* span, utf8, hash, err, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/nearest.h"
#include "common/base/utf8.h"
#include <errno.h>

static void spans(void **state)
{
	struct span rest = SPAN("a,,b,"), piece;
	const char *const expected[] = {"a", "", "b"};
	int n = 0;

	(void)state;
	while (span_cut(&rest, ',', &piece))
		assert_true(span_eq(piece, span_cstr(expected[n++])));
	assert_int_equal(n, 3);
	assert_true(span_eq((struct span){0}, SPAN("")));
	assert_int_equal(span_find(SPAN("hello"), SPAN("llo")), 2);
	assert_int_equal(span_find(SPAN("hello"), SPAN("")), 0);
	assert_int_equal(span_find(SPAN("lo"), SPAN("hello")), -1);
	assert_int_equal(span_skip(SPAN("ab"), 5).len, 0);
	assert_true(span_cmp(SPAN("ab"), SPAN("abc")) < 0);
	assert_true(span_eq(span_trim(SPAN(" \t x y\n")), SPAN("x y")));
	assert_true(span_ieq(SPAN("WaRn"), SPAN("warn")));
}

/* Straight from table 3-7: the definition, not the code. */
static size_t oracle(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char first_low, first_high, low, high, len;
	} rows[] = {
		{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		if (p[0] < rows[r].first_low || p[0] > rows[r].first_high || n < rows[r].len)
			continue;
		if (rows[r].len > 1 && (p[1] < rows[r].low || p[1] > rows[r].high))
			continue;
		if ((rows[r].len > 2 && (p[2] < 0x80 || p[2] > 0xbf)) ||
		    (rows[r].len > 3 && (p[3] < 0x80 || p[3] > 0xbf)))
			continue;
		return rows[r].len;
	}
	return 0;
}

static void utf8_agrees_with_the_table(void **state)
{
	/* Bytes at the edges of the table, in all combinations of four, behind 0–18 of ASCII. */
	static const unsigned char edges[] = {0x00, 'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
					      0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
					      0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
	size_t n = sizeof(edges);
	unsigned char text[32];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < n * n * n * n; i++) {
		size_t pad = i % 19;
		size_t index[4] = {i % n, i / n % n, i / n / n % n, i / n / n / n};

		memset(text, 'x', pad);
		for (size_t k = 0; k < 4; k++)
			text[pad + k] = edges[index[k]];
		size_t at = 0, step;

		while (at < pad + 4 && (step = oracle(text + at, pad + 4 - at)))
			at += step;
		size_t ours = utf8_valid_prefix(span_of((const char *)text, pad + 4));

		if (ours != at)
			fail_msg("%zu bytes of ASCII, case %zu: %zu, not %zu", pad, i, ours, at);
	}
}

static void utf8_repairs_by_maximal_subparts(void **state)
{
	static const struct {
		const char *text, *repaired;
	} cases[] = {
		{"plain", "plain"},
		{"\xff", "\xef\xbf\xbd"},
		{"a\xe2\x82z", "a\xef\xbf\xbdz"}, /* a cut character is one */
		{"\xf0\x9f\x98", "\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"}, /* C0 never begins anything */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
		{"\xe2\x82\xac!", "\xe2\x82\xac!"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(100);

		utf8_repair(span_cstr(cases[i].text), &out);
		assert_string_equal(buf_cstr(&out), cases[i].repaired);
		assert_int_equal(utf8_repaired_len(span_cstr(cases[i].text)), out.len);
		assert_true(utf8_valid(buf_span(&out)));
		buf_release(&out);
	}
}

static void utf8_round_trips(void **state)
{
	(void)state;
	for (uint32_t rune = 0; rune <= 0x10ffff; rune += rune < 0x3000 ? 1 : 37) {
		char text[4];
		uint32_t back;
		size_t n = utf8_encode(text, rune);
		uint32_t expected = rune >= 0xd800 && rune <= 0xdfff ? 0xfffd : rune;

		assert_int_equal(utf8_decode(span_of(text, n), &back), n);
		assert_int_equal(back, expected);
	}
	uint32_t rune;

	assert_int_equal(utf8_decode(span_of("\xe2\x82", 2), &rune), 1);
	assert_int_equal(rune, 0xfffd);
	assert_int_equal(utf8_decode((struct span){0}, &rune), 0);
}

static void crc32c_of_rfc_3720(void **state)
{
	unsigned char bytes[48];

	(void)state;
	memset(bytes, 0, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (unsigned char i = 0; i < 32; i++)
		bytes[i] = i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, bytes, 0), 0);
}

static void crc32c_by_table_and_in_pieces_is_the_same(void **state)
{
	unsigned char bytes[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * i + 31 * i);
	for (size_t n = 0; n < sizeof(bytes); n += 7) {
		uint32_t whole = crc32c(0, bytes, n);

		assert_int_equal(crc32c_portable(0, bytes, n), whole);
		assert_int_equal(crc32c(crc32c(0, bytes, n / 3), bytes + n / 3, n - n / 3), whole);
	}
}

static void hash64_is_xxh3(void **state)
{
	(void)state;
	/* XXH3_64bits of nothing and of "a": fixed since xxHash 0.8.0. */
	assert_true(hash64(SPAN("")) == UINT64_C(0x2d06800538d394c2));
	assert_true(hash64((struct span){0}) == hash64(SPAN("")));
	assert_true(hash64(SPAN("a")) == UINT64_C(0xe6c632b61e964e1f));
}

static void errors_carry_text_and_position(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_at(&err, -EINVAL, 17, "bad %s", "thing"), -EINVAL);
	assert_int_equal(err.offset, 17);
	assert_int_equal(err_prefix(&err, -EINVAL, "%s:%d", "file", 3), -EINVAL);
	assert_string_equal(err.text, "file:3: bad thing");
	assert_int_equal(err.offset, 17);
	/* The old text may be an argument of the new one. */
	err_set(&err, -EIO, "again: %s", err.text);
	assert_string_equal(err.text, "again: file:3: bad thing");
	assert_int_equal(err.offset, 0);
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	for (int i = 0; i < 100; i++)
		err_prefix(&err, -EIO, "0123456789");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void clock_can_be_faked(void **state)
{
	(void)state;
	clock_fake(5, 6);
	assert_int_equal(clock_real_ns(), 5);
	assert_int_equal(clock_mono_ns(), 6);
	clock_unfake();
	assert_true(clock_real_ns() > INT64_C(1600000000) * NS_PER_SEC);
	int64_t before = clock_mono_ns();

	assert_true(clock_mono_ns() >= before);
	assert_true(clock_cpu_ns() >= 0);
}

static void nearest_is_a_start_or_few_letters_off(void **state)
{
	static const struct {
		const char *word, *best;
	} cases[] = {
		{"max_lin", "max_line_bytes"},
		{"path", "paths"},
		{"pahts", "paths"},
		{"exlcude", "exclude"},
		{"x", ""},
		{"", ""},
		{"completely", ""},
		{"pq", ""},
	};
	static const char *const names[] = {"max_line_bytes", "paths", "exclude", "parse"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nearest near;

		nearest_init(&near, span_cstr(cases[i].word));
		for (size_t j = 0; j < 4; j++)
			nearest_try(&near, span_cstr(names[j]));
		if (!span_eq(near.best, span_cstr(cases[i].best)))
			fail_msg("%s: %.*s", cases[i].word, SPAN_FMT(near.best));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans),
		cmocka_unit_test(utf8_agrees_with_the_table),
		cmocka_unit_test(utf8_repairs_by_maximal_subparts),
		cmocka_unit_test(utf8_round_trips),
		cmocka_unit_test(crc32c_of_rfc_3720),
		cmocka_unit_test(crc32c_by_table_and_in_pieces_is_the_same),
		cmocka_unit_test(hash64_is_xxh3),
		cmocka_unit_test(errors_carry_text_and_position),
		cmocka_unit_test(clock_can_be_faked),
		cmocka_unit_test(nearest_is_a_start_or_few_letters_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
