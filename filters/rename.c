/*
 * rename - give fields other names.
 *
 *	- type: rename
 *	  fields: {svc: service, lvl: level}
 *	  overwrite: true       # default: if the new name is taken, nothing happens
 *
 * Top-level fields only; the value keeps its type.
 */
#include "common/api/filter.h"

struct rename {
	struct sl_list fields; /* old, new, old, new … */
	int overwrite;
};

static const struct sl_option options[] = {
	{.name = "fields",
	 .type = SL_OPT_PAIRS,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct rename, fields),
	 .help = "old names and new ones"},
	{.name = "overwrite",
	 .type = SL_OPT_BOOL,
	 .offset = offsetof(struct rename, overwrite),
	 .help = "replace a field that has the new name"},
	{0},
};

static int process(void *self, const struct sl_host *host, struct sl_record *rec)
{
	const struct rename *o = self;

	for (size_t i = 0; i + 1 < o->fields.len; i += 2) {
		struct sl_str old = o->fields.items[i], new = o->fields.items[i + 1];
		const struct sl_field *f = sl_get(rec, old);

		if (!f || sl_str_eq(old, new) || (!o->overwrite && sl_get(rec, new)))
			continue;
		int r = host->set(rec, new, f->type, f->text);

		if (r < 0)
			return r;
		host->del(rec, old);
	}
	return SL_KEEP;
}

SL_FILTER(.name = "rename", .version = "1.0", .help = "give fields other names",
	  .self_size = sizeof(struct rename), .options = options, .process = process);
