/*
 * buf.h - a growable byte buffer with a mandatory cap.
 *
 * A buffer that would pass its cap, or that cannot be allocated, keeps what it
 * has and turns `failed` (-ENOBUFS or -ENOMEM) until buf_reset(): append
 * freely and look once, as curl's dynbuf and a stdio stream do.
 *
 *	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);
 *	buf_puts(&out, SPAN("count="));
 *	buf_printf(&out, "%zu\n", n);
 *	if (out.failed)
 *		return out.failed;
 */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include "common/base/span.h"
#include <stdint.h>

struct buf {
	char *ptr;
	size_t len, cap;
	size_t max; /* bytes that len may reach */
	int failed; /* 0, or the negative errno of the first append that failed */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

static inline void buf_init(struct buf *buf, size_t max)
{
	*buf = BUF_INIT(max);
}

/* Empty it, keep the memory, clear `failed`. */
static inline void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = 0;
}

void buf_release(struct buf *buf);

/* Room for `more` bytes behind len.  0, -ENOBUFS past max, -ENOMEM. */
int buf_reserve(struct buf *buf, size_t more);

static inline struct span buf_span(const struct buf *buf)
{
	return span_of(buf->ptr, buf->len);
}

static inline void buf_put(struct buf *buf, const void *bytes, size_t n)
{
	if (buf->cap - buf->len < n && buf_reserve(buf, n) < 0)
		return;
	if (n)
		memcpy(buf->ptr + buf->len, bytes, n);
	buf->len += n;
}

static inline void buf_puts(struct buf *buf, struct span text)
{
	buf_put(buf, text.ptr, text.len);
}

static inline void buf_putc(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

/* Decimal digits, no sign handling surprises: INT64_MIN included. */
void buf_put_u64(struct buf *buf, uint64_t n);
void buf_put_i64(struct buf *buf, int64_t n);

void buf_printf(struct buf *buf, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));

/* Drop the first `n` bytes, moving the rest to the front. */
void buf_consume(struct buf *buf, size_t n);

/* The contents with a NUL behind them (not counted in len); NULL on failure. */
const char *buf_cstr(struct buf *buf);

#endif
