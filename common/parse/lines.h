/*
 * lines.h - bytes of a source to lines: pure, no file, no memory of its own.
 *
 *	struct lines l;
 *	lines_init(&l, bytes, max_line, flags);
 *	while (lines_next(&l, flush, &line))
 *		…                           line.text has no newline
 *	consumed = l.at;  flags = l.flags;  carried to the next read
 *
 * The cases, byte by byte:
 *
 *	abc\n                    a line; so is the empty one; \r before \n is not text
 *	abc                      held (not consumed) until more comes or `flush` is set:
 *	                         then a line, and the rest of it is LINE_CONTINUED
 *	aaaa…(> max)…aaa\n       the first `max` bytes, LINE_TRUNCATED, as soon as they
 *	                         are there; its rest is skipped when it comes
 *	EF BB BF abc\n           at byte 0 of a source the BOM is not text
 *	00 00 00 abc\n           a hole that copytruncate left before a line is not text
 *
 * start and end of lines cover every byte that was consumed, but for the rest
 * of a line that was too long.
 */
#ifndef SLUICE_PARSE_LINES_H
#define SLUICE_PARSE_LINES_H

#include "common/base/span.h"
#include <stdint.h>

/* Where in a line the bytes begin: carried from one read to the next. */
enum lines_flag {
	LINES_CONTINUED = 1, /* inside of a line whose start was handed out */
	LINES_SKIPPING = 2,  /* … and the rest of that line is not wanted: it was too long */
};

enum line_flag {
	LINE_TRUNCATED = 1,
	LINE_CONTINUED = 2,
};

struct line {
	struct span text;
	size_t start, end; /* in the bytes given */
	unsigned flags;    /* enum line_flag */
};

struct lines {
	struct span bytes;
	size_t at;        /* consumed */
	size_t max;       /* of a line's text */
	unsigned flags;   /* enum lines_flag */
	bool at_zero;     /* the bytes are the first ones of the source */
	uint64_t skipped; /* bytes of too long lines that went by */
};

void lines_init(struct lines *lines, struct span bytes, size_t max, unsigned flags);
/* The next line.  With `flush`, what is left without a newline is one too. */
bool lines_next(struct lines *lines, bool flush, struct line *ret);

#endif
