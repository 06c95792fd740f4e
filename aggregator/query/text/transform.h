/*
 * transform.h - small rewritings of a text: case, base64, hex, URL, colors.
 *
 * Each appends the result to `out` and returns true; false, with `out` as it
 * was, when `text` is not what the function reads.
 */
#ifndef SLUICE_QUERY_TEXT_TRANSFORM_H
#define SLUICE_QUERY_TEXT_TRANSFORM_H

#include "common/base/buf.h"
#include "common/base/span.h"

/* Unicode simple case mapping. */
bool transform_lower(struct span text, struct buf *out);
bool transform_upper(struct span text, struct buf *out);
/* RFC 4648, with padding. */
bool transform_base64_encode(struct span text, struct buf *out);
bool transform_base64_decode(struct span text, struct buf *out);
/* Two upper-case digits a byte. */
bool transform_hex_encode(struct span text, struct buf *out);
/* Pairs of digits become bytes; what is no pair stays. */
bool transform_hex_decode(struct span text, struct buf *out);
/* "1F" → "31"; up to 16 digits. */
bool transform_hex_number_decode(struct span text, struct buf *out);
/* As in a query string: space is '+', unreserved characters stay. */
bool transform_url_encode(struct span text, struct buf *out);
bool transform_url_decode(struct span text, struct buf *out);
/* Drop ANSI escape sequences that start with CSI, ESC [ (ECMA-48, 5.4). */
bool transform_decolorize(struct span text, struct buf *out);

#endif
