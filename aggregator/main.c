/* main.c - the aggregator's command line. */
#include "aggregator/daemon.h"
#include "aggregator/store/store.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include <errno.h>

static void print_finding(void *ctx, bool problem, const char *line)
{
	(void)ctx;
	printf("%s %s\n", problem ? "bad" : "ok ", line);
}

/* aggregator fsck: 0 all is well, 1 there are problems, 2 the check failed. */
static int run_fsck(const struct setup *setup)
{
	_cleanup_free_ char *path =
		strndup(setup->settings.store.path.ptr, setup->settings.store.path.len);
	struct err err = {0};
	int r = path ? store_fsck(path, print_finding, NULL, &err) : -ENOMEM;

	if (r < 0) {
		log_error("fsck: %s", err.text[0] ? err.text : strerror(-r));
		return 2;
	}
	printf("%d problems\n", r);
	return r ? 1 : 0;
}

static int run(const struct flags *flags)
{
	bool fsck =
		flags->command.len && span_eq(setup_text(flags->command.items[0]), SPAN("fsck"));
	struct setup *setup;
	int code;

	if (flags->command.len && !fsck) {
		log_error("unknown command '%.*s'; there is fsck",
			  SPAN_FMT(setup_text(flags->command.items[0])));
		return EXIT_USAGE;
	}
	if (flags->conf.json_schema)
		return conf_show_schema(&settings_schema, "aggregator");
	if (setup_new(flags, &setup) < 0)
		return EXIT_CONFIG;
	if (!flags->conf.check && !flags->conf.print && !fsck)
		return daemon_run(flags, setup);
	code = fsck ? run_fsck(setup) : 0;
	if (flags->conf.print)
		code = conf_show(setup->conf);
	setup_free(setup);
	return code;
}

int main(int argc, char **argv)
{
	struct option_mem mem;
	struct flags flags = {0};
	int code;

	log_init("aggregator", LOG_LEVEL_INFO);
	option_mem_init(&mem, 1 << 20);
	code = options_parse(argc, argv, &mem, &flags);
	if (code < 0)
		code = run(&flags);
	option_mem_release(&mem);
	return code;
}
