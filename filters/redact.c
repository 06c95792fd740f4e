/*
 * redact - replace what a pattern finds in fields.
 *
 *	- type: redact
 *	  fields: [message, user.email]     # default: message
 *	  pattern: '[\w.+-]+@[\w-]+\.\w+'
 *	  with: <email>                     # default: ***
 *
 * All matches of a field are replaced.  A name that leads into a nested object
 * redacts the whole text of that object.  It fails closed: a field that can't
 * be searched (match limit) or set (memory) becomes `with`, or is deleted.
 */
#include "common/api/filter.h"

struct redact {
	struct sl_list fields;
	const void *pattern;
	struct sl_str with;
};

static const struct sl_option options[] = {
	{.name = "fields",
	 .type = SL_OPT_LIST,
	 .offset = offsetof(struct redact, fields),
	 .def = "[message]",
	 .help = "fields to search"},
	{.name = "pattern",
	 .type = SL_OPT_REGEX,
	 .flags = SL_OPT_REQUIRED,
	 .offset = offsetof(struct redact, pattern),
	 .help = "what is replaced"},
	{.name = "with",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct redact, with),
	 .def = "***",
	 .help = "what it is replaced by"},
	{0},
};

/*
 * Write `text` with each match replaced to `out`, or only measure where it is
 * NULL.  The length, or a negative errno.  An empty match replaces nothing.
 */
static int64_t replace(const struct redact *o, const struct sl_host *host, struct sl_str text,
		       char *out)
{
	size_t from = 0, at = 0, n = 0;
	struct sl_str hit;
	int r = 0;

	while (at <= text.len && (r = host->find(o->pattern, text, at, &hit, 1)) > 0) {
		size_t begin = (size_t)(hit.ptr - text.ptr);

		at = begin + (hit.len ? hit.len : 1);
		if (!hit.len)
			continue;
		if (out) {
			memcpy(out + n, text.ptr + from, begin - from);
			memcpy(out + n + begin - from, o->with.ptr, o->with.len);
		}
		n += begin - from + o->with.len;
		from = at;
	}
	if (r < 0)
		return r;
	if (out && from < text.len)
		memcpy(out + n, text.ptr + from, text.len - from);
	return (int64_t)(n + text.len - from);
}

static void redact_field(const struct redact *o, const struct sl_host *host, struct sl_record *rec,
			 struct sl_str key, const struct sl_field *f)
{
	struct sl_str text = f->text, clean = o->with;
	uint32_t type = f->type;
	int64_t n;
	char *out;

	if (text.len == 0 || host->match(o->pattern, text) == 0)
		return;
	n = replace(o, host, text, NULL);
	out = n >= 0 ? host->alloc(rec, (size_t)n) : NULL;
	if (out) {
		replace(o, host, text, out);
		clean = (struct sl_str){out, (size_t)n};
	} else {
		type = SL_STRING;
	}
	if (host->set(rec, key, type, clean) < 0)
		host->del(rec, key);
}

/* "user.email" that is inside of the object "user": all of "user" is searched. */
static void redact_inside(const struct redact *o, const struct sl_host *host, struct sl_record *rec,
			  struct sl_str key)
{
	for (size_t i = 1; i < key.len; i++) {
		struct sl_str outer = {key.ptr, i};
		const struct sl_field *f = key.ptr[i] == '.' ? sl_get(rec, outer) : NULL;

		if (f && f->type == SL_JSON)
			redact_field(o, host, rec, outer, f);
	}
}

static int process(void *self, const struct sl_host *host, struct sl_record *rec)
{
	const struct redact *o = self;

	for (size_t i = 0; i < o->fields.len; i++) {
		struct sl_str key = o->fields.items[i];
		const struct sl_field *f = sl_get(rec, key);

		if (f)
			redact_field(o, host, rec, key, f);
		else if (host->get(rec, key))
			redact_inside(o, host, rec, key);
	}
	return SL_KEEP;
}

SL_FILTER(.name = "redact", .version = "1.0", .help = "replace what a pattern finds",
	  .self_size = sizeof(struct redact), .options = options, .process = process);
