#include "shipper/identity.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

static struct source_id hash128(const void *bytes, size_t n)
{
	XXH128_canonical_t canonical;
	struct source_id id;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, n));
	_Static_assert(sizeof(canonical) == sizeof(id), "128 bits");
	memcpy(&id, &canonical, sizeof(id));
	return id;
}

void identity_host(struct source_id *ret)
{
	struct buf text = BUF_INIT(4096);
	char name[256] = "";

	if (io_read_file("/etc/machine-id", &text, NULL) == 0 && text.len >= 32) {
		*ret = hash128(text.ptr, 32);
	} else {
		gethostname(name, sizeof(name) - 1);
		*ret = hash128(name, strlen(name));
	}
	buf_release(&text);
}

/* Device numbers change from boot to boot; a filesystem's own id does not. */
static uint64_t filesystem_id(int fd, dev_t dev)
{
	struct statfs fs;
	uint64_t id = 0;

	if (fstatfs(fd, &fs) == 0)
		memcpy(&id, &fs.f_fsid,
		       sizeof(fs.f_fsid) < sizeof(id) ? sizeof(fs.f_fsid) : sizeof(id));
	return id ? id : (uint64_t)dev;
}

static int64_t birth_time(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) < 0 || !(stx.stx_mask & STATX_BTIME))
		return 0;
	return stx.stx_btime.tv_sec * NS_PER_SEC + stx.stx_btime.tv_nsec;
}

int identity_read(int fd, const struct source_id *host, struct identity *ret)
{
	struct stat st;
	int generation = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	bool has_generation = ioctl(fd, FS_IOC_GETVERSION, &generation) == 0;
	int64_t birth = birth_time(fd);
	/* Hashed as it lies in memory: no padding, all members fixed. */
	struct {
		struct source_id host;
		uint64_t filesystem, ino, generation, birth;
	} seed = {
		.host = *host,
		.filesystem = filesystem_id(fd, st.st_dev),
		.ino = st.st_ino,
		.generation = has_generation ? (uint32_t)generation : 0,
		.birth = (uint64_t)birth,
	};

	*ret = (struct identity){
		.key = hash128(&seed, sizeof(seed)),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.birth_ns = birth,
		.weak = !has_generation && !birth,
	};
	return 0;
}

struct source_id identity_source(const struct source_id *key, uint32_t truncations)
{
	struct {
		struct source_id key;
		uint64_t truncations;
	} seed = {*key, truncations};

	return hash128(&seed, sizeof(seed));
}
