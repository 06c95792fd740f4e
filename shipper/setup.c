#include "filters/builtin.h"
#include "shipper/labels.h"
#include "shipper/options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void build_input(struct setup *setup, struct conf_node *node, struct input *input)
{
	struct err err;

	if (parser_new(setup_text(input->parse), &input->parser, &err) < 0)
		conf_error(setup->conf, conf_get(node, "parse") ?: node, "%s", err.text);
	input->resource = BUF_INIT(64 << 10);
	labels_json(&setup->settings.labels, &input->resource);
	if (setup->settings.labels.len && input->labels.len)
		buf_putc(&input->resource, ',');
	labels_json(&input->labels, &input->resource);
	if (input->resource.failed)
		conf_error(setup->conf, node, "too many labels");
}

static int build(struct setup *setup)
{
	static const struct chain_env env = {
		.builtins = filters_builtin,
		.plugin_dir = SLUICE_PLUGINDIR,
		.log = NULL,
	};
	struct conf *conf = setup->conf;
	struct settings *settings = &setup->settings;
	struct conf_node *inputs = conf_get(conf_root(conf), "inputs");
	struct conf_node *node = inputs ? inputs->first : NULL;

	for (size_t i = 0; i < settings->inputs.len; i++) {
		build_input(setup, node, setup_input(setup, i));
		node = node ? node->next : NULL;
	}
	if (settings->output.to.len == 0 && settings->inputs.len)
		conf_error(conf, conf_get(conf_root(conf), "output"),
			   "output.to is missing: dir:///PATH or kafka://HOST:PORT/TOPIC");
	int r = chain_new(&env, conf, settings->filters, &setup->chain);

	if (settings->host.len) {
		setup->host = setup_text(settings->host);
	} else {
		gethostname(setup->host_name, sizeof(setup->host_name) - 1);
		setup->host = span_cstr(setup->host_name);
	}
	return r;
}

static void report_errors(struct conf *conf)
{
	struct buf text = BUF_INIT(1 << 20);

	conf_report(conf, &text);
	fwrite(text.ptr, 1, text.len, stderr);
	buf_release(&text);
}

/* Each step collects errors in the conf; only no memory stops it. */
static int load(struct setup *setup, const struct flags *flags)
{
	struct conf *conf = setup->conf;
	char path[4096];
	int r = 0;

	if (flags->config.len) {
		snprintf(path, sizeof(path), "%.*s", SPAN_FMT(setup_text(flags->config)));
		r = conf_load_file(conf, path);
	}
	if (r != -ENOMEM)
		r = options_lay(conf, flags);
	if (r != -ENOMEM)
		r = conf_apply(conf, conf_root(conf), &settings_schema, &setup->settings);
	return r;
}

int setup_new(const struct flags *flags, struct setup **ret)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	int r = setup ? conf_new(&setup->conf) : -ENOMEM;

	if (r == 0)
		r = load(setup, flags);
	if (r == 0)
		r = build(setup);
	if (setup && setup->conf && conf_nerrors(setup->conf)) {
		report_errors(setup->conf);
		r = -EINVAL;
	}
	if (r < 0) {
		setup_free(setup);
		return r;
	}
	*ret = setup;
	return 0;
}

void setup_free(struct setup *setup)
{
	if (!setup)
		return;
	for (size_t i = 0; i < setup->settings.inputs.len; i++) {
		parser_free(setup_input(setup, i)->parser);
		buf_release(&setup_input(setup, i)->resource);
	}
	chain_free(setup->chain);
	conf_free(setup->conf);
	free(setup);
}

int setup_print(struct setup *setup)
{
	struct buf text = BUF_INIT(4 << 20);

	conf_print(setup->conf, &text);
	fwrite(text.ptr, 1, text.len, stdout);
	int r = text.failed;

	buf_release(&text);
	return r;
}
