/* Label sets as text, interned; see streams.h. */
#include "aggregator/store/streams.h"
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/data/json_write.h"
#include <errno.h>
#include <xxhash.h>

#define LABELS_MAX 64

void stream_table_init(struct stream_table *table)
{
	*table = (struct stream_table){0};
	arena_init(&table->arena, (size_t)STREAMS_MAX * STREAM_TEXT_MAX);
}

void stream_table_release(struct stream_table *table)
{
	map_release(&table->by_text);
	arena_release(&table->arena);
}

int stream_table_text(struct stream_table *table, struct span text, struct store_stream **ret)
{
	union map_value *known = map_get(&table->by_text, text);

	if (known) {
		*ret = known->ptr;
		return 0;
	}
	if (text.len > STREAM_TEXT_MAX || table->by_text.len >= STREAMS_MAX)
		return -E2BIG;
	struct store_stream *stream = ARENA_NEW(&table->arena, struct store_stream);
	struct span copy = arena_dup(&table->arena, text);
	bool added;

	if (!stream || (text.len && !copy.ptr))
		return -ENOMEM;
	stream->text = copy.ptr ? copy : SPAN("");
	known = map_put(&table->by_text, stream->text, &added);
	if (!known)
		return -ENOMEM;
	known->ptr = stream;
	*ret = stream;
	return 0;
}

/* Indexes of the labels, ordered by name: few, so by insertion. */
static size_t sort_labels(const struct span *labels, size_t nspans, size_t order[LABELS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < nspans; i += 2) {
		size_t at = n++;

		for (; at > 0 && span_cmp(labels[order[at - 1]], labels[i]) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	return n;
}

int stream_table_labels(struct stream_table *table, const struct span *labels, size_t nspans,
			struct store_stream **ret)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(2 * STREAM_TEXT_MAX);
	size_t order[LABELS_MAX];

	if (nspans % 2)
		return -EINVAL;
	if (nspans / 2 > LABELS_MAX)
		return -E2BIG;
	size_t n = sort_labels(labels, nspans, order);

	buf_putc(&text, '{');
	for (size_t i = 0; i < n; i++) {
		if (labels[order[i]].len == 0)
			return -EINVAL;
		if (i)
			buf_putc(&text, ',');
		buf_puts(&text, labels[order[i]]);
		buf_putc(&text, '=');
		json_write_string(&text, labels[order[i] + 1]);
	}
	buf_putc(&text, '}');
	if (text.failed)
		return text.failed == -ENOBUFS ? -E2BIG : text.failed;
	return stream_table_text(table, buf_span(&text), ret);
}

void stream_id(struct span text, char ret[STREAM_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	XXH128_canonical_t hash;

	XXH128_canonicalFromHash(&hash, XXH3_128bits(text.ptr, text.len));
	memset(ret, '0', 16);
	for (size_t i = 0; i < sizeof(hash.digest); i++) {
		ret[16 + 2 * i] = digits[hash.digest[i] >> 4];
		ret[17 + 2 * i] = digits[hash.digest[i] & 15];
	}
}

static struct span id_of(struct span text, struct arena *arena)
{
	char *id = text.len ? arena_alloc(arena, STREAM_ID_LEN) : NULL;

	if (id)
		stream_id(text, id);
	return span_of(id, id ? STREAM_ID_LEN : 0);
}

/* Ids of `n` texts; of a run of the same text, one. */
static struct span *ids_of(const struct span *texts, size_t n, struct arena *arena)
{
	struct span *ids = ARENA_ARRAY(arena, struct span, n);

	for (size_t i = 0; ids && i < n; i++) {
		bool same = i && span_eq(texts[i], texts[i - 1]);

		ids[i] = same ? ids[i - 1] : id_of(texts[i], arena);
	}
	return arena->overflowed ? NULL : ids;
}

int stream_id_column(struct column *column, struct arena *arena)
{
	column->name = SPAN("_stream_id");
	if (column->kind == COLUMN_CONST) {
		column->value = id_of(column->value, arena);
		return arena->overflowed ? -ENOMEM : 0;
	}
	if (column->kind == COLUMN_DICT) {
		column->dict = ids_of(column->dict, column->ndict, arena);
		return column->dict ? 0 : -ENOMEM;
	}
	int r = column_make(column, arena);

	if (r < 0)
		return r;
	column->texts = ids_of(column->texts, column->nrows, arena);
	return column->texts ? 0 : -ENOMEM;
}
