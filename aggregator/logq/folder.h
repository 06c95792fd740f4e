/*
 * folder.h - a directory on the command line.
 *
 * It may be an index, a directory bus, or a folder that log files are in:
 *
 *	logq error /var/log/nginx		the files there and below, by name
 *	logq error /var/lib/aggregator/index	as with -D
 *
 * Of a folder, names that begin with a dot and binary files (a NUL near the
 * start of the text) are left out, and a file that is there by several names,
 * as Kubernetes links them, is read once.
 */
#ifndef SLUICE_LOGQ_FOLDER_H
#define SLUICE_LOGQ_FOLDER_H

#include "common/base/err.h"
#include "common/lang/lex.h"

#define FOLDER_FILES_MAX 100000u

enum folder_kind { FOLDER_LOGS, FOLDER_INDEX, FOLDER_BUS };

enum folder_kind folder_kind(const char *path);

/*
 * Append the log files of the folder, with names in `arena`.  What can't be
 * looked into is among them, so that reading it says why.  *ret_binary: how
 * many files were left out for that.
 */
int folder_logs(struct span path, struct arena *arena, struct span_list *files, size_t *ret_binary,
		struct err *reterr);

#endif
