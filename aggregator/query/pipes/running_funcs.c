/* The functions of running_stats and total_stats. */
#include "aggregator/query/pipes/pipe_running.h"
#include "common/base/num.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>

#define RING_MAX     65536
#define SUM_TEXT_MAX 1024 /* 1e308 has 309 digits */

const char running_func_names[] = "count sum min max first last";

static int count_update(const struct running_item *item, struct running_state *state,
			const struct span *texts, size_t n, struct arena *arena)
{
	bool any = item->fields.len == 0;

	(void)arena;
	for (size_t i = 0; i < n && !any; i++)
		any = texts[i].len > 0;
	state->n += any;
	return 0;
}

static struct span count_result(const struct running_item *item, const struct running_state *state,
				struct arena *arena)
{
	char text[NUM_TEXT_MAX];

	(void)item;
	return arena_dup(arena, span_of(text, num_format_u64(text, state->n)));
}

/* `n` counts the numbers here: a sum of none is NaN. */
static int sum_update(const struct running_item *item, struct running_state *state,
		      const struct span *texts, size_t n, struct arena *arena)
{
	(void)item;
	(void)arena;
	for (size_t i = 0; i < n; i++) {
		double number, rest = 0;
		int64_t whole;

		if (!lang_plain_number(texts[i], &number))
			continue;
		if (fabs(number) >= LONG_SUM_EXACT && lang_i64(texts[i], &whole))
			rest = long_sum_rest(number, whole);
		long_sum_add(&state->sum, number, rest);
		state->n++;
	}
	return 0;
}

static struct span sum_result(const struct running_item *item, const struct running_state *state,
			      struct arena *arena)
{
	struct buf text = BUF_INIT(SUM_TEXT_MAX);

	(void)item;
	if (!state->n)
		return SPAN("NaN");
	long_sum_put(&text, &state->sum);
	struct span copy = arena_dup(arena, buf_span(&text));

	buf_release(&text);
	return copy;
}

static void take_extreme(struct running_state *state, struct span text, int direction)
{
	if (!state->n++ || lang_compare(text, state->value) * direction > 0)
		state->value = text;
}

static int min_update(const struct running_item *item, struct running_state *state,
		      const struct span *texts, size_t n, struct arena *arena)
{
	(void)item;
	(void)arena;
	for (size_t i = 0; i < n; i++)
		take_extreme(state, texts[i], -1);
	return 0;
}

static int max_update(const struct running_item *item, struct running_state *state,
		      const struct span *texts, size_t n, struct arena *arena)
{
	(void)item;
	(void)arena;
	for (size_t i = 0; i < n; i++)
		take_extreme(state, texts[i], 1);
	return 0;
}

static struct span value_result(const struct running_item *item, const struct running_state *state,
				struct arena *arena)
{
	(void)item;
	(void)arena;
	return state->value;
}

static int first_update(const struct running_item *item, struct running_state *state,
			const struct span *texts, size_t n, struct arena *arena)
{
	(void)arena;
	if (n && state->n++ == item->offset)
		state->value = texts[0];
	return 0;
}

/* The value `offset` rows back: a ring of the last offset + 1. */
static int last_update(const struct running_item *item, struct running_state *state,
		       const struct span *texts, size_t n, struct arena *arena)
{
	size_t size = (size_t)item->offset + 1;

	if (item->offset >= RING_MAX)
		return -E2BIG;
	if (!state->recent) {
		state->recent = ARENA_ARRAY(arena, struct span, size);
		if (!state->recent)
			return -ENOMEM;
	}
	state->recent[state->n++ % size] = n ? texts[0] : (struct span){0};
	return 0;
}

static struct span last_result(const struct running_item *item, const struct running_state *state,
			       struct arena *arena)
{
	size_t size = (size_t)item->offset + 1;

	(void)arena;
	return state->n < size ? (struct span){0} : state->recent[state->n % size];
}

static const struct running_func funcs[] = {
	{"count", false, count_update, count_result}, {"sum", false, sum_update, sum_result},
	{"min", false, min_update, value_result},     {"max", false, max_update, value_result},
	{"first", true, first_update, value_result},  {"last", true, last_update, last_result},
};

const struct running_func *running_func_find(struct span name)
{
	for (size_t i = 0; i < sizeof(funcs) / sizeof(*funcs); i++)
		if (span_ieq(name, span_cstr(funcs[i].name)))
			return &funcs[i];
	return NULL;
}
