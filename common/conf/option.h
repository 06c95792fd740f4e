/*
 * option.h - from text to a typed member and back, by an option row.
 *
 * `struct sl_option` (common/api/filter.h) describes everything that can be
 * configured: a YAML key, a command line flag, a plugin's option.  These
 * functions are the only place that knows what each type looks like as text.
 * Values that need memory (texts, lists, regexes) live in the `option_mem` of
 * the configuration that they were read from.
 *
 * Ranges: min and max both 0 = none; max 0 with a positive min = no upper limit.
 * Defaults of LIST and PAIRS are written "[a, b]" and "{k: v, k: v}".
 *
 *	r = option_store(&mem, row, text, target, &err);
 *	→ -EINVAL "expected a duration such as 500ms, 5s or 1h, got 'soon'"
 */
#ifndef SLUICE_CONF_OPTION_H
#define SLUICE_CONF_OPTION_H

#include "common/api/filter.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/nearest.h"
#include "common/base/vec.h"
#include "common/conf/regex.h"

/* Texts and compiled regexes that option values point to. */
struct option_mem {
	struct arena arena;
	VEC(struct regex *) regexes;
};

void option_mem_init(struct option_mem *mem, size_t budget);
void option_mem_release(struct option_mem *mem);

/* The row called `name`, or NULL.  `options` may be NULL. */
const struct sl_option *option_find(const struct sl_option *options, struct span name);

/*
 * Parse `text` and store it in `target`.  LIST appends one text, PAIRS appends
 * "KEY=VALUE"; the others replace.  -EINVAL, -ERANGE, -ENOMEM; for a bad regex
 * reterr->offset is the byte of the pattern.
 */
int option_store(struct option_mem *mem, const struct sl_option *row, struct span text,
		 void *target, struct err *reterr);
/* Replace a LIST (texts) or PAIRS (key, value, key, value …) by copies of `items`. */
int option_store_items(struct option_mem *mem, const struct sl_option *row,
		       const struct sl_str *items, size_t len, void *target, struct err *reterr);
/* Store each row's default; the target was zeroed. */
int option_defaults(struct option_mem *mem, const struct sl_option *options, void *target,
		    struct err *reterr);

/*
 * Walk the default of a LIST or PAIRS row: `rest` starts as span_cstr(row->def),
 * the key is empty for LIST.  False at the end.
 */
bool option_default_next(const struct sl_option *row, struct span *rest, struct sl_str *ret_key,
			 struct sl_str *ret_value);

/* "a duration", "a size", "one of native, ecs, raw" … for messages. */
void option_type_text(const struct sl_option *row, struct buf *out);
/* Choice i of an ENUM row, or the empty span. */
struct span option_choice(const struct sl_option *row, size_t i);

#endif
