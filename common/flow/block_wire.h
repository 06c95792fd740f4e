/*
 * block_wire.h - where things are in a block; for block_writer.c and block_reader.c.
 *
 *	byte  0  u32 0x184D2A5B   a skippable frame of zstd (RFC 8878, 3.1.2) …
 *	      4  u32 length       … of so many bytes behind this field
 *	      8  header of BLOCK_HEAD_SIZE bytes, offsets below
 *	    116  labels, ranges
 *	         one zstd frame, up to the end of the message
 */
#ifndef SLUICE_FLOW_BLOCK_WIRE_H
#define SLUICE_FLOW_BLOCK_WIRE_H

#include "common/base/span.h"
#include <endian.h>
#include <stdint.h>

#define BLOCK_FRAME_MAGIC 0x184D2A5Bu
#define BLOCK_MAGIC       0x31424C53u /* "SLB1" */
#define BLOCK_FRAME_HEAD  8u          /* bytes before the header proper */
#define BLOCK_HEAD_SIZE   108u
#define BLOCK_RANGE_MAX   20u /* bytes of one record in the ranges: two varints */

/* Byte offsets from the start of the message. */
enum block_at {
	BLOCK_AT_LENGTH = 4,
	BLOCK_AT_MAGIC = 8,
	BLOCK_AT_VERSION = 12,
	BLOCK_AT_FLAGS = 14,
	BLOCK_AT_CRC = 16,
	BLOCK_AT_SOURCE = 20, /* the checksum covers from here to the end */
	BLOCK_AT_GENERATION = 36,
	BLOCK_AT_NRECORDS = 40,
	BLOCK_AT_PREV_END = 44,
	BLOCK_AT_BASE = 52,
	BLOCK_AT_END = 60,
	BLOCK_AT_RAW_LEN = 68,
	BLOCK_AT_LABELS_LEN = 72,
	BLOCK_AT_RANGES_LEN = 76,
	BLOCK_AT_RESERVED = 80,
	BLOCK_AT_MIN_TIME = 84,
	BLOCK_AT_MAX_TIME = 92,
	BLOCK_AT_HASH_BASE = 100,
	BLOCK_AT_HASH_END = 108,
	BLOCK_AT_LABELS = BLOCK_FRAME_HEAD + BLOCK_HEAD_SIZE,
};

static inline void put_le16(char *at, uint16_t n)
{
	n = htole16(n);
	memcpy(at, &n, sizeof(n));
}

static inline void put_le32(char *at, uint32_t n)
{
	n = htole32(n);
	memcpy(at, &n, sizeof(n));
}

static inline void put_le64(char *at, uint64_t n)
{
	n = htole64(n);
	memcpy(at, &n, sizeof(n));
}

static inline uint16_t get_le16(const char *at)
{
	uint16_t n;

	memcpy(&n, at, sizeof(n));
	return le16toh(n);
}

static inline uint32_t get_le32(const char *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return le32toh(n);
}

static inline uint64_t get_le64(const char *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof(n));
	return le64toh(n);
}

#endif
