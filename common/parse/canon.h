/*
 * canon.h - from what services call it to timestamp, level, message, trace_id
 * and span_id.
 *
 * canon_map() looks at all fields of a structured line (JSON, logfmt), picks
 * for each role the best name whose value makes sense, renames and normalizes
 * it.  What is not picked stays as the service wrote it, except that a name we
 * need is moved to log.own.NAME (see data/wire.h).
 *
 *	{"ts":1.7e9,"lvl":"warn","msg":"slow","level":"n/a"}
 *	 timestamp  level       message       log.own.level
 */
#ifndef SLUICE_PARSE_CANON_H
#define SLUICE_PARSE_CANON_H

#include "common/data/record.h"

enum role { ROLE_TIME, ROLE_LEVEL, ROLE_MESSAGE, ROLE_TRACE, ROLE_SPAN, ROLE_PARENT, ROLE_COUNT };

/* A name that services use for a role; of several in a record the lowest rank wins. */
struct alias {
	struct span name; /* lower case; compared without case */
	unsigned char role, rank;
};

/* NULL when the key has no role. */
const struct alias *alias_find(struct span key);
/* In an object called `key`, which roles to look for (bits by enum role); 0 = none. */
unsigned alias_container(struct span key);

/* 0 or a negative errno (-ENOMEM, -E2BIG). */
int canon_map(struct record *rec);

/* Set the time that a format found itself; no-op when one is known already. */
void canon_time(struct record *rec, int64_t ns);
/* Add a canonical text field that borrows `text`; no-op when there is one already. */
int canon_text(struct record *rec, struct span key, struct span text);
/* Complete the record: time of reading, and the canonical fields that are missing. */
int canon_finish(struct record *rec, int64_t observed_ns);

/*
 * Trace and span ids as hex, dashed UUIDs, decimal (Datadog) or a path that
 * ends in one (Google) → `digits` lower-case hex digits, zero-padded.  False
 * for anything else and for all zeros.
 */
bool trace_id_parse(struct span text, bool decimal, unsigned digits, char *ret_hex);

#endif
