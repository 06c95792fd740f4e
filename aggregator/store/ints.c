/* Bit-packed integers; see ints.h for the layout. */
#include "aggregator/store/ints.h"
#include <errno.h>

#define RUN       128
#define RUN_STEPS 0x80

/* One run as it will be packed: values[i] = smallest + offsets[i]. */
struct frame {
	int64_t smallest;
	unsigned width;
};

static unsigned bit_width(uint64_t n)
{
	return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

static struct frame frame_of(const int64_t *values, size_t n)
{
	int64_t min = values[0], max = values[0];

	for (size_t i = 1; i < n; i++) {
		min = values[i] < min ? values[i] : min;
		max = values[i] > max ? values[i] : max;
	}
	return (struct frame){min, bit_width((uint64_t)max - (uint64_t)min)};
}

static void pack(struct buf *out, const int64_t *values, size_t n, struct frame frame)
{
	unsigned char packed[RUN * 8 + 8];
	size_t at = 0;
	uint64_t pending = 0;
	unsigned held = 0;

	for (size_t i = 0; frame.width && i < n; i++) {
		uint64_t v = (uint64_t)values[i] - (uint64_t)frame.smallest;

		pending |= v << held;
		if (held + frame.width < 64) {
			held += frame.width;
			continue;
		}
		uint64_t word = htole64(pending);

		memcpy(packed + at, &word, 8);
		at += 8;
		pending = held ? v >> (64 - held) : 0;
		held = held + frame.width - 64;
	}
	uint64_t word = htole64(pending);

	memcpy(packed + at, &word, 8);
	buf_put(out, packed, at + (held + 7) / 8);
}

static void put_run(struct buf *out, const int64_t *values, size_t n, int64_t before)
{
	int64_t steps[RUN];

	for (size_t i = 0; i < n; i++) {
		steps[i] = (int64_t)((uint64_t)values[i] - (uint64_t)before);
		before = values[i];
	}
	struct frame plain = frame_of(values, n), step = frame_of(steps, n);
	bool use_steps = step.width < plain.width;
	struct frame best = use_steps ? step : plain;

	put_u8(out, (uint8_t)(best.width | (use_steps ? RUN_STEPS : 0)));
	put_zigzag(out, best.smallest);
	pack(out, use_steps ? steps : values, n, best);
}

void ints_put(struct buf *out, const int64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i += RUN)
		put_run(out, values + i, n - i < RUN ? n - i : RUN, i ? values[i - 1] : 0);
}

/* A value of up to 64 bits that starts at any bit; reads up to 9 bytes. */
static uint64_t wide_bits(const uint8_t *bytes, size_t bit, unsigned width)
{
	uint64_t low, high;

	memcpy(&low, bytes + bit / 8, 8);
	low = le64toh(low) >> (bit % 8);
	if (bit % 8 + width <= 64)
		return low;
	high = bytes[bit / 8 + 8];
	return low | high << (64 - bit % 8);
}

static void unpack(const uint8_t *bytes, unsigned width, uint64_t smallest, int64_t *values,
		   size_t n)
{
	uint64_t mask = width < 64 ? (UINT64_C(1) << width) - 1 : UINT64_MAX;
	size_t bit = 0;

	if (width > 56) {
		for (size_t i = 0; i < n; i++, bit += width)
			values[i] = (int64_t)(smallest + (wide_bits(bytes, bit, width) & mask));
		return;
	}
	for (size_t i = 0; i < n; i++, bit += width) {
		uint64_t word;

		memcpy(&word, bytes + bit / 8, 8);
		values[i] = (int64_t)(smallest + (le64toh(word) >> (bit % 8) & mask));
	}
}

static bool is_steps(const struct cursor *in)
{
	return in->at < in->end && *in->at & RUN_STEPS;
}

static int skip_run(struct cursor *in, size_t len)
{
	unsigned width = cursor_u8(in) & ~RUN_STEPS & 0xff;

	(void)cursor_zigzag(in);
	if (width > 64)
		in->failed = true;
	(void)cursor_bytes(in, (len * width + 7) / 8);
	return in->failed ? -EBADMSG : 0;
}

/* A run behind the value `*before`, which becomes its last one. */
static int get_run(struct cursor *in, int64_t *values, size_t len, uint64_t *before)
{
	uint8_t head = cursor_u8(in);
	unsigned width = head & ~RUN_STEPS & 0xff;
	uint64_t smallest = (uint64_t)cursor_zigzag(in);

	if (width > 64)
		in->failed = true;
	struct span bits = cursor_bytes(in, (len * width + 7) / 8);

	if (in->failed)
		return -EBADMSG;
	unpack((const uint8_t *)bits.ptr, width, smallest, values, len);
	uint64_t last = *before;

	if (head & RUN_STEPS)
		for (size_t k = 0; k < len; k++)
			values[k] = (int64_t)(last += (uint64_t)values[k]);
	*before = (uint64_t)values[len - 1];
	return 0;
}

/* Where values go: as they are, or as numbers up to `max`. */
struct target {
	int64_t *values;
	uint32_t *numbers;
	uint64_t max;
};

static int get_into(struct cursor *in, const struct target *to, size_t at, size_t len,
		    uint64_t *before)
{
	int64_t run[RUN];
	uint64_t largest = 0;

	if (to->values)
		return get_run(in, to->values + at, len, before);
	int r = get_run(in, run, len, before);

	for (size_t k = 0; r == 0 && k < len; k++) {
		uint64_t number = (uint64_t)run[k];

		largest = number > largest ? number : largest;
		to->numbers[at + k] = (uint32_t)number;
	}
	return r < 0 ? r : largest > to->max ? -EBADMSG : 0;
}

static size_t run_len(size_t at, size_t n)
{
	return n - at < RUN ? n - at : RUN;
}

static bool is_wanted(const uint64_t *wanted, size_t at, size_t n)
{
	return !wanted || wanted[at / 64] || (n - at > 64 && wanted[at / 64 + 1]);
}

/*
 * Runs of steps go on from the value before them, so one that is wanted needs
 * those before it, back to one that is not of steps: `from`, at `begin`.
 */
static int get_all(struct cursor *in, const uint64_t *wanted, const struct target *to, size_t n)
{
	struct cursor begin = *in;
	uint64_t before = 0;
	size_t from = 0;
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += RUN) {
		if (!is_steps(in)) {
			begin = *in;
			from = at;
		}
		if (!is_wanted(wanted, at, n)) {
			r = skip_run(in, run_len(at, n));
			continue;
		}
		for (*in = begin; r == 0 && from <= at; from += RUN)
			r = get_into(in, to, from, run_len(from, n), &before);
		begin = *in;
	}
	return r;
}

int ints_get(struct cursor *in, const uint64_t *wanted, int64_t *values, size_t n)
{
	return get_all(in, wanted, &(struct target){.values = values}, n);
}

int ints_get_numbers(struct cursor *in, const uint64_t *wanted, uint32_t max, uint32_t *numbers,
		     size_t n)
{
	return get_all(in, wanted, &(struct target){.numbers = numbers, .max = max}, n);
}

int ints_skip(struct cursor *in, size_t n)
{
	for (size_t at = 0; at < n && !in->failed; at += RUN)
		(void)skip_run(in, run_len(at, n));
	return in->failed ? -EBADMSG : 0;
}
