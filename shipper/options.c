#include "shipper/options.h"
#include <stddef.h>
#include <stdio.h>

static const struct arg flag_table[] = {
	CONF_ARG_FILE(struct flags, conf),
	{
		.opt = {.name = "state",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, state),
			.help = "where the checkpoint is kept"},
		.letter = 's',
		.value = "DIR",
	},
	{
		.opt = {.name = "to",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, to),
			.help = "dir:///PATH or kafka://HOST:PORT[,…]/TOPIC"},
		.letter = 't',
		.value = "URI",
	},
	{
		.opt = {.name = "once",
			.type = SL_OPT_BOOL,
			.offset = offsetof(struct flags, once),
			.help = "read each file to its end, wait for the acknowledgements, exit"},
		.letter = '1',
	},
	{
		.opt = {.name = "service",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, service),
			.help = "service of the records (default: from the file's name)"},
		.letter = 'u',
		.value = "NAME",
	},
	{
		.opt = {.name = "host",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, host),
			.help = "host of the records (default: this machine's name)"},
		.letter = 'H',
		.value = "NAME",
	},
	{
		.opt = {.name = "label",
			.type = SL_OPT_PAIRS,
			.offset = offsetof(struct flags, labels),
			.help = "add a field to each record; may be repeated"},
		.letter = 'l',
		.value = "KEY=VALUE",
	},
	{
		.opt = {.name = "parse",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, parse),
			.help = "format of the lines (default auto)"},
		.letter = 'p',
		.value = "FORMAT",
	},
	{
		.opt = {.name = "multiline",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, multiline),
			.help = "none, auto, java, python, go, indent or start:REGEX: lines that "
				"belong to the record before them"},
		.letter = 'm',
		.value = "MODE",
	},
	{
		.opt = {.name = "filter",
			.type = SL_OPT_LIST,
			.offset = offsetof(struct flags, filters),
			.help = "a filter behind those of the configuration; may be repeated"},
		.letter = 'f',
		.value = "'TYPE KEY=VALUE…'",
	},
	{
		.opt = {.name = "start-at",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, start_at),
			.help = "beginning or end, of files that are there at the first start"},
		.value = "WHERE",
	},
	{
		.opt = {.name = "listen",
			.type = SL_OPT_STR,
			.offset = offsetof(struct flags, listen),
			.help = "serve /livez, /readyz and /metrics here, e.g. 127.0.0.1:9598"},
		.value = "HOST:PORT",
	},
	CONF_ARGS_ASK(struct flags, conf),
	{.opt = {0}},
};

static const struct args arg_spec = {
	.program = "shipper",
	.usage = "[OPTION…] --state DIR --to URI FILE|GLOB…",
	.about =
		"Follows log files and ships their records, exactly once, to Kafka or a directory.",
	.table = flag_table,
	.rest = offsetof(struct flags, files),
	.rest_max = SIZE_MAX,
	.epilog = "Examples:\n"
		  "  shipper --state /var/lib/shipper --to kafka://broker:9092/logs "
		  "'/var/log/app/*.log'\n"
		  "  shipper --state st --to dir:///tmp/bus --once old.log\n",
};

int options_parse(int argc, char *const argv[], struct option_mem *mem, struct flags *ret)
{
	return args_run(&arg_spec, argc, argv, mem, ret);
}

static int set(struct conf *conf, const char *path, struct sl_str value, const char *origin)
{
	return value.len ? conf_set(conf, path, setup_text(value), origin) : 0;
}

static size_t count_items(struct conf *conf, const char *key)
{
	struct conf_node *list = conf_get(conf_root(conf), key);
	size_t n = 0;

	for (struct conf_node *i = list ? list->first : NULL; i; i = i->next)
		n++;
	return n;
}

/* "grep field=level drop=debug" is the n-th of `filters`. */
static int set_filter(struct conf *conf, size_t n, struct span spec)
{
	struct span word, key;
	char path[280];
	int r = 0;

	for (size_t i = 0; r == 0 && span_cut(&spec, ' ', &word); i++) {
		struct span value = word;

		if (i == 0)
			key = SPAN("type");
		else if (span_chr(word, '=') < 0 || !span_cut(&value, '=', &key))
			return conf_error(conf, NULL, "--filter: '%.*s' is not KEY=VALUE",
					  SPAN_FMT(word));
		if (key.len == 0 || key.len > 200 || span_chr(key, '[') >= 0)
			return conf_error(conf, NULL, "--filter: '%.*s' can't be a key",
					  SPAN_FMT(key));
		snprintf(path, sizeof(path), "filters[%zu].%.*s", n, SPAN_FMT(key));
		r = conf_set(conf, path, value, "--filter");
	}
	return r;
}

static int set_filters(struct conf *conf, const struct flags *flags)
{
	size_t n = count_items(conf, "filters");
	int r = 0;

	for (size_t i = 0; r == 0 && i < flags->filters.len; i++)
		r = set_filter(conf, n + i, setup_text(flags->filters.items[i]));
	return r;
}

/* Files of the command line are one more input, with the flags that belong to it. */
static int set_input(struct conf *conf, const struct flags *flags)
{
	size_t n = count_items(conf, "inputs");
	char path[64];
	int r = 0;

	if (flags->files.len == 0)
		return 0;
	snprintf(path, sizeof(path), "inputs[%zu].paths[+]", n);
	for (size_t i = 0; r == 0 && i < flags->files.len; i++)
		r = set(conf, path, flags->files.items[i], "FILE");
	const struct {
		const char *key, *origin;
		struct sl_str value;
	} own[] = {
		{"service", "--service", flags->service},
		{"parse", "--parse", flags->parse},
		{"multiline", "--multiline", flags->multiline},
		{"start_at", "--start-at", flags->start_at},
	};

	for (size_t i = 0; r == 0 && i < sizeof(own) / sizeof(own[0]); i++) {
		snprintf(path, sizeof(path), "inputs[%zu].%s", n, own[i].key);
		r = set(conf, path, own[i].value, own[i].origin);
	}
	return r;
}

int options_lay(struct conf *conf, const void *ctx)
{
	const struct flags *flags = ctx;
	char path[280];
	int r = set(conf, "data_dir", flags->state, "--state");

	if (r == 0)
		r = set(conf, "output.to", flags->to, "--to");
	if (r == 0)
		r = set(conf, "host", flags->host, "--host");
	if (r == 0)
		r = set(conf, "listen", flags->listen, "--listen");
	for (size_t i = 0; r == 0 && i + 1 < flags->labels.len; i += 2) {
		struct span key = setup_text(flags->labels.items[i]);

		if (key.len > 255 || span_chr(key, '.') >= 0 || span_chr(key, '[') >= 0)
			return conf_error(conf, NULL, "--label: '%.*s' can't be a key",
					  SPAN_FMT(key));
		snprintf(path, sizeof(path), "labels.%.*s", SPAN_FMT(key));
		r = set(conf, path, flags->labels.items[i + 1], "--label");
	}
	if (r == 0)
		r = set_filters(conf, flags);
	return r == 0 ? set_input(conf, flags) : r;
}
