/*
 * filter.h - the tree of a query's filters.
 *
 * AND, OR and NOT have kids; all other kinds are leaves.  A leaf looks at one
 * field (`field`; _msg if the query names none), at two (EQ_FIELD, LE_FIELD,
 * LT_FIELD: also `text`), or at all fields with a value whose name starts with
 * `field` (`wild`: `foo*:bar`, `*:bar`).  What a leaf means is in match.h, and
 * only there.
 *
 * All nodes, texts and arrays live in the query's arena.
 */
#ifndef SLUICE_LANG_AST_FILTER_H
#define SLUICE_LANG_AST_FILTER_H

#include "common/base/buf.h"
#include "common/base/span.h"
#include <stdint.h>

struct query;

enum filter_kind {
	FILTER_ALL,  /* *  x:in(*)  x:~".*"   every row */
	FILTER_NONE, /* x:in()                no row */
	FILTER_AND,
	FILTER_OR,
	FILTER_NOT, /* one kid */

	/* on a text                    text = what is looked for */
	FILTER_PHRASE,          /* foo  "foo bar"     whole words; "" = the field is empty */
	FILTER_PREFIX,          /* foo*               words that start so; "" = not empty */
	FILTER_SUBSTRING,       /* *foo* */
	FILTER_REGEX,           /* ~"a.*b"            text = source, regex = compiled */
	FILTER_ANY_CASE_PHRASE, /* i(foo)             lower = lower case of text */
	FILTER_ANY_CASE_PREFIX, /* i(foo*) */
	FILTER_EXACT,           /* =foo               the whole value */
	FILTER_EXACT_PREFIX,    /* =foo*              the value starts so */
	FILTER_SEQ,             /* seq(a, b)          values = phrases in this order */
	FILTER_PATTERN,         /* pattern_match(…)   text, pattern, at */
	FILTER_STRING_RANGE,    /* string_range(a, b) text ≤ value < text2; >a */
	FILTER_LEN_RANGE,       /* len_range(1, 9)    umin ≤ characters ≤ umax */
	FILTER_RANGE,           /* range[1, 2)  >5    min ≤ number ≤ max */
	FILTER_IPV4_RANGE,      /* ipv4_range(a, b)   umin ≤ address ≤ umax */
	FILTER_IPV6_RANGE,      /* ipv6_range(a, b)   ip6_min ≤ address ≤ ip6_max */
	FILTER_JSON_ARRAY_ANY,  /* json_array_contains_any(a, b)  values */
	FILTER_VALUE_TYPE,      /* value_type(uint8)  text: how the store keeps the column */

	/* on a text, with a list       values, maybe from a sub-query */
	FILTER_IN,                   /* in(a, b)              the whole value is one of them */
	FILTER_CONTAINS_ALL,         /* contains_all(a, b)    has all phrases */
	FILTER_CONTAINS_ANY,         /* contains_any(a, b)    has one of them */
	FILTER_EQUALS_COMMON_CASE,   /* equals_common_case(Ab)    in() of Ab ab AB …  */
	FILTER_CONTAINS_COMMON_CASE, /* contains_common_case(Ab)  contains_any() of these */

	/* on the row */
	FILTER_EQ_FIELD,  /* a:eq_field(b)            text = the other field */
	FILTER_LE_FIELD,  /* a:le_field(b) */
	FILTER_LT_FIELD,  /* a:lt_field(b) */
	FILTER_TIME,      /* _time:…                  tmin ≤ _time ≤ tmax */
	FILTER_DAY_RANGE, /* _time:day_range[a, b]    tmin ≤ ns since midnight ≤ tmax, offset */
	FILTER_WEEK_RANGE, /* _time:week_range[a, b]  tmin ≤ weekday (0 = Sunday) ≤ tmax, offset */
	FILTER_STREAM,     /* {a="b", c=~"d" or …}     streams */
	FILTER_STREAM_ID, /* _stream_id:x, :in(x, y)  values */
};

/* conf/regex.h */
struct regex;
/* A compiled pattern of pattern_match(); see pattern.h. */
struct pattern;

/* Texts, sorted and unique once the parser is through, or a sub-query that will give them. */
struct filter_values {
	struct span *ptr;
	size_t len;
	size_t signs;             /* how many are no phrase_begins_with_word() */
	struct query *subquery;   /* NULL when they were listed */
	struct span result_field; /* the column of the sub-query's rows that holds them */
};

enum stream_op { STREAM_EQ, STREAM_NE, STREAM_MATCH, STREAM_NO_MATCH, STREAM_IN, STREAM_NOT_IN };

/* One label of a stream selector:  name="value" */
struct stream_tag {
	struct span name, value;
	enum stream_op op;
	struct regex *regex; /* MATCH, NO_MATCH; anchored at both ends */
	struct span *values; /* IN, NOT_IN */
	size_t nvalues;
};

/* {a="b", c="d" or e="f"}: one group of tags for each side of `or`. */
struct stream_group {
	struct stream_tag *tags;
	size_t ntags;
};

struct filter {
	enum filter_kind kind;
	size_t pos; /* byte in the query, for messages */

	struct filter **kids; /* AND OR NOT */
	size_t nkids;

	struct span field; /* leaves; a prefix of names if wild */
	bool wild;
	struct span text, text2;
	struct span lower;
	struct span shown; /* bounds as they were written, for printing: ">=5KiB" */
	struct filter_values values;
	struct regex *regex;
	struct pattern *pattern;
	union {
		struct {
			double min, max; /* RANGE, inclusive */
		};
		struct {
			uint64_t umin, umax; /* LEN_RANGE, IPV4_RANGE, inclusive */
		};
		struct {
			int64_t tmin, tmax; /* TIME, DAY_RANGE, WEEK_RANGE, inclusive */
			int64_t offset;     /* DAY_RANGE, WEEK_RANGE: added to the time, ns */
		};
		struct {
			uint8_t ip6_min[16], ip6_max[16];
		};
		struct {
			struct stream_group *groups; /* STREAM */
			size_t ngroups;
		};
	};
};

static inline bool filter_is_leaf(const struct filter *filter)
{
	return filter->kind < FILTER_AND || filter->kind > FILTER_NOT;
}

/* Call `visit` for each leaf, left to right, sub-queries not included.  Stops at a negative return. */
typedef int filter_visit_fn(void *ctx, struct filter *leaf);
int filter_walk(struct filter *filter, filter_visit_fn *visit, void *ctx);

/*
 * Ask about a time that lies `offset` ns earlier: `_time:` bounds, times of day
 * and weekdays.  Sub-queries are not included; the text stays what it was.
 */
void filter_shift_time(struct filter *filter, int64_t offset);
/* `bound` moved back by `offset`; INT64_MIN and INT64_MAX, which stand for "open", stay. */
int64_t time_earlier(int64_t bound, int64_t offset);

/*
 * Give a leaf with a sub-query its values; they are copied into the query's
 * arena, sorted and made unique.  0 or -ENOMEM.
 */
int filter_set_values(struct query *query, struct filter *leaf, const struct span *values,
		      size_t n);

/* Canonical text of a filter. */
void filter_print(const struct filter *filter, struct buf *out);

#endif
