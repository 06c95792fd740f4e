/*
 * shipper - follows log files and ships their records, exactly once.
 *
 * Reading order: options.h, run.h, pipeline.h, then along a record's way:
 * discover.h, sources.h, source.h, tail.h, lines.h, pack.h, window.h, checkpoint.h.
 */
#include "common/base/log.h"
#include "shipper/run.h"
#include <malloc.h>
#include <stdio.h>
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

	if (setup_new(flags, &setup) < 0)
		return EXIT_CONFIG;
	if (flags->check_config || flags->print_config) {
		int r = flags->print_config ? setup_print(setup) : 0;

		setup_free(setup);
		return r < 0;
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

	if (code < 0 && flags.files.len == 0 && flags.config.len == 0) {
		fputs("shipper: nothing to read: give files or --config (see --help)\n", stderr);
		code = EXIT_USAGE;
	}
	if (code < 0)
		code = start(&flags);
	option_mem_release(&mem);
	return code;
}
