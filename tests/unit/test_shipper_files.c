/* Names: globs against a real tree, and what a name says about its service. */
#include "common/base/buf.h"
#include "shipper/glob.h"
#include "shipper/labels.h"
#include "tests/unit/scratch.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

struct found {
	char names[4096];
	size_t root_len, files, dirs;
};

static void on_file(void *ctx, const char *path, bool literal)
{
	struct found *found = ctx;
	size_t n = strlen(found->names);

	(void)literal;
	snprintf(found->names + n, sizeof(found->names) - n, "%s ", path + found->root_len + 1);
	found->files++;
}

static void on_dir(void *ctx, const char *path)
{
	(void)path;
	((struct found *)ctx)->dirs++;
}

static void touch(const char *root, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static struct found expand(const char *root, const char *pattern)
{
	struct found found = {.root_len = strlen(root)};
	struct glob_walk walk = {on_file, on_dir, &found};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, pattern);
	assert_int_equal(glob_expand(span_cstr(path), &walk), 0);
	return found;
}

static void test_expand(void **state)
{
	char root[SCRATCH_MAX];
	(void)state;

	scratch_make(root);
	touch(root, "a.log");
	touch(root, "a.log.1");
	touch(root, ".hidden.log");
	touch(root, "pods/x/0.log");
	touch(root, "pods/y/deep/1.log");
	touch(root, "pods/y/.git/2.log");
	touch(root, "b.txt");

	assert_string_equal(expand(root, "a.log").names, "a.log ");
	assert_string_equal(expand(root, "missing.log").names, "missing.log ");
	assert_string_equal(expand(root, "*.log").names, "a.log ");
	assert_int_equal(expand(root, "a.log*").files, 2);
	assert_string_equal(expand(root, "pods/*/*.log").names, "pods/x/0.log ");
	assert_int_equal(expand(root, "pods/**/*.log").files, 2);
	assert_int_equal(expand(root, "**/*.log").files, 3);
	assert_int_equal(expand(root, "no/such/*.log").files, 0);
	/* The directories in which a new name could match: the pattern's, and each one above. */
	assert_int_equal(expand(root, "pods/*/*.log").dirs, 3);
	assert_int_equal(expand(root, "a.log").dirs, 1);
	scratch_remove(root);
}

static void test_a_loop_of_links_ends(void **state)
{
	char root[SCRATCH_MAX], link[SCRATCH_MAX + 16];
	(void)state;

	scratch_make(root);
	touch(root, "d/a.log");
	snprintf(link, sizeof(link), "%s/d/loop", root);
	assert_int_equal(symlink(root, link), 0);
	assert_int_equal(expand(root, "**/*.log").files, 1);
	scratch_remove(root);
}

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} cases[] = {
		{"/var/log/*.log", "/var/log/a.log", true},
		{"/var/log/*.log", "/var/log/x/a.log", false},
		{"/var/log/**/*.log", "/var/log/a.log", true},
		{"/var/log/**/*.log", "/var/log/x/y/a.log", true},
		{"/var/log/**/*.log", "/var/log/.x/a.log", false},
		{"/var/**/x/**/*.log", "/var/a/x/b/c/d.log", true},
		{"/var/**/x/**/*.log", "/var/a/y/b/c/d.log", false},
		{"*.gz", "/var/log/a.gz", true},
		{"*.gz", "/var/gz/a.log", false},
		{"/var/log//a.log", "/var/log/a.log", true},
		{"/var/log/a.lo[gx]", "/var/log/a.lox", true},
		{"/var/log/a", "/var/log", false},
		{"/var/log", "/var/log/a", false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (glob_match(span_cstr(cases[i].pattern), span_cstr(cases[i].path)) !=
		    cases[i].match)
			fail_msg("%s against %s", cases[i].pattern, cases[i].path);
}

static void test_service(void **state)
{
	static const char *const cases[][2] = {
		{"/var/log/shop/payment.log", "payment"},
		{"/var/log/shop/payment.log.2", "payment"},
		{"payment.json.1", "payment"},
		{"/srv/checkout-20260301.json.1", "checkout"},
		{"/srv/checkout.log-20260301", "checkout"},
		{"/srv/checkout.log.2026-03-01", "checkout"},
		{"/srv/checkout.1.log", "checkout"},
		{"/srv/node-17.log", "node-17"},
		{"/srv/syslog", "syslog"},
		{"/srv/.hidden", ".hidden"},
		{"/srv/0.log", "0"},
		{"/srv/", "unknown"},
		{"", "unknown"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span got = labels_service(span_cstr(cases[i][0]));

		if (!span_eq(got, span_cstr(cases[i][1])))
			fail_msg("%s: got '%.*s'", cases[i][0], SPAN_FMT(got));
	}
}

static void test_label_text(void **state)
{
	struct sl_str items[] = {sl_cstr("env"), sl_cstr("a\"b"), sl_cstr("team"), sl_cstr("x")};
	struct sl_list pairs = {items, 4};
	struct buf out = BUF_INIT(100);
	(void)state;

	labels_json(&pairs, &out);
	assert_true(span_eq(buf_span(&out), SPAN("\"env\":\"a\\\"b\",\"team\":\"x\"")));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),     cmocka_unit_test(test_a_loop_of_links_ends),
		cmocka_unit_test(test_match),      cmocka_unit_test(test_service),
		cmocka_unit_test(test_label_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
