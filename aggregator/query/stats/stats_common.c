/* stats_common.c - see stats_common.h. */
#include "aggregator/query/stats/stats_common.h"
#include "common/base/vec.h"
#include "common/data/json_write.h"
#include "common/lang/number.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

int stats_parse_fields(struct lex *lex, const struct stats_func_ops *ops, unsigned flags,
		       size_t size, struct stats_of_fields **ret)
{
	struct stats_of_fields *func = arena_calloc(lex->arena, 1, size);
	size_t pos = lex->pos;

	if (!func)
		return -ENOMEM;
	func->func.ops = ops;
	int r = lex_parse_field_filters_in_parens(lex, &func->fields);

	if (r < 0)
		return r;
	for (size_t i = 0; i < func->fields.len && (flags & STATS_NAMES_ONLY); i++)
		if (field_filter_is_wild(func->fields.ptr[i]))
			return lex_error_at(lex, pos, "%.*s() takes names of fields, not `%.*s`",
					    (int)strcspn(ops->names, " "), ops->names,
					    SPAN_FMT(func->fields.ptr[i]));
	if (func->fields.len == 0 && (flags & STATS_SOME))
		return lex_error_at(lex, pos, "%.*s() needs at least one field",
				    (int)strcspn(ops->names, " "), ops->names);
	if (func->fields.len == 0)
		r = span_list_push(lex->arena, &func->fields, SPAN("*"));
	if (r >= 0 && (flags & STATS_LIMIT) && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &func->limit);
	if (r < 0)
		return r;
	*ret = func;
	return 0;
}

void stats_print_fields(const struct stats_func *func, struct buf *out)
{
	const struct stats_of_fields *f = (const struct stats_of_fields *)func;

	buf_put(out, func->ops->names, strcspn(func->ops->names, " "));
	buf_putc(out, '(');
	pipe_print_fields(&f->fields, out);
	buf_putc(out, ')');
	if (f->limit)
		buf_printf(out, " limit %llu", (unsigned long long)f->limit);
}

void stats_needs_fields(const struct stats_func *func, struct field_set *set)
{
	field_set_add_list(set, &((const struct stats_of_fields *)func)->fields);
}

bool stats_all_fields(const struct span_list *fields)
{
	for (size_t i = 0; i < fields->len; i++)
		if (span_eq(fields->ptr[i], SPAN("*")))
			return true;
	return false;
}

/* `sum(a, a)` is `sum(a)`. */
static bool is_first_plain(const struct span_list *fields, size_t at)
{
	if (field_filter_is_wild(fields->ptr[at]))
		return false;
	for (size_t i = 0; i < at; i++)
		if (span_eq(fields->ptr[i], fields->ptr[at]))
			return false;
	return true;
}

size_t stats_plain_fields(const struct span_list *fields)
{
	size_t n = 0;

	for (size_t i = 0; i < fields->len; i++)
		n += is_first_plain(fields, i);
	return n;
}

static bool has_wild(const struct span_list *fields)
{
	for (size_t i = 0; i < fields->len; i++)
		if (field_filter_is_wild(fields->ptr[i]))
			return true;
	return false;
}

int stats_columns(struct rows *rows, const struct span_list *fields, struct span **ret_names,
		  size_t *ret_n)
{
	const struct span *all = NULL;
	size_t nall = 0, n = 0;
	int r = has_wild(fields) ? rows_names(rows, &all, &nall) : 0;

	if (r < 0)
		return r;
	struct span *names = ARENA_ARRAY(rows->arena, struct span, nall + fields->len + 1);

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < fields->len; i++)
		if (is_first_plain(fields, i))
			names[n++] = fields->ptr[i];
	size_t plain = n;

	for (size_t i = 0; i < nall; i++) {
		bool have = !field_filters_have(fields, all[i]);

		for (size_t k = 0; k < plain && !have; k++)
			have = span_eq(names[k], all[i]);
		if (!have)
			names[n++] = all[i];
	}
	*ret_names = names;
	*ret_n = n;
	return 0;
}

static double text_number(struct span text)
{
	double number;

	return lang_plain_number(text, &number) ? number : NAN;
}

const double *stats_numbers(struct rows *rows, struct span name)
{
	static const double pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
				       1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
	double *numbers = ARENA_ARRAY(rows->arena, double, (size_t)rows->n + 1);
	const struct column *column = rows_column(rows, name);

	if (!numbers)
		return NULL;
	if (column->kind == COLUMN_CONST) {
		double value = text_number(column->value);

		for (uint32_t i = 0; i < rows->n; i++)
			numbers[i] = value;
	} else if (column->kind == COLUMN_DICT) {
		double values[256];

		for (uint32_t i = 0; i < column->ndict; i++)
			values[i] = text_number(column->dict[i]);
		for (uint32_t i = 0; i < rows->n; i++)
			numbers[i] = values[column->codes[i]];
	} else if (column->kind == COLUMN_INT) {
		for (uint32_t i = 0; i < rows->n; i++)
			numbers[i] = column->absent && bit_get(column->absent, i)
					     ? NAN
					     : (double)column->ints[i] / pow10[column->scale];
	} else {
		const struct span *texts = rows_texts(rows, name);

		for (uint32_t i = 0; i < rows->n; i++)
			numbers[i] = text_number(texts[i]);
	}
	return numbers;
}

int stats_keep(const struct stats_batch *batch, struct span text, struct span *ret)
{
	struct span copy = arena_dup(batch->arena, text);

	if (text.len && !copy.ptr)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int stats_reserve(struct stage *stage, void **ptr, size_t len, size_t *cap, size_t size)
{
	size_t before = *cap;
	int r = len < before ? 0 : vec_grow(ptr, cap, len + 1, size);

	return r < 0 || *cap == before ? r : stage_charge(stage, (*cap - before) * size);
}

static int name_cmp(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

int stats_row_json(struct rows *rows, const struct span *names, size_t n, uint32_t row,
		   struct arena *arena, struct span *ret)
{
	struct span *sorted = ARENA_ARRAY(rows->arena, struct span, n + 1);
	struct buf json = BUF_INIT(64u << 20);
	bool first = true;

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, names, n * sizeof *names);
	qsort(sorted, n, sizeof *sorted, name_cmp);
	buf_putc(&json, '{');
	for (size_t i = 0; i < n; i++) {
		struct span text = rows_text(rows, sorted[i], row);

		if (text.len)
			json_write_field(&json, &first, sorted[i], VALUE_STRING, text);
	}
	buf_putc(&json, '}');
	struct span copy = json.failed ? span_of(NULL, 0) : arena_dup(arena, buf_span(&json));

	buf_release(&json);
	if (!copy.ptr)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
