/*
 * jsonc.h - bridge to json-c, for what is built and read once: configuration
 * values, API answers.  Never per record (a 250-byte line costs 3.5 µs there).
 *
 *	_cleanup_(jsonc_putp) struct json_object *answer = json_object_new_object();
 *	jsonc_set_text(answer, "status", SPAN("ok"));
 *	jsonc_write(answer, &out);
 */
#ifndef SLUICE_DATA_JSONC_H
#define SLUICE_DATA_JSONC_H

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/err.h"
#include <json-c/json.h>

static inline void jsonc_put(struct json_object *object)
{
	json_object_put(object);
}
DEFINE_CLEANUP(struct json_object *, jsonc_put);

/* Strict: one value, valid UTF-8, nothing behind it.  -EBADMSG with the offset, or -ENOMEM. */
int jsonc_parse(struct span text, struct json_object **ret, struct err *reterr);

/* Append compact JSON, slashes unescaped. */
void jsonc_write(struct json_object *object, struct buf *out);

/* Add or replace a text member.  0 or -ENOMEM. */
int jsonc_set_text(struct json_object *object, const char *key, struct span text);

/* The text of a string, borrowed; the empty span for anything else. */
struct span jsonc_text(struct json_object *object);

#endif
