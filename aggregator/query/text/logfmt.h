/*
 * logfmt.h - key=value pairs, leniently read and cleanly written.
 *
 *	level=info msg="a \"b\"" done   →   level: info   msg: a "b"   done: (empty)
 */
#ifndef SLUICE_QUERY_TEXT_LOGFMT_H
#define SLUICE_QUERY_TEXT_LOGFMT_H

#include "common/base/arena.h"
#include "common/base/buf.h"

/*
 * The next pair off the front of `rest`; unquoted text may live in the arena.
 * False at the end, or behind a quoted value that something other than a space
 * follows.
 */
bool logfmt_next(struct span *rest, struct arena *arena, struct span *ret_key,
		 struct span *ret_value);
/* key=value, with a space before it when it is not the first. */
void logfmt_write(struct buf *out, bool *first, struct span key, struct span value);

#endif
