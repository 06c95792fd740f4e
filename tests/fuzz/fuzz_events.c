/*
 * Any lines to events, read at once as the shipper may, and in blocks as a query
 * does, which cut the lines at other places: the same events.
 *
 * The first byte chooses how lines join, the second how much is read at a time.
 */
#include "aggregator/query/line_block.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include <stdint.h>

#define LINE_MAX_BYTES 120 /* few, so that lines and events are cut */
#define TEXT_MAX       (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void put_event(struct buf *out, struct span text, bool truncated, bool continued)
{
	buf_printf(out, "%d%d%zu ", truncated, continued, text.len);
	buf_puts(out, text);
}

static void read_at_once(const struct line_rules *rules, struct span text, struct buf *out)
{
	struct events *events = calloc(1, sizeof(*events));
	struct line event;

	CHECK(events && events_init(events, rules->max_line) == 0);
	events_begin(events, &rules->joining, text, rules->max_line, 0);
	/* Where nothing joins, blocks leave a byte order mark to the parser. */
	events->lines.at_zero = rules->joining.multiline.kinds;
	while (events_next(events, EVENTS_FLUSH_ALL, &event))
		put_event(out, event.text, event.flags & LINE_TRUNCATED,
			  event.flags & LINE_CONTINUED);
	events_release(events);
	free(events);
}

static size_t whole_lines(struct span text)
{
	const char *end = text.len ? memrchr(text.ptr, '\n', text.len) : NULL;

	return end ? (size_t)(end + 1 - text.ptr) : 0;
}

static void read_in_blocks(const struct line_rules *rules, struct span text, size_t step,
			   struct buf *out)
{
	struct line_block *block;
	unsigned flags = 0;
	bool inside = false;

	CHECK(line_block_new(rules, TEXT_MAX, &block) == 0);
	for (size_t have = step; text.len; have += step) {
		bool all = have >= text.len;
		size_t lines = whole_lines(span_take(text, have)), len;

		buf_reset(&block->text);
		buf_puts(&block->text, span_take(text, lines));
		block->flags = flags;
		block->at_zero = !inside;
		len = line_block_cut(block, lines, all, &flags);
		CHECK(len <= lines && (!all || len == text.len));
		block->text.len = len;
		CHECK(line_block_parse(block, 0, false, SPAN("")) == 0);
		for (size_t i = 0; i < block->records.len; i++) {
			const struct record *rec = &block->records.ptr[i];

			put_event(out, rec->line, rec->flags & RECORD_TRUNCATED,
				  rec->flags & RECORD_CONTINUED);
		}
		inside |= len > 0;
		text = span_skip(text, len);
		have = len ? 0 : have;
	}
	line_block_free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const modes[] = {"java",   "python",     "go",  "auto",
					    "indent", "start:^\\w", "none"};
	_cleanup_(buf_release) struct buf text = BUF_INIT(TEXT_MAX), once = BUF_INIT(TEXT_MAX),
					  blocks = BUF_INIT(TEXT_MAX);
	struct line_rules rules;
	bool runtime;

	if (n < 2 || n > 65536)
		return 0;
	CHECK(line_rules_init(&rules, SPAN("auto"), span_cstr(modes[bytes[0] % 7]), NULL) == 0);
	rules.max_line = LINE_MAX_BYTES;
	/* Without joining, blocks look for parts in files of a runtime only. */
	runtime = bytes[0] & 64 && bytes[0] % 7 != 6;
	rules.joining.cri = runtime;
	buf_put(&text, (const char *)bytes + 2, n - 2);
	buf_putc(&text, '\n');
	read_at_once(&rules, buf_span(&text), &once);
	read_in_blocks(&rules, buf_span(&text), 1 + bytes[1], &blocks);
	CHECK(!once.failed && span_eq(buf_span(&once), buf_span(&blocks)));
	line_rules_release(&rules);
	return 0;
}
