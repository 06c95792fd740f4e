#include "common/base/clock.h"
#include <stdatomic.h>
#include <time.h>

/* Global because the clock of the system is; only tests write it. */
static _Atomic int64_t fake_real, fake_mono;
static atomic_bool faked;

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

int64_t clock_real_ns(void)
{
	return faked ? fake_real : read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
	return faked ? fake_mono : read_clock(CLOCK_MONOTONIC);
}

int64_t clock_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_fake(int64_t real_ns, int64_t mono_ns)
{
	fake_real = real_ns;
	fake_mono = mono_ns;
	faked = 1;
}

void clock_unfake(void)
{
	faked = 0;
}
