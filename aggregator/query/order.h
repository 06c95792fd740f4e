/*
 * order.h - comparing rows by fields, as `sort` does.
 *
 * The value of a field is turned into a key once a row, so that sorting
 * compares numbers and not texts where both are numbers:
 *
 *	TIME   ns of a _time column      INT   "42"      REAL  "1.5"
 *	TEXT   all else, by lang_compare(): other numbers, then natural order
 */
#ifndef SLUICE_QUERY_ORDER_H
#define SLUICE_QUERY_ORDER_H

#include "aggregator/query/rows.h"

enum order_kind { ORDER_TIME, ORDER_INT, ORDER_REAL, ORDER_TEXT };

struct order_key {
	enum order_kind kind;
	union {
		int64_t integer; /* TIME, INT */
		double real;     /* REAL */
	};
	struct span text; /* empty where the column holds numbers */
};

struct order_field {
	struct span name;
	bool desc;
};

/* Key of a row; its text borrows from the column. */
struct order_key order_key_of(const struct column *column, uint32_t row);
/* < 0, 0, > 0 */
int order_compare(const struct order_key *a, const struct order_key *b);
/* By n keys, each in the direction of its field; `desc` turns all around. */
int order_compare_all(const struct order_key *a, const struct order_key *b,
		      const struct order_field *fields, size_t n, bool desc);

#endif
