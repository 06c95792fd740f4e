/* logfmt.c - see logfmt.h. */
#include "aggregator/query/text/logfmt.h"
#include "common/data/json_write.h"
#include "common/lang/quote.h"

/* A value that begins with a quote, up to the closing one. */
static bool quoted_value(struct span *rest, struct arena *arena, struct span *ret)
{
	size_t len;

	if (rest->len == 0 || (rest->ptr[0] != '"' && rest->ptr[0] != '`') ||
	    quote_parse(*rest, arena, ret, &len) < 0)
		return false;
	*rest = span_skip(*rest, len);
	if (rest->len && rest->ptr[0] != ' ')
		*rest = span_skip(*rest, rest->len);
	*rest = span_skip(*rest, 1);
	return true;
}

bool logfmt_next(struct span *rest, struct arena *arena, struct span *ret_key,
		 struct span *ret_value)
{
	while (rest->len) {
		size_t len = 0;

		while (len < rest->len && rest->ptr[len] != '=' && rest->ptr[len] != ' ')
			len++;
		bool has_value = len < rest->len && rest->ptr[len] == '=';

		*ret_key = span_trim(span_take(*rest, len));
		*ret_value = SPAN("");
		*rest = span_skip(*rest, len + 1);
		if (has_value && !quoted_value(rest, arena, ret_value)) {
			ptrdiff_t space = span_chr(*rest, ' ');

			*ret_value = span_take(*rest, space < 0 ? rest->len : (size_t)space);
			*rest = span_skip(*rest, ret_value->len + 1);
		}
		if (ret_key->len || ret_value->len)
			return true;
	}
	return false;
}

static bool needs_quotes(struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] <= ' ' || strchr("\"\\=`", value.ptr[i]))
			return true;
	return false;
}

void logfmt_write(struct buf *out, bool *first, struct span key, struct span value)
{
	if (!*first)
		buf_putc(out, ' ');
	*first = false;
	buf_puts(out, key);
	buf_putc(out, '=');
	if (needs_quotes(value))
		json_write_string(out, value);
	else
		buf_puts(out, value);
}
