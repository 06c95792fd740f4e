/* Rows in memory: making a table and appending to it; see memtable.h. */
#include "aggregator/store/memtable.h"
#include "common/base/check.h"
#include "common/data/json_scan.h"
#include "common/data/json_write.h"
#include <errno.h>
#include <sys/mman.h>

#define NAMES_MAX   (4u << 20)
#define SCRATCH_MAX (192u << 20)

int memtable_new(struct memtable **ret)
{
	struct memtable *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	atomic_init(&table->refs, 1);
	pthread_mutex_init(&table->lock, NULL);
	arena_init(&table->arena, NAMES_MAX);
	arena_init(&table->scratch, SCRATCH_MAX);
	buf_init(&table->overflow, MEMTABLE_TEXT_MAX);
	table->min_time = INT64_MAX;
	table->max_time = INT64_MIN;
	table->times = malloc(ROW_BLOCK_MAX * sizeof(*table->times));
	table->streams = malloc(ROW_BLOCK_MAX * sizeof(*table->streams));
	table->text = mmap(NULL, MEMTABLE_TEXT_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table->text == MAP_FAILED)
		table->text = NULL;
	if (!table->times || !table->streams || !table->text) {
		memtable_unref(table);
		return -ENOMEM;
	}
	*ret = table;
	return 0;
}

struct memtable *memtable_ref(struct memtable *table)
{
	atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
	return table;
}

void memtable_unref(struct memtable *table)
{
	if (!table || atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < table->columns.len; i++)
		vec_release(&table->columns.ptr[i]->values);
	vec_release(&table->columns);
	map_release(&table->by_name);
	free(table->times);
	free(table->streams);
	if (table->text)
		munmap(table->text, MEMTABLE_TEXT_MAX);
	arena_release(&table->arena);
	arena_release(&table->scratch);
	buf_release(&table->overflow);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static int make_column(struct memtable *table, struct span name, struct mem_column **ret)
{
	struct mem_column *column = ARENA_NEW(&table->arena, struct mem_column);
	struct span copy = arena_dup(&table->arena, name);
	bool added;

	if (!column || (name.len && !copy.ptr))
		return -ENOMEM;
	column->name = copy.ptr ? copy : SPAN("");
	if (vec_reserve(&table->columns, table->columns.len + 1) < 0)
		return -ENOMEM;
	union map_value *slot = map_put(&table->by_name, column->name, &added);

	if (!slot)
		return -ENOMEM;
	slot->ptr = column;
	vec_push(&table->columns, column);
	table->nfields += !is_own_column(name);
	*ret = column;
	return 0;
}

/*
 * The column of a field.  Fields come in the same order in most records, so
 * the one that followed the last field before is tried first: 3 of 4 look-ups
 * need no hash.  NULL in ret: beyond the caps, it goes to the overflow.
 */
static int find_column(struct memtable *table, struct span name, struct mem_column **ret)
{
	struct mem_column *last = table->last;
	struct mem_column *column = last ? last->after : NULL;

	if (!column || !span_eq(column->name, name)) {
		union map_value *slot = map_get(&table->by_name, name);

		column = slot ? slot->ptr : NULL;
		if (!column && (name.len > FIELD_NAME_MAX ||
				(table->nfields >= MEMTABLE_COLUMNS && !is_own_column(name)))) {
			*ret = NULL;
			return 0;
		}
		int r = column ? 0 : make_column(table, name, &column);

		if (r < 0)
			return r;
	}
	if (last)
		last->after = column;
	table->last = column;
	*ret = column;
	return 0;
}

static int add_value(struct memtable *table, struct mem_column *column, uint32_t row,
		     struct span text)
{
	size_t cap = column->values.cap;

	if (text.len > MEMTABLE_TEXT_MAX - table->text_len)
		return -ENOBUFS;
	if (vec_push(&column->values,
		     (struct mem_value){row, (uint32_t)table->text_len, (uint32_t)text.len}) < 0)
		return -ENOMEM;
	table->values_bytes += (column->values.cap - cap) * sizeof(struct mem_value);
	memcpy(table->text + table->text_len, text.ptr, text.len);
	table->text_len += text.len;
	return 0;
}

static void overflow_field(struct memtable *table, struct span name, enum value_type type,
			   struct span text)
{
	bool first = table->overflow.len == 0;

	if (first)
		buf_putc(&table->overflow, '{');
	json_write_field(&table->overflow, &first, name, type, text);
}

/* The names that LogsQL keeps for itself; a service's own field of that name is moved aside. */
static struct span stored_name(struct span name)
{
	if (name.len == 0 || name.ptr[0] != '_')
		return name;
	if (span_eq(name, SPAN("_time")))
		return SPAN("fields._time");
	if (span_eq(name, SPAN("_stream")))
		return SPAN("fields._stream");
	if (span_eq(name, SPAN("_stream_id")))
		return SPAN("fields._stream_id");
	if (span_eq(name, OVERFLOW_NAME))
		return SPAN("fields._overflow");
	if (span_eq(name, COMMIT_NAME))
		return SPAN("fields._commit");
	return name;
}

/*
 * A value that this row has in the column goes when the name occurs again;
 * false where it stays, because it is a key of the record itself.
 */
static bool drop_earlier(struct memtable *table, struct mem_column *column)
{
	if (!column->values.len || vec_last(&column->values)->row != table->nrows)
		return true;
	if (column->own_row == table->nrows + 1)
		return false;
	column->values.len--;
	return true;
}

/* One leaf of the row that is being appended, which is row table->nrows.  Of several the last. */
static int add_leaf(void *ctx, struct span key, enum value_type type, struct span text)
{
	struct memtable *table = ctx;
	struct span name = stored_name(key);
	struct mem_column *column;

	if (text.len == 0 || type == VALUE_NULL) {
		const union map_value *known = map_get(&table->by_name, name);

		if (known)
			drop_earlier(table, known->ptr);
		return 0;
	}
	int r = find_column(table, name, &column);

	if (r < 0)
		return r;
	if (!column) {
		overflow_field(table, name, type, text);
		return table->overflow.failed;
	}
	if (!drop_earlier(table, column))
		return 0;
	r = add_value(table, column, table->nrows, text);
	if (r == 0)
		column->types |= (uint8_t)(1u << type);
	return r;
}

/* A key of the record itself; it goes before one of that name inside an object. */
static int add_own(struct memtable *table, struct span key, enum value_type type, struct span text)
{
	int r = add_leaf(table, key, type, text);
	struct mem_column *column = table->last; /* it went there, unless to the overflow */

	if (r == 0 && text.len && column && span_eq(column->name, stored_name(key)))
		column->own_row = table->nrows + 1;
	return r;
}

static int add_fields(struct memtable *table, const struct record *rec)
{
	for (uint32_t i = 0; i < rec->nfields; i++) {
		const struct field *field = &rec->fields[i];
		struct span key = field->key;
		int r;

		if (field->flags & FIELD_CANONICAL && span_eq(key, SPAN("timestamp")))
			continue; /* it is _time */
		if (span_eq(key, SPAN("message")))
			key = SPAN("_msg");
		else if (span_eq(key, SPAN("_msg")) && record_get(rec, SPAN("message")))
			key = SPAN("fields._msg");
		if (field->type == VALUE_JSON && field->text.len && field->text.ptr[0] == '{')
			r = json_flatten(field->text, key, &table->scratch, add_leaf, table);
		else
			r = add_own(table, key, field->type, field->text);
		if (r < 0)
			return r;
	}
	if (table->overflow.len == 0)
		return 0;
	struct mem_column *column;

	buf_putc(&table->overflow, '}');
	int r = table->overflow.failed ? table->overflow.failed
				       : find_column(table, OVERFLOW_NAME, &column);

	return r < 0 ? r : add_value(table, column, table->nrows, buf_span(&table->overflow));
}

/* Take back the values of a row that did not get through. */
static void drop_row(struct memtable *table, size_t text_len)
{
	for (size_t i = 0; i < table->columns.len; i++) {
		struct mem_column *column = table->columns.ptr[i];

		if (column->values.len && vec_last(&column->values)->row == table->nrows)
			column->values.len--;
	}
	table->text_len = text_len;
}

static void add_row(struct memtable *table, int64_t time, const struct store_stream *stream)
{
	table->times[table->nrows] = time;
	table->streams[table->nrows] = stream;
	table->min_time = time < table->min_time ? time : table->min_time;
	table->max_time = time > table->max_time ? time : table->max_time;
	table->nrows++;
}

int memtable_append(struct memtable *table, const struct store_stream *stream,
		    const struct record *rec)
{
	CHECK(!table->frozen);
	pthread_mutex_lock(&table->lock);
	size_t text_len = table->text_len;
	int r = -ENOBUFS;

	arena_reset(&table->scratch);
	buf_reset(&table->overflow);
	table->last = table->columns.len ? table->columns.ptr[0] : NULL;
	if (table->nrows < ROW_BLOCK_MAX && text_len < MEMTABLE_TEXT_FULL)
		r = add_fields(table, rec);
	if (r == -ENOMEM && table->scratch.overflowed)
		r = -EMSGSIZE; /* long names, joined over and over: the row's fault */
	if (r < 0)
		drop_row(table, text_len);
	else
		add_row(table, rec->time_ns, stream);
	pthread_mutex_unlock(&table->lock);
	return r;
}

void memtable_freeze(struct memtable *table)
{
	pthread_mutex_lock(&table->lock);
	table->frozen = true;
	arena_release(&table->scratch);
	buf_release(&table->overflow);
	pthread_mutex_unlock(&table->lock);
}

size_t memtable_bytes(struct memtable *table)
{
	pthread_mutex_lock(&table->lock);
	size_t bytes = table->text_len + table->values_bytes + table->scratch.held +
		       ROW_BLOCK_MAX * (sizeof(*table->times) + sizeof(*table->streams));

	pthread_mutex_unlock(&table->lock);
	return bytes;
}

int memtable_add_rows(struct memtable *table, uint32_t n, const int64_t *times,
		      const struct store_stream *const *streams, uint32_t *ret_first)
{
	if (n > ROW_BLOCK_MAX - table->nrows || table->text_len > MEMTABLE_TEXT_FULL)
		return -ENOBUFS;
	*ret_first = table->nrows;
	for (uint32_t i = 0; i < n; i++)
		add_row(table, times[i], streams[i]);
	return 0;
}

int memtable_add_column(struct memtable *table, uint32_t first, uint32_t n, struct span name,
			const struct span *texts, uint8_t types)
{
	struct mem_column *column = NULL;
	int r = find_column(table, name, &column);

	if (r == 0 && !column)
		r = -ENOBUFS;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (texts[i].len)
			r = add_value(table, column, first + i, texts[i]);
	if (r == 0)
		column->types |= types;
	return r;
}
