#include "common/conf/option.h"
#include "common/base/num.h"
#include <errno.h>
#include <inttypes.h>

_Static_assert(sizeof(struct sl_str) == sizeof(struct span) &&
		       offsetof(struct sl_str, len) == offsetof(struct span, len),
	       "sl_str is the ABI's span");

void option_mem_init(struct option_mem *mem, size_t budget)
{
	*mem = (struct option_mem){0};
	arena_init(&mem->arena, budget);
}

void option_mem_release(struct option_mem *mem)
{
	for (size_t i = 0; i < mem->regexes.len; i++)
		regex_free(mem->regexes.ptr[i]);
	vec_release(&mem->regexes);
	arena_release(&mem->arena);
}

const struct sl_option *option_find(const struct sl_option *options, struct span name)
{
	for (const struct sl_option *row = options; row && row->name; row++)
		if (span_eq(span_cstr(row->name), name))
			return row;
	return NULL;
}

struct span option_choice(const struct sl_option *row, size_t i)
{
	struct span rest = span_cstr(row->choices), choice;

	while (span_cut(&rest, '|', &choice))
		if (i-- == 0)
			return choice;
	return span_of(NULL, 0);
}

/* One function a type; the table below picks it. */

struct store {
	struct option_mem *mem;
	const struct sl_option *row;
	struct span text;
	char *at; /* the member */
	struct err *reterr;
};

static int out_of_memory(struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "out of memory");
}

static int unexpected(const struct store *s)
{
	_cleanup_(buf_release) struct buf type = BUF_INIT(4096);

	option_type_text(s->row, &type);
	const char *expected = buf_cstr(&type);

	return err_set(s->reterr, -EINVAL, "expected %s, got '%.*s'",
		       expected ? expected : "another type", SPAN_FMT(span_take(s->text, 100)));
}

static size_t format_as(uint32_t type, char text[NUM_TEXT_MAX], int64_t n)
{
	if (type == SL_OPT_SIZE)
		return num_format_size(text, (uint64_t)n);
	if (type == SL_OPT_DURATION)
		return num_format_duration(text, n);
	return num_format_i64(text, n);
}

static int out_of_range(const struct store *s, const char *side, int64_t limit)
{
	char text[NUM_TEXT_MAX];
	size_t len = format_as(s->row->type, text, limit);

	return err_set(s->reterr, -ERANGE, "%.*s is %s of %.*s", SPAN_FMT(span_take(s->text, 100)),
		       side, (int)len, text);
}

static int check_range(const struct store *s, int64_t n)
{
	if (s->row->min == 0 && s->row->max == 0)
		return 0;
	if (n < s->row->min)
		return out_of_range(s, "below the minimum", s->row->min);
	if ((s->row->max > 0 || s->row->min < 0) && n > s->row->max)
		return out_of_range(s, "above the maximum", s->row->max);
	return 0;
}

static int store_number(const struct store *s, int parsed, int64_t n)
{
	if (parsed < 0)
		return unexpected(s);
	int r = check_range(s, n);

	if (r == 0)
		memcpy(s->at, &n, sizeof(n));
	return r;
}

static int store_int(const struct store *s)
{
	int64_t n = 0;
	int r = num_parse_i64(s->text, &n);

	return store_number(s, r, n);
}

static int store_duration(const struct store *s)
{
	int64_t ns = 0;
	int r = span_eq(s->text, SPAN("0")) ? 0 : num_parse_duration(s->text, &ns);

	return store_number(s, r, ns);
}

static int store_size(const struct store *s)
{
	uint64_t n = 0;
	int r = num_parse_size(s->text, &n);

	return store_number(s, n > INT64_MAX ? -ERANGE : r, (int64_t)n);
}

static int store_bool(const struct store *s)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_ieq(s->text, span_cstr(words[i]))) {
			int value = i % 2;

			memcpy(s->at, &value, sizeof(value));
			return 0;
		}
	return unexpected(s);
}

static int store_enum(const struct store *s)
{
	struct nearest near;

	nearest_init(&near, s->text);
	for (int i = 0;; i++) {
		struct span choice = option_choice(s->row, (size_t)i);

		if (!choice.ptr)
			break;
		if (span_eq(choice, s->text)) {
			memcpy(s->at, &i, sizeof(i));
			return 0;
		}
		nearest_try(&near, choice);
	}
	int r = unexpected(s);

	if (near.best.len && s->reterr) {
		size_t len = strlen(s->reterr->text);

		snprintf(s->reterr->text + len, sizeof(s->reterr->text) - len,
			 " (did you mean '%.*s'?)", SPAN_FMT(near.best));
	}
	return r;
}

/* With a NUL behind it, so that paths and names can go to system calls as they are. */
static int dup_text(struct option_mem *mem, struct span text, struct sl_str *ret)
{
	char *copy = arena_cstr(&mem->arena, text);

	if (!copy)
		return -ENOMEM;
	*ret = (struct sl_str){copy, text.len};
	return 0;
}

static int store_str(const struct store *s)
{
	struct sl_str text;

	if (memchr(s->text.ptr ? s->text.ptr : "", '\0', s->text.len))
		return err_set(s->reterr, -EINVAL, "a NUL byte is not allowed here");
	if (dup_text(s->mem, s->text, &text) < 0)
		return out_of_memory(s->reterr);
	memcpy(s->at, &text, sizeof(text));
	return 0;
}

static int store_regex(const struct store *s)
{
	struct regex *re;
	int r = regex_new(s->text, 0, &re, s->reterr);

	if (r < 0)
		return r;
	if (vec_push(&s->mem->regexes, re) < 0) {
		regex_free(re);
		return out_of_memory(s->reterr);
	}
	memcpy(s->at, &re, sizeof(re));
	return 0;
}

/* `more` behind what the list has; the old array stays in the arena. */
static int list_append(const struct store *s, const struct sl_str *more, size_t n)
{
	struct sl_list list;

	memcpy(&list, s->at, sizeof(list));
	struct sl_str *items = ARENA_ARRAY(&s->mem->arena, struct sl_str, list.len + n);

	if (!items)
		return out_of_memory(s->reterr);
	if (list.len)
		memcpy(items, list.items, list.len * sizeof(*items));
	for (size_t i = 0; i < n; i++)
		if (dup_text(s->mem, span_of(more[i].ptr, more[i].len), &items[list.len + i]) < 0)
			return out_of_memory(s->reterr);
	list = (struct sl_list){items, list.len + n};
	memcpy(s->at, &list, sizeof(list));
	return 0;
}

static int store_list(const struct store *s)
{
	return list_append(s, &(struct sl_str){s->text.ptr, s->text.len}, 1);
}

static int store_pairs(const struct store *s)
{
	ptrdiff_t at = span_chr(s->text, '=');

	if (at <= 0)
		return unexpected(s);
	struct span value = span_skip(s->text, (size_t)at + 1);
	struct sl_str pair[2] = {{s->text.ptr, (size_t)at}, {value.ptr, value.len}};

	return list_append(s, pair, 2);
}

static const struct option_kind {
	int (*store)(const struct store *s);
	const char *text;
} kinds[] = {
	[SL_OPT_STR] = {store_str, "a text"},
	[SL_OPT_INT] = {store_int, "a whole number"},
	[SL_OPT_BOOL] = {store_bool, "true or false"},
	[SL_OPT_SIZE] = {store_size, "a size such as 512, 64KiB or 10MB"},
	[SL_OPT_DURATION] = {store_duration, "a duration such as 500ms, 5s or 1h"},
	[SL_OPT_LIST] = {store_list, "a list of texts"},
	[SL_OPT_PAIRS] = {store_pairs, "pairs of KEY=VALUE"},
	[SL_OPT_REGEX] = {store_regex, "a regular expression"},
	[SL_OPT_ENUM] = {store_enum, NULL},
};

void option_type_text(const struct sl_option *row, struct buf *out)
{
	if (row->type != SL_OPT_ENUM) {
		buf_puts(out, span_cstr(kinds[row->type].text));
		return;
	}
	buf_puts(out, SPAN("one of "));
	for (size_t i = 0; option_choice(row, i).ptr; i++) {
		if (i)
			buf_puts(out, SPAN(", "));
		buf_puts(out, option_choice(row, i));
	}
}

/* Rows come from plugins too: a type of a newer minor is not ours to index with. */
static bool known_type(const struct sl_option *row)
{
	return row->type > SL_OPT_END && row->type < sizeof(kinds) / sizeof(kinds[0]) &&
	       (row->type != SL_OPT_ENUM || row->choices);
}

int option_store(struct option_mem *mem, const struct sl_option *row, struct span text,
		 void *target, struct err *reterr)
{
	struct store s = {mem, row, text, (char *)target + row->offset, reterr};

	if (!known_type(row))
		return err_set(reterr, -ENOTSUP, "option '%s' has an unknown type", row->name);
	return kinds[row->type].store(&s);
}

int option_store_items(struct option_mem *mem, const struct sl_option *row,
		       const struct sl_str *items, size_t len, void *target, struct err *reterr)
{
	struct store s = {mem, row, {NULL, 0}, (char *)target + row->offset, reterr};

	memset(s.at, 0, sizeof(struct sl_list));
	return list_append(&s, items, len);
}

static struct sl_str trimmed(struct span text)
{
	text = span_trim(text);
	return (struct sl_str){text.ptr, text.len};
}

bool option_default_next(const struct sl_option *row, struct span *rest, struct sl_str *ret_key,
			 struct sl_str *ret_value)
{
	struct span item;

	if (span_starts(*rest, SPAN("[")) || span_starts(*rest, SPAN("{")))
		*rest = span_of(rest->ptr + 1, rest->len - 2);
	if (!span_cut(rest, ',', &item))
		return false;
	ptrdiff_t colon = row->type == SL_OPT_PAIRS ? span_chr(item, ':') : -1;

	*ret_key = trimmed(span_take(item, colon < 0 ? 0 : (size_t)colon));
	*ret_value = trimmed(span_skip(item, (size_t)(colon + 1)));
	return true;
}

static int store_default_items(struct option_mem *mem, const struct sl_option *row, void *target,
			       struct err *reterr)
{
	struct store s = {mem, row, {NULL, 0}, (char *)target + row->offset, reterr};
	struct span rest = span_cstr(row->def);
	struct sl_str pair[2];
	int r = 0;

	while (r == 0 && option_default_next(row, &rest, &pair[0], &pair[1]))
		r = row->type == SL_OPT_LIST ? list_append(&s, &pair[1], 1)
					     : list_append(&s, pair, 2);
	return r;
}

int option_defaults(struct option_mem *mem, const struct sl_option *options, void *target,
		    struct err *reterr)
{
	for (const struct sl_option *row = options; row && row->name; row++) {
		int r;

		if (!row->def)
			continue;
		if (row->type == SL_OPT_LIST || row->type == SL_OPT_PAIRS)
			r = store_default_items(mem, row, target, reterr);
		else
			r = option_store(mem, row, span_cstr(row->def), target, reterr);
		if (r < 0)
			return err_prefix(reterr, r, "default of '%s'", row->name);
	}
	return 0;
}
