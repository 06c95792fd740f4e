/*
 * scratch.h - a directory for one test, below TMPDIR, gone afterwards.
 *
 *	char dir[SCRATCH_MAX];
 *	scratch_make(dir);
 *	…
 *	scratch_remove(dir);
 */
#ifndef SLUICE_TESTS_SCRATCH_H
#define SLUICE_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCRATCH_MAX 256

static inline void scratch_make(char dir[SCRATCH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, SCRATCH_MAX, "%s/sluice-test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		abort();
	}
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void scratch_remove(const char *dir)
{
	if (nftw(dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		perror(dir);
}

#endif
