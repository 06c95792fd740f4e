#include "common/parse/events.h"
#include "common/parse/format.h"
#include <string.h>

#define STREAM_BITS 4u
#define STREAM_MASK 15u
#define STREAM_PART 8u /* else the multiline_state */

int events_init(struct events *ev, size_t max_bytes)
{
	memset(ev, 0, sizeof(*ev));
	buf_init(&ev->joined, max_bytes);
	return buf_reserve(&ev->joined, max_bytes); /* all of it: joining can't fail */
}

void events_release(struct events *ev)
{
	buf_release(&ev->joined);
}

void events_begin(struct events *ev, const struct joining *joining, struct span bytes, size_t max,
		  unsigned flags)
{
	lines_init(&ev->lines, bytes, max, flags);
	ev->joining = joining;
	ev->held = false;
	ev->nlines = ev->nevents = ev->next = 0;
	for (unsigned i = 0; i < EVENT_STREAMS; i++) {
		unsigned bits = flags >> (EVENTS_FLAG_SHIFT + i * STREAM_BITS) & STREAM_MASK;

		ev->streams[i] = (struct event_stream){.joiner = joining->multiline};
		ev->streams[i].joiner.state = bits & ~STREAM_PART;
		ev->streams[i].part = bits & STREAM_PART;
	}
}

unsigned events_flags(const struct events *ev)
{
	unsigned flags = ev->lines.flags;

	for (unsigned i = 0; i < EVENT_STREAMS; i++) {
		const struct event_stream *s = &ev->streams[i];
		unsigned bits = s->joiner.state | (s->part ? STREAM_PART : 0);

		flags |= bits << (EVENTS_FLAG_SHIFT + i * STREAM_BITS);
	}
	return flags;
}

static bool joins_lines(const struct events *ev)
{
	return ev->joining->multiline.kinds;
}

static bool was_cut(const struct event_stream *s)
{
	return s->part || s->joiner.state != MULTILINE_NONE;
}

/* Behind the last line of stream `s`, or the first of an event of its. */
static void add(struct events *ev, struct event_stream *s, const struct line *line, bool follows)
{
	unsigned at = ev->nlines++;
	struct event_line *new = &ev->group[at];

	*new = (struct event_line){.line = *line};
	if (at == 0)
		ev->adjacent = true;
	else if (line->text.ptr != new[-1].line.text.ptr + new[-1].line.text.len + 1)
		ev->adjacent = false;
	if (follows && s->open) {
		ev->group[s->last].next = at;
	} else {
		ev->first[ev->nevents++] = at;
		new->line.flags |= follows ? LINE_CONTINUED : 0;
	}
	s->last = at;
}

static void forget(struct event_stream *s)
{
	multiline_reset(&s->joiner);
	s->part = false;
}

static bool admit_plain(struct events *ev, const struct line *line)
{
	struct event_stream *s = &ev->streams[0];
	bool follows = line->flags & LINE_CONTINUED || multiline_continues(&s->joiner, line->text);

	if (ev->nlines && !follows) {
		multiline_reset(&s->joiner);
		return false;
	}
	/* The rest of a line whose start was shipped: its event goes on. */
	if (line->flags & LINE_CONTINUED && s->joiner.state == MULTILINE_NONE)
		s->joiner.state = MULTILINE_TEXT;
	add(ev, s, line, follows);
	s->open = joins_lines(ev);
	if (!s->open)
		forget(s);
	return true;
}

/* Streams that were silent for too long: what comes of them is a continuation. */
static void close_silent(struct events *ev, int64_t now)
{
	for (unsigned i = 0; i < EVENT_STREAMS; i++)
		if (now - ev->streams[i].last_ns > ev->joining->pause_ns)
			ev->streams[i].open = false;
}

static bool admit_cri(struct events *ev, const struct line *line, const struct cri_line *cri)
{
	bool is_stderr = span_eq(cri->stream, SPAN("stderr"));
	struct event_stream *s = &ev->streams[is_stderr], *other = &ev->streams[!is_stderr];

	close_silent(ev, cri->ns);
	if (ev->nlines && !s->open && !other->open)
		return false;
	/* Two busy streams may leave no place where both are closed: one is made. */
	if (s->open && other->open && cri->ns - ev->group_ns > ev->joining->pause_ns)
		return false;
	bool follows = s->part || multiline_continues(&s->joiner, cri->body);

	if (ev->nlines && !follows && !other->open) {
		multiline_reset(&s->joiner);
		return false;
	}
	if (ev->nlines == 0)
		ev->group_ns = cri->ns;
	add(ev, s, line, follows);
	s->part = cri->partial;
	s->open = cri->partial || joins_lines(ev);
	s->last_ns = cri->ns;
	if (!s->open)
		forget(s);
	return true;
}

/* False: the group ends before this line, which is looked at again as the first of the next. */
static bool admit(struct events *ev, const struct line *line)
{
	struct cri_line cri;
	bool is_cri = ev->joining->cri && container_read(line->text, &cri);

	if (ev->nlines == 0)
		ev->cri = is_cri;
	else if (ev->nlines == EVENT_LINES || line->end - ev->group[0].line.start > ev->lines.max)
		return false;
	if (is_cri == ev->cri)
		return is_cri ? admit_cri(ev, line, &cri) : admit_plain(ev, line);
	for (unsigned i = 0; i < EVENT_STREAMS; i++)
		forget(&ev->streams[i]);
	return false;
}

static bool is_open(const struct events *ev)
{
	return ev->streams[0].open || ev->streams[1].open;
}

static void group_begin(struct events *ev)
{
	ev->nlines = ev->nevents = ev->next = 0;
	memcpy(ev->undo_streams, ev->streams, sizeof(ev->streams));
	for (unsigned i = 0; i < EVENT_STREAMS; i++)
		ev->streams[i].open = false;
}

/* Its end is not there: back to its start, but not before it, where bytes went by. */
static void group_hold(struct events *ev)
{
	size_t start = ev->group[0].line.start;
	uint64_t skipped = ev->lines.skipped;

	memcpy(ev->streams, ev->undo_streams, sizeof(ev->streams));
	ev->lines = ev->undo;
	if (start > ev->undo.at) {
		ev->lines.at = start;
		ev->lines.flags = 0;
		ev->lines.skipped = skipped;
	}
	ev->nlines = ev->nevents = 0;
	ev->held = true;
}

/* The lines up to the next place where no event is open. */
static bool group_find(struct events *ev, enum events_flush flush)
{
	struct line line;

	group_begin(ev);
	for (;;) {
		struct lines before = ev->lines;

		if (!lines_next(&ev->lines, flush == EVENTS_FLUSH_ALL, &line)) {
			if (ev->nlines == 0)
				return false;
			size_t len = ev->lines.bytes.len - ev->group[0].line.start;

			if (flush == EVENTS_HOLD && len <= ev->lines.max) {
				group_hold(ev);
				return false;
			}
			ev->lines = before;
			return true;
		}
		if (!admit(ev, &line)) {
			ev->lines = before;
			return true;
		}
		if (!is_open(ev))
			return true;
	}
}

static struct span joined_text(struct events *ev, unsigned first)
{
	const struct line *last = &ev->group[ev->nlines - 1].line;
	const struct event_line *line = &ev->group[first];

	if (line->next == 0)
		return line->line.text;
	if (ev->nevents == 1 && ev->adjacent)
		return span_between(line->line.text.ptr, last->text.ptr + last->text.len);
	buf_reset(&ev->joined);
	buf_puts(&ev->joined, line->line.text);
	while (line->next) {
		line = &ev->group[line->next];
		buf_putc(&ev->joined, '\n');
		buf_puts(&ev->joined, line->line.text);
	}
	return buf_span(&ev->joined);
}

static void give_out(struct events *ev, struct line *ret)
{
	unsigned at = ev->first[ev->next++];

	*ret = ev->group[at].line;
	for (unsigned i = ev->group[at].next; i; i = ev->group[i].next)
		ret->flags |= ev->group[i].line.flags & LINE_TRUNCATED;
	ret->end = ev->next < ev->nevents ? ev->group[ev->first[ev->next]].line.start
					  : ev->group[ev->nlines - 1].line.end;
	ret->text = joined_text(ev, at);
}

bool events_next(struct events *ev, enum events_flush flush, struct line *ret)
{
	if (events_rest(ev)) {
		give_out(ev, ret);
		return true;
	}
	ev->undo = ev->lines;
	ev->nevents = ev->next = 0;
	if (!joins_lines(ev) && !was_cut(&ev->streams[0]) && !was_cut(&ev->streams[1])) {
		/* Nothing is open, and nothing joins but the parts of a runtime's line. */
		if (!lines_next(&ev->lines, flush == EVENTS_FLUSH_ALL, ret))
			return false;
		if (!ev->joining->cri || !container_is_partial(ret->text))
			return true;
		ev->lines = ev->undo;
	}
	if (!group_find(ev, flush))
		return false;
	give_out(ev, ret);
	return true;
}

bool events_undo(struct events *ev)
{
	if (ev->next > 1)
		return false;
	if (ev->nevents)
		memcpy(ev->streams, ev->undo_streams, sizeof(ev->streams));
	ev->lines = ev->undo;
	ev->nevents = ev->next = 0;
	return true;
}
