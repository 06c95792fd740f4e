#include "shipper/run.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/ops/notify.h"
#include "shipper/discover.h"
#include "shipper/report.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SAVE_NS  (200 * NS_PER_MS)
#define DRAIN_NS (3500 * NS_PER_MS) /* closing the producer may take another second */

struct runner {
	const struct flags *flags;
	struct setup *setup;
	struct checkpoint *checkpoint;
	struct sources sources;
	struct discover discover;
	struct pipeline pipeline;
	struct report report;
	struct totals totals;
	int signal_fd;
	int64_t next_save_ns, watchdog_ns, next_watchdog_ns;
	bool stopping;
};

/* Signals come as reads of a descriptor, in the loop, and nowhere else. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int start(struct runner *r, struct err *err)
{
	char dir[4096];
	const struct settings *settings = &r->setup->settings;

	io_raise_file_limit();
	r->signal_fd = open_signals();
	if (r->signal_fd < 0)
		return err_set(err, r->signal_fd, "signals: %s", strerror(-r->signal_fd));
	snprintf(dir, sizeof(dir), "%.*s", SPAN_FMT(setup_text(settings->data_dir)));
	int code = checkpoint_open(dir, &r->checkpoint, err);

	if (code < 0)
		return code;
	code = checkpoint_expire(r->checkpoint, clock_real_ns() - settings->limits.forget_after);
	if (code < 0)
		log_warn("checkpoint: files that are long gone were not forgotten: %s",
			 strerror(-code));
	sources_init(&r->sources, r->checkpoint, r->setup, &r->totals);
	discover_init(&r->discover, r->setup, &r->sources);
	code = pipeline_init(&r->pipeline, r->setup, &r->sources, r->checkpoint, &r->totals, err);
	if (code < 0)
		return code;
	r->pipeline.flush = r->flags->once;
	r->watchdog_ns = notify_watchdog_ns();
	code = report_open(&r->report, setup_text(settings->listen), &r->totals, err);
	if (code == 0)
		report_filters(&r->report, r->setup->chain);
	return code;
}

static void finish(struct runner *r)
{
	report_close(&r->report);
	if (r->checkpoint) {
		pipeline_release(&r->pipeline);
		discover_release(&r->discover);
		sources_release(&r->sources);
	}
	checkpoint_close(r->checkpoint);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	setup_free(r->setup);
}

/* Sources point to their input: find it in the new configuration, or end them. */
static void move_sources(struct runner *r, struct setup *setup)
{
	for (size_t i = 0; i < r->sources.list.len; i++) {
		struct source *source = r->sources.list.ptr[i];

		const struct input *input = discover_input(setup, source->path);

		if (source->state == SOURCE_GONE)
			continue;
		if (!input || source_use(source, input, setup->host) < 0)
			sources_detach(&r->sources, source);
	}
}

/* What a reload can't change, by name. */
static void tell_unchanged(const struct settings *old, const struct settings *new)
{
	const struct {
		const char *name;
		struct sl_str old, new;
	} rows[] = {
		{"data_dir", old->data_dir, new->data_dir},
		{"listen", old->listen, new->listen},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!span_eq(setup_text(rows[i].old), setup_text(rows[i].new)))
			log_warn("%s changed: that takes effect with the next restart",
				 rows[i].name);
}

static void reload(struct runner *r)
{
	struct setup *setup = NULL;
	struct err err;

	notify_reloading();
	if (setup_new(r->flags, &setup) < 0) {
		total_add(&r->totals, TOTAL_RELOAD_ERRORS, 1);
		log_error("the new configuration is not good; the old one stays in effect");
		notify_ready("reload refused: the configuration is not good");
		return;
	}
	struct setup *old = r->setup;

	if (pipeline_use(&r->pipeline, setup, &err) < 0) {
		total_add(&r->totals, TOTAL_RELOAD_ERRORS, 1);
		log_error("%s; the old configuration stays in effect", err.text);
		if (pipeline_use(&r->pipeline, old, &err) < 0)
			log_error("%s", err.text);
		setup_free(setup);
		notify_ready("reload refused: the output can't be used");
		return;
	}
	tell_unchanged(&old->settings, &setup->settings);
	move_sources(r, setup);
	r->setup = setup;
	r->sources.setup = setup;
	r->discover.setup = setup;
	discover_scan(&r->discover);
	report_filters(&r->report, setup->chain);
	setup_free(old);
	total_add(&r->totals, TOTAL_RELOADS, 1);
	log_info("configuration reloaded");
	notify_ready("configuration reloaded, %zu files", r->sources.list.len);
}

static void handle_signals(struct runner *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(r);
		else
			r->stopping = true;
	}
}

/* Until a descriptor is ready or `until`; inotify only while no source waits. */
static void wait_for_work(struct runner *r, int64_t until, bool listen)
{
	int64_t ns = until - clock_mono_ns();
	int timeout = ns <= 0 ? 0 : ns > NS_PER_SEC ? 1000 : (int)(ns / NS_PER_MS) + 1;
	struct pollfd fds[] = {
		{.fd = r->signal_fd, .events = POLLIN},
		{.fd = pipeline_fd(&r->pipeline), .events = POLLIN},
		{.fd = listen ? r->discover.fd : -1, .events = POLLIN},
	};

	if (fds[1].fd < 0 && r->pipeline.in_flight && timeout > 20)
		timeout = 20;
	poll(fds, sizeof(fds) / sizeof(fds[0]), timeout);
}

static void housekeeping(struct runner *r)
{
	int64_t now = clock_mono_ns();

	if (now >= r->next_save_ns) {
		pipeline_save(&r->pipeline);
		report_update(&r->report, &r->pipeline);
		r->next_save_ns = now + SAVE_NS;
	}
	if (r->watchdog_ns && now >= r->next_watchdog_ns) {
		notify_watchdog();
		r->next_watchdog_ns = now + r->watchdog_ns / 2;
	}
}

/* --once with more files than descriptors: those that were read make room for others. */
static bool more_files(struct runner *r)
{
	if (!r->sources.starved)
		return false;
	pipeline_save(&r->pipeline);
	discover_scan(&r->discover);
	return r->sources.active.len > 0;
}

/* One turn of the loop.  True when there is nothing left to do. */
static bool turn(struct runner *r)
{
	int64_t flush = r->setup->settings.limits.flush;
	int64_t next = pipeline_turn(&r->pipeline);

	housekeeping(r);
	if (pipeline_is_idle(&r->pipeline) && r->flags->once && !more_files(r))
		return true;
	bool listen = r->sources.active.len == 0;
	int64_t until = next < r->next_save_ns ? next : r->next_save_ns;

	if (!r->sources.unsaved.len && !r->sources.forgotten.len && !r->report.server &&
	    !r->pipeline.in_flight)
		until = next;
	if (!r->flags->once && discover_due(&r->discover) < until)
		until = discover_due(&r->discover);
	wait_for_work(r, until, listen);
	handle_signals(r);
	if (!r->flags->once) {
		discover_events(&r->discover, clock_mono_ns() + flush);
		if (clock_mono_ns() >= discover_due(&r->discover))
			discover_scan(&r->discover);
	}
	return false;
}

/* What is in flight gets some seconds to be acknowledged. */
static void drain(struct runner *r)
{
	int64_t end = clock_mono_ns() + DRAIN_NS;

	notify_stopping();
	for (size_t i = 0; i < r->sources.list.len; i++)
		r->sources.list.ptr[i]->due_ns = SOURCE_NEVER;
	while (r->pipeline.producer && r->pipeline.in_flight && clock_mono_ns() < end)
		if (producer_poll(r->pipeline.producer, 50) < 0)
			break;
	if (r->pipeline.in_flight)
		log_info("%llu blocks are not acknowledged; they are sent again after the start",
			 (unsigned long long)r->pipeline.in_flight);
	pipeline_save(&r->pipeline);
}

static int summary(struct runner *r, int64_t began)
{
	report_summary(&r->totals, r->sources.list.len, clock_mono_ns() - began);
	return total_get(&r->totals, TOTAL_READ_ERRORS) ||
	       total_get(&r->totals, TOTAL_OPEN_ERRORS) ||
	       total_get(&r->totals, TOTAL_ABANDONED_RECORDS);
}

int run(const struct flags *flags, struct setup *setup)
{
	struct runner *r = calloc(1, sizeof(*r));
	int64_t began = clock_mono_ns();
	struct err err = {.text = "out of memory"};
	int code = 1;

	if (!r) {
		setup_free(setup);
		return 1;
	}
	r->flags = flags;
	r->setup = setup;
	r->signal_fd = -1;
	if (start(r, &err) < 0) {
		log_error("%s", err.text);
	} else {
		discover_scan(&r->discover);
		notify_ready("%zu files", r->sources.list.len);
		while (!r->stopping && !turn(r))
			;
		drain(r);
		code = flags->once ? (r->stopping ? 1 : summary(r, began)) : 0;
	}
	finish(r);
	free(r);
	return code;
}
