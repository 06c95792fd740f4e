/*
 * ledgercat - the records of a bus after the exactly-once rule, as an index would take them.
 *
 *	ledgercat URI            records to standard output, a line of counts to standard error
 *
 * The counts: {"records":…,"duplicates":…,"partial":…,"gap_bytes":…,"missing":…,"forks":…}
 * Exit 0 when nothing is missing and nothing forked, else 1; 2 when the bus can't be read.
 */
#include "aggregator/ledger.h"
#include "common/bus/bus.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MS     100
#define SOURCES_MAX 100000

static struct {
	struct ledger *ledger;
	struct block_reader *blocks;
	uint64_t records, duplicates, partial;
} cat;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "ledgercat: %s\n", what);
	exit(2);
}

/* The whole record when its first byte is new; the index would take a new rest alone. */
static void take_record(struct ledger_source *source, uint64_t start, uint64_t end,
			struct span line)
{
	struct ledger_range part;
	uint64_t at = start;

	if (!ledger_new_part(source, &at, end, &part)) {
		cat.duplicates++;
		return;
	}
	if (part.from != start || part.to != end) {
		cat.partial++;
		return;
	}
	cat.records++;
	fwrite(line.ptr, 1, line.len, stdout);
	putchar('\n');
}

static void take_message(struct span payload)
{
	struct block block;
	struct block_range ranges;
	struct ledger_note note;
	struct span rest, line;
	struct err err;
	uint64_t start, end;

	if (block_read(cat.blocks, payload, &block, &err) < 0)
		die(err.text);
	if (ledger_begin(cat.ledger, &block.header, &note) < 0)
		die("a block that contradicts itself");
	rest = block.text;
	block_ranges(&block, &ranges);
	while (span_cut(&rest, '\n', &line)) {
		if (!block_range_next(&ranges, &start, &end))
			die("more records than ranges");
		take_record(note.source, start, end, line);
	}
	if (ledger_end(cat.ledger, note.source, &block.header) < 0)
		die("out of memory");
}

static void read_partition(struct consumer *consumer, unsigned partition, int64_t *due)
{
	int64_t low, high;
	int r = consumer_watermarks(consumer, partition, &low, &high);

	if (r == 0)
		r = consumer_assign(consumer, partition, low);
	if (r < 0)
		die(strerror(-r));
	*due += high - low;
}

static void read_bus(struct span uri)
{
	struct consumer *consumer;
	struct bus_message message;
	struct err err = {.text = ""};
	int64_t due = 0;

	if (consumer_open(uri, NULL, &consumer, &err) < 0)
		die(err.text);
	int partitions = consumer_partitions(consumer, &err);

	if (partitions < 0)
		die(err.text);
	for (int i = 0; i < partitions; i++)
		read_partition(consumer, (unsigned)i, &due);
	while (due > 0) {
		int r = consumer_poll(consumer, POLL_MS, &message);

		if (r < 0 && r != -EAGAIN)
			die(strerror(-r));
		if (r <= 0)
			continue;
		take_message(message.payload);
		consumer_release(consumer, &message);
		due--;
	}
	consumer_close(consumer);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: ledgercat URI");
	if (ledger_new(SOURCES_MAX, &cat.ledger) < 0 || block_reader_new(&cat.blocks) < 0)
		die("out of memory");
	read_bus(span_cstr(argv[1]));
	const struct ledger_counts *counts = ledger_counts(cat.ledger);
	uint64_t missing = ledger_missing(cat.ledger);

	fprintf(stderr,
		"{\"records\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"partial\":%" PRIu64
		",\"gap_bytes\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"forks\":%" PRIu64 "}\n",
		cat.records, cat.duplicates, cat.partial, counts->gap_bytes, missing,
		counts->forks);
	block_reader_free(cat.blocks);
	int code = missing || counts->forks ? 1 : 0;

	ledger_free(cat.ledger);
	return code;
}
