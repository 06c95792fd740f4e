/* resume.c - see resume.h. */
#include "aggregator/logq/resume.h"
#include <errno.h>
#include <stdlib.h>

static int by_hash(const void *left, const void *right)
{
	const struct resume_row *a = left, *b = right;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

static int latest_first(const void *left, const void *right)
{
	const struct resume_row *a = left, *b = right;

	return a->came_ns > b->came_ns ? -1 : a->came_ns < b->came_ns;
}

static int64_t floor_of(const struct resume *resume)
{
	return resume->newest - RESUME_LOOKBACK;
}

/* The first of the known rows with this hash; `known` if there is none. */
static size_t find(const struct resume *resume, uint64_t hash)
{
	size_t low = 0, high = resume->known;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (resume->rows.ptr[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Forget what is behind the lookback, by its time and by when it came, and the oldest of too many. */
static void forget(struct resume *resume)
{
	int64_t now = clock_mono_ns();
	size_t n = 0;

	for (size_t i = 0; i < resume->rows.len; i++) {
		const struct resume_row *row = &resume->rows.ptr[i];

		if (row->time >= floor_of(resume) || now - row->came_ns <= RESUME_LOOKBACK)
			resume->rows.ptr[n++] = *row;
	}
	resume->rows.len = n;
	if (n > RESUME_ROWS_MAX / 2) {
		qsort(resume->rows.ptr, n, sizeof(*resume->rows.ptr), latest_first);
		resume->rows.len = RESUME_ROWS_MAX / 2;
	}
	if (resume->rows.len)
		qsort(resume->rows.ptr, resume->rows.len, sizeof(*resume->rows.ptr), by_hash);
}

int resume_is_new(struct resume *resume, int64_t time_ns, uint64_t hash)
{
	struct resume_row row = {.hash = hash, .time = time_ns, .came_ns = clock_mono_ns()};

	for (size_t i = find(resume, hash); i < resume->known && resume->rows.ptr[i].hash == hash;
	     i++) {
		if (!resume->rows.ptr[i].again) {
			resume->rows.ptr[i].again = true;
			return 0;
		}
	}
	if (time_ns > resume->newest)
		resume->newest = time_ns;
	if (resume->rows.len >= RESUME_ROWS_MAX) {
		forget(resume);
		resume->known = 0; /* what came again has long come */
	}
	return vec_push(&resume->rows, row) < 0 ? -ENOMEM : 1;
}

int64_t resume_again(struct resume *resume, int64_t begin_ns)
{
	if (!resume->rows.len)
		return begin_ns;
	forget(resume);
	resume->known = resume->rows.len;
	for (size_t i = 0; i < resume->known; i++)
		resume->rows.ptr[i].again = false;
	return floor_of(resume) > begin_ns ? floor_of(resume) : begin_ns;
}

void resume_release(struct resume *resume)
{
	vec_release(&resume->rows);
}
