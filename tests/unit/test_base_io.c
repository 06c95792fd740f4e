/* io, log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "tests/unit/scratch_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* dir/name in a buffer of the caller's. */
static const char *path_of(char *path, const char *name)
{
	snprintf(path, SCRATCH_MAX + 64, "%s/%s", dir, name);
	return path;
}

static void replace_and_read_back(void **state)
{
	char path[SCRATCH_MAX + 64];
	_cleanup_(buf_release) struct buf out = BUF_INIT(100);
	struct err err;
	struct stat st;

	(void)state;
	path_of(path, "file");
	assert_int_equal(io_replace_file(path, SPAN("one"), 0640, &err), 0);
	assert_int_equal(io_replace_file(path, SPAN("second"), 0640, &err), 0);
	assert_int_equal(io_read_file(path, &out, &err), 0);
	assert_string_equal(buf_cstr(&out), "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	struct buf small = BUF_INIT(5), exact = BUF_INIT(6);

	assert_int_equal(io_read_file(path, &small, &err), -ENOBUFS);
	assert_non_null(strstr(err.text, "larger than 5 bytes"));
	assert_int_equal(io_read_file(path, &exact, &err), 0);
	assert_int_equal(exact.len, 6);
	buf_release(&small);
	buf_release(&exact);
}

static void errors_name_the_file(void **state)
{
	char path[SCRATCH_MAX + 64];
	struct buf out = BUF_INIT(100);
	struct err err;

	(void)state;
	assert_int_equal(io_read_file(path_of(path, "none"), &out, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(io_read_file(dir, &out, &err), -EISDIR);
	assert_int_equal(io_replace_file(path_of(path, "no/such"), SPAN("x"), 0600, &err), -ENOENT);
	assert_int_equal(io_sync_dir(path), -ENOENT);
	buf_release(&out);
}

static void files_of_proc_have_contents(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(io_read_file("/proc/self/status", &out, NULL), 0);
	assert_true(span_starts(buf_span(&out), SPAN("Name:")));
}

static void directories_are_made_to_the_depth(void **state)
{
	char path[SCRATCH_MAX + 64];
	struct err err;
	struct stat st;

	(void)state;
	assert_int_equal(io_make_dirs(path_of(path, "a//b/c"), 0750, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(io_make_dirs(path, 0750, &err), 0);
	path_of(path, "plain");
	assert_int_equal(io_replace_file(path, SPAN("x"), 0600, &err), 0);
	assert_int_equal(io_make_dirs(path, 0750, &err), -ENOTDIR);
	assert_int_equal(io_make_dirs("", 0750, &err), -EINVAL);
}

static void a_lock_is_exclusive(void **state)
{
	char path[SCRATCH_MAX + 64];
	struct err err;

	(void)state;
	path_of(path, "lock");
	int fd = io_lock_file(path, &err);

	assert_true(fd >= 0);
	assert_int_equal(io_lock_file(path, &err), -EAGAIN);
	assert_non_null(strstr(err.text, "locked by another process"));
	close(fd);
	fd = io_lock_file(path, &err);
	assert_true(fd >= 0);
	close(fd);
}

static void positions(void **state)
{
	char path[SCRATCH_MAX + 64], text[8];

	(void)state;
	path_of(path, "data");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, "0123456789", 10), 0);
	assert_int_equal(io_pwrite_full(fd, "xy", 2, 4), 0);
	assert_int_equal(io_pread_full(fd, text, 8, 3), 7); /* up to the end of file */
	assert_memory_equal(text, "3xy6789", 7);
	assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
	assert_int_equal(io_read_full(fd, text, 8), 2);
	assert_int_equal(io_read_full(-1, text, 8), -EBADF);
}

/* Run `log` with stderr in a file, and give back what it wrote. */
static void capture(struct buf *out, void (*log)(void))
{
	char path[SCRATCH_MAX + 64];
	int saved = dup(STDERR_FILENO);
	int fd = open(path_of(path, "stderr"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	log();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(io_read_file(path, out, NULL), 0);
}

static void log_some(void)
{
	char longest[5000];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	log_error("broken: %d", 7);
	log_warn("%s: gone", "a\n<3>b\x1b[31m");
	log_priority(0, "worst");
	log_priority(7, "not printed either");
	log_debug("not printed");
	log_info("%s", longest);
}

static void log_lines(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);

	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("prog", LOG_LEVEL_INFO);
	capture(&out, log_some);
	assert_true(span_starts(buf_span(&out), SPAN("prog: error: broken: 7\n"
						     "prog: warning: a <3>b [31m: gone\n"
						     "prog: error: worst\nprog: xxx")));
	assert_int_equal(out.ptr[out.len - 1], '\n'); /* cut, and still a line */
	assert_true(out.len < 4200);
	buf_reset(&out);
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("prog", LOG_LEVEL_INFO);
	capture(&out, log_some);
	assert_true(span_starts(buf_span(&out), SPAN("<3>broken: 7\n<4>a <3>b [31m: gone\n"
						     "<3>worst\n<6>xxx")));
	unsetenv("JOURNAL_STREAM");
	log_init("prog", LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replace_and_read_back),
		cmocka_unit_test(errors_name_the_file),
		cmocka_unit_test(files_of_proc_have_contents),
		cmocka_unit_test(directories_are_made_to_the_depth),
		cmocka_unit_test(a_lock_is_exclusive),
		cmocka_unit_test(positions),
		cmocka_unit_test(log_lines),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
