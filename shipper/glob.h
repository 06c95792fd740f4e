/*
 * glob.h - which files a pattern means, now and when a new name appears.
 *
 * A pattern is a path whose components may hold * ? and [ ], or be ** for any
 * number of directories.  A wildcard does not match a leading dot.  Nothing is
 * collected: each match is handed on as the directory is read, so a
 * directory of a million files costs no memory.
 *
 *	glob_expand("/var/log/ ** /app*.log", &walk, &err)	(written without the spaces)
 *	glob_match("*.gz", "/var/log/x.gz", GLOB_NAME)
 */
#ifndef SLUICE_SHIPPER_GLOB_H
#define SLUICE_SHIPPER_GLOB_H

#include "common/base/span.h"

#define GLOB_DEPTH_MAX 64 /* components of a path, and directories below ** */

struct glob_walk {
	/* A name that the pattern means; one without wildcards need not exist. */
	void (*file)(void *ctx, const char *path, bool literal);
	/* A directory in which names of the pattern can appear; may be NULL. */
	void (*dir)(void *ctx, const char *path);
	void *ctx;
};

bool glob_is_literal(struct span pattern);
/* 0; -ENAMETOOLONG.  Directories that can't be read are passed over. */
int glob_expand(struct span pattern, const struct glob_walk *walk);
/* A pattern without a slash is compared with the last component. */
bool glob_match(struct span pattern, struct span path);
/*
 * Names that a file called `path` may have got by rotation: app.log.1,
 * app.log-20260301, not app.log.1.gz, in no order.
 */
void rotated_names(const char *path, void (*fn)(void *ctx, const char *path), void *ctx);

#endif
