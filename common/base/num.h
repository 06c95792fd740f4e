/*
 * num.h - numbers to and from text, without locale and without surprises.
 *
 * Parsers take the whole span or fail with -EINVAL (not a number) or -ERANGE;
 * leading and trailing space is an error.
 */
#ifndef SLUICE_BASE_NUM_H
#define SLUICE_BASE_NUM_H

#include "common/base/span.h"
#include <stdint.h>

int num_parse_i64(struct span text, int64_t *ret);
int num_parse_u64(struct span text, uint64_t *ret);
/* Decimal floating point as JSON writes it, plus inf and nan; no hex. */
int num_parse_double(struct span text, double *ret);

/* "500ms" "5s" "1m" "1h" "7d" "1w" "1.5h" "1h30m", signed → nanoseconds. */
int num_parse_duration(struct span text, int64_t *ret_ns);
/* "16KiB" "64MB" "1GiB" "10K" "512" → bytes; K M G T are 1000s, Ki Mi Gi Ti 1024s. */
int num_parse_size(struct span text, uint64_t *ret_bytes);

#define NUM_TEXT_MAX 32
/* Write digits, return the length; no NUL. */
size_t num_format_u64(char text[NUM_TEXT_MAX], uint64_t n);
size_t num_format_i64(char text[NUM_TEXT_MAX], int64_t n);
/* Shortest text that parses back to the same double; 17 digits at the most. */
size_t num_format_double(char text[NUM_TEXT_MAX], double d);
/* "1.5h" style for people: 90m → "1h30m". Returns the length. */
size_t num_format_duration(char text[NUM_TEXT_MAX], int64_t ns);
/* "1.4 MiB" for people. */
size_t num_format_size(char text[NUM_TEXT_MAX], uint64_t bytes);

/* What a hex digit of either case counts, or -1. */
static inline int num_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* LEB128.  put writes at most 10 bytes and returns the end. */
unsigned char *varint_put(unsigned char *at, uint64_t n);
/* Returns the byte after, or NULL when cut or longer than 10 bytes. */
const unsigned char *varint_get(const unsigned char *at, const unsigned char *end, uint64_t *ret);

static inline uint64_t zigzag(int64_t n)
{
	return ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);
}

static inline int64_t unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

#endif
