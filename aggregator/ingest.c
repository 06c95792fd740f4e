/* ingest.c - messages to rows; see ingest.h for the path. */
#include "aggregator/ingest.h"
#include "aggregator/event.h"
#include "aggregator/positions.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/base/utf8.h"
#include "common/data/wire.h"
#include "common/parse/parse.h"
#include <errno.h>

/* A record's fields and copies.  The largest line decodes into it, and its repair to UTF-8. */
#define RECORD_ARENA (4 * (size_t)BLOCK_RAW_MAX)
/* What is kept of a record that is too large for the store. */
#define CUT_BYTES (1u << 20)

enum stage { STAGE_IDLE, STAGE_GAP, STAGE_FORK, STAGE_ROWS, STAGE_MESSAGE };

/* The stream of the last record: neighbors nearly always share it. */
struct stream_cache {
	struct buf key; /* service NUL host */
	struct store_stream *stream;
};

struct ingest {
	struct store *store;
	struct ledger *ledger;
	struct chain *chain;
	struct ingest_counts *counts;
	struct block_reader *reader;
	struct parser *parser;
	struct arena arena; /* of the record at hand */
	struct stream_cache cache;

	enum stage stage;
	struct bus_message message;
	struct block block;
	struct ledger_note note;
	struct span lines; /* from the record at hand on */
	struct block_range ranges;
	struct ledger_range record; /* at hand; from == to: take the next one */
	struct span line;
	uint64_t at; /* bytes of the record before it are taken care of */
};

int ingest_new(struct store *store, struct ledger *ledger, struct chain *chain,
	       struct ingest_counts *counts, struct ingest **ret, struct err *reterr)
{
	struct ingest *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return err_set(reterr, -ENOMEM, "out of memory");
	*in = (struct ingest){.store = store, .ledger = ledger, .chain = chain, .counts = counts};
	arena_init(&in->arena, RECORD_ARENA);
	buf_init(&in->cache.key, 8192);
	r = parser_new(SPAN("auto"), &in->parser, reterr);
	if (r == 0) {
		r = block_reader_new(&in->reader);
		if (r < 0)
			err_set(reterr, r, "out of memory");
	}
	if (r < 0) {
		ingest_free(in);
		return r;
	}
	*ret = in;
	return 0;
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	block_reader_free(in->reader);
	parser_free(in->parser);
	arena_release(&in->arena);
	buf_release(&in->cache.key);
	free(in);
}

void ingest_set_chain(struct ingest *in, struct chain *chain)
{
	in->chain = chain;
}

int ingest_begin(struct ingest *in, const struct bus_message *message, struct err *reterr)
{
	int r;

	in->message = *message;
	if (!block_is_block(message->payload)) {
		in->stage = STAGE_MESSAGE;
		if (message->payload.len > BLOCK_RAW_MAX)
			return err_set(reterr, -E2BIG, "a record of %zu bytes is above %u",
				       message->payload.len, BLOCK_RAW_MAX);
		return 0;
	}
	in->stage = STAGE_IDLE;
	r = block_read(in->reader, message->payload, &in->block, reterr);
	if (r < 0)
		return r;
	if (in->block.header.generation > GENERATION_MAX)
		return err_set(reterr, -EBADMSG, "generation %u is above %u",
			       in->block.header.generation, GENERATION_MAX);
	r = ledger_begin(in->ledger, &in->block.header, &in->note);
	if (r < 0)
		return err_set(reterr, r, "byte range %llu, %llu, %llu is not in order",
			       (unsigned long long)in->block.header.prev_end,
			       (unsigned long long)in->block.header.base,
			       (unsigned long long)in->block.header.end);
	block_ranges(&in->block, &in->ranges);
	in->lines = in->block.text;
	in->record = (struct ledger_range){0};
	in->stage = STAGE_GAP;
	return 0;
}

static struct span u64_text(struct arena *arena, uint64_t n)
{
	return arena_printf(arena, "%llu", (unsigned long long)n);
}

/* A row that says which bytes did not come.  The start of a new source is none of our business. */
static int tell_gap(struct ingest *in)
{
	const struct ledger_range *gap = &in->note.gap;
	const struct block_header *header = &in->block.header;
	int r;

	if (gap->from == gap->to || in->note.first)
		return 0;
	arena_reset(&in->arena);
	r = event_append(
		in->store,
		&(struct event){.kind = "gap",
				.message = "bytes of a log file did not arrive",
				.fields = {{"sluice.file", header->file},
					   {"sluice.host", header->host},
					   {"sluice.from", u64_text(&in->arena, gap->from)},
					   {"sluice.to", u64_text(&in->arena, gap->to)}}});
	if (r < 0)
		return r;
	counter_add(&in->counts->gaps, 1);
	counter_add(&in->counts->gap_bytes, gap->to - gap->from);
	return 0;
}

static int tell_fork(struct ingest *in)
{
	const struct block_header *header = &in->block.header;
	int r;

	if (!in->note.forked)
		return 0;
	arena_reset(&in->arena);
	r = event_append(
		in->store,
		&(struct event){
			.kind = "fork",
			.message = "two different log files came under one identity: was a machine "
				   "cloned with its shipper's state?",
			.fields = {{"sluice.file", header->file},
				   {"sluice.host", header->host},
				   {"sluice.from", u64_text(&in->arena, header->base)}}});
	if (r < 0)
		return r;
	counter_add(&in->counts->forks, 1);
	return 0;
}

static int stream_lookup(struct ingest *in, struct span service, struct span host)
{
	struct span labels[4];
	size_t n = 0;
	int r;

	if (service.len) {
		labels[n++] = SPAN("service");
		labels[n++] = service;
	}
	if (host.len) {
		labels[n++] = SPAN("host");
		labels[n++] = host;
	}
	r = store_stream_get(in->store, labels, n, &in->cache.stream);
	if (r == -E2BIG) /* too many streams: these rows share one without labels */
		r = store_stream_get(in->store, NULL, 0, &in->cache.stream);
	return r;
}

/* {service="…",host="…"}: what the record says, else what its file does. */
static int stream_of(struct ingest *in, const struct record *rec, struct store_stream **ret)
{
	struct span service = record_text(rec, SPAN("service"));
	struct span host = record_text(rec, SPAN("host"));
	struct buf *key = &in->cache.key;
	bool of_block = in->stage == STAGE_ROWS;
	int r;

	if (!service.len && of_block)
		service = in->block.header.service;
	if (!host.len && of_block)
		host = in->block.header.host;
	if (in->cache.stream && key->len == service.len + 1 + host.len &&
	    span_eq(span_take(buf_span(key), service.len), service) &&
	    span_eq(span_skip(buf_span(key), service.len + 1), host) && !key->ptr[service.len]) {
		*ret = in->cache.stream;
		return 0;
	}
	r = stream_lookup(in, service, host);
	if (r < 0) {
		in->cache.stream = NULL;
		return r;
	}
	*ret = in->cache.stream;
	buf_reset(key);
	buf_puts(key, service);
	buf_putc(key, 0);
	buf_puts(key, host);
	if (key->failed)
		in->cache.stream = NULL;
	return 0;
}

/* A line that is no record keeps its text as message. */
static int raw_record(struct ingest *in, struct span line, struct record *rec)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(3 * (size_t)BLOCK_RAW_MAX);

	arena_reset(&in->arena);
	record_init(rec, &in->arena, line);
	if (!utf8_valid(line)) {
		utf8_repair(line, &text);
		line = arena_dup(&in->arena, buf_span(&text));
		rec->flags |= RECORD_INVALID_UTF8;
	}
	rec->flags |= RECORD_PARSE_ERROR | RECORD_TIME_OBSERVED;
	rec->time_ns = in->message.time_ms > 0 ? in->message.time_ms * NS_PER_MS : clock_real_ns();
	if (text.failed || in->arena.overflowed ||
	    record_add(rec,
		       (struct field){.key = SPAN("message"), .text = line, .type = VALUE_STRING}) <
		    0 ||
	    wire_add_marks(rec) < 0)
		return -ENOMEM;
	counter_add(&in->counts->malformed, 1);
	return 0;
}

/*
 * The record is the rest of one that is partly indexed: a line that was shipped
 * by a timeout before its end came.  Where the message is the line itself, only
 * the new bytes go on; else the whole record, saying how many bytes of it are
 * not new.
 */
static int mark_continuation(const struct ingest *in, struct record *rec, struct ledger_range part)
{
	struct span message = record_text(rec, SPAN("message"));
	uint64_t start = in->record.from, end = in->record.to;
	char text[NUM_TEXT_MAX];
	size_t n;

	rec->flags |= RECORD_CONTINUED;
	if (record_set(rec, SPAN("log.continued"), VALUE_BOOL, SPAN("true")) < 0)
		return -ENOMEM;
	if (message.len <= end - start && message.len + 2 >= end - start) {
		message = span_skip(message, part.from - start);
		message = span_take(message, part.to - part.from);
		return record_set(rec, SPAN("message"), VALUE_STRING, message);
	}
	n = num_format_u64(text, end - start - (part.to - part.from));
	return record_set(rec, SPAN("log.overlap_bytes"), VALUE_NUMBER, span_of(text, n));
}

/* Filter and append.  0 also when a filter dropped it. */
static int append(struct ingest *in, struct record *rec)
{
	struct store_stream *stream;
	int r;

	if (in->chain && chain_process(in->chain, rec) == SL_DROP) {
		counter_add(&in->counts->filtered, 1);
		return 0;
	}
	r = stream_of(in, rec, &stream);
	if (r == 0)
		r = store_append(in->store, stream, rec);
	if (r < 0)
		return r;
	counter_add(&in->counts->records, 1);
	return 0;
}

/* Append; of a record that is too large for the store the start of its line is kept. */
static int append_or_cut(struct ingest *in, struct span line, struct record *rec)
{
	int r = append(in, rec);

	if (r != -EMSGSIZE)
		return r;
	r = raw_record(in, span_take(line, CUT_BYTES), rec);
	if (r == 0)
		r = record_set(rec, SPAN("log.truncated"), VALUE_BOOL, SPAN("true"));
	return r < 0 ? r : append(in, rec);
}

static int take_part(struct ingest *in, struct ledger_range part)
{
	bool whole = part.from == in->record.from && part.to == in->record.to;
	struct record rec;
	size_t bad_at;
	int r;

	arena_reset(&in->arena);
	record_init(&rec, &in->arena, in->line);
	r = wire_read_record(in->line, &rec, &bad_at);
	if (r < 0) {
		r = raw_record(in, in->line, &rec);
		if (r < 0)
			return r;
	}
	rec.start = part.from;
	rec.end = part.to;
	if (!whole) {
		r = mark_continuation(in, &rec, part);
		if (r < 0)
			return r;
	}
	r = append_or_cut(in, in->line, &rec);
	if (r < 0)
		return r;
	if (!whole)
		counter_add(&in->counts->continuations, 1);
	counter_add(&in->counts->text_bytes, in->line.len + 1);
	return 0;
}

/* The block up to `end` is taken: let the ledger say so before somebody commits. */
static int account_until(struct ingest *in, uint64_t end)
{
	struct block_header part = in->block.header;

	part.end = end;
	part.base = part.base < end ? part.base : end;
	part.prev_end = part.prev_end < end ? part.prev_end : end;
	part.hash_end = 0;
	return ledger_end(in->ledger, in->note.source, &part);
}

/* The parts of the record at hand that are new.  -ENOBUFS leaves in->at at the one that is due. */
static int take_record(struct ingest *in)
{
	struct ledger_range part;
	uint64_t at = in->at;
	bool any = false;

	while (ledger_new_part(in->note.source, &at, in->record.to, &part)) {
		int r = take_part(in, part);

		if (r == -ENOBUFS) {
			in->at = part.from;
			r = account_until(in, part.from);
			return r < 0 ? r : -ENOBUFS;
		}
		if (r < 0)
			return r;
		any = true;
		in->at = at;
	}
	if (!any && in->at == in->record.from)
		counter_add(&in->counts->duplicates, 1);
	return 0;
}

static int take_rows(struct ingest *in)
{
	for (;;) {
		int r;

		if (in->record.from == in->record.to) {
			if (!block_range_next(&in->ranges, &in->record.from, &in->record.to))
				break;
			span_cut(&in->lines, '\n', &in->line);
			in->at = in->record.from;
		}
		r = take_record(in);
		if (r < 0)
			return r;
		in->record.from = in->record.to;
	}
	return ledger_end(in->ledger, in->note.source, &in->block.header);
}

/* One record a message, in whatever shape its sender writes. */
static int take_message(struct ingest *in)
{
	struct span line = in->message.payload;
	int64_t now = in->message.time_ms > 0 ? in->message.time_ms * NS_PER_MS : clock_real_ns();
	struct record rec;
	int r;

	while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
		line.len--;
	if (!line.len)
		return 0;
	arena_reset(&in->arena);
	record_init(&rec, &in->arena, line);
	r = parser_line(in->parser, line, now, &rec);
	if (r == 0)
		r = wire_add_marks(&rec);
	if (r < 0)
		r = raw_record(in, line, &rec);
	if (r == 0)
		r = append_or_cut(in, line, &rec);
	if (r == 0)
		counter_add(&in->counts->text_bytes, line.len + 1);
	return r;
}

static void count_message(struct ingest *in, bool block)
{
	counter_add(&in->counts->messages, 1);
	counter_add(&in->counts->blocks, block);
	counter_add(&in->counts->wire_bytes, in->message.payload.len);
	in->stage = STAGE_IDLE;
}

int ingest_step(struct ingest *in)
{
	int r = 0;

	if (in->stage == STAGE_GAP) {
		r = tell_gap(in);
		if (r == 0)
			in->stage = STAGE_FORK;
	}
	if (in->stage == STAGE_FORK && r == 0) {
		r = tell_fork(in);
		if (r == 0)
			in->stage = STAGE_ROWS;
	}
	if (in->stage == STAGE_ROWS && r == 0) {
		r = take_rows(in);
		if (r == 0)
			count_message(in, true);
	}
	if (in->stage == STAGE_MESSAGE && r == 0) {
		r = take_message(in);
		if (r == 0)
			count_message(in, false);
	}
	return r;
}
