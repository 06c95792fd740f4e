/*
 * scratch_dir.h - for programs each of whose tests has a folder of its own:
 * `dir`, made by setup() and gone after teardown().
 *
 *	cmocka_unit_test_setup_teardown(some_test, setup, teardown),
 */
#ifndef SLUICE_TESTS_SCRATCH_DIR_H
#define SLUICE_TESTS_SCRATCH_DIR_H

#include "tests/unit/scratch.h"

static char dir[SCRATCH_MAX];

static inline int setup(void **state)
{
	(void)state;
	scratch_make(dir);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

#endif
