/*
 * health.h - named checks behind /livez and /readyz.
 *
 * Alive means: restarting would not help.  Ready means: it does its work now.
 * Each part of a program owns a check and says how it is; the answer is 200
 * while all checks of the kind are good, else 503, with a line per check:
 *
 *	ok   config
 *	bad  kafka: 3 brokers down since 12:00:05
 *
 * A new check is bad ("starting") until it was set.  Thread-safe.
 *
 *	struct health_check *kafka = health_add(h, "kafka", HEALTH_READY);
 *	health_good(kafka);
 *	health_bad(kafka, "%d brokers down", n);
 */
#ifndef SLUICE_OPS_HEALTH_H
#define SLUICE_OPS_HEALTH_H

#include "common/base/buf.h"
#include <stdint.h>

enum health_kind { HEALTH_LIVE = 1, HEALTH_READY = 2 };

struct health;
struct health_check;

int health_new(struct health **ret);
void health_free(struct health *health);

/* `name` is borrowed; `kinds` is a set of enum health_kind.  NULL = no memory. */
struct health_check *health_add(struct health *health, const char *name, unsigned kinds);
void health_good(struct health_check *check);
void health_bad(struct health_check *check, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
/*
 * It must be touched (health_good) again within `ns`, else it is bad by itself:
 * for loops that could hang.  0 = no limit.
 */
void health_expire(struct health_check *check, int64_t ns);

/* True when all checks of `kind` are good; the lines go to `out` (may be NULL). */
bool health_write(struct health *health, enum health_kind kind, struct buf *out);

#endif
