/*
 * notice.h - what is said on stderr while rows go to stdout.
 *
 * Who draws in place (window.h) looks at the count and begins anew below.
 */
#ifndef SLUICE_LOGQ_NOTICE_H
#define SLUICE_LOGQ_NOTICE_H

/* "logq: …" and a newline, at once; from any thread. */
void notice(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
unsigned notice_count(void);

#endif
