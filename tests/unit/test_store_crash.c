/*
 * A commit interrupted anywhere leaves the old or the new state.
 *
 * This program takes the place of libc's write, fsync and so on, for the store
 * and for SQLite, and counts the calls that change something on disk.  For
 * each n a child runs the same work and at the n-th call
 *
 *	- is killed (what was written before is there), or
 *	- loses power: only what was fsynced is there, names in a folder only
 *	  since the folder's fsync, or
 *	- gets an error, and tries the commit again.
 *
 * Then the store must open, hold exactly the rows before its next offset, and
 * no commit that was acknowledged may be gone.
 */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/store_fixture.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COMMITS 5
#define ROWS    20 /* of a commit */
#define MERGES  3  /* upkeep after the commit of this number, from 0 */

/*
 * What is on disk after a fault doesn't depend on the sanitizers, in which a
 * fork costs 20 times as much: they see some of the calls, plain builds all.
 */
#define STEP (SANITIZED ? 11 : 1)

enum fault { FAULT_NONE, FAULT_KILL, FAULT_POWER, FAULT_EIO, FAULT_ENOSPC };

/* What the child is to suffer; `calls` only counts while it is armed. */
static struct {
	bool armed;
	enum fault fault;
	long at, calls;
	char shadow[SCRATCH_MAX + 16]; /* what is durable, see keep_file() */
} plan;

/* Shared with the child: rows that were acknowledged. */
static volatile int64_t *acknowledged;
static char dir[SCRATCH_MAX];

static void copy_bytes(int from, const char *path)
{
	char bytes[65536];
	int to = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	for (off_t at = 0; (n = pread(from, bytes, sizeof(bytes), at)) > 0; at += n)
		if (syscall(SYS_write, to, bytes, (size_t)n) != n)
			abort();
	close(to);
}

/*
 * The durable state: shadow/file-INODE is a file's contents at its last fsync,
 * shadow/names-INODE a folder's names and inodes at its last fsync.
 */
static void keep_file(int fd)
{
	char path[PATH_MAX], folder[64];
	struct stat st;

	if (!plan.shadow[0] || fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode)) {
		snprintf(path, sizeof(path), "%s/file-%lu", plan.shadow, (unsigned long)st.st_ino);
		snprintf(folder, sizeof(folder), "/proc/self/fd/%d", fd);
		int again = (int)syscall(SYS_openat, AT_FDCWD, folder, O_RDONLY);

		copy_bytes(again, path);
		close(again);
		return;
	}
	snprintf(path, sizeof(path), "%s/names-%lu", plan.shadow, (unsigned long)st.st_ino);
	FILE *out = fopen(path, "w");
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *names = fdopendir(again);
	struct dirent *entry;

	while (out && names && (entry = readdir(names)))
		if (entry->d_name[0] != '.')
			fprintf(out, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
	if (names)
		closedir(names);
	if (out)
		fclose(out);
}

/* Before each call that changes something.  0: go on; else the errno to fail with. */
static int before_call(void)
{
	if (!plan.armed || ++plan.calls != plan.at)
		return 0;
	switch (plan.fault) {
	case FAULT_NONE:
		return 0;
	case FAULT_EIO:
		return EIO;
	case FAULT_ENOSPC:
		return ENOSPC;
	case FAULT_KILL:
	case FAULT_POWER:
		break;
	}
	kill(getpid(), SIGKILL);
	return 0;
}

/* Seen by the shared libraries too. */
#define EXPORTED __attribute__((visibility("default")))

#define FAULTY(call)                                                                               \
	int error = before_call();                                                                 \
	if (error) {                                                                               \
		errno = error;                                                                     \
		return -1;                                                                         \
	}                                                                                          \
	return call

EXPORTED ssize_t write(int fd, const void *bytes, size_t n)
{
	FAULTY(syscall(SYS_write, fd, bytes, n));
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	FAULTY(syscall(SYS_pwrite64, fd, bytes, n, at));
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
	FAULTY(syscall(SYS_pwrite64, fd, bytes, n, at));
}

EXPORTED int ftruncate(int fd, off_t size)
{
	FAULTY((int)syscall(SYS_ftruncate, fd, size));
}

EXPORTED int ftruncate64(int fd, off_t size)
{
	FAULTY((int)syscall(SYS_ftruncate, fd, size));
}

EXPORTED int unlink(const char *path)
{
	FAULTY((int)syscall(SYS_unlink, path));
}

EXPORTED int rename(const char *from, const char *to)
{
	FAULTY((int)syscall(SYS_rename, from, to));
}

EXPORTED int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	FAULTY((int)syscall(SYS_renameat, from_fd, from, to_fd, to));
}

EXPORTED int unlinkat(int fd, const char *path, int flags)
{
	FAULTY((int)syscall(SYS_unlinkat, fd, path, flags));
}

static int synced(int fd, int error)
{
	if (error) {
		errno = error;
		return -1;
	}
	if (plan.armed && plan.fault == FAULT_POWER)
		keep_file(fd);
	return 0;
}

EXPORTED int fsync(int fd)
{
	return synced(fd, before_call());
}

EXPORTED int fdatasync(int fd)
{
	return synced(fd, before_call());
}

static int open_twice(struct store **ret)
{
	const struct store_conf conf = {.no_background = true};
	struct err err;
	int r = store_open(dir, false, &conf, ret, &err);

	return r < 0 ? store_open(dir, false, &conf, ret, &err) : r;
}

/* The child: commit after commit, a merge in between; each failure is tried once more. */
static void work(void)
{
	struct store *store = NULL;
	struct err err;
	int64_t next = 0;

	if (open_twice(&store) < 0)
		_exit(2);
	for (int c = 0; c < COMMITS; c++) {
		for (int i = 0; i < ROWS; i++)
			if (append_row(store, (uint64_t)(next + i)) < 0)
				_exit(3);
		next += ROWS;
		int r = commit_at(store, next, &err);

		r = r < 0 ? commit_at(store, next, &err) : r;
		if (r == -ESTALE)
			_exit(0); /* the operator restarts it */
		if (r < 0)
			_exit(4);
		*acknowledged = next;
		if (c == MERGES && store_upkeep(store, &err) < 0 && store_upkeep(store, &err) < 0)
			_exit(5);
	}
	store_close(store);
	_exit(0);
}

/* A child that finds the manifest garbled, and rebuilds it. */
static void rebuild(void)
{
	struct store *store = NULL;

	if (open_twice(&store) < 0)
		_exit(2);
	store_close(store);
	_exit(0);
}

/* Put the folder together from the shadow: what the disk has after the power came back. */
static void restore_names(const char *folder, unsigned long inode)
{
	char path[PATH_MAX], name[256];
	unsigned long child;

	snprintf(path, sizeof(path), "%s/names-%lu", plan.shadow, inode);
	_cleanup_fclose_ FILE *names = fopen(path, "r");
	char line[512];

	while (names && fgets(line, sizeof(line), names)) {
		char *space = strchr(line, ' ');

		child = strtoul(line, NULL, 10);
		line[strcspn(line, "\n")] = 0;
		snprintf(name, sizeof(name), "%.200s", space + 1);
		char to[PATH_MAX];

		snprintf(to, sizeof(to), "%.3000s/%.200s", folder, name);
		snprintf(path, sizeof(path), "%s/file-%lu", plan.shadow, child);
		_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);

		if (strcmp(name, "parts") == 0) {
			assert_int_equal(mkdir(to, 0700), 0);
			restore_names(to, child);
		} else if (from >= 0) {
			copy_bytes(from, to);
		} else {
			/* The name is there, its contents never were. */
			close(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		}
	}
}

static void lose_power(unsigned long inode)
{
	scratch_remove(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	restore_names(dir, inode);
}

static void check_store(const char *what, long n)
{
	struct store *store = NULL;
	struct store_snapshot *snap;
	struct err err;

	if (store_open(dir, false, &(struct store_conf){.no_background = true}, &store, &err) < 0)
		fail_msg("%s at call %ld: the store does not open: %s", what, n, err.text);
	const struct store_progress *p = store_progress(store);
	int64_t next = p->npartitions ? p->partitions[0].next_offset : 0;

	snap = all_rows(store);
	int64_t sum = sum_of_n(snap);

	if (next < *acknowledged || (int64_t)snap->rows != next || snap->ndamages ||
	    sum != next * (next - 1) / 2)
		fail_msg("%s at call %ld: acknowledged %" PRId64 ", next offset %" PRId64
			 ", %" PRIu64 " rows",
			 what, n, *acknowledged, next, snap->rows);
	store_snapshot_free(snap);
	/* And it goes on from there. */
	assert_int_equal(append_row(store, (uint64_t)next), 0);
	if (commit_at(store, next + 1, &err) < 0)
		fail_msg("%s at call %ld: %s", what, n, err.text);
	store_close(store);
}

/* A store of three commits whose manifest is garbled. */
static void prepare_garbled(void)
{
	struct store *store = NULL;
	struct err err;
	char path[SCRATCH_MAX + 32];

	assert_int_equal(open_twice(&store), 0);
	for (int64_t next = 0; next < 3 * ROWS;) {
		for (int i = 0; i < ROWS; i++)
			assert_int_equal(append_row(store, (uint64_t)next++), 0);
		assert_int_equal(commit_at(store, next, &err), 0);
	}
	store_close(store);
	*acknowledged = 3 * ROWS;
	snprintf(path, sizeof(path), "%s/manifest.db", dir);
	assert_int_equal(truncate(path, 5000), 0);
}

/* One run of the work with a fault at call n; false when it was over before. */
static bool run_with_fault(enum fault fault, const char *what, bool garbled, long n)
{
	char shadow[SCRATCH_MAX];
	struct stat st;
	int status;

	scratch_make(dir);
	scratch_make(shadow);
	*acknowledged = 0;
	if (garbled)
		prepare_garbled();
	plan.fault = fault;
	plan.at = n;
	plan.calls = 0;
	plan.shadow[0] = 0;
	assert_int_equal(stat(dir, &st), 0);
	if (fault == FAULT_POWER)
		snprintf(plan.shadow, sizeof(plan.shadow), "%s", shadow);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		plan.armed = true;
		if (garbled)
			rebuild();
		work();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		fail_msg("%s at call %ld: the work ended with status 0x%x", what, n, status);
	if (fault == FAULT_POWER && killed)
		lose_power(st.st_ino);
	if (access(dir, F_OK) == 0)
		check_store(what, n);
	scratch_remove(shadow);
	scratch_remove(dir);
	return killed;
}

static void killed_at_every_call(void **state)
{
	long n = 1;

	(void)state;
	while (run_with_fault(FAULT_KILL, "kill", false, n))
		n += STEP;
	assert_true(n > 100);
}

static void power_lost_at_every_call(void **state)
{
	long n = 1;

	(void)state;
	while (run_with_fault(FAULT_POWER, "power loss", false, n))
		n += STEP;
	assert_true(n > 100);
}

/* How many calls the work makes without a fault. */
static long count_calls(void)
{
	long n = 1;

	while (run_with_fault(FAULT_KILL, "kill", false, n))
		n += 8;
	return n;
}

static void an_error_at_every_call(void **state)
{
	long calls = count_calls();

	(void)state;
	for (long n = 1; n <= calls; n += STEP) {
		run_with_fault(FAULT_EIO, "EIO", false, n);
		run_with_fault(FAULT_ENOSPC, "ENOSPC", false, n);
	}
}

static void a_recovery_killed_at_every_call(void **state)
{
	long n = 1;

	(void)state;
	while (run_with_fault(FAULT_KILL, "kill in a recovery", true, n))
		n += STEP;
	assert_true(n > 20);
	for (long i = 1; i < n; i += STEP)
		run_with_fault(FAULT_EIO, "EIO in a recovery", true, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_call),
		cmocka_unit_test(power_lost_at_every_call),
		cmocka_unit_test(an_error_at_every_call),
		cmocka_unit_test(a_recovery_killed_at_every_call),
	};

	acknowledged = mmap(NULL, sizeof(*acknowledged), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (acknowledged == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
