/*
 * err.h - an error as a person reads it: text and position.
 *
 * Functions return 0 or more on success and a negative errno on failure.
 * Where that is not enough, the last parameter is `struct err *reterr`; it may
 * be NULL and is written only on failure.  The text says what was wrong and
 * what to do, without a trailing newline.
 *
 *	if (port > 65535)
 *		return err_set(reterr, -ERANGE, "port %ld is above 65535", port);
 *	…
 *	fprintf(stderr, "shipper: %s\n", err.text);
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#include <stddef.h>

struct err {
	int code;      /* the negative errno that was returned */
	int line, col; /* from 1; 0 = the text has no such position */
	size_t offset; /* byte offset in the text that was read, where it has one */
	char text[512];
};

/* Format into reterr (position cleared) and return `code`. */
int err_set(struct err *reterr, int code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

/* The same, with a byte offset into the text that was read. */
int err_at(struct err *reterr, int code, size_t offset, const char *fmt, ...)
	__attribute__((__format__(__printf__, 4, 5)));

/* Put "context: " before the text, e.g. the file that was being read. */
int err_prefix(struct err *reterr, int code, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));

#endif
