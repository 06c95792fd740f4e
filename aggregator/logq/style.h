/*
 * style.h - how text looks where it is shown: color, time zone, escapes.
 *
 * What logs contain must not move the cursor, change colors or turn the
 * direction of a terminal's text.  On a terminal, control characters (C0, DEL,
 * C1), bytes that are no UTF-8, and characters that hide or reorder text are
 * written as \x1b or \u202e; so is all that is not ASCII, where the locale has no
 * UTF-8.  In a pipe bytes go out as they are.
 */
#ifndef SLUICE_LOGQ_STYLE_H
#define SLUICE_LOGQ_STYLE_H

#include "common/base/buf.h"

enum paint {
	PAINT_TIME,
	PAINT_NAME,
	PAINT_SERVICE,
	PAINT_ERROR,
	PAINT_WARN,
	PAINT_INFO,
	PAINT_DEBUG,
	PAINT_BAR,
	PAINT_MATCH
};

struct highlight;

struct style {
	bool color;
	bool escape; /* stdout is a terminal */
	bool utc;
	bool ascii;                        /* no UTF-8 in the locale: bars are of # */
	bool ascii_text;                   /* … and the text of logs is shown to a terminal */
	unsigned width;                    /* columns; 0 = no limit */
	const struct highlight *highlight; /* what matched is painted; NULL = it isn't */
	bool by_name; /* no pipe lists the fields: csv and tables have them in the usual order */
	bool by_file; /* rows of several files: one without a service says which */
};

/* For stdout as it is, NO_COLOR, TERM and the locale. */
void style_init(struct style *style, int fd, int color_when, bool utc);

/* Text of a log, on one line: newlines are escaped too, where escapes are on. */
void style_text(const struct style *style, struct span text, struct buf *out);
/* The same, but further lines begin with `indent` spaces. */
void style_lines(const struct style *style, struct span text, unsigned indent, struct buf *out);
/* Text of ours in a color. */
void style_paint(const struct style *style, enum paint paint, struct span text, struct buf *out);
void style_begin(const struct style *style, enum paint paint, struct buf *out);
void style_end(const struct style *style, struct buf *out);
/* How a level is painted. */
enum paint style_level(struct span level);

/* Columns that `text` takes on a terminal, wide characters counted twice. */
size_t style_columns(struct span text);

/* The name of the zone in which style_time() writes that time: "CET". */
void style_zone(const struct style *style, struct span time, struct buf *out);
/* "Mar 01 12:00:00.005" or, iso, "2026-03-01T12:00:00.005+01:00"; as it is if it's no time. */
void style_time(const struct style *style, struct span time, bool iso, struct buf *out);

#endif
