/*
 * wire.h - the record on the wire (v1 of operations.md): NDJSON lines.
 *
 *	{"timestamp":"…Z","level":"ERROR","message":"payment declined",
 *	 "service":"payment","host":"node-17","trace_id":"…", …as the service wrote it…,
 *	 "log":{"file":"/var/log/x.log","offset":918273}}
 *
 * Canonical fields first, then what the service wrote, where it wrote it and
 * byte for byte: runs of unchanged fields are copied from the line.
 */
#ifndef SLUICE_DATA_WIRE_H
#define SLUICE_DATA_WIRE_H

#include "common/base/buf.h"
#include "common/data/record.h"

/* What the shipper adds to each record of a source; text ready to write. */
struct wire_labels {
	struct span service, host, file;
	struct span resource; /* further fields, `"k":"v","k2":"v2"`, or empty */
};

/* Append one line, newline included.  Errors are out->failed. */
void wire_write_record(struct buf *out, const struct record *rec, const struct wire_labels *labels);

/*
 * Read a line back: canonical fields are recognised (time_ns, severity,
 * flags), `log` is left as a JSON field.  Errors as json_scan_record().
 */
int wire_read_record(struct span line, struct record *rec, size_t *ret_at);

#endif
