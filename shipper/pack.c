#include "shipper/pack.h"
#include "common/base/clock.h"
#include <errno.h>

#define MESSAGE_MAX   (BLOCK_RAW_MAX + (1u << 20))
#define LINE_MARGIN   64u         /* bytes behind a line that is cut, to see that it is */
#define ARENA_RECYCLE (32u << 10) /* reset when so much is used: stays in the cache */
#define READ_SIZE_MIN (16u << 10)
#define READ_SIZE_MAX (512u << 10)

int pack_init(struct pack *pack, int level, uint64_t max_line_bytes)
{
	memset(pack, 0, sizeof(*pack));
	buf_init(&pack->message, MESSAGE_MAX);
	/* Fields, decoded copies and repairs of the longest line. */
	arena_init(&pack->arena, 16 * max_line_bytes + (1 << 20));
	int r = events_init(&pack->events, max_line_bytes);

	if (r == 0)
		r = block_writer_new(level, &pack->writer);
	if (r == 0)
		r = parser_new(SPAN("plain"), &pack->plain, NULL);
	return r;
}

void pack_release(struct pack *pack)
{
	reader_release(&pack->reader);
	arena_release(&pack->arena);
	events_release(&pack->events);
	block_writer_free(pack->writer);
	buf_release(&pack->message);
	parser_free(pack->plain);
}

static int parse(struct pack *pack, const struct source *source, const struct line *line,
		 int64_t now, struct record *rec)
{
	if (arena_used(&pack->arena) > ARENA_RECYCLE)
		arena_reset(&pack->arena);
	record_init(rec, &pack->arena, line->text);
	int r = parser_line(source->input->parser, line->text, now, rec);

	if (r == -ENOMEM) {
		/* Too much structure for its memory: its text is kept. */
		arena_reset(&pack->arena);
		record_init(rec, &pack->arena, line->text);
		r = parser_line(pack->plain, line->text, now, rec);
		rec->flags |= RECORD_PARSE_ERROR;
	}
	if (line->flags & LINE_TRUNCATED)
		rec->flags |= RECORD_TRUNCATED;
	if (line->flags & LINE_CONTINUED)
		rec->flags |= RECORD_CONTINUED;
	return r;
}

/* 0: it is in the block or was filtered; else the block, or a memory, has no room for it. */
static int add_record(struct pack *pack, const struct source *source, const struct line *line,
		      int64_t now, struct packed *packed)
{
	struct buf *text = block_writer_text(pack->writer);
	uint64_t base = source->tail.mark.offset;
	size_t before = text->len;
	struct record rec;
	int r = parse(pack, source, line, now, &rec);

	if (r < 0)
		return r;
	rec.start = base + line->start;
	rec.end = base + line->end;
	packed->errors += rec.flags & RECORD_PARSE_ERROR ? 1 : 0;
	if (pack->chain && chain_process(pack->chain, &rec) == SL_DROP) {
		packed->filtered++;
		return 0;
	}
	wire_write_record(text, &rec, &source->labels);
	r = text->failed ? text->failed
			 : block_writer_record(pack->writer, rec.start, rec.end, rec.time_ns);
	if (r < 0) {
		text->len = before;
		text->failed = 0;
	}
	return r;
}

/*
 * Records of reader.bytes until the block is full; a group of events is never divided.
 * True when it is not full: there was nothing more to take.
 */
static bool fill(struct pack *pack, const struct source *source, enum events_flush flush,
		 size_t line_max, struct packed *packed)
{
	const struct buf *text = block_writer_text(pack->writer);
	uint32_t records_max = source->records_max ? source->records_max : BLOCK_RECORDS_MAX;
	struct events *events = &pack->events;
	int64_t now = clock_real_ns();
	struct line event;

	events_begin(events, &source->input->joining, pack->reader.bytes, line_max,
		     source->tail.mark.flags);
	events->lines.at_zero = source->tail.mark.offset == 0;
	if (!pack->reader.at_end)
		flush = EVENTS_HOLD;
	while (events_rest(events) ||
	       (text->len < BLOCK_RAW_TARGET && block_writer_records(pack->writer) < records_max)) {
		if (!events_next(events, flush, &event))
			return true;
		int r = add_record(pack, source, &event, now, packed);

		if (r < 0) {
			/* First of the next block; but where a group does not fit, less of it. */
			packed->too_large =
				!events_undo(events) || block_writer_records(pack->writer) == 0;
			break;
		}
	}
	return false;
}

static int finish(struct pack *pack, struct source *source, struct packed *packed)
{
	const struct mark *mark = &source->tail.mark;
	struct block_header header = {
		.source = source->id,
		.generation = source->truncations,
		.prev_end = packed->before.sent_end,
		.base = packed->before.offset,
		.end = mark->offset,
		.hash_base = mark_digest(&packed->before),
		.hash_end = mark_digest(mark),
		.host = source->labels.host,
		.service = source->labels.service,
		.file = source->labels.file,
	};

	buf_reset(&pack->message);
	int r = block_writer_finish(pack->writer, &header, &pack->message);

	packed->message = buf_span(&pack->message);
	return r;
}

/* Read so much next time that the records of it make about one block. */
static void adapt_read_size(struct source *source, size_t consumed, size_t raw)
{
	size_t size = source->read_size;

	if (consumed < READ_SIZE_MIN || raw == 0)
		return;
	size = (size_t)((double)BLOCK_RAW_TARGET * (double)consumed / (double)raw) + 4096;
	size = size < READ_SIZE_MIN ? READ_SIZE_MIN : size;
	source->read_size = size > READ_SIZE_MAX ? READ_SIZE_MAX : size;
}

ssize_t pack_block(struct pack *pack, struct source *source, enum events_flush flush, size_t len,
		   struct packed *ret)
{
	size_t line_max = source->line_max ? source->line_max : source->input->max_line_bytes;
	size_t want = source->read_size;
	struct packed packed = {.before = source->tail.mark};
	const struct events *events = &pack->events;
	bool ran_out;

	for (;;) {
		ssize_t n = tail_read(&source->tail, &pack->reader, want);

		if (n < 0)
			return n;
		ran_out = fill(pack, source, (size_t)n <= len ? flush : EVENTS_HOLD, line_max,
			       &packed);
		if (packed.too_large) {
			block_writer_reset(pack->writer);
			return -EMSGSIZE;
		}
		if (events->lines.at > 0 || pack->reader.at_end || want >= line_max + LINE_MARGIN)
			break;
		want = want * 4 < line_max + LINE_MARGIN ? want * 4 : line_max + LINE_MARGIN;
	}
	size_t consumed = events->lines.at;

	packed.records = (uint32_t)block_writer_records(pack->writer);
	packed.raw = block_writer_text(pack->writer)->len;
	packed.skipped = events->lines.skipped;
	packed.at_end = pack->reader.at_end && ran_out;
	packed.partial = packed.at_end && consumed < pack->reader.bytes.len;
	packed.held = packed.partial && events->held;
	packed.held_cri = packed.held && events->cri;
	tail_consume(&source->tail, &pack->reader, consumed, events_flags(events));
	if (packed.records) {
		source->tail.mark.sent_end = source->tail.mark.offset;
		int r = finish(pack, source, &packed);

		if (r < 0) {
			block_writer_reset(pack->writer);
			source->tail.mark = packed.before;
			return r;
		}
		adapt_read_size(source, consumed, packed.raw);
	}
	*ret = packed;
	return (ssize_t)consumed;
}
