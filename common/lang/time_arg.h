/*
 * time_arg.h - a moment as people type it: --since, --until, start=, end=.
 *
 *	10m  -10m  1h30m  2d  now-10m	so long ago; now+10m is later
 *	now  today  yesterday  tomorrow	the last three are midnights
 *	12:30  12:30:15.5	of today
 *	2026-03-01  2026-03-01T12:30  2026-03-01 12:30:15.25  …Z  …+02:00
 *	@1772366400  @1772366400.5  1772366400123	epoch; without @ from 9 digits on, and 0
 *
 * What names no zone is local time, or UTC when asked for.  A time that is cut
 * short is its beginning, as in journalctl.
 */
#ifndef SLUICE_LANG_TIME_ARG_H
#define SLUICE_LANG_TIME_ARG_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdint.h>

/* 0; -EINVAL or -ERANGE with text. */
int time_arg_parse(struct span text, int64_t now_ns, bool utc, int64_t *ret_ns, struct err *reterr);

#endif
