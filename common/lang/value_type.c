/*
 * value_type.c - the type that the reference's storage would give a column.
 *
 * Ours stores columns otherwise, but the filter value_type() answers alike:
 * one value for all rows is const; at most 8 short ones are a dict; then the
 * narrowest type that holds all of them, and string for the rest.
 */
#include "common/lang/match.h"
#include "common/lang/number.h"

#define DICT_MAX       8
#define DICT_BYTES_MAX 256

static bool is_dict(const struct span *values, size_t n)
{
	struct span seen[DICT_MAX];
	size_t nseen = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (j < nseen && !span_eq(seen[j], values[i]))
			j++;
		if (j < nseen)
			continue;
		bytes += values[i].len;
		if (nseen == DICT_MAX || bytes > DICT_BYTES_MAX)
			return false;
		seen[nseen++] = values[i];
	}
	return true;
}

static bool is_const(const struct span *values, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (!span_eq(values[0], values[i]))
			return false;
	return values[0].len <= DICT_BYTES_MAX;
}

/* A number that prints back as it was written; '_' would be lost. */
static bool is_plain(struct span text)
{
	return span_chr(text, '_') < 0;
}

static bool all_unsigned(const struct span *values, size_t n, uint64_t *ret_max)
{
	uint64_t number;

	*ret_max = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_plain(values[i]) || !lang_u64(values[i], &number))
			return false;
		*ret_max = number > *ret_max ? number : *ret_max;
	}
	return true;
}

static bool is_signed(struct span text)
{
	int64_t number;

	return is_plain(text) && lang_i64(text, &number);
}

static bool is_float(struct span text)
{
	double number;

	return is_plain(text) && lang_float(text, &number) &&
	       (span_chr(text, '.') >= 0 ||
		(number < 9007199254740992.0 && number > -9007199254740992.0));
}

static bool is_ipv4(struct span text)
{
	uint32_t address;

	return lang_ipv4(text, &address);
}

static bool is_iso8601(struct span text)
{
	int64_t ns;

	return text.len == 24 && text.ptr[10] == 'T' && text.ptr[23] == 'Z' && lang_time(text, &ns);
}

static bool all(const struct span *values, size_t n, bool (*is)(struct span))
{
	for (size_t i = 0; i < n; i++)
		if (!is(values[i]))
			return false;
	return true;
}

/* The narrowest type that holds all of them. */
static struct span narrowest(const struct span *values, size_t n)
{
	uint64_t max;

	if (all_unsigned(values, n, &max))
		return max <= UINT8_MAX    ? SPAN("uint8")
		       : max <= UINT16_MAX ? SPAN("uint16")
		       : max <= UINT32_MAX ? SPAN("uint32")
					   : SPAN("uint64");
	if (all(values, n, is_signed))
		return SPAN("int64");
	if (all(values, n, is_float))
		return SPAN("float64");
	if (all(values, n, is_ipv4))
		return SPAN("ipv4");
	return all(values, n, is_iso8601) ? SPAN("iso8601") : SPAN("string");
}

struct span value_type_of(const struct span *values, size_t n)
{
	if (n == 0)
		return (struct span){0};
	if (is_const(values, n))
		return values[0].len ? SPAN("const") : (struct span){0};
	return is_dict(values, n) ? SPAN("dict") : narrowest(values, n);
}

struct span value_type_alone(struct span value)
{
	return value.len ? narrowest(&value, 1) : (struct span){0};
}
