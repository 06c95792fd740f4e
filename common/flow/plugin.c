#include "common/flow/plugin.h"
#include "common/base/cleanup.h"
#include "common/base/span.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

/* What a descriptor of minor 0 has: everything up to close(). */
#define FILTER_SIZE_MIN (offsetof(struct sl_filter, close) + sizeof(void (*)(void *)))
#define OPTIONS_MAX     256
#define SELF_SIZE_MAX   (16u << 20)

/*
 * Who can replace `path` runs code in our process: only root and we ourselves
 * may.  A world-writable folder is fine above one of ours when it is sticky
 * (/tmp/mine/), as nobody else can rename what is in it.
 */
static int check_owner(const char *path, bool sticky_will_do, struct err *reterr)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(reterr, -EPERM, "%s belongs to user %u, not to root or to us", path,
			       (unsigned)st.st_uid);
	if ((st.st_mode & S_IWOTH) && !(sticky_will_do && (st.st_mode & S_ISVTX)))
		return err_set(reterr, -EPERM, "%s is writable by everybody", path);
	return 0;
}

static int check_path(const char *path, char real[PATH_MAX], struct err *reterr)
{
	char at[PATH_MAX];
	bool above = false;

	if (path[0] != '/')
		return err_set(reterr, -EPERM, "%s is not an absolute path", path);
	if (!realpath(path, real))
		return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
	int r = check_owner(real, false, reterr);

	memcpy(at, real, strlen(real) + 1);
	for (char *slash = strrchr(at, '/'); r == 0 && slash; slash = strrchr(at, '/')) {
		*slash = '\0';
		r = check_owner(slash == at ? "/" : at, above, reterr);
		above = true;
	}
	return r;
}

static size_t member_size(uint32_t type)
{
	static const size_t sizes[] = {[SL_OPT_STR] = sizeof(struct sl_str),
				       [SL_OPT_INT] = sizeof(int64_t),
				       [SL_OPT_BOOL] = sizeof(int),
				       [SL_OPT_SIZE] = sizeof(uint64_t),
				       [SL_OPT_DURATION] = sizeof(int64_t),
				       [SL_OPT_LIST] = sizeof(struct sl_list),
				       [SL_OPT_PAIRS] = sizeof(struct sl_list),
				       [SL_OPT_REGEX] = sizeof(const void *),
				       [SL_OPT_ENUM] = sizeof(int)};

	return type < sizeof(sizes) / sizeof(sizes[0]) ? sizes[type] : 0;
}

static int check_option(const struct sl_filter *filter, const struct sl_option *row,
			struct err *reterr)
{
	size_t size = member_size(row->type);

	if (size == 0 || (row->type == SL_OPT_ENUM && !row->choices))
		return err_set(reterr, -ENOEXEC, "option '%s' has an unknown type", row->name);
	if (row->offset > filter->self_size || filter->self_size - row->offset < size)
		return err_set(reterr, -ENOEXEC, "option '%s' lies outside of the instance",
			       row->name);
	if (strcmp(row->name, "type") == 0 || strcmp(row->name, "when") == 0)
		return err_set(reterr, -ENOEXEC, "option '%s' has a name that every filter has",
			       row->name);
	return 0;
}

/* The table is another's: its values would be written wherever it says. */
static int check_options(const struct sl_filter *filter, struct err *reterr)
{
	size_t n = 0;

	for (const struct sl_option *row = filter->options; row && row->name; row++) {
		if (++n > OPTIONS_MAX)
			return err_set(reterr, -ENOEXEC, "more than %d options", OPTIONS_MAX);
		int r = check_option(filter, row, reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_filter(const struct sl_filter *filter, struct err *reterr)
{
	if (!filter->name || !filter->name[0])
		return err_set(reterr, -ENOEXEC, "the filter has no name");
	if (!filter->process)
		return err_set(reterr, -ENOEXEC, "filter '%s' has no process()", filter->name);
	if (filter->self_size > SELF_SIZE_MAX)
		return err_set(reterr, -ENOEXEC, "filter '%s' wants an instance of %zu bytes",
			       filter->name, filter->self_size);
	return check_options(filter, reterr);
}

/* Check `theirs`, which may be shorter than ours, and copy what it has. */
static int adopt(const struct sl_filter *theirs, struct sl_filter *ret, struct err *reterr)
{
	struct sl_filter filter = {0};
	int r;

	if (!theirs)
		return err_set(reterr, -ENOEXEC, "sl_filter_entry() returned no descriptor");
	if (theirs->magic != SL_ABI_MAGIC)
		return err_set(reterr, -ENOEXEC, "not a Sluice filter (magic %08x, expected %08x)",
			       theirs->magic, SL_ABI_MAGIC);
	if (theirs->abi_major != SL_ABI_MAJOR)
		return err_set(reterr, -ENOEXEC,
			       "built for plugin ABI %u.%u, this program has %d.%d: rebuild it",
			       theirs->abi_major, theirs->abi_minor, SL_ABI_MAJOR, SL_ABI_MINOR);
	if (theirs->abi_minor > SL_ABI_MINOR)
		return err_set(reterr, -ENOEXEC,
			       "needs plugin ABI %u.%u, this program has %d.%d: upgrade it",
			       theirs->abi_major, theirs->abi_minor, SL_ABI_MAJOR, SL_ABI_MINOR);
	if (theirs->size < FILTER_SIZE_MIN)
		return err_set(reterr, -ENOEXEC, "descriptor of %u bytes, at least %zu expected",
			       theirs->size, FILTER_SIZE_MIN);
	memcpy(&filter, theirs, theirs->size < sizeof(filter) ? theirs->size : sizeof(filter));
	r = check_filter(&filter, reterr);
	if (r == 0)
		*ret = filter;
	return r;
}

int plugin_builtin(const struct sl_filter *filter, struct plugin *ret, struct err *reterr)
{
	struct plugin plugin = {0};
	int r = adopt(filter, &plugin.filter, reterr);

	if (r == 0)
		*ret = plugin;
	return r;
}

static int load(const char *real, struct plugin *ret, struct err *reterr)
{
	const struct sl_filter *(*entry)(void);

	ret->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
	if (!ret->handle)
		return err_set(reterr, -ENOEXEC, "%s", dlerror());
	/* POSIX's way to get a function out of a data pointer. */
	*(void **)&entry = dlsym(ret->handle, "sl_filter_entry");
	if (!entry)
		return err_set(reterr, -ENOEXEC, "%s: no sl_filter_entry: not a Sluice filter",
			       real);
	int r = adopt(entry(), &ret->filter, reterr);

	return r < 0 ? err_prefix(reterr, r, "%s", real) : 0;
}

int plugin_open(const char *path, struct plugin *ret, struct err *reterr)
{
	struct plugin plugin = {0};
	char real[PATH_MAX];
	int r = check_path(path, real, reterr);

	if (r == 0)
		r = load(real, &plugin, reterr);
	if (r < 0)
		plugin_close(&plugin);
	else
		*ret = plugin;
	return r;
}

void plugin_close(struct plugin *plugin)
{
	if (plugin && plugin->handle)
		dlclose(plugin->handle);
	if (plugin)
		*plugin = (struct plugin){0};
}
