/* What the loader takes and what it refuses: acceptance L16, F29. */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/flow/plugin.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

static void copy_file(const char *from, const char *to, mode_t mode)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(16 << 20);

	if (io_read_file(from, &bytes, NULL) < 0)
		fail_msg("%s is not there: make builds it", from);
	assert_int_equal(io_replace_file(to, buf_span(&bytes), mode, NULL), 0);
	assert_int_equal(chmod(to, mode), 0);
}

static char scratch[SCRATCH_MAX];

/*
 * A copy of a fixture, as the tree may belong to somebody whom the loader does
 * not trust.  make says in $O where this variant was built.
 */
static void fixture(char path[PATH_MAX], const char *name)
{
	const char *build = getenv("O");
	char built[PATH_MAX];

	snprintf(built, sizeof(built), "%s/fixtures/abi/%s.so", build ? build : "build/release",
		 name);
	snprintf(path, PATH_MAX, "%s/%s.so", scratch, name);
	copy_file(built, path, 0755);
}

static int make_scratch(void **state)
{
	(void)state;
	scratch_make(scratch);
	return 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
		{"wrong_magic", "not a Sluice filter (magic 12345678"},
		{"other_major", "built for plugin ABI 2.0, this program has 1.0: rebuild it"},
		{"newer_minor", "needs plugin ABI 1.1, this program has 1.0: upgrade it"},
		{"short_descriptor", "at least 80 expected"},
		{"undefined_symbol", "undefined symbol: nobody_defines_this"},
		{"no_entry", "no sl_filter_entry"},
		{"no_descriptor", "returned no descriptor"},
		{"no_name", "the filter has no name"},
		{"no_process", "has no process()"},
		{"option_outside", "option 'far' lies outside of the instance"},
		{"option_type", "option 'new' has an unknown type"},
		{"option_reserved", "option 'when' has a name that every filter has"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plugin plugin;
		char path[PATH_MAX];
		struct err err = {0};

		fixture(path, cases[i].name);
		assert_int_equal(plugin_open(path, &plugin, &err), -ENOEXEC);
		if (!strstr(err.text, cases[i].says) || !strstr(err.text, cases[i].name))
			fail_msg("%s: %s", cases[i].name, err.text);
	}
}

static void test_loaded(void **state)
{
	static const char *const names[] = {"good", "longer_descriptor", "open_fails"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct plugin plugin;
		char path[PATH_MAX];
		struct err err = {0};

		fixture(path, names[i]);
		if (plugin_open(path, &plugin, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(plugin.filter.name, "fixture");
		assert_non_null(plugin.filter.process);
		plugin_close(&plugin);
		assert_null(plugin.handle);
	}
	plugin_close(NULL);
}

/* What an older minor does not have reads as zero, whatever lies behind it. */
static void test_older_minor(void **state)
{
	struct sl_filter theirs;
	struct plugin plugin;
	struct err err;
	char path[PATH_MAX];

	(void)state;
	fixture(path, "good");
	assert_int_equal(plugin_open(path, &plugin, &err), 0);
	theirs = plugin.filter;
	struct plugin linked;

	assert_int_equal(plugin_builtin(&theirs, &linked, &err), 0);
	assert_null(linked.handle);
	theirs.size -= 1;
	assert_int_equal(plugin_builtin(&theirs, &linked, &err), -ENOEXEC);
	assert_int_equal(plugin_builtin(NULL, &linked, &err), -ENOEXEC);
	plugin_close(&plugin);
}

static void test_paths(void **state)
{
	char dir[] = "/tmp/test_plugin.XXXXXX", good[PATH_MAX], path[128], link[128];
	struct plugin plugin;
	struct err err = {0};

	(void)state;
	fixture(good, "good");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/good.so", dir);
	snprintf(link, sizeof(link), "%s/link.so", dir);
	copy_file(good, path, 0644);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(plugin_open(path, &plugin, &err), 0); /* below /tmp, which is sticky */
	plugin_close(&plugin);
	assert_int_equal(plugin_open(link, &plugin, &err), 0);
	plugin_close(&plugin);

	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(plugin_open(link, &plugin, &err), -EPERM);
	assert_non_null(strstr(err.text, "good.so is writable by everybody"));
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(dir, 01777), 0); /* sticky, but anybody may add a file */
	assert_int_equal(plugin_open(path, &plugin, &err), -EPERM);
	assert_non_null(strstr(err.text, "is writable by everybody"));
	assert_int_equal(chmod(dir, 0755), 0);
	if (getuid() == 0) {
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_int_equal(plugin_open(path, &plugin, &err), -EPERM);
		assert_non_null(strstr(err.text, "belongs to user 12345"));
	}
	assert_int_equal(plugin_open("good.so", &plugin, &err), -EPERM);
	assert_int_equal(plugin_open("/does/not/exist.so", &plugin, &err), -ENOENT);
	copy_file("Makefile", path, 0644);
	assert_int_equal(plugin_open(path, &plugin, &err), -ENOEXEC);
	unlink(link);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_older_minor),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
