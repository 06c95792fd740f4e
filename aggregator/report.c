/* report.c - counters as metrics, as JSON, as a sentence. */
#include "aggregator/report.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include <errno.h>

#define PARTITIONS_SHOWN 1024

void report_init(struct report *report, struct store *store, struct consume *consume)
{
	struct store_stats stats;

	store_stats(store, &stats);
	*report = (struct report){.store = store,
				  .consume = consume,
				  .began_mono = clock_mono_ns(),
				  .began_cpu = clock_cpu_ns(),
				  .began_disk = stats.disk_bytes};
}

void report_release(struct report *report)
{
	(void)chain_metrics_set(&report->filters, report->metrics, "aggregator", NULL);
	setup_free(report->reloaded);
	report->reloaded = NULL;
}

void report_reloaded(struct report *report, struct setup *setup)
{
	/* A series that is refused is only missing. */
	(void)chain_metrics_set(&report->filters, report->metrics, "aggregator", setup->chain);
	setup_free(report->reloaded);
	report->reloaded = setup;
	counter_add(&report->reloads, 1);
}

/* A row for each number that the consumer counts. */
#define CONSUME(member) offsetof(struct consume_counts, member)
static const struct row {
	const char *name, *help;
	size_t offset;
	bool gauge;
} consume_rows[] = {
	{"records", "Rows taken into the store.", CONSUME(ingest.records), false},
	{"duplicates", "Records dropped because their bytes were indexed before.",
	 CONSUME(ingest.duplicates), false},
	{"continuations", "Records of which a part was indexed before.",
	 CONSUME(ingest.continuations), false},
	{"filtered", "Records dropped by filters.", CONSUME(ingest.filtered), false},
	{"malformed", "Lines in blocks that were no record; kept as text.",
	 CONSUME(ingest.malformed), false},
	{"messages", "Messages taken from the bus.", CONSUME(ingest.messages), false},
	{"blocks", "Messages that were blocks.", CONSUME(ingest.blocks), false},
	{"wire_bytes", "Bytes of messages.", CONSUME(ingest.wire_bytes), false},
	{"text_bytes", "Bytes of records as NDJSON.", CONSUME(ingest.text_bytes), false},
	{"gaps", "Byte ranges of log files that did not arrive.", CONSUME(ingest.gaps), false},
	{"gap_bytes", "Bytes in them.", CONSUME(ingest.gap_bytes), false},
	{"forks", "Two files under one identity.", CONSUME(ingest.forks), false},
	{"poison", "Messages in quarantine.", CONSUME(poison), false},
	{"lost_offsets", "Messages deleted from the bus before they were read.",
	 CONSUME(lost_offsets), false},
	{"commits", "Commits of rows and positions.", CONSUME(commits), false},
	{"commit_failures", "Commits that had to be tried again.", CONSUME(commit_failures), false},
	{"disk_wait_seconds", "Time that ingestion waited for the disk.", CONSUME(waited_s), false},
	{"last_commit_timestamp_seconds", "When the last commit was.", CONSUME(commit_s), true},
	{"poll_failures", "The bus could not be reached.", CONSUME(poll_failures), false},
	{"partitions", "Partitions that are read.", CONSUME(partitions), true},
	{"partitions_stopped", "Partitions that are not read any more.", CONSUME(stopped), true},
	{"lag_messages", "Messages that wait on the bus.", CONSUME(lag), true},
	{"sources", "Log files whose position is known.", CONSUME(sources), true},
	{"sources_forgotten", "Positions dropped, since limits.sources is too small.",
	 CONSUME(forgotten), false},
	{"missing_bytes", "Bytes in gaps that are open.", CONSUME(missing_bytes), true},
};

/* Counters and gauges are both one atomic 64-bit number. */
_Static_assert(sizeof(struct counter) == sizeof(struct gauge), "read alike");

static uint64_t row_value(const struct consume_counts *counts, const struct row *row)
{
	const char *at = (const char *)counts + row->offset;

	if (row->gauge)
		return (uint64_t)((const struct gauge *)(const void *)at)->n;
	return counter_get((const struct counter *)(const void *)at);
}

static double read_counter(void *ctx)
{
	return (double)counter_get(ctx);
}

static double read_gauge(void *ctx)
{
	return (double)((struct gauge *)ctx)->n;
}

#define STORE(member) offsetof(struct store_stats, member)
static const struct row store_rows[] = {
	{"rows", "Rows in parts.", STORE(rows), true},
	{"parts", "Parts on disk.", STORE(parts), true},
	{"disk_bytes", "Size of all parts.", STORE(disk_bytes), true},
	{"memory_rows", "Rows that are not durable yet.", STORE(memory_rows), true},
	{"memory_bytes", "Memory of rows that are not durable yet.", STORE(memory_bytes), true},
	{"merges", "Merges of parts.", STORE(merges), false},
	{"merge_failures", "Merges that failed.", STORE(merge_failures), false},
	{"expired_parts", "Parts deleted by retention.", STORE(expired_parts), false},
	{"damaged_parts", "Parts that can't be read.", STORE(damaged_parts), true},
};
#define NSTORE_ROWS (sizeof(store_rows) / sizeof(store_rows[0]))

_Static_assert(NSTORE_ROWS == REPORT_PROBES, "a probe for each");

static uint64_t store_value(const struct store_stats *stats, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)stats + offset, sizeof(value));
	return value;
}

static double read_store(void *ctx)
{
	const struct report_probe *probe = ctx;
	struct store_stats stats;

	store_stats(probe->store, &stats);
	return (double)store_value(&stats, probe->offset);
}

static int add_metric(struct metrics *metrics, const char *prefix, const struct row *row,
		      metrics_read_fn *read, void *ctx)
{
	char name[96];

	snprintf(name, sizeof(name), "aggregator_%s%s%s", prefix, row->name,
		 row->gauge ? "" : "_total");
	return metrics_read(metrics, name, row->help, NO_LABELS, !row->gauge, read, ctx);
}

int report_metrics(struct report *report, struct metrics *metrics, const struct chain *chain)
{
	static const struct row own[] = {
		{"reloads", "Configurations taken over.", offsetof(struct report, reloads), false},
		{"reload_failures", "Configurations refused.",
		 offsetof(struct report, reload_failures), false},
	};
	int r;

	report->metrics = metrics;
	r = chain_metrics_set(&report->filters, metrics, "aggregator", chain);
	for (size_t i = 0; i < 2 && r >= 0; i++)
		r = add_metric(metrics, "", &own[i], read_counter, (char *)report + own[i].offset);
	for (size_t i = 0; i < NSTORE_ROWS && r >= 0; i++) {
		report->probes[i] = (struct report_probe){report->store, store_rows[i].offset};
		r = add_metric(metrics, "store_", &store_rows[i], read_store, &report->probes[i]);
	}
	if (!report->consume)
		return r;
	for (size_t i = 0; i < sizeof(consume_rows) / sizeof(consume_rows[0]) && r >= 0; i++)
		r = add_metric(metrics, "", &consume_rows[i],
			       consume_rows[i].gauge ? read_gauge : read_counter,
			       (char *)consume_counts(report->consume) + consume_rows[i].offset);
	return r;
}

static void status_partitions(struct report *report, struct buf *out)
{
	struct consume_partition *parts = calloc(PARTITIONS_SHOWN, sizeof(*parts));
	size_t n = parts ? consume_partitions(report->consume, parts, PARTITIONS_SHOWN) : 0;

	buf_puts(out, SPAN(",\"partitions\":["));
	for (size_t i = 0; i < n; i++)
		buf_printf(out,
			   "%s{\"partition\":%u,\"next\":%lld,\"low\":%lld,\"high\":%lld,"
			   "\"stopped\":%s}",
			   i ? "," : "", parts[i].id, (long long)parts[i].next,
			   (long long)parts[i].low, (long long)parts[i].high,
			   parts[i].stopped ? "true" : "false");
	buf_putc(out, ']');
	free(parts);
}

void report_status(void *ctx, struct buf *out)
{
	struct report *report = ctx;
	struct store_stats stats;

	store_stats(report->store, &stats);
	buf_printf(out, "{\"version\":\"%s\",\"uptime_seconds\":%lld,\"epoch\":%llu,\"store\":{",
		   SLUICE_VERSION, (long long)((clock_mono_ns() - report->began_mono) / NS_PER_SEC),
		   (unsigned long long)store_epoch(report->store));
	for (size_t i = 0; i < NSTORE_ROWS; i++)
		buf_printf(out, "%s\"%s\":%llu", i ? "," : "", store_rows[i].name,
			   (unsigned long long)store_value(&stats, store_rows[i].offset));
	buf_putc(out, '}');
	if (report->consume) {
		const struct consume_counts *counts = consume_counts(report->consume);

		buf_puts(out, SPAN(",\"ingest\":{"));
		for (size_t i = 0; i < sizeof(consume_rows) / sizeof(consume_rows[0]); i++)
			buf_printf(out, "%s\"%s\":%llu", i ? "," : "", consume_rows[i].name,
				   (unsigned long long)row_value(counts, &consume_rows[i]));
		buf_putc(out, '}');
		status_partitions(report, out);
	}
	buf_puts(out, SPAN("}\n"));
}

void report_summary(struct report *report, FILE *out)
{
	static const struct consume_counts none;
	const struct consume_counts *c = report->consume ? consume_counts(report->consume) : &none;
	double seconds = (double)(clock_mono_ns() - report->began_mono) / 1e9;
	double cpu = (double)(clock_cpu_ns() - report->began_cpu) / 1e9;
	uint64_t records = counter_get(&c->ingest.records);
	uint64_t text = counter_get(&c->ingest.text_bytes);
	char text_size[NUM_TEXT_MAX], disk_size[NUM_TEXT_MAX];
	struct store_stats stats;
	uint64_t disk;

	store_stats(report->store, &stats);
	disk = stats.disk_bytes > report->began_disk ? stats.disk_bytes - report->began_disk : 0;
	fprintf(out, "records %llu\nduplicates %llu\ngaps %llu\nquarantined %llu\n",
		(unsigned long long)records, (unsigned long long)counter_get(&c->ingest.duplicates),
		(unsigned long long)counter_get(&c->ingest.gaps),
		(unsigned long long)counter_get(&c->poison));
	fprintf(out, "bytes %llu (%.*s)\ndisk %llu (%.*s)\nratio %.2f\n", (unsigned long long)text,
		(int)num_format_size(text_size, text), text_size, (unsigned long long)disk,
		(int)num_format_size(disk_size, disk), disk_size,
		disk ? (double)text / (double)disk : 0.0);
	fprintf(out, "seconds %.3f\ncpu_seconds %.3f\nrows_per_core_second %.0f\n", seconds, cpu,
		cpu > 0 ? (double)records / cpu : 0.0);
}
