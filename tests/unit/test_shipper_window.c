/* The watermark: what may be said to be stored, whatever order the reports come in. */
#include "shipper/window.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct mark at(uint64_t offset)
{
	struct mark mark;

	mark_init(&mark);
	mark.offset = mark.sent_end = offset;
	return mark;
}

static struct chunk *push(struct window *window, uint64_t end)
{
	struct mark mark = at(end);
	struct chunk *chunk = window_push(window, &mark, 1);

	assert_non_null(chunk);
	return chunk;
}

static void test_moves_only_over_a_contiguous_prefix(void **state)
{
	struct window w;
	struct mark start = at(100);
	(void)state;

	window_init(&w, &start);
	struct chunk *a = push(&w, 200), *b = push(&w, 300), *c = push(&w, 450);

	assert_int_equal(a->base, 100);
	assert_int_equal(c->base, 300);
	assert_false(window_report(b, 0));
	assert_int_equal(w.mark.offset, 100);
	assert_true(window_report(a, 0));
	assert_int_equal(w.mark.offset, 300);
	assert_int_equal(w.acked_bytes, 200);
	assert_true(window_report(c, 0));
	assert_int_equal(w.mark.offset, 450);
	assert_int_equal(w.len, 0);
	assert_int_equal(w.acked_records, 3);
	window_release(&w);
}

static void test_an_error_goes_back_to_the_watermark(void **state)
{
	struct window w;
	struct mark start = at(0);
	(void)state;

	window_init(&w, &start);
	struct chunk *a = push(&w, 10), *b = push(&w, 20), *c = push(&w, 30);

	assert_true(window_report(a, 0));
	assert_false(window_report(b, -EIO));
	assert_true(w.failed);
	assert_int_equal(w.in_flight, 1);
	/* What is stored behind the failed one does not count: it is sent again. */
	assert_false(window_report(c, 0));
	assert_int_equal(w.mark.offset, 10);
	assert_int_equal(window_rewind(&w), 20);
	assert_false(w.failed);
	assert_int_equal(window_end(&w), 10);
	b = push(&w, 20);
	assert_int_equal(b->base, 10);
	assert_true(window_report(b, 0));
	assert_int_equal(w.mark.offset, 20);
	window_release(&w);
}

static void test_unpush_takes_the_newest_back(void **state)
{
	struct window w;
	struct mark start = at(0);
	(void)state;

	window_init(&w, &start);
	struct chunk *a = push(&w, 10);

	window_unpush(&w, a);
	assert_int_equal(w.len, 0);
	assert_int_equal(window_end(&w), 0);
	a = push(&w, 5);
	struct chunk *b = push(&w, 9);

	window_unpush(&w, b);
	assert_int_equal(window_end(&w), 5);
	assert_true(window_report(a, 0));
	assert_int_equal(w.mark.offset, 5);
	window_release(&w);
}

static void test_mark_travels_with_its_chunk(void **state)
{
	struct window w;
	struct mark mark = at(0);
	(void)state;

	window_init(&w, &mark);
	XXH64_update(&mark.hash, "hello", 5);
	mark.offset = 5;
	mark.tail = 77;
	mark.flags = MARK_DONE;
	struct chunk *a = window_push(&w, &mark, 1);

	assert_true(window_report(a, 0));
	assert_int_equal(w.mark.tail, 77);
	assert_int_equal(w.mark.flags, MARK_DONE);
	assert_true(mark_digest(&w.mark) == XXH64("hello", 5, 0));
	window_release(&w);
}

/*
 * Random pushes, reports in any order with errors, and rewinds, against a
 * model that keeps one byte an acknowledgement.
 */
#define MODEL_BYTES 4000

struct model {
	struct window window;
	bool stored[MODEL_BYTES]; /* at least once */
	struct chunk *flying[64];
	size_t nflying;
	unsigned seed;
};

static unsigned pick(struct model *m, unsigned n)
{
	return (unsigned)rand_r(&m->seed) % n;
}

static void model_push(struct model *m)
{
	uint64_t end = window_end(&m->window), next = end + pick(m, 50);

	if (m->window.failed || m->nflying == 64 || next > MODEL_BYTES)
		return;
	m->flying[m->nflying++] = push(&m->window, next);
}

static void model_report(struct model *m)
{
	if (m->nflying == 0)
		return;
	size_t i = pick(m, (unsigned)m->nflying);
	struct chunk *chunk = m->flying[i];
	uint64_t base = chunk->base, end = chunk->mark.offset, before = m->window.mark.offset;
	int status = pick(m, 10) == 0 ? -EIO : 0;

	m->flying[i] = m->flying[--m->nflying];
	for (uint64_t at = base; status == 0 && at < end; at++)
		m->stored[at] = true;
	bool moved = window_report(chunk, status);

	assert_true(m->window.mark.offset >= before);
	assert_true(moved || m->window.mark.offset == before);
	for (uint64_t at = 0; at < m->window.mark.offset; at++)
		assert_true(m->stored[at]);
}

static void test_property_watermark_is_below_every_unstored_byte(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		struct model m = {.seed = seed};
		struct mark start = at(0);

		window_init(&m.window, &start);
		while (m.window.mark.offset < MODEL_BYTES - 50) {
			if (pick(&m, 2))
				model_push(&m);
			else
				model_report(&m);
			if (m.window.failed && m.nflying == 0)
				window_rewind(&m.window);
			assert_int_equal(m.window.in_flight, m.nflying);
		}
		while (m.nflying)
			model_report(&m);
		window_release(&m.window);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves_only_over_a_contiguous_prefix),
		cmocka_unit_test(test_an_error_goes_back_to_the_watermark),
		cmocka_unit_test(test_unpush_takes_the_newest_back),
		cmocka_unit_test(test_mark_travels_with_its_chunk),
		cmocka_unit_test(test_property_watermark_is_below_every_unstored_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
