/*
 * daemon.h - the running aggregator: store, consumer, API, signals, in one loop.
 *
 *	SIGTERM, SIGINT	commit what was taken, exit 0
 *	SIGHUP		check the configuration; if it is good, take its filters;
 *			what else changed is named: it needs a restart
 *
 * The loop owns the store as its writer.  The watchdog is fed by the loop's own
 * turns, so a loop that hangs is noticed.
 */
#ifndef SLUICE_AGGREGATOR_DAEMON_H
#define SLUICE_AGGREGATOR_DAEMON_H

#include "aggregator/options.h"

/* Until a signal, or with --once until nothing is left.  Takes `setup`.  Exit status. */
int daemon_run(const struct flags *flags, struct setup *setup);

#endif
