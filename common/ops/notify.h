/*
 * notify.h - what the service manager is told (sd_notify's protocol, no libsystemd).
 *
 * A datagram to $NOTIFY_SOCKET, a path or "@abstract".  Without the variable
 * every call does nothing and returns 0; sent = 1.  Thread-safe.
 *
 *	notify_ready("watching %zu files", n);
 *	notify_reloading();  …  notify_ready("configuration reloaded");
 *	notify_status("kafka down for %s", text);
 *	interval = notify_watchdog_ns();	0 = no watchdog asked for
 *	notify_watchdog();			from the pipeline's progress, at half of it
 *	notify_stopping();
 */
#ifndef SLUICE_OPS_NOTIFY_H
#define SLUICE_OPS_NOTIFY_H

#include <stdint.h>

/* READY=1 and STATUS= in one message. */
int notify_ready(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
int notify_status(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
/* RELOADING=1 with MONOTONIC_USEC, as Type=notify-reload wants it; then ready again. */
int notify_reloading(void);
int notify_stopping(void);
int notify_watchdog(void);
/* WATCHDOG_USEC when it is meant for this process (WATCHDOG_PID), in ns; else 0. */
int64_t notify_watchdog_ns(void);
/* Any assignments, newline-separated. */
int notify_send(const char *state);

#endif
