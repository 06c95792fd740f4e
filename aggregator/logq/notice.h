/*
 * notice.h - what is said on stderr while rows go to stdout.
 *
 * Texts may come from logs, servers and command lines, so that what could move
 * the cursor of a terminal is escaped, as it is in rows.  Who draws in place
 * (window.h) looks at the count and begins anew below.
 */
#ifndef SLUICE_LOGQ_NOTICE_H
#define SLUICE_LOGQ_NOTICE_H

#include "common/base/span.h"

/* "logq: …" and a newline, at once; from any thread. */
void notice(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* Lines as they are, without "logq: ". */
void notice_lines(struct span text);
unsigned notice_count(void);

#endif
