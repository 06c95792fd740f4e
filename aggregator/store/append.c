/* From rows to groups in memory: append, freeze, encode; see inside.h. */
#include "aggregator/store/inside.h"
#include "common/base/clock.h"
#include <errno.h>

#define GROUP_MAX    (512u << 20)
#define BACKLOG      2                    /* frozen tables; with more the writer makes groups too */
#define TABLE_MEMORY (UINT64_C(48) << 20) /* what a table is counted as while it waits */

int store_stream_get(struct store *s, const struct span *labels, size_t nspans,
		     struct store_stream **ret)
{
	return stream_table_labels(&s->streams, labels, nspans, ret);
}

/* The table that takes the next rows becomes one that waits to be encoded. */
int store_freeze(struct store *s)
{
	struct memtable *fresh;
	int r = memtable_new(&fresh);

	if (r < 0)
		return r;
	s->active->commit = s->next_commit;
	memtable_freeze(s->active);
	pthread_mutex_lock(&s->lock);
	r = vec_push(&s->frozen, (struct frozen){s->active, false});
	if (r == 0) {
		s->active = fresh;
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		memtable_unref(fresh);
	return r;
}

/* A frozen table that nobody works on; with the lock held. */
static struct memtable *take_work(struct store *s)
{
	for (size_t i = 0; i < s->frozen.len; i++) {
		if (s->frozen.ptr[i].busy)
			continue;
		s->frozen.ptr[i].busy = true;
		return s->frozen.ptr[i].table;
	}
	return NULL;
}

/* The group took the table's place, or it did not work out (part NULL). */
static int end_work(struct store *s, struct memtable *table, struct part *part)
{
	size_t i = 0;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	while (s->frozen.ptr[i].table != table)
		i++;
	s->frozen.ptr[i].busy = false;
	if (part)
		r = vec_push(&s->sealed, part);
	if (part && r == 0)
		memmove(&s->frozen.ptr[i], &s->frozen.ptr[i + 1],
			(--s->frozen.len - i) * sizeof(*s->frozen.ptr));
	pthread_cond_broadcast(&s->done);
	pthread_mutex_unlock(&s->lock);
	if (part && r == 0)
		memtable_unref(table);
	return r;
}

static int make_part(struct group_maker *maker, struct memtable *table, struct part **ret)
{
	struct buf bytes = BUF_INIT(GROUP_MAX);
	struct group_info info;
	int r = group_make(maker, table, &bytes, &info);

	r = r < 0 ? r : part_of_memory(&bytes, &info, ret);
	buf_release(&bytes);
	return r;
}

int store_encode_one(struct store *s, struct group_maker *maker)
{
	struct part *part = NULL;

	pthread_mutex_lock(&s->lock);
	struct memtable *table = take_work(s);

	pthread_mutex_unlock(&s->lock);
	if (!table)
		return 0;
	int r = make_part(maker, table, &part);
	int pushed = end_work(s, table, part);

	if (r == 0 && pushed < 0) {
		part_unref(part);
		r = pushed;
	}
	return r < 0 ? r : 1;
}

/* With the lock held. */
static bool has_work(const struct store *s)
{
	for (size_t i = 0; i < s->frozen.len; i++)
		if (!s->frozen.ptr[i].busy)
			return true;
	return false;
}

void *store_encoder(void *ctx)
{
	struct store *s = ctx;
	struct group_maker *maker = NULL;

	if (group_maker_new(&maker) < 0)
		return NULL; /* the writer makes all groups, then */
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		int r = 0;

		if (has_work(s)) {
			pthread_mutex_unlock(&s->lock);
			r = store_encode_one(s, maker);
			pthread_mutex_lock(&s->lock);
		}
		/* What it can't do, for want of memory, the writer will try again and report. */
		if (!s->stop && (r < 0 || !has_work(s)))
			pthread_cond_wait(&s->work, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	group_maker_free(maker);
	return NULL;
}

/* Memory that waiting rows hold, more or less; with the lock held. */
static uint64_t waiting_bytes(const struct store *s)
{
	uint64_t bytes = TABLE_MEMORY * (s->frozen.len + 1);

	for (size_t i = 0; i < s->sealed.len; i++)
		bytes += s->sealed.ptr[i]->bytes;
	return bytes;
}

void store_wait_for_group(struct store *s)
{
	if (s->frozen.len && !has_work(s))
		pthread_cond_wait(&s->done, &s->lock);
}

/*
 * Room for another table within the memory limit: tables shrink twentyfold
 * when they are made groups.  -ENOBUFS when all are.
 */
static int make_room(struct store *s)
{
	for (;;) {
		pthread_mutex_lock(&s->lock);
		bool over = waiting_bytes(s) + TABLE_MEMORY > s->conf.memory_bytes;
		bool last = s->frozen.len == 0, groups = s->sealed.len > 0;

		if (over)
			store_wait_for_group(s);
		pthread_mutex_unlock(&s->lock);
		if (!over || last)
			return over && groups ? -ENOBUFS : 0;
		int r = store_encode_one(s, s->maker);

		if (r < 0)
			return r;
	}
}

/* The active table is full: take another, helping the encoder when it lags. */
static int next_table(struct store *s)
{
	int r = make_room(s);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	bool help = s->frozen.len >= BACKLOG || (s->conf.no_background && s->frozen.len);

	pthread_mutex_unlock(&s->lock);
	r = help ? store_encode_one(s, s->maker) : 0;
	return r < 0 ? r : store_freeze(s);
}

int store_append(struct store *s, struct store_stream *stream, const struct record *rec)
{
	int r = memtable_append(s->active, stream, rec);

	if (r == -ENOBUFS) {
		r = s->active->nrows ? next_table(s) : -EMSGSIZE;
		r = r < 0 ? r : memtable_append(s->active, stream, rec);
		r = r == -ENOBUFS && s->active->nrows == 0 ? -EMSGSIZE : r;
	}
	if (r == 0) {
		s->appended++;
		s->raw_bytes += rec->line.len;
		if (!s->waiting_since)
			s->waiting_since = clock_mono_ns();
		s->waiting_rows++;
	}
	return r;
}
