/* options.c - the command line. */
#include "aggregator/options.h"
#include <stddef.h>

static const struct arg flag_table[] = {
	CONF_ARG_FILE(struct flags, conf),
	{
		.opt = {.name = "from",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, from),
			.help = "dir:///PATH or kafka://HOST:PORT[,…]/TOPIC"},
		.letter = 'f',
		.value = "URI",
	},
	{
		.opt = {.name = "store",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, store),
			.help = "where the index is kept"},
		.letter = 's',
		.value = "DIR",
	},
	{
		.opt = {.name = "once",
			.type = SL_OPT_BOOL,
			.offset = offsetof(struct flags, once),
			.help = "take what is there now, make it durable, print a summary, exit"},
		.letter = '1',
	},
	{
		.opt = {.name = "partitions",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, partitions),
			.help = "all (default), or a list such as 0,3,4"},
		.letter = 'p',
		.value = "LIST",
	},
	{
		.opt = {.name = "listen",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, listen),
			.help = "serve queries, /metrics and /readyz here, e.g. 127.0.0.1:9599"},
		.letter = 'l',
		.value = "HOST:PORT",
	},
	{
		.opt = {.name = "socket",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, socket),
			.help = "… and on this unix socket (default STORE/aggregator.sock; none)"},
		.value = "PATH",
	},
	CONF_ARGS_ASK(struct flags, conf),
	{.opt = {0}},
};

static const struct args arg_spec = {
	.program = "aggregator",
	.usage = "[OPTION…] --from URI --store DIR\n"
		 "       aggregator fsck --store DIR",
	.about = "Consumes log records exactly once, indexes them and answers queries.",
	.table = flag_table,
	.rest = offsetof(struct flags, command),
	.rest_max = 1,
	.epilog = "Examples:\n"
		  "  aggregator --from kafka://broker:9092/logs --store /var/lib/aggregator\n"
		  "  aggregator --from dir:///tmp/bus --store /tmp/index --once\n"
		  "  aggregator fsck --store /var/lib/aggregator\n",
};

int options_parse(int argc, char *const argv[], struct option_mem *mem, struct flags *ret)
{
	return args_run(&arg_spec, argc, argv, mem, ret);
}

int options_lay(struct conf *conf, const void *ctx)
{
	const struct flags *flags = ctx;
	const struct {
		const char *path, *origin;
		struct sl_str value;
	} rows[] = {
		{"source.from", "--from", flags->from},
		{"source.partitions", "--partitions", flags->partitions},
		{"store.path", "--store", flags->store},
		{"http.listen", "--listen", flags->listen},
		{"http.socket", "--socket", flags->socket},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value.len)
			r = conf_set(conf, rows[i].path, setup_text(rows[i].value), rows[i].origin);
	return r;
}
