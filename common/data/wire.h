/*
 * wire.h - the record on the wire (v1 of operations.md): NDJSON lines.
 *
 *	{"timestamp":"…Z","level":"ERROR","message":"payment declined",
 *	 "service":"payment","host":"node-17","trace_id":"…", …as the service wrote it…,
 *	 "log":{"file":"/var/log/x.log","offset":918273}}
 *
 * Canonical fields first, then what the service wrote, where it wrote it and
 * byte for byte: runs of unchanged fields are copied from the line.  `severity`
 * (1–24) follows `level` where the word alone would lose the step (NOTICE is
 * INFO and 10).  `log` also says, where true, parse_error, invalid_utf8,
 * truncated, continued and time_source "observed".
 *
 * When a service's own fields carry names that are needed here, no key is
 * written twice and nothing is lost:
 *
 *	own `service` or `host`, a text      stays; the shipper's label, if it
 *	  or any field named like a label    differs, goes to log.labels.NAME
 *	own `service` or `host`, an object   its leaves follow under dotted names
 *	  (ECS service.name)                 ("service.name":"x"), as the index
 *	                                     would flatten it anyhow
 *	own `log`, an object                 its leaves follow under dotted names
 *	                                     ("log.logger":"x"); the names that
 *	                                     are ours become log.own.NAME
 *	                                     (one of more than 256 leaves stays
 *	                                     whole: log.own, log.own.service, …)
 *	own `log`, anything else             "log.own"
 *	null                                 left out: it says nothing
 *
 * The parsers do the same for the names in front: {"time":"2026-…","timestamp":"?"}
 * leaves "log.own.timestamp":"?".
 */
#ifndef SLUICE_DATA_WIRE_H
#define SLUICE_DATA_WIRE_H

#include "common/base/buf.h"
#include "common/data/record.h"

/* What the shipper adds to each record of a source.  Empty ones are left out. */
struct wire_labels {
	struct span service, host, file; /* plain text */
	/*
	 * Further fields as JSON, `"k":"v","k2":"v2"`, or empty; keys without
	 * escapes, none of them canonical, service, host or log.
	 */
	struct span resource;
};

/*
 * Append one line, newline included; `labels` may be NULL.  Errors are
 * out->failed: nothing of the line is to be trusted then.
 */
void wire_write_record(struct buf *out, const struct record *rec, const struct wire_labels *labels);

/*
 * Read a line back: canonical fields are flagged, time_ns, severity and flags
 * set from them (left alone where missing); `log` stays a JSON field.  `rec`
 * comes from record_init(), the line is kept in it.  Errors as json_scan_record().
 */
int wire_read_record(struct span line, struct record *rec, size_t *ret_at);

/*
 * What the wire says of a record besides its fields, as fields: `severity`,
 * log.time_source, log.parse_error …  For whoever reads records that a parser
 * made and that never travelled, so that both have the same fields.  0, -ENOMEM,
 * -E2BIG.
 */
int wire_add_marks(struct record *rec);

#endif
