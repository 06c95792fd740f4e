/*
 * source.h - one file that is read: who it is, where it stands, what is in flight.
 *
 *	LIVE ──path names another file──▶ ROTATED ──at its end for rotate_wait──▶ closed
 *	  │                                  │
 *	  └────── truncated ─────────────────┴──▶ GONE: only its reports are awaited;
 *	                                          the file goes on as a new source
 *
 * Resuming compares the file with the checkpoint: same key, long enough, same
 * bytes before the watermark.  Anything else is another content and read from
 * byte 0 under the next truncation count, said loudly.
 */
#ifndef SLUICE_SHIPPER_SOURCE_H
#define SLUICE_SHIPPER_SOURCE_H

#include "common/data/wire.h"
#include "shipper/checkpoint.h"
#include "shipper/options.h"
#include "shipper/tail.h"
#include "shipper/window.h"

enum source_state { SOURCE_LIVE, SOURCE_ROTATED, SOURCE_GONE };

#define SOURCE_NEVER INT64_MAX

struct source {
	enum source_state state;
	struct identity identity;
	uint32_t truncations;
	struct source_id id;
	uint32_t partition; /* PARTITION_NONE until the bus has told how many there are */
	struct tail tail;
	struct window window;
	char *path;        /* where it is now */
	char *labels_text; /* owns what `labels` points to */
	struct wire_labels labels;
	const struct input *input;

	uint64_t scan;      /* the last one that found it */
	bool active;        /* in the pipeline's list */
	bool unsaved;       /* the watermark moved since the last checkpoint */
	int64_t due_ns;     /* monotonic: when to read next */
	int64_t partial_ns; /* since when a line waits for its end; 0 = none does */
	size_t partial_len; /* bytes of it */
	int64_t hold_ns;    /* how long it may wait, if lines of an event do; else 0 */
	int64_t quiet_ns;   /* ROTATED: since when it is at its end; 0 = it is not */
	int64_t backoff_ns;
	/* After -EMSGSIZE: records a block, bytes a line; 0 = no limit. */
	uint32_t records_max;
	size_t line_max;
	size_t read_size; /* bytes that make about one block */
};

/*
 * Make the source of an open file; takes `fd` also when it fails.  `first_scan`: start_at
 * applies to files that the checkpoint does not know.
 */
int source_new(struct checkpoint *checkpoint, const struct identity *identity, int fd,
	       const char *path, const struct input *input, const struct span host, bool first_scan,
	       struct source **ret);
void source_free(struct source *source);

/*
 * The file was truncated: `source` becomes GONE, and *ret is its successor,
 * which takes over the file.
 */
int source_truncated(struct checkpoint *checkpoint, struct source *source, struct source **ret);

/* Another configuration's input, with its labels.  0 or -ENOMEM: nothing has changed. */
int source_use(struct source *source, const struct input *input, struct span host);

/* What the checkpoint holds of it. */
void source_row(const struct source *source, int64_t now_ns, struct checkpoint_row *ret);
/* The name of its file is now `path`. */
int source_rename(struct source *source, const char *path);

#endif
