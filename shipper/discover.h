/*
 * discover.h - finding files, and noticing that they change.
 *
 * inotify watches the directories in which names of a pattern can appear; it
 * says at once what grew, came or went.  A scan of all patterns, now and then,
 * is what is relied on: it repairs whatever inotify did not say (a full queue,
 * a network filesystem, no watches left), only later.
 *
 *	event on a known file    → sources_touch()
 *	a name came or went      → sources_look()
 *	a directory came or went, the queue ran over → a scan
 */
#ifndef SLUICE_SHIPPER_DISCOVER_H
#define SLUICE_SHIPPER_DISCOVER_H

#include "shipper/sources.h"

struct discover {
	const struct setup *setup;
	struct sources *sources;
	int fd;             /* inotify, -1 = polling only */
	struct map watched; /* path → watch descriptor; keys in `names` */
	struct map dirs;    /* watch descriptor → path */
	struct arena names;
	bool exhausted; /* a watch was refused: some directories are only polled */
	bool want_scan;
	int64_t next_scan_ns; /* monotonic */
};

void discover_init(struct discover *discover, const struct setup *setup, struct sources *sources);
void discover_release(struct discover *discover);

/* The input of a configuration that means `path`, or NULL. */
const struct input *discover_input(const struct setup *setup, const char *path);

/* Look at everything the patterns mean. */
void discover_scan(struct discover *discover);
/* What inotify has to say.  A touched file is read at due_ns. */
void discover_events(struct discover *discover, int64_t due_ns);
/* Monotonic time of the next scan. */
int64_t discover_due(const struct discover *discover);

#endif
