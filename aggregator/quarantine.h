/*
 * quarantine.h - messages that can't be decoded, kept for a person to look at.
 *
 *	STORE/quarantine/p3-o000000000917.blk	the message, byte for byte
 *	STORE/quarantine/p3-o000000000917.why	one line: when, what was wrong
 *
 * Both are on disk for good when quarantine_put() returns; the caller then lets
 * the offset advance in its next commit.  Putting the same message again
 * replaces the same files.  The folder has a size limit: at the limit the
 * answer is -EDQUOT, and the caller stops, because to go on would lose data.
 */
#ifndef SLUICE_AGGREGATOR_QUARANTINE_H
#define SLUICE_AGGREGATOR_QUARANTINE_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdint.h>

struct quarantine {
	char *dir;
	uint64_t max_bytes;
	uint64_t held_bytes;
};

/* The folder is made with the first message.  0 or -ENOMEM. */
int quarantine_init(struct quarantine *quarantine, const char *store_path, uint64_t max_bytes);
void quarantine_release(struct quarantine *quarantine);

int quarantine_put(struct quarantine *quarantine, unsigned partition, int64_t offset,
		   struct span message, const char *why, struct err *reterr);

#endif
