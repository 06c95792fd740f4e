/*
 * bytes.h - reading and writing the store's formats a byte at a time.
 *
 * A cursor walks checked bytes.  Past the end it turns `failed` and gives
 * zeros from then on: read a whole structure, then look once.
 *
 *	struct cursor in = cursor_of(bytes);
 *	uint64_t n = cursor_varint(&in);
 *	struct span name = cursor_span(&in);
 *	if (in.failed)
 *		return -EBADMSG;
 */
#ifndef SLUICE_STORE_BYTES_H
#define SLUICE_STORE_BYTES_H

#include "common/base/buf.h"
#include "common/base/num.h"
#include "common/base/span.h"
#include <endian.h>
#include <stdint.h>

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct cursor cursor_of(struct span bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;

	return (struct cursor){at, at + bytes.len, false};
}

static inline size_t cursor_left(const struct cursor *in)
{
	return (size_t)(in->end - in->at);
}

/* The next `n` bytes, borrowed. */
static inline struct span cursor_bytes(struct cursor *in, uint64_t n)
{
	if (in->failed || n > cursor_left(in)) {
		in->failed = true;
		return (struct span){0};
	}
	struct span bytes = {(const char *)in->at, n};

	in->at += n;
	return bytes;
}

static inline uint8_t cursor_u8(struct cursor *in)
{
	struct span b = cursor_bytes(in, 1);

	return b.len ? (uint8_t)b.ptr[0] : 0;
}

static inline uint32_t cursor_u32(struct cursor *in)
{
	struct span b = cursor_bytes(in, 4);
	uint32_t n = 0;

	if (b.len)
		memcpy(&n, b.ptr, sizeof(n));
	return le32toh(n);
}

static inline uint64_t cursor_u64(struct cursor *in)
{
	struct span b = cursor_bytes(in, 8);
	uint64_t n = 0;

	if (b.len)
		memcpy(&n, b.ptr, sizeof(n));
	return le64toh(n);
}

static inline uint64_t cursor_varint(struct cursor *in)
{
	uint64_t n = 0;
	const unsigned char *next = in->failed ? NULL : varint_get(in->at, in->end, &n);

	if (!next) {
		in->failed = true;
		return 0;
	}
	in->at = next;
	return n;
}

static inline int64_t cursor_zigzag(struct cursor *in)
{
	return unzigzag(cursor_varint(in));
}

/* A length and so many bytes. */
static inline struct span cursor_span(struct cursor *in)
{
	return cursor_bytes(in, cursor_varint(in));
}

static inline double cursor_double(struct cursor *in)
{
	uint64_t bits = cursor_u64(in);
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static inline void put_u8(struct buf *out, uint8_t n)
{
	buf_putc(out, (char)n);
}

static inline void put_u32(struct buf *out, uint32_t n)
{
	n = htole32(n);
	buf_put(out, &n, sizeof(n));
}

static inline void put_u64(struct buf *out, uint64_t n)
{
	n = htole64(n);
	buf_put(out, &n, sizeof(n));
}

static inline void put_varint(struct buf *out, uint64_t n)
{
	unsigned char bytes[10];

	buf_put(out, bytes, (size_t)(varint_put(bytes, n) - bytes));
}

static inline void put_zigzag(struct buf *out, int64_t n)
{
	put_varint(out, zigzag(n));
}

static inline void put_span(struct buf *out, struct span bytes)
{
	put_varint(out, bytes.len);
	buf_puts(out, bytes);
}

static inline void put_double(struct buf *out, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	put_u64(out, bits);
}

#endif
