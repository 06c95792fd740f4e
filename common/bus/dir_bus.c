/*
 * The bus as a whole: the file PATH/bus, and the folders of the partitions.
 *
 *	sluice-bus 1
 *	partitions 4
 *	crc32c 5d2f0c1a		of the lines above
 */
#include "common/bus/dir_log.h"

#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define BUS_FILE_MAX  4096
#define PATH_TEXT_MAX 4400 /* a path of the URI and a name */

static const struct span first_line = {"sluice-bus 1\n", 13};

/* Take "NAME VALUE" off the front; the value, or the empty span. */
static struct span cut_value(struct span *rest, struct span name)
{
	struct span line, value = {0};

	if (span_cut(rest, '\n', &line) && span_starts(line, name))
		value = span_skip(line, name.len);
	return value;
}

static int parse_bus_file(struct span text, const char *path, struct err *reterr)
{
	struct span rest = span_skip(text, first_line.len);
	uint64_t partitions;
	char crc[16];

	if (!span_starts(text, first_line))
		return err_set(reterr, span_starts(text, SPAN("sluice-bus ")) ? -ENOTSUP : -EBADMSG,
			       "%s: not a bus of version 1", path);
	struct span count = cut_value(&rest, SPAN("partitions "));
	size_t covered = (size_t)(rest.ptr - text.ptr);
	struct span stored = cut_value(&rest, SPAN("crc32c "));

	snprintf(crc, sizeof(crc), "%08" PRIx32, crc32c(0, text.ptr, covered));
	if (!span_eq(stored, span_cstr(crc)))
		return err_set(reterr, -EBADMSG, "%s: damaged, checksum should be %s", path, crc);
	if (num_parse_u64(count, &partitions) < 0 || partitions == 0 ||
	    partitions > DIR_PARTITIONS_MAX)
		return err_set(reterr, -EBADMSG, "%s: bad number of partitions", path);
	return (int)partitions;
}

static int read_bus_file(const char *path, struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(BUS_FILE_MAX);
	int r = io_read_file(path, &text, reterr);

	return r < 0 ? r : parse_bus_file(buf_span(&text), path, reterr);
}

/*
 * Several writers may come first at once: each prepares a file of its own and
 * link() lets one of them win.
 */
static int publish_bus_file(const char *dir, const char *path, unsigned partitions,
			    struct err *reterr)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(BUS_FILE_MAX);
	char tmp[PATH_TEXT_MAX];

	buf_puts(&text, first_line);
	buf_printf(&text, "partitions %u\n", partitions);
	buf_printf(&text, "crc32c %08" PRIx32 "\n", crc32c(0, text.ptr, text.len));
	if (text.failed)
		return text.failed;
	snprintf(tmp, sizeof(tmp), "%s/bus.%ld", dir, (long)getpid());
	int r = io_replace_file(tmp, buf_span(&text), 0600, reterr);

	if (r < 0)
		return r;
	r = link(tmp, path) < 0 && errno != EEXIST ? -errno : 0;
	unlink(tmp);
	if (r == 0)
		r = io_sync_dir(dir);
	return r < 0 ? err_set(reterr, r, "%s: %s", path, strerror(-r)) : 0;
}

static int create_bus(const char *dir, const char *path, unsigned partitions, struct err *reterr)
{
	if (partitions > DIR_PARTITIONS_MAX)
		return err_set(reterr, -EINVAL, "%u partitions, more than %u", partitions,
			       DIR_PARTITIONS_MAX);
	int r = io_make_dirs(dir, 0700, reterr);

	for (unsigned i = 0; r == 0 && i < partitions; i++) {
		char part[PATH_TEXT_MAX], name[DIR_NAME_MAX];

		dir_partition_name(name, i);
		snprintf(part, sizeof(part), "%s/%s", dir, name);
		r = io_make_dirs(part, 0700, reterr);
	}
	return r < 0 ? r : publish_bus_file(dir, path, partitions, reterr);
}

int dir_bus_open(const char *dir, unsigned create, struct err *reterr)
{
	char path[PATH_TEXT_MAX];

	snprintf(path, sizeof(path), "%s/bus", dir);
	if (access(path, F_OK) == 0)
		return read_bus_file(path, reterr);
	if (errno != ENOENT)
		return err_set(reterr, -errno, "%s: %s", path, strerror(errno));
	if (!create)
		return err_set(reterr, -ENOENT, "%s: there is no bus (yet)", dir);
	int r = create_bus(dir, path, create, reterr);

	return r < 0 ? r : read_bus_file(path, reterr);
}

void dir_partition_name(char name[DIR_NAME_MAX], unsigned partition)
{
	snprintf(name, DIR_NAME_MAX, "%04u", partition);
}

int dir_partition_open(const char *path, unsigned partition, int flags, int *ret_dirfd,
		       int *ret_markfd, struct err *reterr)
{
	char name[DIR_NAME_MAX], part[PATH_TEXT_MAX];

	dir_partition_name(name, partition);
	snprintf(part, sizeof(part), "%s/%s", path, name);
	_cleanup_close_ int dirfd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0)
		return err_set(reterr, -errno, "%s: %s", part, strerror(errno));
	int markfd = openat(dirfd, "committed", flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (markfd < 0)
		return err_set(reterr, -errno, "%s/committed: %s", part, strerror(errno));
	*ret_dirfd = TAKE_FD(dirfd);
	*ret_markfd = markfd;
	return 0;
}
