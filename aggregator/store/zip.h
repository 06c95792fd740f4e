/*
 * zip.h - sections: a run of bytes, compressed where that pays.
 *
 *	section := u8 method (0 = as it is, 1 = zstd) · varint raw length ·
 *	           varint stored length (zstd only) · bytes
 *
 * Checksums are the business of the chunk that a section lies in.
 */
#ifndef SLUICE_STORE_ZIP_H
#define SLUICE_STORE_ZIP_H

#include "aggregator/store/bytes.h"
#include "common/base/arena.h"

#define SECTION_MAX (256u << 20) /* a raw length beyond it is refused unread */

/* A compression context, to be kept; one thread at a time. */
struct zip;
int zip_new(int level, struct zip **ret);
void zip_free(struct zip *zip);

/* Append `raw` as a section.  Errors are out->failed. */
void zip_put(struct zip *zip, struct buf *out, struct span raw);

/*
 * Read a section into the arena; INTS_SLACK bytes behind it are readable too.
 * 0, -EBADMSG, -ENOMEM (the arena's budget).
 */
int zip_get(struct cursor *in, struct arena *arena, struct span *ret);
/* Go past a section unread.  0 or -EBADMSG. */
int zip_skip(struct cursor *in);

#endif
