#include "aggregator/query/order.h"

#include "common/base/num.h"
#include "common/data/timestamp.h"
#include "common/lang/number.h"
#include <math.h>

static struct order_key key_of_text(struct span text)
{
	struct order_key key = {.kind = ORDER_TEXT, .text = text};
	double real;

	if (!text.len || (text.ptr[0] > '9' && text.ptr[0] != '-'))
		return key;
	if (lang_i64(text, &key.integer)) {
		key.kind = ORDER_INT;
	} else if (lang_float(text, &real) && !isnan(real)) {
		key.kind = ORDER_REAL;
		key.real = real;
	}
	return key;
}

struct order_key order_key_of(const struct column *column, uint32_t row)
{
	switch (column->kind) {
	case COLUMN_TIME:
		return (struct order_key){.kind = ORDER_TIME, .integer = column->ints[row]};
	case COLUMN_INT:
		if (column->absent && bit_get(column->absent, row))
			break;
		if (column->scale)
			return (struct order_key){.kind = ORDER_REAL,
						  .real = (double)column->ints[row] /
							  pow(10, column->scale)};
		return (struct order_key){.kind = ORDER_INT, .integer = column->ints[row]};
	case COLUMN_CONST:
		return key_of_text(column->value);
	case COLUMN_DICT:
		return key_of_text(column->dict[column->codes[row]]);
	case COLUMN_TEXT:
		return key_of_text(column->texts[row]);
	}
	return (struct order_key){.kind = ORDER_TEXT};
}

static double real_of(const struct order_key *key)
{
	return key->kind == ORDER_INT ? (double)key->integer : key->real;
}

static bool is_number(const struct order_key *key)
{
	return key->kind == ORDER_INT || key->kind == ORDER_REAL;
}

/* Keys of different kinds meet as texts. */
static struct span text_of(const struct order_key *key, char scratch[64])
{
	if (key->text.len || key->kind == ORDER_TEXT)
		return key->text;
	if (key->kind == ORDER_TIME) {
		timestamp_format(scratch, key->integer);
		return span_of(scratch, TIMESTAMP_TEXT_LEN);
	}
	return span_of(scratch, key->kind == ORDER_INT ? num_format_i64(scratch, key->integer)
						       : num_format_double(scratch, key->real));
}

int order_compare(const struct order_key *a, const struct order_key *b)
{
	char scratch_a[64], scratch_b[64];

	if (a->kind == b->kind && (a->kind == ORDER_INT || a->kind == ORDER_TIME))
		return (a->integer > b->integer) - (a->integer < b->integer);
	if (is_number(a) && is_number(b)) {
		double x = real_of(a), y = real_of(b);

		return (x > y) - (x < y);
	}
	return lang_compare(text_of(a, scratch_a), text_of(b, scratch_b));
}

int order_compare_all(const struct order_key *a, const struct order_key *b,
		      const struct order_field *fields, size_t n, bool desc)
{
	for (size_t i = 0; i < n; i++) {
		int r = order_compare(&a[i], &b[i]);

		if (r)
			return fields[i].desc != desc ? -r : r;
	}
	return 0;
}
