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

/* Everything above, and inf; never NaN.  False: not a number. */
bool lang_number(struct span text, double *ret);
/* The same without times and addresses, as sort, sum and math read values. */
bool lang_plain_number(struct span text, double *ret);
/* An argument that counts or measures: 10 0x1f 0b11 5KiB 10s +inf (= UINT64_MAX). */
bool lang_unsigned(struct span text, uint64_t *ret);

/* Digits and '_', no leading 0. */
bool lang_u64(struct span text, uint64_t *ret);
bool lang_i64(struct span text, int64_t *ret);
/* -12.34: digits on both sides of the point, no exponent. */
bool lang_float(struct span text, double *ret);
/* 5KiB 2MB100KB; a whole number if there is no unit. */
bool lang_bytes(struct span text, int64_t *ret);
/* 1h30m5.5s; a unit is needed. */
bool lang_duration(struct span text, int64_t *ret_ns);
bool lang_ipv4(struct span text, uint32_t *ret);
/* IPv4 becomes ::ffff:a.b.c.d; a zone (%eth0) is left out. */
bool lang_ipv6(struct span text, uint8_t ret[16]);
/* RFC 3339, T or space, fraction and zone optional (none = UTC). */
bool lang_time(struct span text, int64_t *ret_ns);
/* hh:mm up to 24:60 → ns; for day_range and zones. */
bool lang_hhmm(struct span text, int64_t *ret_ns);

/* Order of two values: nothing, numbers by value, times, texts with the numbers in them by value. */
int lang_compare(struct span a, struct span b);

/* 1h30m5.5s as LogsQL writes durations; returns the length. */
#define LANG_DURATION_MAX 64
size_t lang_format_duration(char text[LANG_DURATION_MAX], int64_t ns);

#endif
