/*
 * span.h - a pointer and a length, passed by value.
 *
 * All text in Sluice is a span: it borrows, is not NUL-terminated and never
 * owns.  A span is valid as long as the buffer or arena that it points into;
 * each function that returns one says which.  The empty span may have a NULL
 * ptr; two spans are equal when their bytes are.
 *
 *	struct span rest = SPAN("level=error msg=x"), word;
 *	while (span_cut(&rest, ' ', &word))
 *		if (span_starts(word, SPAN("level=")))
 *			level = span_skip(word, 6);
 */
#ifndef SLUICE_BASE_SPAN_H
#define SLUICE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *ptr;
	size_t len;
};

/* A span of a string literal; the length is known to the compiler. */
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})

/* printf("%.*s", SPAN_FMT(s)) */
#define SPAN_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct span span_of(const char *ptr, size_t len)
{
	return (struct span){ptr, len};
}

static inline struct span span_cstr(const char *s)
{
	return (struct span){s, s ? strlen(s) : 0};
}

/* The bytes from `begin` up to, not including, `end`. */
static inline struct span span_between(const char *begin, const char *end)
{
	return (struct span){begin, (size_t)(end - begin)};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case is ignored. */
static inline bool span_ieq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

/* memcmp order, shorter first among equals: < 0, 0, > 0. */
static inline int span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static inline bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* Behind the last byte; NULL + 0 is undefined in C, so the empty span needs care. */
static inline const char *span_end(struct span s)
{
	return s.ptr ? s.ptr + s.len : NULL;
}

/* Without the first `n` bytes; n > len gives the empty span at the end. */
static inline struct span span_skip(struct span s, size_t n)
{
	n = n < s.len ? n : s.len;
	return (struct span){s.ptr ? s.ptr + n : NULL, s.len - n};
}

/* The first `n` bytes, or all. */
static inline struct span span_take(struct span s, size_t n)
{
	return (struct span){s.ptr, n < s.len ? n : s.len};
}

/* Byte offset of the first `c`, or -1. */
static inline ptrdiff_t span_chr(struct span s, char c)
{
	const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return p ? p - s.ptr : -1;
}

/* Byte offset of the first `needle`, or -1; the empty needle is at 0. */
static inline ptrdiff_t span_find(struct span s, struct span needle)
{
	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return -1;
	const char *p = memmem(s.ptr, s.len, needle.ptr, needle.len);

	return p ? p - s.ptr : -1;
}

/*
 * Cut the text before the next `sep` off `rest`.  The last piece has no
 * separator behind it.  False, and ret_piece untouched, once rest is used up.
 */
static inline bool span_cut(struct span *rest, char sep, struct span *ret_piece)
{
	if (!rest->ptr || rest->len == 0)
		return false;
	ptrdiff_t at = span_chr(*rest, sep);

	*ret_piece = at < 0 ? *rest : span_take(*rest, (size_t)at);
	*rest = at < 0 ? span_skip(*rest, rest->len) : span_skip(*rest, (size_t)at + 1);
	return true;
}

static inline bool char_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline struct span span_trim(struct span s)
{
	while (s.len && char_is_space(s.ptr[0]))
		s = span_skip(s, 1);
	while (s.len && char_is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

#endif
