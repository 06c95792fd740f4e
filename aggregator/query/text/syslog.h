/*
 * syslog.h - a syslog message taken apart (RFC 5424, RFC 3164).
 *
 *	<165>1 2023-06-03T17:42:32.1Z host app 123 ID47 [a b="c"] text
 *	priority facility severity level … timestamp hostname app_name proc_id msg_id a.b message
 *
 * Stops where the message stops making sense; what came before is given out.
 */
#ifndef SLUICE_QUERY_TEXT_SYSLOG_H
#define SLUICE_QUERY_TEXT_SYSLOG_H

#include "common/base/arena.h"
#include <stdint.h>

typedef void syslog_field_fn(void *ctx, struct span name, struct span value);

/*
 * RFC 3164 times have no year and no zone: the year is that of `now_ns` (or the
 * one before, if the time would lie more than a day ahead), the zone is
 * `offset_ns` east of UTC.  Texts made here live in the arena.
 */
void syslog_parse(struct span text, int64_t now_ns, int64_t offset_ns, struct arena *arena,
		  syslog_field_fn *emit, void *ctx);

#endif
