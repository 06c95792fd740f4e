/*
 * fuzz_conf.c - no configuration crashes or hangs: load, apply, report, print.
 * What is accepted prints as YAML that is accepted and prints the same values.
 */
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
	int kind, flag;
	struct sl_str name;
	struct sl_list list, pairs;
	int64_t number, wait;
	uint64_t size;
	const void *pattern;
};
struct root {
	struct part part;
	struct conf_list parts;
	struct conf_node *raw;
};

static const struct sl_option one_options[] = {
	{.name = "size", .type = SL_OPT_SIZE, .offset = offsetof(struct part, size), .def = "1KiB"},
	{.name = "wait", .type = SL_OPT_DURATION, .offset = offsetof(struct part, wait)},
	{.name = "pattern", .type = SL_OPT_REGEX, .offset = offsetof(struct part, pattern)},
	{0},
};
static const struct conf_schema one = {.options = one_options};
static const struct sl_option part_options[] = {
	{.name = "type",
	 .type = SL_OPT_ENUM,
	 .offset = offsetof(struct part, kind),
	 .choices = "one|two",
	 .def = "one"},
	{.name = "flag", .type = SL_OPT_BOOL, .offset = offsetof(struct part, flag)},
	{.name = "name", .type = SL_OPT_STR, .offset = offsetof(struct part, name)},
	{.name = "paths",
	 .type = SL_OPT_LIST,
	 .offset = offsetof(struct part, list),
	 .def = "[a, b c]"},
	{.name = "labels", .type = SL_OPT_PAIRS, .offset = offsetof(struct part, pairs)},
	{.name = "number", .type = SL_OPT_INT, .offset = offsetof(struct part, number)},
	{0},
};
static const struct conf_schema part_schema = {
	.size = sizeof(struct part),
	.options = part_options,
	.variants = (const struct conf_schema *const[]){&one, NULL},
};
static const struct conf_sub subs[] = {
	{.name = "part",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct root, part),
	 .schema = &part_schema},
	{.name = "inputs",
	 .kind = CONF_MANY,
	 .offset = offsetof(struct root, parts),
	 .schema = &part_schema},
	{.name = "filters", .kind = CONF_RAW, .offset = offsetof(struct root, raw)},
	{0},
};
static const struct conf_schema schema = {.size = sizeof(struct root), .subs = subs};

static struct conf *load(struct span text)
{
	struct conf *conf;
	struct root root;

	CHECK(conf_new(&conf) == 0);
	int r = conf_load_text(conf, "fuzz", text);
	int r2 = conf_apply(conf, conf_root(conf), &schema, &root);

	CHECK((r < 0 || r2 < 0) == (conf_nerrors(conf) > 0));
	return conf;
}

/* Defaults have become values, so without the comments that say so. */
static void print(struct conf *conf, struct buf *out)
{
	static const struct span mark = {"  # default\n", 12};
	_cleanup_(buf_release) struct buf text = BUF_INIT(64 << 20);
	ptrdiff_t at;

	conf_print(conf, &text);
	struct span rest = buf_span(&text);

	while ((at = span_find(rest, mark)) >= 0) {
		buf_puts(out, span_take(rest, (size_t)at));
		buf_putc(out, '\n');
		rest = span_skip(rest, (size_t)at + mark.len);
	}
	buf_puts(out, rest);
	CHECK(!text.failed && !out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_release) struct buf once = BUF_INIT(64 << 20), again = BUF_INIT(64 << 20);
	struct span text = span_of((const char *)data, size);

	/* These would read other files. */
	if (span_find(text, SPAN("include")) >= 0 || size > 1 << 16)
		return 0;
	struct conf *conf = load(text);

	conf_report(conf, &once);
	if (conf_nerrors(conf)) {
		CHECK(once.len > 0);
		conf_free(conf);
		return 0;
	}
	CHECK(once.len == 0);
	print(conf, &once);
	conf_free(conf);
	conf = load(buf_span(&once));
	CHECK(conf_nerrors(conf) == 0);
	print(conf, &again);
	CHECK(span_eq(buf_span(&once), buf_span(&again)));
	conf_free(conf);
	return 0;
}
