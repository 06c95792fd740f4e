/*
 * cleanup.h - release at the end of the scope.
 *
 *	_cleanup_(buf_release) struct buf line = BUF_INIT(4096);
 *	_cleanup_close_ int fd = open(…);
 *	_cleanup_free_ char *text = NULL;
 *
 * DEFINE_CLEANUP(struct tail *, tail_free) makes _cleanup_(tail_freep) for a
 * pointer; the function accepts NULL, as every free and release here does.
 * To hand the object on, use TAKE(pointer) or TAKE_FD(fd).
 */
#ifndef SLUICE_BASE_CLEANUP_H
#define SLUICE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((__cleanup__(function)))

#define DEFINE_CLEANUP(type, function)                                                             \
	static inline void function##p(type *pointer)                                              \
	{                                                                                          \
		if (*pointer)                                                                      \
			function(*pointer);                                                        \
	}                                                                                          \
	struct cleanup_needs_a_semicolon

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_free_   _cleanup_(cleanup_free)
#define _cleanup_close_  _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

/* The value, leaving nothing behind for the cleanup. */
#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) take_value = (pointer);                                        \
		(pointer) = NULL;                                                                  \
		take_value;                                                                        \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_value = (fd);                                                             \
		(fd) = -1;                                                                         \
		take_value;                                                                        \
	})

#endif
