#include "common/ops/chain_metrics.h"
#include "common/base/num.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *help;
	size_t what;
} rows[] = {
	{"records", "Records that the filter saw.", offsetof(struct chain_stats, in)},
	{"dropped", "Records that the filter dropped.", offsetof(struct chain_stats, dropped)},
	{"errors", "Records that the filter failed at and kept.",
	 offsetof(struct chain_stats, errors)},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static double read_probe(void *ctx)
{
	const struct chain_probe *probe = ctx;
	struct chain_stats stats;
	uint64_t n;

	chain_stats(probe->chain, probe->at, &stats);
	memcpy(&n, (const char *)&stats + probe->what, sizeof(n));
	return (double)n;
}

static int add_filter(struct chain_metrics *cm, struct metrics *metrics, const char *program,
		      const struct chain *chain, size_t at)
{
	struct chain_stats stats;
	char name[96], position[NUM_TEXT_MAX];
	size_t len = num_format_u64(position, at + 1);
	int r = 0;

	chain_stats(chain, at, &stats);
	for (size_t i = 0; i < ROWS && r >= 0; i++) {
		struct chain_probe *probe = &cm->probes[cm->n++];

		*probe = (struct chain_probe){chain, at, rows[i].what};
		snprintf(name, sizeof(name), "%s_filter_%s_total", program, rows[i].name);
		r = metrics_read(
			metrics, name, rows[i].help,
			LABELS({"position", span_of(position, len)}, {"filter", stats.name}), true,
			read_probe, probe);
	}
	return r;
}

int chain_metrics_set(struct chain_metrics *cm, struct metrics *metrics, const char *program,
		      const struct chain *chain)
{
	int r = 0;

	if (!metrics)
		return 0;
	for (size_t i = 0; i < cm->n; i++)
		metrics_remove(metrics, &cm->probes[i]);
	cm->n = 0;
	for (size_t i = 0; chain && i < chain_len(chain) && r >= 0; i++)
		r = add_filter(cm, metrics, program, chain, i);
	return r;
}
