/*
 * seqcheck - is every record there, once, and in order?
 *
 *	seqcheck [OPTIONS] [FILE…]		NDJSON from files or standard input
 *
 *	  -w, --writer FIELD   who wrote it (default service; may be dotted: log.file)
 *	  -s, --seq FIELD      its number, counted by the writer from 1 (default seq)
 *	  -t, --truth FILE     what was written, as loggen says it at its end:
 *	                       {"lines":N,"services":{"WRITER":LAST,…}}
 *	  -e, --expect W=LAST  the same for one writer; may be repeated
 *
 * A record without the field but with "seq=N" in its text counts with that N; one
 * without either (junk, the inside of a stack trace) is only counted.
 *
 * Prints one line of JSON and exits 0 only when all of lost, duplicates and
 * disorder are 0 and, with --truth, the number of lines is right:
 *
 *	{"records":12,"unnumbered":2,"writers":1,"lost":0,"duplicates":0,"disorder":0}
 *
 * lost        numbers from 1 to the writer's last that never came
 * duplicates  records whose number had come before
 * disorder    first-time numbers lower than one that came before
 *
 * The first few of each are explained on standard error.  Without --truth or
 * --expect the highest number seen is taken for the last, so that a lost end
 * goes unnoticed.  Exit 2: unusable input.
 */
#include "common/base/io.h"
#include "common/base/map.h"
#include "common/base/num.h"
#include "common/base/vec.h"
#include "common/data/json_scan.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEQ_MAX     (UINT64_C(1) << 32)
#define EXPLAIN_MAX 10
#define LINE_ARENA  (64u << 20)
#define NAMES_ARENA (16u << 20)
#define TRUTH_MAX   (1u << 20)
#define BITS        64

struct writer {
	struct span name;
	VEC(uint64_t) seen; /* a bit a number */
	uint64_t highest;
	uint64_t last; /* as told; 0 = not told */
};

static struct {
	struct span writer_field, seq_field;
	VEC(struct writer) writers;
	struct map by_name; /* name → index in writers */
	struct arena names, line;
	uint64_t lines_told; /* by --truth; 0 = not told */
	uint64_t records, unnumbered, lost, duplicates, disorder;
	unsigned explained;
} check = {.writer_field = SPAN("service"), .seq_field = SPAN("seq")};

static _Noreturn void die(const char *what, const char *detail)
{
	fprintf(stderr, "seqcheck: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
	exit(2);
}

static void explain(const char *what, struct span writer, uint64_t seq)
{
	if (check.explained++ < EXPLAIN_MAX)
		fprintf(stderr, "seqcheck: %s: %.*s %" PRIu64 " (line %" PRIu64 ")\n", what,
			SPAN_FMT(writer), seq, check.records);
}

static struct writer *find_writer(struct span name)
{
	bool added;
	union map_value *slot = map_put(&check.by_name, name, &added);

	if (slot && added) {
		struct span copy = arena_dup(&check.names, name);

		map_rekey(&check.by_name, name, name.len ? copy : SPAN(""));
		slot->n = check.writers.len;
		if (check.names.overflowed ||
		    vec_push(&check.writers, (struct writer){.name = copy}) < 0)
			die("too many writers", NULL);
	}
	if (!slot)
		die("out of memory", NULL);
	return &check.writers.ptr[slot->n];
}

/* True when the number had not come before. */
static bool mark_seen(struct writer *writer, uint64_t seq)
{
	size_t words = (size_t)(seq / BITS) + 1, before = writer->seen.len;
	uint64_t bit = UINT64_C(1) << seq % BITS;

	if (words > before) {
		if (vec_reserve(&writer->seen, words) < 0)
			die("out of memory", NULL);
		memset(writer->seen.ptr + before, 0, (words - before) * sizeof(bit));
		writer->seen.len = words;
	}
	bool fresh = !(writer->seen.ptr[words - 1] & bit);

	writer->seen.ptr[words - 1] |= bit;
	return fresh;
}

static void count(struct span name, uint64_t seq)
{
	struct writer *writer = find_writer(name);

	if (seq == 0 || seq > SEQ_MAX)
		die("a number is not from 1 to 2^32", NULL);
	if (!mark_seen(writer, seq)) {
		check.duplicates++;
		explain("duplicate", writer->name, seq);
	} else if (seq < writer->highest) {
		check.disorder++;
		explain("out of order", writer->name, seq);
	}
	if (seq > writer->highest)
		writer->highest = seq;
}

/* The digits behind "seq=" in a line of text. */
static bool seq_in_text(struct span line, uint64_t *ret)
{
	ptrdiff_t at = span_find(line, SPAN("seq="));
	struct span digits = span_skip(line, at < 0 ? line.len : (size_t)at + strlen("seq="));
	size_t n = 0;

	while (n < digits.len && digits.ptr[n] >= '0' && digits.ptr[n] <= '9')
		n++;
	return num_parse_u64(span_take(digits, n), ret) == 0;
}

static void take_line(struct span line)
{
	struct record rec;
	struct field writer = {0}, field;
	size_t at;
	uint64_t seq;

	check.records++;
	arena_reset(&check.line);
	record_init(&rec, &check.line, line);
	if (json_scan_record(line, &rec, &at) < 0)
		die("not a line of JSON", arena_cstr(&check.line, span_take(line, 200)));
	if (record_find(&rec, check.writer_field, &writer) < 0)
		writer.text = SPAN("");
	if ((record_find(&rec, check.seq_field, &field) == 0 &&
	     num_parse_u64(field.text, &seq) == 0) ||
	    seq_in_text(line, &seq))
		count(writer.text, seq);
	else
		check.unnumbered++;
}

static void take_file(FILE *file)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, file)) > 0)
		if (span_trim(span_of(line, (size_t)n)).len)
			take_line(span_of(line, (size_t)n - (line[n - 1] == '\n')));
	free(line);
	if (ferror(file))
		die("reading failed", strerror(errno));
}

static void take_path(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		die(path, strerror(errno));
	take_file(file);
	fclose(file);
}

static void expect(struct span name, struct span last)
{
	struct writer *writer = find_writer(name);

	if (num_parse_u64(last, &writer->last) < 0 || writer->last > SEQ_MAX)
		die("not a number from 0 to 2^32 in what is expected", NULL);
}

static void read_truth(const char *path)
{
	struct buf text = BUF_INIT(TRUTH_MAX);
	struct err err = {0};
	struct record rec;
	struct json_iter it;
	struct json_item item;
	size_t at;

	if (io_read_file(path, &text, &err) < 0)
		die(err.text, NULL);
	record_init(&rec, &check.names, buf_span(&text));
	if (json_scan_record(span_trim(buf_span(&text)), &rec, &at) < 0 ||
	    num_parse_u64(record_text(&rec, SPAN("lines")), &check.lines_told) < 0 ||
	    !json_iter_init(&it, record_text(&rec, SPAN("services"))))
		die("not {\"lines\":N,\"services\":{…}}", path);
	while (json_iter_next(&it, &item))
		expect(item.key, item.text);
	buf_release(&text);
}

static void count_lost(struct writer *writer)
{
	uint64_t last = writer->last > writer->highest ? writer->last : writer->highest;
	uint64_t before = check.lost;

	for (uint64_t seq = 1; seq <= last; seq++)
		if (mark_seen(writer, seq) && check.lost++ == before)
			explain("lost, first of this writer", writer->name, seq);
	if (writer->last && writer->highest > writer->last) {
		check.duplicates += writer->highest - writer->last;
		explain("never written", writer->name, writer->highest);
	}
}

static int verdict(void)
{
	for (size_t i = 0; i < check.writers.len; i++)
		count_lost(&check.writers.ptr[i]);
	printf("{\"records\":%" PRIu64 ",\"unnumbered\":%" PRIu64
	       ",\"writers\":%zu,\"lost\":%" PRIu64 ",\"duplicates\":%" PRIu64
	       ",\"disorder\":%" PRIu64 "}\n",
	       check.records, check.unnumbered, check.writers.len, check.lost, check.duplicates,
	       check.disorder);
	if (check.lines_told && check.lines_told != check.records) {
		fprintf(stderr, "seqcheck: %" PRIu64 " lines were written\n", check.lines_told);
		return 1;
	}
	return check.lost || check.duplicates || check.disorder;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"writer", 1, NULL, 'w'},
		{"seq", 1, NULL, 's'},
		{"truth", 1, NULL, 't'},
		{"expect", 1, NULL, 'e'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "w:s:t:e:", options, NULL)) != -1) {
		struct span value = span_cstr(optarg);
		ptrdiff_t eq = span_chr(value, '=');

		if (c == '?')
			exit(2);
		if (c == 'w')
			check.writer_field = value;
		if (c == 's')
			check.seq_field = value;
		if (c == 't')
			read_truth(optarg);
		if (c == 'e' && eq < 0)
			die("--expect takes WRITER=LAST", NULL);
		if (c == 'e')
			expect(span_take(value, (size_t)eq), span_skip(value, (size_t)eq + 1));
	}
}

int main(int argc, char **argv)
{
	arena_init(&check.names, NAMES_ARENA);
	arena_init(&check.line, LINE_ARENA);
	parse_options(argc, argv);
	if (optind == argc)
		take_file(stdin);
	for (int i = optind; i < argc; i++)
		take_path(argv[i]);
	int r = verdict();

	for (size_t i = 0; i < check.writers.len; i++)
		vec_release(&check.writers.ptr[i].seen);
	vec_release(&check.writers);
	map_release(&check.by_name);
	arena_release(&check.line);
	arena_release(&check.names);
	return r;
}
