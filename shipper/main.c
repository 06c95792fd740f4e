/*
 * shipper - follows log files and ships their records, exactly once.
 *
 * Reading order: options.h, run.h, pipeline.h, then along a record's way:
 * discover.h, sources.h, source.h, tail.h, pack.h, window.h, checkpoint.h.
 */
#include "common/base/log.h"
#include "shipper/run.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * librdkafka's threads would each get an arena of their own, of 64 MiB of
 * addresses and whatever stays resident of them: two are plenty here, and freed
 * memory goes back soon.
 */
static void tame_malloc(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

static int start(const struct flags *flags)
{
	struct setup *setup = NULL;

	if (flags->conf.json_schema)
		return conf_show_schema(&settings_schema, "shipper");
	if (flags->files.len == 0 && flags->conf.file.len == 0) {
		fputs("shipper: nothing to read: give files or --config (see --help)\n", stderr);
		return EXIT_USAGE;
	}
	if (setup_new(flags, &setup) < 0)
		return EXIT_CONFIG;
	if (flags->conf.check || flags->conf.print) {
		int code = flags->conf.print ? conf_show(setup->conf) : EXIT_SUCCESS;

		setup_free(setup);
		return code;
	}
	return run(flags, setup);
}

int main(int argc, char **argv)
{
	struct option_mem mem;
	struct flags flags = {0};

	tame_malloc();
	umask(077);
	log_init("shipper", LOG_LEVEL_INFO);
	option_mem_init(&mem, 1 << 20);
	int code = options_parse(argc, argv, &mem, &flags);

	if (code < 0)
		code = start(&flags);
	option_mem_release(&mem);
	return code;
}
