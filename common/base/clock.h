/*
 * clock.h - the two clocks, fakeable.
 *
 * All code asks here, never the system: a test sets both clocks by hand.
 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

/* Nanoseconds since 1970-01-01T00:00:00Z. */
int64_t clock_real_ns(void);
/* Nanoseconds of a clock that never jumps. */
int64_t clock_mono_ns(void);
/* CPU time of this process, user and system. */
int64_t clock_cpu_ns(void);

/* Tests: from now on both clocks stand at these values; release with clock_unfake(). */
void clock_fake(int64_t real_ns, int64_t mono_ns);
void clock_unfake(void);

#endif
