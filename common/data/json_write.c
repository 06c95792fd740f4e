#include "common/data/json_write.h"
#include "common/data/json_text.h"

static void write_escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	/* The short forms of RFC 8259, section 7, by their control. */
	static const char brief[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	char escape[6] = {'\\', (char)c};

	if (c < 0x20 && !brief[c]) {
		memcpy(escape + 1, "u00", 3);
		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 15];
		buf_put(out, escape, 6);
		return;
	}
	if (c < 0x20)
		escape[1] = brief[c];
	buf_put(out, escape, 2);
}

void json_write_string(struct buf *out, struct span text)
{
	const char *p = text.ptr, *end = text.len ? p + text.len : p;

	buf_putc(out, '"');
	while (p < end) {
		unsigned high = 0;
		const char *special = json_find_special(p, end, &high);

		buf_put(out, p, (size_t)(special - p));
		p = special;
		if (p < end)
			write_escape(out, (unsigned char)*p++);
	}
	buf_putc(out, '"');
}

void json_write_value(struct buf *out, enum value_type type, struct span text)
{
	if (type == VALUE_STRING)
		json_write_string(out, text);
	else
		buf_puts(out, text);
}

void json_write_field(struct buf *out, bool *first, struct span key, enum value_type type,
		      struct span text)
{
	if (!*first)
		buf_putc(out, ',');
	*first = false;
	json_write_string(out, key);
	buf_putc(out, ':');
	json_write_value(out, type, text);
}
