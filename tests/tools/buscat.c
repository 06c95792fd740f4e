/*
 * buscat - what is on a bus, for tests and people.
 *
 *	buscat [OPTIONS] URI
 *
 *	  (nothing)         a line a message: partition, offset, time, what it is
 *	  -r, --records     the records only, in bus order
 *	  -s, --status      a line a partition: low and high watermark
 *	  -w, --write       messages from standard input, one a line, to partition 0 or -p
 *	  -p, --partition N only this one
 *	  -o, --offset N    begin there (default: the low watermark)
 *	  -f, --follow      wait for more in place of ending at the high watermark
 *
 * Exit 0; 1 when something on the bus is damaged; 2 when it can't be read.
 */
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/bus/bus.h"
#include "common/flow/block.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_NS (30 * NS_PER_SEC) /* for a bus that does not answer yet */
#define POLL_MS     500

static struct {
	bool records, status, write, follow;
	int64_t partition, offset; /* -1 = not given */
	struct span uri;
} opt = {.partition = -1, .offset = -1};

static struct block_reader *blocks;
static int exit_code;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "buscat: %s\n", what);
	exit(2);
}

static void print_block_head(const struct block_header *h)
{
	printf(" block ");
	for (size_t i = 0; i < sizeof(h->source.bytes); i++)
		printf("%02x", h->source.bytes[i]);
	printf(".%" PRIu32 " prev_end=%" PRIu64 " [%" PRIu64 ", %" PRIu64 ") records=%" PRIu32
	       " raw=%" PRIu32 " host=%.*s service=%.*s file=%.*s\n",
	       h->generation, h->prev_end, h->base, h->end, h->nrecords, h->raw_len,
	       SPAN_FMT(h->host), SPAN_FMT(h->service), SPAN_FMT(h->file));
}

static void print_message(const struct bus_message *m)
{
	struct block block = {.text = m->payload};
	struct err err = {0};
	bool is_block = block_is_block(m->payload);

	if (!opt.records)
		printf("%u:%" PRId64 " time=%" PRId64 " bytes=%zu", m->partition, m->offset,
		       m->time_ms, m->payload.len);
	if (is_block && block_read(blocks, m->payload, &block, &err) < 0) {
		fprintf(stderr, "buscat: %u:%" PRId64 ": %s\n", m->partition, m->offset, err.text);
		exit_code = 1;
		return;
	}
	if (opt.records) {
		fwrite(block.text.ptr, 1, block.text.len, stdout);
		if (!is_block)
			putchar('\n');
	} else if (is_block) {
		print_block_head(&block.header);
	} else {
		printf(" %.*s\n", SPAN_FMT(m->payload));
	}
}

/* How many partitions, patiently. */
static unsigned count_partitions(struct consumer *c)
{
	int64_t end = clock_mono_ns() + PATIENCE_NS;
	struct err err = {0};
	int r;

	while ((r = consumer_partitions(c, &err)) == -EAGAIN && clock_mono_ns() < end)
		;
	if (r < 0)
		die(err.text);
	return (unsigned)r;
}

/* Assign what is wanted; messages up to the high watermarks. */
static int64_t assign(struct consumer *c, unsigned partitions)
{
	int64_t low, high, due = 0;

	for (unsigned p = 0; p < partitions; p++) {
		if (opt.partition >= 0 && p != opt.partition)
			continue;
		int r = consumer_watermarks(c, p, &low, &high);

		if (r < 0)
			die(strerror(-r));
		if (opt.status)
			printf("%u: low=%" PRId64 " high=%" PRId64 "\n", p, low, high);
		if (opt.offset >= 0)
			low = opt.offset;
		r = consumer_assign(c, p, low);
		if (r < 0)
			die(strerror(-r));
		due += high > low ? high - low : 0;
	}
	return due;
}

static void read_bus(void)
{
	struct consumer *c;
	struct err err = {0};
	struct bus_message m;

	if (consumer_open(opt.uri, NULL, &c, &err) < 0)
		die(err.text);
	int64_t due = assign(c, count_partitions(c));

	while (!opt.status && (due > 0 || opt.follow)) {
		int r = consumer_poll(c, POLL_MS, &m);

		if (r == 1)
			print_message(&m);
		if (r == 0 || r == -EAGAIN) {
			fflush(stdout);
			continue;
		}
		if (r < 0) {
			fprintf(stderr, "buscat: %u:%" PRId64 ": %s\n", m.partition, m.offset,
				r == -EBADMSG ? "damaged" : strerror(-r));
			exit_code = r == -EBADMSG ? 1 : 2;
		}
		if (exit_code == 2)
			break;
		consumer_release(c, &m);
		due--;
	}
	consumer_close(c);
}

static void on_report(void *ctx, void *cookie, int status, int64_t offset)
{
	(void)ctx, (void)cookie, (void)offset;
	if (status < 0)
		die(strerror(-status));
}

static void write_bus(void)
{
	struct producer *p;
	struct err err = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int r;

	if (producer_open(opt.uri, NULL, on_report, NULL, &p, &err) < 0)
		die(err.text);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct span text = span_of(line, (size_t)n - (line[n - 1] == '\n'));

		while ((r = producer_send(p, opt.partition < 0 ? 0 : (unsigned)opt.partition, text,
					  NULL)) == -EAGAIN)
			producer_poll(p, POLL_MS);
		if (r < 0)
			die(strerror(-r));
	}
	free(line);
	if (producer_flush(p, PATIENCE_NS / NS_PER_MS) > 0)
		die("not all messages were acknowledged");
	producer_close(p);
}

static int64_t number(const char *text)
{
	int64_t n;

	if (num_parse_i64(span_cstr(text), &n) < 0 || n < 0)
		die("-p and -o take a number");
	return n;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"records", 0, NULL, 'r'},
		{"status", 0, NULL, 's'},
		{"write", 0, NULL, 'w'},
		{"partition", 1, NULL, 'p'},
		{"offset", 1, NULL, 'o'},
		{"follow", 0, NULL, 'f'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "rswp:o:f", options, NULL)) != -1) {
		opt.records |= c == 'r';
		opt.status |= c == 's';
		opt.write |= c == 'w';
		opt.follow |= c == 'f';
		if (c == 'p')
			opt.partition = number(optarg);
		if (c == 'o')
			opt.offset = number(optarg);
		if (c == '?')
			exit(2);
	}
	if (optind + 1 != argc)
		die("usage: buscat [-r | -s | -w] [-p N] [-o N] [-f] URI");
	opt.uri = span_cstr(argv[optind]);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (block_reader_new(&blocks) < 0)
		die("out of memory");
	if (opt.write)
		write_bus();
	else
		read_bus();
	block_reader_free(blocks);
	return exit_code;
}
