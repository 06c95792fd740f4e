/* quarantine.c - poison messages as files. */
#include "aggregator/quarantine.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/data/timestamp.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int quarantine_init(struct quarantine *quarantine, const char *store_path, uint64_t max_bytes)
{
	*quarantine = (struct quarantine){.max_bytes = max_bytes};
	if (asprintf(&quarantine->dir, "%s/quarantine", store_path) < 0) {
		quarantine->dir = NULL;
		return -ENOMEM;
	}
	return 0;
}

void quarantine_release(struct quarantine *quarantine)
{
	free(quarantine->dir);
	quarantine->dir = NULL;
}

/* Counted each time: a person may have cleared the folder meanwhile, and poison is rare. */
static uint64_t folder_bytes(const char *path)
{
	uint64_t sum = 0;
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct stat st;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	closedir(dir);
	return sum;
}

static int put_file(const struct quarantine *quarantine, unsigned partition, int64_t offset,
		    const char *ending, struct span contents, struct err *reterr)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/p%u-o%012lld.%s", quarantine->dir, partition, (long long)offset,
		     ending) < 0) {
		path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	return io_replace_file(path, contents, 0600, reterr);
}

int quarantine_put(struct quarantine *quarantine, unsigned partition, int64_t offset,
		   struct span message, const char *why, struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(4096);
	char now[TIMESTAMP_TEXT_LEN];
	int r;

	r = io_make_dirs(quarantine->dir, 0700, reterr);
	if (r < 0)
		return r;
	quarantine->held_bytes = folder_bytes(quarantine->dir);
	if (quarantine->held_bytes + message.len > quarantine->max_bytes)
		return err_set(reterr, -EDQUOT,
			       "%s holds %llu bytes, the limit is %llu: look at its files and "
			       "remove them",
			       quarantine->dir, (unsigned long long)quarantine->held_bytes,
			       (unsigned long long)quarantine->max_bytes);
	timestamp_format(now, clock_real_ns());
	buf_printf(&text, "%.*s partition %u offset %lld, %zu bytes: %s\n", TIMESTAMP_TEXT_LEN, now,
		   partition, (long long)offset, message.len, why);
	if (text.failed)
		return err_set(reterr, text.failed, "out of memory");
	r = put_file(quarantine, partition, offset, "blk", message, reterr);
	if (r < 0)
		return r;
	return put_file(quarantine, partition, offset, "why", buf_span(&text), reterr);
}
