#include "shipper/labels.h"
#include "common/data/json_write.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Where ".2", "-20260301", ".2026-03-01" or "_20260301" starts, or text.len.
 * "node-17" is a name: behind a dash or underscore only a date counts.
 */
static size_t rotation_suffix(struct span text)
{
	size_t at = text.len, digits = 0;

	while (at > 0 && (is_digit(text.ptr[at - 1]) || text.ptr[at - 1] == '-'))
		digits += is_digit(text.ptr[--at]);
	if (digits == 0)
		return text.len;
	if (at > 0 && (text.ptr[at - 1] == '.' || text.ptr[at - 1] == '_'))
		at--;
	bool counts = text.ptr[at] == '.' ||
		      ((text.ptr[at] == '-' || text.ptr[at] == '_') && digits >= 6);

	return counts ? at : text.len;
}

static struct span base_name(struct span path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;

	return slash ? span_skip(path, (size_t)(slash + 1 - path.ptr)) : path;
}

static struct span without_suffix(struct span name)
{
	size_t n = rotation_suffix(name);

	return n ? span_take(name, n) : name;
}

struct span labels_service(struct span path)
{
	struct span name = without_suffix(base_name(path));
	const char *dot = name.len ? memrchr(name.ptr, '.', name.len) : NULL;

	if (dot && dot != name.ptr)
		name = span_take(name, (size_t)(dot - name.ptr));
	name = without_suffix(name);
	return name.len ? name : SPAN("unknown");
}

void labels_json(const struct sl_list *pairs, struct buf *out)
{
	for (size_t i = 0; i + 1 < pairs->len; i += 2) {
		if (i)
			buf_putc(out, ',');
		json_write_string(out, span_of(pairs->items[i].ptr, pairs->items[i].len));
		buf_putc(out, ':');
		json_write_string(out, span_of(pairs->items[i + 1].ptr, pairs->items[i + 1].len));
	}
}
