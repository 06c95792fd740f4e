/* setup.c - a configuration that is read, checked and built. */
#include "aggregator/options.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/num.h"
#include "common/bus/uri.h"
#include "common/ops/http.h"
#include "filters/builtin.h"
#include <errno.h>

#define PARTITIONS_MAX 100000

static struct conf_node *node_at(struct conf *conf, const char *section, const char *key)
{
	struct conf_node *node = conf_get(conf_root(conf), section);

	return conf_get(node, key) ?: node;
}

/* "all" leaves the list empty. */
static int parse_partitions(struct setup *setup)
{
	struct span rest = setup_text(setup->settings.source.partitions), piece;
	VEC(uint32_t) list = {0};
	uint64_t id;

	if (span_eq(rest, SPAN("all")))
		return 0;
	while (span_cut(&rest, ',', &piece)) {
		if (num_parse_u64(span_trim(piece), &id) < 0 || id >= PARTITIONS_MAX) {
			vec_release(&list);
			return conf_error(setup->conf, node_at(setup->conf, "source", "partitions"),
					  "'%.*s' is no partition: expected all, or a list such as "
					  "0,3,4",
					  SPAN_FMT(piece));
		}
		if (vec_push(&list, (uint32_t)id) < 0) {
			vec_release(&list);
			return -ENOMEM;
		}
	}
	setup->partitions = list.ptr;
	setup->npartitions = list.len;
	return 0;
}

static void check_source(struct setup *setup)
{
	struct conf_node *from = conf_get(conf_get(conf_root(setup->conf), "source"), "from");
	struct bus_uri uri;
	struct err err;

	if (from && setup->settings.source.from.len &&
	    bus_uri_parse(setup_text(setup->settings.source.from), &uri, &err) < 0)
		conf_error_in(setup->conf, from, err.offset, "%s", err.text);
}

/* What the API would refuse at the start is an error of the configuration. */
static int check_http(struct setup *setup)
{
	struct span listen = setup_text(setup->settings.http.listen);
	struct span socket = setup_text(setup->settings.http.socket);
	_cleanup_free_ char *address = strndup(listen.len ? listen.ptr : "", listen.len);
	_cleanup_free_ char *path = strndup(socket.len ? socket.ptr : "", socket.len);
	struct err err;

	if (!address || !path)
		return -ENOMEM;
	if (listen.len && http_check_listen(address, false, &err) < 0)
		conf_error(setup->conf, node_at(setup->conf, "http", "listen"), "%s", err.text);
	if (socket.len && http_check_unix_path(path, &err) < 0)
		conf_error(setup->conf, node_at(setup->conf, "http", "socket"), "%s", err.text);
	return 0;
}

static int build(struct setup *setup)
{
	static const struct chain_env env = {
		.builtins = filters_builtin, .plugin_dir = SLUICE_PLUGINDIR, .log = log_priority};
	int r = conf_nerrors(setup->conf) ? 0 : parse_partitions(setup);

	if (r == -ENOMEM)
		return r;
	if (!conf_nerrors(setup->conf) && !setup->settings.store.path.len)
		conf_error(setup->conf, node_at(setup->conf, "store", "path"),
			   "store.path is missing");
	check_source(setup);
	r = check_http(setup);
	if (r < 0)
		return r;
	/* From the tree, not from the settings: those may be wrong, and all errors are told. */
	return chain_new(&env, setup->conf, conf_get(conf_root(setup->conf), "filters"),
			 &setup->chain);
}

int setup_new(const struct flags *flags, struct setup **ret)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	int r = setup ? conf_new(&setup->conf) : -ENOMEM;

	if (r == 0)
		r = conf_read(setup->conf, &flags->conf, options_lay, flags, &settings_schema,
			      &setup->settings);
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
	chain_free(setup->chain);
	conf_free(setup->conf);
	free(setup->partitions);
	free(setup);
}
