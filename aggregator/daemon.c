/* daemon.c - puts the parts together and turns the crank. */
#include "aggregator/daemon.h"
#include "aggregator/consume.h"
#include "aggregator/report.h"
#include "aggregator/serve/serve.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/ops/notify.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#define STEP_MS        100
#define LOOP_EXPIRE_NS (60 * NS_PER_SEC) /* a turn that takes longer hangs */
#define ONCE_IDLE_NS   (30 * NS_PER_SEC) /* --once gives up on a bus that is away so long */

/* Set by signal handlers, which have no other way to say something. */
static volatile sig_atomic_t want_stop, want_reload;

struct daemon {
	const struct flags *flags;
	struct setup *setup;
	char *store_path, *socket, *listen;
	struct store *store;
	struct metrics *metrics;
	struct health *health;
	struct health_check *loop;
	struct consume_conf consume_conf;
	struct consume *consume; /* NULL: idle, no source is configured */
	struct report report;
	struct serve *serve;
	int64_t watchdog_ns, watchdog_fed;
};

static void on_signal(int signal)
{
	if (signal == SIGHUP)
		want_reload = 1;
	else
		want_stop = 1;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static char *copy_text(struct sl_str text)
{
	return strndup(text.len ? text.ptr : "", text.len);
}

/* In the store, where `logq -D` and people look; under systemd in its runtime directory. */
static char *default_socket(const char *store_path)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	char *path;

	if (asprintf(&path, "%s/aggregator.sock", runtime ? runtime : store_path) < 0)
		return NULL;
	return path;
}

static int prepare(struct daemon *d)
{
	const struct http_settings *http = &d->setup->settings.http;

	d->store_path = copy_text(d->setup->settings.store.path);
	if (!d->store_path)
		return -ENOMEM;
	d->socket = http->socket.len ? copy_text(http->socket) : default_socket(d->store_path);
	d->listen = copy_text(http->listen);
	if (!d->socket || !d->listen || metrics_new(&d->metrics) < 0 || health_new(&d->health) < 0)
		return -ENOMEM;
	d->loop = health_add(d->health, "loop", HEALTH_LIVE | HEALTH_READY);
	if (d->loop)
		health_expire(d->loop, LOOP_EXPIRE_NS);
	d->watchdog_ns = notify_watchdog_ns();
	return 0;
}

/* What offsets are of: the topic, since the list of brokers may change, or the folder. */
static struct span origin_of(struct span uri)
{
	const char *slash = uri.len ? memrchr(uri.ptr, '/', uri.len) : NULL;

	if (!slash || !span_starts(uri, SPAN("kafka://")))
		return uri;
	return span_between(slash, uri.ptr + uri.len);
}

static int open_store(struct daemon *d, struct err *reterr)
{
	const struct settings *s = &d->setup->settings;
	const struct store_conf conf = {.commit_age_ns = s->store.commit_age,
					.memory_bytes = s->store.memory,
					.retention_age_ns = s->store.retention,
					.retention_bytes = s->store.max_disk,
					.free_bytes = s->store.free_space,
					.origin = origin_of(setup_text(s->source.from))};
	const struct span *notices;
	size_t n;
	int r = store_open(d->store_path, false, &conf, &d->store, reterr);

	if (r < 0)
		return r;
	notices = store_notices(d->store, &n);
	for (size_t i = 0; i < n; i++)
		log_warn("store: %.*s", SPAN_FMT(notices[i]));
	return 0;
}

/* Each turn of the loop, and each 100 ms while it waits for the disk. */
static bool turn(void *ctx)
{
	struct daemon *d = ctx;
	int64_t now = clock_mono_ns();

	if (d->loop)
		health_good(d->loop);
	if (d->watchdog_ns && now - d->watchdog_fed >= d->watchdog_ns / 4) {
		(void)notify_watchdog(); /* the manager notices if it does not arrive */
		d->watchdog_fed = now;
	}
	return want_stop;
}

static int open_consume(struct daemon *d, struct err *reterr)
{
	const struct settings *s = &d->setup->settings;

	if (!s->source.from.len)
		return 0;
	d->consume_conf = (struct consume_conf){
		.uri = setup_text(s->source.from),
		.bus = {.queue_bytes = s->source.queue_bytes,
			.kafka = (const struct span *)s->source.kafka.items,
			.kafka_len = s->source.kafka.len},
		.store_path = d->store_path,
		.partitions = d->setup->partitions,
		.npartitions = d->setup->npartitions,
		.commit_age_ns = s->store.commit_age,
		.quarantine_bytes = s->limits.quarantine,
		.sources_max = (size_t)s->limits.sources,
		.bus_health = health_add(d->health, "bus", HEALTH_READY),
		.store_health = health_add(d->health, "store", HEALTH_READY),
		.lag_health = health_add(d->health, "lag", HEALTH_READY),
		.partitions_health = health_add(d->health, "partitions", HEALTH_READY),
		.lag_max = s->limits.lag,
		.on_wait = turn,
		.ctx = d,
	};
	if (d->consume_conf.store_health)
		health_good(d->consume_conf.store_health);
	return consume_open(&d->consume_conf, d->store, d->setup->chain, &d->consume, reterr);
}

static int open_serve(struct daemon *d, struct err *reterr)
{
	const struct settings *s = &d->setup->settings;
	bool no_socket = strcmp(d->socket, "none") == 0;
	const struct serve_conf conf = {
		.listen = d->listen[0] ? d->listen : NULL,
		.unix_path = no_socket ? NULL : d->socket,
		.connections = (unsigned)s->http.connections,
		.queries = (unsigned)s->limits.queries,
		.tails = (unsigned)s->limits.tails,
		.query_time_ns = s->limits.query_time,
		.query_memory = s->limits.query_memory,
		.status = report_status,
		.status_ctx = &d->report,
	};

	if (!conf.listen && !conf.unix_path)
		return 0;
	return serve_open(&conf, d->store, d->metrics, d->health, &d->serve, reterr);
}

/* An unbound URI of another process must not be opened twice, so the store goes first. */
static int open_all(struct daemon *d)
{
	struct err err = {0};
	int r = open_store(d, &err);

	if (r == 0)
		r = open_consume(d, &err);
	if (r == 0) {
		report_init(&d->report, d->store, d->consume);
		r = report_metrics(&d->report, d->metrics, d->setup->chain);
		if (r < 0)
			err_set(&err, r, "out of memory");
	}
	if (r == 0)
		r = open_serve(d, &err);
	if (r < 0)
		log_error("%s", err.text[0] ? err.text : strerror(-r));
	return r;
}

static bool same_text(struct sl_str a, struct sl_str b)
{
	return span_eq(setup_text(a), setup_text(b));
}

static bool same_list(const struct sl_list *a, const struct sl_list *b)
{
	bool same = a->len == b->len;

	for (size_t i = 0; same && i < a->len; i++)
		same = same_text(a->items[i], b->items[i]);
	return same;
}

/* What a reload can't change, by name. */
static void tell_unchanged(const struct settings *old, const struct settings *new)
{
	const struct {
		const char *name;
		bool same;
	} rows[] = {
		{"source.from", same_text(old->source.from, new->source.from)},
		{"source.partitions", same_text(old->source.partitions, new->source.partitions)},
		{"source.queue", old->source.queue_bytes == new->source.queue_bytes},
		{"source.kafka", same_list(&old->source.kafka, &new->source.kafka)},
		{"store.path", same_text(old->store.path, new->store.path)},
		{"store.commit_age", old->store.commit_age == new->store.commit_age},
		{"store.memory", old->store.memory == new->store.memory},
		{"store.retention", old->store.retention == new->store.retention},
		{"store.max_disk", old->store.max_disk == new->store.max_disk},
		{"store.free_space", old->store.free_space == new->store.free_space},
		{"http.listen", same_text(old->http.listen, new->http.listen)},
		{"http.socket", same_text(old->http.socket, new->http.socket)},
		{"http.connections", old->http.connections == new->http.connections},
		{"limits", memcmp(&old->limits, &new->limits, sizeof(old->limits)) == 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!rows[i].same)
			log_warn("%s changed: that takes effect with the next restart",
				 rows[i].name);
}

/*
 * Only the filters change while we run.  The first setup stays to the end,
 * since store, consumer and API borrow from it; the chain moves.
 */
static void reload(struct daemon *d)
{
	struct setup *next;

	(void)notify_reloading();
	if (setup_new(d->flags, &next) < 0) {
		log_error("the configuration has errors: the old one stays in force");
		(void)notify_ready("reload failed, the old configuration is in force");
		counter_add(&d->report.reload_failures, 1);
		return;
	}
	tell_unchanged(&d->setup->settings, &next->settings);
	if (d->consume)
		consume_set_chain(d->consume, next->chain);
	report_reloaded(&d->report, next);
	log_info("configuration reloaded");
	(void)notify_ready("configuration reloaded");
}

/* How a step's result ends the loop: 0 = it does not. */
static int step_failed(int r, const struct err *err)
{
	if (r >= 0 || r == -EAGAIN)
		return 0;
	if (r == -ECANCELED) {
		log_warn("%s", err->text);
		return r;
	}
	if (r == -ESTALE)
		log_error("this process does not own the store any more: %s", err->text);
	else
		log_error("%s", err->text[0] ? err->text : strerror(-r));
	return r;
}

/* One turn.  0 = go on, 1 = done, negative errno = can't go on. */
static int step(struct daemon *d, int64_t *idle_since)
{
	struct err err = {0};
	int r;

	if (turn(d))
		return 1;
	if (want_reload) {
		want_reload = 0;
		reload(d);
	}
	if (!d->consume) {
		struct timespec tick = {.tv_nsec = STEP_MS * NS_PER_MS};

		nanosleep(&tick, NULL);
		return d->flags->once;
	}
	r = consume_step(d->consume, d->flags->once ? 10 : STEP_MS, &err);
	if (r == 1)
		*idle_since = clock_mono_ns();
	if (step_failed(r, &err))
		return r;
	if (!d->flags->once || r == 1)
		return 0;
	if (r == 0 && consume_caught_up(d->consume))
		return 1;
	if (clock_mono_ns() - *idle_since < ONCE_IDLE_NS)
		return 0;
	log_error("nothing came for %lld s: %s", (long long)(ONCE_IDLE_NS / NS_PER_SEC),
		  r == 0 ? "the bus says that there is more, but does not deliver it" : err.text);
	return -ETIME;
}

static int loop(struct daemon *d)
{
	int64_t idle_since = clock_mono_ns();
	struct err err = {0};
	int r = 0;

	while (r == 0)
		r = step(d, &idle_since);
	(void)notify_stopping();
	if (r == 1 && d->consume) {
		int failed = consume_finish(d->consume, &err);

		if (failed < 0) {
			log_error("%s", err.text);
			r = failed;
		}
	}
	return r < 0 ? r : 0;
}

static void close_all(struct daemon *d)
{
	serve_close(d->serve);
	consume_close(d->consume);
	report_release(&d->report);
	store_close(d->store);
	metrics_free(d->metrics);
	health_free(d->health);
	setup_free(d->setup);
	free(d->store_path);
	free(d->socket);
	free(d->listen);
}

int daemon_run(const struct flags *flags, struct setup *setup)
{
	struct daemon d = {.flags = flags, .setup = setup};
	int r;

	umask(077);
	io_raise_file_limit(); /* each part of the store holds a file open */
	catch_signals();
	r = prepare(&d);
	if (r < 0)
		log_error("out of memory");
	else
		r = open_all(&d);
	if (r == 0) {
		(void)notify_ready("%s", d.consume ? "consuming" : "idle: no source is configured");
		if (!d.consume && !flags->once)
			log_info("no source.from is set: only queries are served");
		r = loop(&d);
	}
	if (r == 0 && flags->once)
		report_summary(&d.report, stdout);
	close_all(&d);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
