/*
 * number.h - texts of log fields as numbers, as LogsQL compares and sorts them.
 *
 *	42  -1.5e3  0x1f  1_000     plain
 *	5KiB  1.5GB  10K            bytes
 *	1h30m  250ms  -3d           ns
 *	192.168.0.1                 address as 32-bit number
 *	2024-05-01T10:00:00Z        ns since the epoch
 *
 * Anything else is not a number, so a range filter doesn't match it.
 */
#ifndef SLUICE_LANG_NUMBER_H
#define SLUICE_LANG_NUMBER_H

#include "common/base/span.h"
#include <stdint.h>

/* A constant in a query: everything above, and inf, nan. */
bool lang_number(struct span text, double *ret);
/* A value of a row, for range filters: as above without inf and nan. */
bool lang_value_number(struct span text, double *ret);

bool lang_u64(struct span text, uint64_t *ret);  /* digits only, ≤ 20 */
bool lang_i64(struct span text, int64_t *ret);   /* and a sign */
bool lang_float(struct span text, double *ret);  /* -12.34 without exponent, ≤ 20 characters */
bool lang_bytes(struct span text, int64_t *ret); /* 5KiB */
bool lang_duration(struct span text, int64_t *ret_ns); /* 1h30m5.5s; a unit is needed */
bool lang_ipv4(struct span text, uint32_t *ret);
bool lang_ipv6(struct span text, uint8_t ret[16]); /* IPv4 becomes ::ffff:a.b.c.d */
/* RFC 3339 with a zone (fraction optional): what _time and iso8601 columns hold. */
bool lang_time(struct span text, int64_t *ret_ns);

/* Order of two values: by number if both are, else natural-sort text. < 0, 0, > 0. */
int lang_compare(struct span a, struct span b);
bool lang_less(struct span a, struct span b);

/* 1h30m5.5s as LogsQL writes durations; returns the length. */
size_t lang_format_duration(char text[40], int64_t ns);

#endif
