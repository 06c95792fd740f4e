/*
 * check.h - invariants that stay on in release builds, and magic numbers.
 *
 * CHECK() is for what can only be false when Sluice itself has a bug: it
 * prints file, line and the expression and aborts.  Never for input.  Objects
 * that are reached through `void *` begin with a magic number:
 *
 *	struct tail { unsigned magic; … };
 *	struct tail *t = ctx;
 *	CHECK_MAGIC(t, TAIL_MAGIC);
 */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *expression);

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (__builtin_expect(!(expression), 0))                                            \
			check_failed(__FILE__, __LINE__, #expression);                             \
	} while (0)

#define CHECK_MAGIC(object, number) CHECK((object) && (object)->magic == (number))

#endif
