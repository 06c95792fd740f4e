#include "common/base/num.h"
#include "common/parse/canon.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex digits, dashes left out → right-aligned in `digits` places. */
static bool copy_hex(struct span text, unsigned digits, char *hex)
{
	static const char lower[] = "0123456789abcdef";
	unsigned n = 0, any = 0;

	for (size_t i = 0; i < text.len; i++) {
		int value = hex_value(text.ptr[i]);

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
	/* projects/my-project/traces/0679686673a… */
	const char *slash = text.len ? memrchr(text.ptr, '/', text.len) : NULL;

	if (slash)
		text = span_skip(text, (size_t)(slash + 1 - text.ptr));
	if (text.len < 8 && !decimal)
		return false; /* "1", "none": numbers and words, not ids */
	char hex[32];

	if (!(decimal ? copy_decimal(text, digits, hex) : copy_hex(text, digits, hex)))
		return false;
	memcpy(ret_hex, hex, digits);
	return true;
}
