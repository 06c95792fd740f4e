/*
 * multiline.h - which lines belong to the record before them.
 *
 * A stack trace is one event over many lines.  The joiner looks at one line at
 * a time and keeps no text: the caller appends continuations to the record it
 * holds back, and sends that off when the next one starts, after a pause
 * without new lines, or when it has grown to its cap.
 *
 *	struct multiline m;
 *	multiline_init(&m, SPAN("java"), &err);
 *	if (multiline_continues(&m, line))
 *		append "\n" and the line to what is held back
 *	else
 *		send what is held back, hold this line
 *	multiline_reset(&m);		at the end of a file
 *	multiline_release(&m);
 *
 * Presets, by what makes a line a continuation:
 *
 *	java     indented; "Caused by:", "Suppressed:", "... 7 more"; a bare
 *	         "java.io.IOException: text" below a log line
 *	python   "Traceback (most recent …):", what is indented below it, its
 *	         last line, and the chain "During handling of the above …"
 *	go       from "panic:" or "fatal error:": goroutines, frames, blank
 *	         lines, until something else comes
 *	auto     all of these; a line that starts with '{' or with a digit never
 *	indent   indented lines only
 *	start:R  whatever does not match the regex R
 *	none     nothing
 *
 * The parts of a line that a container runtime cut (CRI) are no matter of
 * these: they say themselves that they are parts, see cri_read().
 */
#ifndef SLUICE_PARSE_MULTILINE_H
#define SLUICE_PARSE_MULTILINE_H

#include "common/base/err.h"
#include "common/base/span.h"

struct regex;

enum multiline_state {
	MULTILINE_NONE,       /* nothing before: every line starts a record */
	MULTILINE_TEXT,       /* in a record, no trace open */
	MULTILINE_PYTHON,     /* in the indented part of a traceback */
	MULTILINE_PYTHON_END, /* behind its last line: another may be chained on */
	MULTILINE_GO,         /* in a dump of goroutines */
};

struct multiline {
	unsigned kinds; /* bits: which presets apply */
	enum multiline_state state;
	struct regex *start; /* owned; of start:R */
};

/* 0, -EINVAL (no such preset, or the regex does not compile), -ENOMEM. */
int multiline_init(struct multiline *m, struct span preset, struct err *reterr);
void multiline_release(struct multiline *m);

/* True when `line` (no newline) belongs to the record before it.  Moves the state on. */
bool multiline_continues(struct multiline *m, struct span line);
/* What comes next starts a record: the file ended, or the record was sent off. */
void multiline_reset(struct multiline *m);

#endif
