/* sample N: each row with a chance of 1/N. */
#include "aggregator/query/pipes/pipes.h"

#include "common/base/clock.h"
#include <errno.h>

struct pipe_sample {
	struct pipe pipe;
	uint64_t n;
};

struct sample_worker {
	uint64_t random;
};

static int sample_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_sample *sample = PIPE_NEW(lex, struct pipe_sample, &pipe_sample_ops);

	if (!sample)
		return pipe_no_memory(lex);
	*ret = &sample->pipe;
	return pipe_parse_above_zero(lex, "a number", &sample->n);
}

static void sample_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("sample "));
	buf_put_u64(out, ((const struct pipe_sample *)pipe)->n);
}

static int sample_open(struct stage *stage)
{
	int r = stage_new_states(stage, sizeof(struct sample_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct sample_worker *worker = stage_state(stage, i);

		/* Never 0, and far apart for neighbours. */
		worker->random =
			((uint64_t)clock_mono_ns() + i + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	}
	return r;
}

/* xorshift64* (Vigna 2016). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static int sample_push(struct stage *stage, unsigned number, struct rows *rows)
{
	const struct pipe_sample *sample = stage_pipe(stage);
	struct sample_worker *worker = stage_state(stage, number);
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n));
	int r;

	if (!bits)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++)
		if ((next_random(&worker->random) >> 11) % sample->n == 0)
			bit_set(bits, i);
	r = rows_keep(rows, bits);
	return r < 0 ? r : stage_push(stage->next, number, rows);
}

const struct pipe_ops pipe_sample_ops = {
	.names = "sample",
	.streams = true,
	.parse = sample_parse,
	.print = sample_print,
	.open = sample_open,
	.push = sample_push,
};
