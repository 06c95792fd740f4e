/*
 * add - set fields to constant texts.
 *
 *	- type: add
 *	  fields: {env: prod, region: eu-1}
 *	  overwrite: true       # default: a field that is there stays as it is
 */
#include "common/api/filter.h"

struct add {
	struct sl_list fields; /* key, value, key, value … */
	int overwrite;
};

static const struct sl_option options[] = {
	{.name = "fields",
	 .type = SL_OPT_PAIRS,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct add, fields),
	 .help = "keys and their texts"},
	{.name = "overwrite",
	 .type = SL_OPT_BOOL,
	 .offset = offsetof(struct add, overwrite),
	 .help = "replace fields that are there"},
	{0},
};

static int process(void *self, const struct sl_host *host, struct sl_record *rec)
{
	const struct add *a = self;

	for (size_t i = 0; i + 1 < a->fields.len; i += 2) {
		struct sl_str key = a->fields.items[i], value = a->fields.items[i + 1];

		if (!a->overwrite && sl_get(rec, key))
			continue;
		int r = host->set(rec, key, SL_STRING, value);

		if (r < 0)
			return r;
	}
	return SL_KEEP;
}

SL_FILTER(.name = "add", .version = "1.0", .help = "set fields to constant texts",
	  .self_size = sizeof(struct add), .options = options, .process = process);
