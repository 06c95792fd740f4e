/*
 * events.h - lines of a source to events: which lines are one record.
 *
 * A stack trace is one event over many lines (multiline.h); a container
 * runtime cuts long lines into parts, those of stdout and stderr interleaved.
 * Nothing is held back in memory: an event whose end was not seen is not
 * consumed and read again, like half a line.
 *
 *	events_init(&e, max_line);
 *	events_begin(&e, &joining, bytes, max, flags);
 *	while (events_next(&e, flush, &event))
 *		…                           event.text may have newlines
 *	consumed = e.lines.at;  flags = events_flags(&e);  carried to the next read
 *
 * Lines are taken in groups: from a place where no event is open to the next
 * such place.  A group is consumed as a whole, so that no event is ever read from
 * its middle on.  Mostly it is one event.  Where streams interleave, byte
 * ranges must not, and each event answers for the bytes up to the next one's start:
 *
 *	stdout P a | stderr P b | stdout F c | stderr F d |
 *	[ a+c      )[ b+d                                 )
 *
 * A group is cut at `max` bytes, EVENT_LINES lines, or by a flush; its state is
 * kept in the flags, and what continues the event is LINE_CONTINUED.  Where a
 * group is cut depends on its bytes alone, but for the flush; and parts join
 * only when their times are at most a pause apart, half of what the flush waits,
 * so that after a crash the same bytes give the same records.
 */
#ifndef SLUICE_PARSE_EVENTS_H
#define SLUICE_PARSE_EVENTS_H

#include "common/base/buf.h"
#include "common/parse/lines.h"
#include "common/parse/multiline.h"

#define EVENT_LINES   1000
#define EVENT_STREAMS 2 /* stdout and stderr of CRI; all else is the first */

/* The shipper's multiline_timeout where nobody says otherwise. */
#define JOINING_PAUSE_NS INT64_C(1000000000)

/*
 * From this bit on, four a stream: the event before was cut in its middle, and
 * in which state.  The bits below are of lines.h, and the caller's from 4 to 128.
 */
#define EVENTS_FLAG_SHIFT 8

/* How lines are joined; fixed. */
struct joining {
	struct multiline multiline;
	bool cri; /* lines may be those of a container runtime, see parser_takes_containers() */
	int64_t pause_ns;
};

enum events_flush {
	EVENTS_HOLD,
	EVENTS_FLUSH,     /* what is left: whole lines are an event */
	EVENTS_FLUSH_ALL, /* half a line, too */
};

struct event_line {
	struct line line;
	unsigned next; /* of its event; 0 = the last */
};

struct event_stream {
	struct multiline joiner; /* borrows its regex */
	bool part;               /* its last line was cut by the runtime */
	/* Of the group: */
	bool open;
	unsigned last; /* line */
	int64_t last_ns;
};

struct events {
	struct lines lines; /* .at: the end of the last group */
	const struct joining *joining;
	struct event_stream streams[EVENT_STREAMS];
	bool held; /* whole lines wait for the end of their event */
	bool cri;  /* … of a container runtime */

	struct event_line group[EVENT_LINES];
	unsigned first[EVENT_LINES]; /* line of each event */
	unsigned nlines, nevents;
	unsigned next;    /* event to be given out */
	bool adjacent;    /* the text of the lines is that of the bytes */
	int64_t group_ns; /* CRI: of its first line */

	struct lines undo; /* where the group began */
	struct event_stream undo_streams[EVENT_STREAMS];
	struct buf joined;
};

/* Lines of up to `max_bytes`.  0 or -ENOMEM. */
int events_init(struct events *events, size_t max_bytes);
void events_release(struct events *events);
/* `joining` must stay while events are taken; `flags` of events_flags(), 0 at the start. */
void events_begin(struct events *events, const struct joining *joining, struct span bytes,
		  size_t max, unsigned flags);
/* The next event; its text is good until the next call. */
bool events_next(struct events *events, enum events_flush flush, struct line *ret);
/* Events of the group are left: they belong into the block of its first one. */
static inline bool events_rest(const struct events *events)
{
	return events->next < events->nevents;
}
/* Give back the event just taken; false where it is not the first of its group. */
bool events_undo(struct events *events);
/* enum lines_flag and the state of what was cut. */
unsigned events_flags(const struct events *events);

#endif
