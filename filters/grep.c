/*
 * grep - keep or drop records by a regular expression on one field.
 *
 *	- type: grep
 *	  field: level          # default: message
 *	  keep: ^(warn|error)$  # what does not match is dropped
 *	  drop: heartbeat       # what matches is dropped
 *
 * A record without the field counts as one whose text is empty.
 */
#include "common/api/filter.h"

#include <errno.h>

struct grep {
	struct sl_str field;
	const void *keep, *drop; /* compiled by the host; NULL = not given */
};

static const struct sl_option options[] = {
	{.name = "field",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct grep, field),
	 .def = "message",
	 .help = "field to look at"},
	{.name = "keep",
	 .type = SL_OPT_REGEX,
	 .offset = offsetof(struct grep, keep),
	 .help = "drop records that do not match"},
	{.name = "drop",
	 .type = SL_OPT_REGEX,
	 .offset = offsetof(struct grep, drop),
	 .help = "drop records that match"},
	{0},
};

static int open_grep(void *self, const struct sl_host *host)
{
	const struct grep *g = self;

	if (g->keep || g->drop)
		return 0;
	host->log(3, "it needs keep or drop");
	return -EINVAL;
}

static int process(void *self, const struct sl_host *host, struct sl_record *rec)
{
	const struct grep *g = self;
	const struct sl_field *f = host->get(rec, g->field);
	struct sl_str text = f ? f->text : (struct sl_str){0};
	int r;

	if (g->drop) {
		r = host->match(g->drop, text);
		if (r != 0)
			return r > 0 ? SL_DROP : r; /* an error keeps the record */
	}
	if (g->keep) {
		r = host->match(g->keep, text);
		if (r <= 0)
			return r < 0 ? r : SL_DROP;
	}
	return SL_KEEP;
}

SL_FILTER(.name = "grep", .version = "1.0", .help = "keep or drop records by a regex",
	  .self_size = sizeof(struct grep), .options = options, .open = open_grep,
	  .process = process);
