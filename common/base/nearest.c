#include "common/base/nearest.h"

#define WORD_MAX 64

/* Letters to insert, delete, replace or swap with the neighbor (optimal string alignment). */
static size_t edit_distance(struct span a, struct span b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t best = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);

			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
			    a.ptr[i - 2] == b.ptr[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		size_t *oldest = before;

		before = above;
		above = row;
		row = oldest;
	}
	return above[b.len];
}

void nearest_init(struct nearest *nearest, struct span word)
{
	*nearest = (struct nearest){.word = word};
	/* A third of the letters may be wrong, at least one. */
	nearest->distance = (word.len < 3 ? 1 : word.len / 3) + 1;
}

void nearest_try(struct nearest *nearest, struct span name)
{
	struct span word = nearest->word;
	size_t distance;

	if (word.len == 0 || word.len > WORD_MAX || name.len > WORD_MAX)
		return;
	distance = edit_distance(word, name);
	/* A start of the name is as good as one wrong letter: max_lin → max_line_bytes. */
	if (word.len >= 3 && distance > 1 && span_starts(name, word))
		distance = 1;
	if (distance < nearest->distance) {
		nearest->distance = distance;
		nearest->best = name;
	}
}
