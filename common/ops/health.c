#include "common/ops/health.h"
#include "common/base/clock.h"
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define REASON_MAX 200

struct health_check {
	struct health *health;
	struct health_check *next;
	const char *name;
	unsigned kinds;
	bool good;
	int64_t limit_ns, touched_ns;
	char reason[REASON_MAX];
};

struct health {
	pthread_mutex_t lock;
	struct health_check *first, **last;
};

int health_new(struct health **ret)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	h->last = &h->first;
	*ret = h;
	return 0;
}

void health_free(struct health *health)
{
	struct health_check *next;

	if (!health)
		return;
	for (struct health_check *c = health->first; c; c = next) {
		next = c->next;
		free(c);
	}
	pthread_mutex_destroy(&health->lock);
	free(health);
}

struct health_check *health_add(struct health *health, const char *name, unsigned kinds)
{
	struct health_check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct health_check){.health = health,
				   .name = name,
				   .kinds = kinds,
				   .touched_ns = clock_mono_ns(),
				   .reason = "starting"};
	pthread_mutex_lock(&health->lock);
	*health->last = c;
	health->last = &c->next;
	pthread_mutex_unlock(&health->lock);
	return c;
}

void health_good(struct health_check *check)
{
	int64_t now = clock_mono_ns();

	pthread_mutex_lock(&check->health->lock);
	check->good = true;
	check->touched_ns = now;
	pthread_mutex_unlock(&check->health->lock);
}

void health_bad(struct health_check *check, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&check->health->lock);
	check->good = false;
	va_start(ap, fmt);
	vsnprintf(check->reason, sizeof(check->reason), fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&check->health->lock);
}

void health_expire(struct health_check *check, int64_t ns)
{
	int64_t now = clock_mono_ns();

	pthread_mutex_lock(&check->health->lock);
	check->limit_ns = ns;
	check->touched_ns = now;
	pthread_mutex_unlock(&check->health->lock);
}

/* One line of the answer.  The lock is held. */
static bool write_check(const struct health_check *c, int64_t now, struct buf *out)
{
	int64_t silent_ns = now - c->touched_ns;
	bool late = c->good && c->limit_ns && silent_ns > c->limit_ns;

	if (!out)
		return c->good && !late;
	if (late)
		buf_printf(out, "bad  %s: no progress for %lld s\n", c->name,
			   (long long)(silent_ns / NS_PER_SEC));
	else if (c->good)
		buf_printf(out, "ok   %s\n", c->name);
	else
		buf_printf(out, "bad  %s: %s\n", c->name, c->reason);
	return c->good && !late;
}

bool health_write(struct health *health, enum health_kind kind, struct buf *out)
{
	int64_t now = clock_mono_ns();
	bool good = true;

	pthread_mutex_lock(&health->lock);
	for (const struct health_check *c = health->first; c; c = c->next)
		if ((c->kinds & kind) && !write_check(c, now, out))
			good = false;
	pthread_mutex_unlock(&health->lock);
	return good;
}
