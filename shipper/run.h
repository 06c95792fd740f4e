/*
 * run.h - the loop: wait for work, do it, save; signals, reload, the end.
 *
 * One thread waits in poll() for inotify, signals and the bus.  While a
 * source waits for its 200 ms, inotify is not listened to, so a busy
 * writer wakes the loop five times a second and not at each write.
 *
 *	SIGTERM, SIGINT   stop reading, wait for reports up to 5 s, checkpoint, exit 0
 *	SIGHUP            validate the configuration, then put it into effect
 */
#ifndef SLUICE_SHIPPER_RUN_H
#define SLUICE_SHIPPER_RUN_H

#include "shipper/options.h"

/* Until a signal ends it, or (--once) all is delivered.  The exit status. */
int run(const struct flags *flags, struct setup *setup);

#endif
