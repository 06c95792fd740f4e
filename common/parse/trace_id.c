#include "common/base/num.h"
#include "common/parse/canon.h"

/* Value of a hex digit, plus one; 0 for what is none. */
static const uint8_t hex_value[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/*
 * The usual case, exactly `digits` hex digits, without a branch that depends
 * on them: they are random, and each guess that failed cost more than the rest
 * of the parser (8 % of the shipper's time).
 */
static bool copy_exact(struct span text, unsigned digits, char *hex)
{
	unsigned valid = 1, any = 0;

	if (text.len != digits)
		return false;
	for (unsigned i = 0; i < digits; i++) {
		unsigned value = hex_value[(unsigned char)text.ptr[i]];

		valid &= value != 0;
		any |= value - 1;
		hex[i] = (char)(text.ptr[i] | 0x20); /* digits have that bit, too */
	}
	return valid && any;
}

/* Most ids need nothing done: lower-case hex of the right length, not all zeros. */
static bool is_canonical(struct span text, unsigned digits)
{
	unsigned char bad = 0, any = 0;

	if (text.len != digits)
		return false;
	for (unsigned i = 0; i < digits; i++) { /* no branches: the compiler makes vectors of it */
		unsigned char c = (unsigned char)text.ptr[i];

		bad |= !((unsigned char)(c - '0') <= 9 || (unsigned char)(c - 'a') <= 5);
		any |= c ^ '0';
	}
	return !bad && any;
}

/* Hex digits, dashes left out → right-aligned in `digits` places. */
static bool copy_hex(struct span text, unsigned digits, char *hex)
{
	static const char lower[] = "0123456789abcdef";
	unsigned n = 0, any = 0;

	for (size_t i = 0; i < text.len; i++) {
		int value = hex_value[(unsigned char)text.ptr[i]] - 1;

		if (text.ptr[i] == '-')
			continue;
		if (value < 0 || n == digits)
			return false;
		hex[n++] = lower[value];
		any |= (unsigned)value;
	}
	memmove(hex + digits - n, hex, n);
	memset(hex, '0', digits - n);
	return any != 0;
}

static bool copy_decimal(struct span text, unsigned digits, char *hex)
{
	static const char lower[] = "0123456789abcdef";
	uint64_t n;

	if (num_parse_u64(text, &n) < 0 || n == 0)
		return false;
	for (unsigned i = digits; i; i--, n >>= 4)
		hex[i - 1] = lower[n & 15];
	return true;
}

bool trace_id_parse(struct span text, bool decimal, unsigned digits, char *ret_hex)
{
	if (!decimal && is_canonical(text, digits)) {
		memcpy(ret_hex, text.ptr, digits);
		return true;
	}
	/* projects/my-project/traces/0679686673a… */
	const char *slash = text.len ? memrchr(text.ptr, '/', text.len) : NULL;

	if (slash)
		text = span_skip(text, (size_t)(slash + 1 - text.ptr));
	if (text.len < 8 && !decimal)
		return false; /* "1", "none": numbers and words, not ids */
	char hex[32];

	bool good = decimal ? copy_decimal(text, digits, hex)
			    : copy_exact(text, digits, hex) || copy_hex(text, digits, hex);

	if (!good)
		return false;
	memcpy(ret_hex, hex, digits);
	return true;
}
