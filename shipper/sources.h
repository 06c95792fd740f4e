/*
 * sources.h - all sources, by name and by identity, and which have work.
 *
 *	by_path   what a name means now          LIVE sources
 *	by_key    which file is which            LIVE and ROTATED sources
 *	active    what the pipeline looks at     a few of thousands
 *
 * sources_look() is told that something may have happened to a path; it finds
 * out what: a new file, a rotation, a rename, an end.  It is cheap for a file
 * where nothing happened: one lstat().
 */
#ifndef SLUICE_SHIPPER_SOURCES_H
#define SLUICE_SHIPPER_SOURCES_H

#include "common/base/map.h"
#include "common/base/vec.h"
#include "shipper/source.h"
#include "shipper/totals.h"

struct sources {
	struct checkpoint *checkpoint;
	const struct setup *setup;
	struct totals *totals;
	struct source_id host;
	VEC(struct source *) list;
	VEC(struct source *) active;
	VEC(struct source *) unsaved;
	VEC(struct source_id) forgotten; /* rows to be deleted: their files are gone */
	struct map by_path, by_key;
	struct map problems; /* path → errno that was said; keys are owned */
	uint64_t scan;       /* number of the scan in progress */
	bool first_scan;
	bool full;             /* limits.files was reached and said */
	size_t open, open_max; /* descriptors of files, and how many we may have */
	bool starved;          /* a file could not be opened for want of one */
	bool said_starved;
};

void sources_init(struct sources *sources, struct checkpoint *checkpoint, const struct setup *setup,
		  struct totals *totals);
void sources_release(struct sources *sources);

/* Something is or was at `path`, which `input` means.  `literal`: named without wildcards. */
void sources_look(struct sources *sources, const struct input *input, const char *path,
		  bool literal);
/* The file at `path` has changed: look at it no later than due_ns.  False: not known. */
bool sources_touch(struct sources *sources, struct span path, int64_t due_ns);

/* A scan tells about every path there is; at its end the others are gone. */
void sources_scan_begin(struct sources *sources);
void sources_scan_end(struct sources *sources);

/*
 * Descriptors are scarce: close those of files that wait at their end and have
 * nothing in flight.  They are opened again when something happens.  How many.
 */
size_t sources_park(struct sources *sources);
/* 0; -EMFILE; -ESTALE and others: the file is not there any more by its name. */
int sources_reopen(struct sources *sources, struct source *source);

/* Work to do at due_ns, or earlier if it was due earlier. */
void sources_activate(struct sources *sources, struct source *source, int64_t due_ns);
void sources_unsaved(struct sources *sources, struct source *source);
/* `source` was truncated: its successor, or NULL (said). */
struct source *sources_truncate(struct sources *sources, struct source *source);
/* Nothing of it is wanted any more; what is in flight may still arrive. */
void sources_detach(struct sources *sources, struct source *source);
/* Close it: at its end, or without hope.  Nothing may be in flight. */
void sources_remove(struct sources *sources, struct source *source);

#endif
