/* The scanner against json-c in strict mode, over tens of thousands of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/data/json_scan.h"
#include "common/data/json_text.h"
#include "common/data/jsonc.h"
#include "tests/unit/json_gen.h"
#include <stdlib.h>
#include <time.h>

/* What json-c says about a text: an object, or NULL with *ret_ok false. */
static struct json_object *ask_jsonc(struct span text, bool *ret_ok)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);

	assert_non_null(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
	enum json_tokener_error error = json_tokener_get_error(tokener);

	/* A number may go on: json-c wants to see the end. */
	if (error == json_tokener_continue) {
		object = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
	}
	*ret_ok = error == json_tokener_success;
	json_tokener_free(tokener);
	return object;
}

/*
 * Where json-c 0.16 takes what RFC 8259 does not allow, and why we do not:
 *
 *   controls in strings   a raw 01 or line feed in "…": section 7 wants it escaped, and the
 *                         wire would carry a line feed inside a record
 *   numbers               00, -01, 1., -.5: section 6; others would refuse what we pass on
 *
 * Everything else must agree, and what we accept json-c must accept.
 */
static bool is_known_divergence(struct span text, size_t at)
{
	bool control = at < text.len && (unsigned char)text.ptr[at] < 0x20;
	char before = at ? text.ptr[at - 1] : '\0';
	bool in_number = (before >= '0' && before <= '9') || before == '-' || before == '.';

	return control || in_number;
}

static void both_agree_on_what_is_json(void **state)
{
	struct json_gen gen = {.seed = 1};
	unsigned accepted = 0, refused = 0, diverged = 0;
	clock_t begin = clock();

	(void)state;
	for (int i = 0; i < 60000 && clock() - begin < 2 * CLOCKS_PER_SEC; i++) {
		struct span text = json_gen_text(&gen);
		size_t at = 0;
		bool theirs;
		struct json_object *object = ask_jsonc(text, &theirs);
		bool ours = json_validate(text, &at) == 0;

		json_object_put(object);
		accepted += ours;
		refused += !theirs;
		diverged += ours != theirs;
		if (ours && !theirs)
			fail_msg("json-c refuses what we take: %.*s", SPAN_FMT(text));
		if (!ours && theirs && !is_known_divergence(text, at))
			fail_msg("at %zu we refuse what json-c takes: %.*s", at, SPAN_FMT(text));
	}
	/* Not by agreeing on nothing. */
	assert_true(accepted > 5000);
	assert_true(refused > 1000);
	assert_true(diverged < accepted / 10);
}

static void assert_same_value(const struct field *field, struct json_object *theirs)
{
	switch ((enum value_type)field->type) {
	case VALUE_NULL:
		assert_null(theirs);
		break;
	case VALUE_BOOL:
		assert_int_equal(json_object_get_boolean(theirs),
				 span_eq(field->text, SPAN("true")));
		break;
	case VALUE_NUMBER:
		assert_true(json_object_is_type(theirs, json_type_int) ||
			    json_object_is_type(theirs, json_type_double));
		break;
	case VALUE_STRING:
		assert_true(span_eq(field->text, jsonc_text(theirs)));
		break;
	case VALUE_JSON:
		assert_int_equal(json_object_is_type(theirs, json_type_array),
				 field->text.ptr[0] == '[');
		break;
	}
}

static void both_read_the_same_fields(void **state)
{
	struct json_gen gen = {.seed = 2};
	struct arena arena;
	unsigned fields = 0;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (int i = 0; i < 20000; i++) {
		struct span text = json_gen_text(&gen);
		struct record rec;
		size_t at;
		bool theirs;

		arena_reset(&arena);
		record_init(&rec, &arena, text);
		if (json_scan_record(text, &rec, &at) < 0)
			continue;
		struct json_object *object = ask_jsonc(text, &theirs);

		assert_true(theirs);
		assert_int_equal(json_object_object_length(object), rec.nfields);
		for (uint32_t f = 0; f < rec.nfields; f++) {
			struct json_object *value;
			const char *key = arena_cstr(&arena, rec.fields[f].key);

			assert_true(json_object_object_get_ex(object, key, &value));
			assert_same_value(&rec.fields[f], value);
			fields++;
		}
		json_object_put(object);
	}
	assert_true(fields > 2000);
	arena_release(&arena);
}

/* Members of a nested object, by our iterator and theirs. */
static void both_walk_the_same_members(void **state)
{
	struct json_gen gen = {.seed = 3};
	unsigned items = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct span text = json_gen_text(&gen);
		struct json_iter iter;
		struct json_item item;
		size_t at, n = 0;
		bool theirs;

		if (json_validate(text, &at) < 0 || !json_iter_init(&iter, text) || iter.object)
			continue;
		struct json_object *array = ask_jsonc(text, &theirs);

		while (json_iter_next(&iter, &item)) {
			struct json_object *element = json_object_array_get_idx(array, n++);

			if (item.type == VALUE_STRING && !item.text_escaped)
				assert_true(span_eq(item.text, jsonc_text(element)));
			else if (item.type == VALUE_NULL)
				assert_null(element);
		}
		assert_int_equal(n, json_object_array_length(array));
		items += (unsigned)n;
		json_object_put(array);
	}
	assert_true(items > 2000);
}

static void both_forms_of_the_inner_loop_agree(void **state)
{
	struct json_gen gen = {.seed = 4};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct span text = json_gen_text(&gen);

		for (size_t from = 0; from < text.len && from < 24; from++) {
			unsigned high = 0, portable_high = 0;
			const char *p = text.ptr + from, *end = text.ptr + text.len;

			assert_ptr_equal(json_find_special(p, end, &high),
					 json_find_special_portable(p, end, &portable_high));
			assert_int_equal(high, portable_high);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_agree_on_what_is_json),
		cmocka_unit_test(both_read_the_same_fields),
		cmocka_unit_test(both_walk_the_same_members),
		cmocka_unit_test(both_forms_of_the_inner_loop_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
