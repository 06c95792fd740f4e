/*
 * json_write.h - JSON text, appended to a buf.
 *
 * Escapes what RFC 8259 demands (quote, backslash, controls) and nothing else;
 * text must be valid UTF-8.
 */
#ifndef SLUICE_DATA_JSON_WRITE_H
#define SLUICE_DATA_JSON_WRITE_H

#include "common/base/buf.h"
#include "common/data/record.h"

/* "text" with quotes and escapes. */
void json_write_string(struct buf *out, struct span text);
/* A value by its type: NUMBER, BOOL, NULL and JSON go out as they are. */
void json_write_value(struct buf *out, enum value_type type, struct span text);
/* "key":value, with a comma before it when `*first` is false; clears it. */
void json_write_field(struct buf *out, bool *first, struct span key, enum value_type type,
		      struct span text);

#endif
