/*
 * identity.h - which file this is, whatever its name.
 *
 * A source is a file's contents from its birth to its next truncation:
 *
 *	key       = XXH128(host id, filesystem id, inode, inode generation, birth time)
 *	source_id = XXH128(key, truncation counter)
 *
 * A rename keeps the key, so a rotated file goes on where it was.  ext4 gives
 * the inode of a deleted file to the next one at once; the inode's generation
 * (FS_IOC_GETVERSION) and birth time (statx) tell them apart.  Where a
 * filesystem has neither, the identity is `weak` and whoever resumes compares
 * the hash of all bytes before the offset, not only of the last ones.
 */
#ifndef SLUICE_SHIPPER_IDENTITY_H
#define SLUICE_SHIPPER_IDENTITY_H

#include "common/flow/block.h"
#include <stdbool.h>
#include <stdint.h>

struct identity {
	struct source_id key;
	uint64_t dev, ino;
	int64_t birth_ns; /* 0 = not known */
	bool weak;
};

/* A name of this machine that outlives reboots: machine-id, else the host name. */
void identity_host(struct source_id *ret);

/* Of an open file.  0 or a negative errno. */
int identity_read(int fd, const struct source_id *host, struct identity *ret);
/* The id of the key's contents after so many truncations. */
struct source_id identity_source(const struct source_id *key, uint32_t truncations);

static inline bool source_id_eq(const struct source_id *a, const struct source_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

#endif
