/*
 * plugin.h - a filter from a shared object, or a refusal with the reason.
 *
 * The object is opened RTLD_NOW | RTLD_LOCAL, so that a missing symbol is
 * found here and not at the first record, and its descriptor is checked before
 * anything of it is used.  What is refused (-ENOEXEC, or the errno of the file
 * system), with a message that says what to do:
 *
 *	not an absolute path, world-writable file or folder (any up to /)  -EPERM
 *	dlopen fails: not an ELF object, an undefined symbol
 *	no sl_filter_entry, or it returns NULL
 *	another magic, another major, a newer minor, too short a descriptor
 *	no name or no process()
 *
 * A descriptor of an older minor may be shorter than ours: it is copied into a
 * zeroed one, so that members it does not have read as NULL.
 */
#ifndef SLUICE_FLOW_PLUGIN_H
#define SLUICE_FLOW_PLUGIN_H

#include "common/api/filter.h"
#include "common/base/err.h"

struct plugin {
	void *handle;            /* of dlopen; NULL when linked in */
	struct sl_filter filter; /* a copy; its texts and functions are the object's */
};

/* 0; on failure nothing is held. */
int plugin_open(const char *path, struct plugin *ret, struct err *reterr);
/* The descriptor of a filter that is linked in: the same checks. */
int plugin_builtin(const struct sl_filter *filter, struct plugin *ret, struct err *reterr);
void plugin_close(struct plugin *plugin);

#endif
