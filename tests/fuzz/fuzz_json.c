/* The JSON scanner: whatever comes in, what it says must hold. */
#include "common/base/check.h"
#include "common/base/utf8.h"
#include "common/data/json_scan.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int check_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	size_t at;

	(void)ctx;
	CHECK(utf8_valid(key) && utf8_valid(text));
	CHECK(type == VALUE_STRING || json_validate(text, &at) == 0);
	return 0;
}

/* Every element that the iterator finds is itself valid. */
static void check_members(struct span text, struct arena *arena)
{
	struct json_iter iter;
	struct json_item item;
	size_t at;

	if (!json_iter_init(&iter, text))
		return;
	while (json_iter_next(&iter, &item)) {
		CHECK(item.text.ptr >= text.ptr &&
		      item.text.ptr + item.text.len <= text.ptr + text.len);
		CHECK(item.type == VALUE_STRING || json_validate(item.text, &at) == 0);
		if (item.text_escaped)
			CHECK(utf8_valid(json_unescape(arena, item.text)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span text = span_of((const char *)bytes, n);
	struct arena arena;
	struct record rec;
	size_t at = 0;

	arena_init(&arena, 16 << 20);
	record_init(&rec, &arena, text);
	int whole = json_validate(text, &at);

	if (whole < 0)
		CHECK(at <= n);
	else
		check_members(text, &arena);
	int r = json_scan_record(text, &rec, &at);

	/* An object is scanned exactly when it is valid; other values never are. */
	CHECK(whole == 0 || r < 0);
	if (r < 0) {
		CHECK(rec.nfields == 0);
	} else {
		for (uint32_t i = 0; i < rec.nfields; i++) {
			struct field *field = &rec.fields[i];

			CHECK(utf8_valid(field->key) && utf8_valid(field->text));
			CHECK((size_t)field->raw_off + field->raw_len <= rec.json.len);
			CHECK(record_get(&rec, field->key) == field);
		}
		CHECK(json_flatten(rec.json, SPAN(""), &arena, check_leaf, NULL) == 0 ||
		      arena.overflowed);
	}
	arena_release(&arena);
	return 0;
}
