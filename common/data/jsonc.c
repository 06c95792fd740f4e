#include "common/data/jsonc.h"
#include "common/data/json_scan.h"
#include <errno.h>
#include <limits.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

int jsonc_parse(struct span text, struct json_object **ret, struct err *reterr)
{
	size_t at;
	/* Ours first: json-c's tokener lets through what is not JSON, see tests/unit. */
	int r = json_validate(text, &at);

	if (r < 0)
		return err_at(reterr, r, at, "not valid JSON at byte %zu", at);
	if (text.len > INT_MAX)
		return err_set(reterr, -E2BIG, "more than 2 GiB of JSON");
	_cleanup_(json_tokener_freep) struct json_tokener *tokener =
		json_tokener_new_ex(JSON_DEPTH_MAX + 1);

	if (!tokener)
		return err_set(reterr, -ENOMEM, "out of memory");
	struct json_object *object = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
	enum json_tokener_error error = json_tokener_get_error(tokener);

	/* A bare number may go on, so json-c waits for the end of the text. */
	if (error == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
	}
	if (error != json_tokener_success) {
		json_object_put(object);
		return err_set(reterr, -EBADMSG, "%s", json_tokener_error_desc(error));
	}
	*ret = object;
	return 0;
}

void jsonc_write(struct json_object *object, struct buf *out)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (text)
		buf_put(out, text, len);
	else if (!out->failed)
		out->failed = -ENOMEM;
}

int jsonc_set_text(struct json_object *object, const char *key, struct span text)
{
	if (text.len > INT_MAX)
		return -ENOMEM;
	struct json_object *value =
		json_object_new_string_len(text.ptr ? text.ptr : "", (int)text.len);

	if (!value)
		return -ENOMEM;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

struct span jsonc_text(struct json_object *object)
{
	if (!json_object_is_type(object, json_type_string))
		return (struct span){0};
	return span_of(json_object_get_string(object), (size_t)json_object_get_string_len(object));
}
