#include "shipper/discover.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "shipper/glob.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SCAN_WATCHED_NS (10 * NS_PER_SEC)
#define SCAN_POLLED_NS  (NS_PER_SEC)
#define SCAN_STARVED_NS (100 * NS_PER_MS)
#define SCAN_SOON_NS    (50 * NS_PER_MS)
#define NAMES_MAX       (256u << 20)

#define WATCH_MASK                                                                                 \
	(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |        \
	 IN_MOVE_SELF | IN_ONLYDIR)

void discover_init(struct discover *discover, const struct setup *setup, struct sources *sources)
{
	*discover = (struct discover){
		.setup = setup,
		.sources = sources,
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
	};
	arena_init(&discover->names, NAMES_MAX);
	if (discover->fd < 0) {
		discover->exhausted = true;
		log_warn("inotify: %s; files are polled every second", strerror(errno));
	}
}

void discover_release(struct discover *discover)
{
	if (discover->fd >= 0)
		close(discover->fd);
	map_release(&discover->watched);
	map_release(&discover->dirs);
	arena_release(&discover->names);
	discover->fd = -1;
}

static struct span wd_span(const int *wd)
{
	return span_of((const char *)wd, sizeof(*wd));
}

static void remember_watch(struct discover *discover, int wd, const char *path)
{
	struct span path_copy = arena_dup(&discover->names, span_cstr(path));
	struct span wd_copy = arena_dup(&discover->names, wd_span(&wd));
	bool added;

	if (!path_copy.ptr || !wd_copy.ptr)
		return;
	/* The copy has no NUL; its length is kept by storing the map's own key. */
	union map_value *value = map_put(&discover->watched, path_copy, &added);

	if (value)
		value->n = (uint64_t)wd;
	value = map_put(&discover->dirs, wd_copy, &added);
	if (value)
		value->ptr = arena_cstr(&discover->names, span_cstr(path));
}

static void watch_dir(void *ctx, const char *path)
{
	struct discover *discover = ctx;

	if (discover->fd < 0 || map_get(&discover->watched, span_cstr(path)))
		return;
	int wd = inotify_add_watch(discover->fd, path, WATCH_MASK);

	if (wd >= 0) {
		remember_watch(discover, wd, path);
	} else if (errno == ENOSPC && !discover->exhausted) {
		discover->exhausted = true;
		log_warn("inotify has no watches left (fs.inotify.max_user_watches); %s and others "
			 "are polled every second",
			 path);
	}
}

static void forget_watch(struct discover *discover, int wd)
{
	union map_value *value = map_get(&discover->dirs, wd_span(&wd));

	if (!value)
		return;
	if (value->ptr)
		map_remove(&discover->watched, span_cstr(value->ptr));
	map_remove(&discover->dirs, wd_span(&wd));
}

static bool is_excluded(const struct input *input, const char *path)
{
	for (size_t i = 0; i < input->exclude.len; i++)
		if (glob_match(setup_text(input->exclude.items[i]), span_cstr(path)))
			return true;
	return false;
}

struct scan {
	struct discover *discover;
	const struct input *input;
};

static void scan_file(void *ctx, const char *path, bool literal)
{
	struct scan *scan = ctx;

	if (!is_excluded(scan->input, path))
		sources_look(scan->discover->sources, scan->input, path, literal);
}

static void scan_dir(void *ctx, const char *path)
{
	struct scan *scan = ctx;

	watch_dir(scan->discover, path);
}

void discover_scan(struct discover *discover)
{
	int64_t began = clock_mono_ns(), period;

	discover->want_scan = false;
	sources_scan_begin(discover->sources);
	for (size_t i = 0; i < discover->setup->settings.inputs.len; i++) {
		const struct input *input = setup_input(discover->setup, i);
		struct scan scan = {discover, input};
		struct glob_walk walk = {scan_file, scan_dir, &scan};

		for (size_t j = 0; j < input->paths.len; j++)
			if (glob_expand(setup_text(input->paths.items[j]), &walk) < 0)
				log_warn("%.*s: a path below it is too long",
					 SPAN_FMT(setup_text(input->paths.items[j])));
	}
	sources_scan_end(discover->sources);

	/*
	 * However many files there are, scans take no more than a twentieth of the
	 * time; but for files that wait for a descriptor, which are work to be done.
	 */
	int64_t now = clock_mono_ns(), share = 20 * (now - began);

	period = discover->exhausted ? SCAN_POLLED_NS : SCAN_WATCHED_NS;
	if (discover->sources->starved) {
		period = SCAN_STARVED_NS;
		share = 2 * (now - began);
	}
	period = period > share ? period : share;
	discover->next_scan_ns = now + period;
}

int64_t discover_due(const struct discover *discover)
{
	return discover->next_scan_ns;
}

static const struct input *input_of(const struct setup *setup, const char *path, bool *ret_literal)
{
	for (size_t i = 0; i < setup->settings.inputs.len; i++) {
		const struct input *input = setup_input(setup, i);

		for (size_t j = 0; j < input->paths.len; j++) {
			struct span pattern = setup_text(input->paths.items[j]);

			if (!glob_match(pattern, span_cstr(path)) || is_excluded(input, path))
				continue;
			*ret_literal = glob_is_literal(pattern);
			return input;
		}
	}
	return NULL;
}

const struct input *discover_input(const struct setup *setup, const char *path)
{
	bool literal;

	return input_of(setup, path, &literal);
}

static void want_scan(struct discover *discover)
{
	int64_t soon = clock_mono_ns() + SCAN_SOON_NS;

	if (!discover->want_scan && soon < discover->next_scan_ns)
		discover->next_scan_ns = soon;
	discover->want_scan = true;
}

static void name_event(struct discover *discover, const struct inotify_event *event,
		       const char *dir, int64_t due_ns)
{
	char path[PATH_MAX];
	bool literal;
	int n = strcmp(dir, ".") == 0 ? snprintf(path, sizeof(path), "%s", event->name)
				      : snprintf(path, sizeof(path), "%s%s%s", dir,
						 strcmp(dir, "/") == 0 ? "" : "/", event->name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	if (event->mask & IN_MODIFY) {
		sources_touch(discover->sources, span_of(path, (size_t)n), due_ns);
		return;
	}
	const struct input *input = input_of(discover->setup, path, &literal);

	if (input)
		sources_look(discover->sources, input, path, literal);
}

static void event(struct discover *discover, const struct inotify_event *event, int64_t due_ns)
{
	union map_value *dir = map_get(&discover->dirs, wd_span(&event->wd));

	if (event->mask & IN_Q_OVERFLOW || event->mask & IN_ISDIR ||
	    event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))
		want_scan(discover);
	if (event->mask & IN_MOVE_SELF && dir)
		inotify_rm_watch(discover->fd, event->wd);
	if (event->mask & IN_IGNORED) {
		forget_watch(discover, event->wd);
		want_scan(discover);
	} else if (dir && dir->ptr && event->len && !(event->mask & IN_ISDIR)) {
		name_event(discover, event, dir->ptr, due_ns);
	}
}

void discover_events(struct discover *discover, int64_t due_ns)
{
	char bytes[16 << 10] __attribute__((__aligned__(8)));
	ssize_t n;

	if (discover->fd < 0)
		return;
	while ((n = read(discover->fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(bytes + at);

			event(discover, e, due_ns);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
}
