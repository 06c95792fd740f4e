#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/bus/uri.h"
#include "common/ops/http.h"
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
	if (multiline_init(&input->joining.multiline, setup_text(input->multiline), &err) < 0)
		conf_error(setup->conf, conf_get(node, "multiline") ?: node, "%s", err.text);
	input->joining.cri = input->parser && parser_takes_containers(input->parser);
	input->joining.pause_ns = input->multiline_timeout;
	input->resource = BUF_INIT(64 << 10);
	labels_json(&setup->settings.labels, &input->resource);
	if (setup->settings.labels.len && input->labels.len)
		buf_putc(&input->resource, ',');
	labels_json(&input->labels, &input->resource);
	if (input->resource.failed)
		conf_error(setup->conf, node, "too many labels");
}

static void check_output(struct setup *setup)
{
	struct conf_node *output = conf_get(conf_root(setup->conf), "output");
	struct conf_node *to = conf_get(output, "to");
	struct bus_uri uri;
	struct err err;

	if (to && setup->settings.output.to.len) {
		if (bus_uri_parse(setup_text(setup->settings.output.to), &uri, &err) < 0)
			conf_error_in(setup->conf, to, err.offset, "%s", err.text);
	} else if (!to && setup->settings.inputs.len) {
		conf_error(setup->conf, output,
			   "output.to is missing: dir:///PATH or kafka://HOST:PORT/TOPIC");
	}
}

/* What the server would refuse at the start is an error of the configuration. */
static int check_listen(struct setup *setup)
{
	struct span listen = setup_text(setup->settings.listen);
	_cleanup_free_ char *address = strndup(listen.len ? listen.ptr : "", listen.len);
	struct conf_node *root = conf_root(setup->conf);
	struct err err;

	if (!address)
		return -ENOMEM;
	if (listen.len && http_check_listen(address, false, &err) < 0)
		conf_error(setup->conf, conf_get(root, "listen") ?: root, "%s", err.text);
	return 0;
}

static int build(struct setup *setup)
{
	static const struct chain_env env = {
		.builtins = filters_builtin,
		.plugin_dir = SLUICE_PLUGINDIR,
		.log = log_priority,
	};
	struct conf *conf = setup->conf;
	struct settings *settings = &setup->settings;
	struct conf_node *inputs = conf_get(conf_root(conf), "inputs");
	struct conf_node *node = inputs ? inputs->first : NULL;

	for (size_t i = 0; i < settings->inputs.len; i++) {
		build_input(setup, node, setup_input(setup, i));
		node = node ? node->next : NULL;
	}
	check_output(setup);
	int r = check_listen(setup);

	if (r < 0)
		return r;
	/* From the tree, not from the settings: those may be wrong. */
	r = chain_new(&env, conf, conf_get(conf_root(conf), "filters"), &setup->chain);

	if (settings->host.len) {
		setup->host = setup_text(settings->host);
	} else {
		gethostname(setup->host_name, sizeof(setup->host_name) - 1);
		setup->host = span_cstr(setup->host_name);
	}
	return r;
}

int setup_new(const struct flags *flags, struct setup **ret)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	int r = setup ? conf_new(&setup->conf) : -ENOMEM;

	if (r == 0)
		r = conf_read(setup->conf, &flags->conf, options_lay, flags, &settings_schema,
			      &setup->settings);
	/* Also of a configuration that is wrong already: all errors are told at once. */
	if (r == 0 || r == -EINVAL)
		r = build(setup);
	if (setup && setup->conf && conf_complain(setup->conf) < 0)
		r = -EINVAL;
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
		multiline_release(&setup_input(setup, i)->joining.multiline);
		buf_release(&setup_input(setup, i)->resource);
	}
	chain_free(setup->chain);
	conf_free(setup->conf);
	free(setup);
}
