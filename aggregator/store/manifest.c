/* The manifest's contents and transactions; see manifest.h. */
#include "aggregator/store/manifest.h"
#include "aggregator/store/manifest_rows.h"
#include "common/base/cleanup.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000
#define STATE_ARENA_MAX (1u << 20)

struct manifest {
	struct rows rows;
	uint64_t epoch; /* that we claimed; 0 = none */
	bool unsure;    /* a commit failed, and whether it happened can't be read */
};

DEFINE_CLEANUP(struct manifest *, manifest_close);

void manifest_state_init(struct manifest_state *state)
{
	*state = (struct manifest_state){0};
	arena_init(&state->arena, STATE_ARENA_MAX);
	progress_init(&state->progress);
}

void manifest_state_release(struct manifest_state *state)
{
	vec_release(&state->parts);
	vec_release(&state->partitions);
	offset_ranges_release(&state->expired);
	progress_release(&state->progress);
	arena_release(&state->arena);
}

void manifest_close(struct manifest *manifest)
{
	if (!manifest)
		return;
	sqlite3_close_v2(manifest->rows.db);
	free(manifest);
}

static int put_meta(struct manifest *m, struct span name, uint64_t number, struct span text,
		    struct err *reterr)
{
	struct cell row[] = {CELL_T(name), CELL_N(number), CELL_T(text)};

	return rows_put(&m->rows, TABLE_META, row, reterr);
}

/* A number in meta.  1 and the number, 0 when there is none, or a negative errno. */
static int get_meta(struct manifest *m, const char *name, uint64_t *ret, struct err *reterr)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(m->rows.db, "SELECT number FROM meta WHERE name=?1", -1,
				      &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return rows_error(&m->rows, code, reterr);
	return code == SQLITE_ROW;
}

/*
 * End the transaction that `r` is the outcome of.  A COMMIT that reports an
 * error may have happened all the same: the total in the file tells.  If it
 * can't be read nobody knows, and this manifest takes no further commit.
 */
static int end(struct manifest *m, uint64_t total_before, int r, struct err *reterr)
{
	uint64_t total;

	if (r == 0)
		r = put_meta(m, SPAN("total"), m->rows.total, SPAN(""), reterr);
	bool tried = r == 0;

	if (r == 0)
		r = rows_exec(&m->rows, "COMMIT", reterr);
	if (r == 0)
		return 0;
	if (!sqlite3_get_autocommit(m->rows.db))
		rows_exec(&m->rows, "ROLLBACK", NULL);
	if (tried && get_meta(m, "total", &total, NULL) != 1)
		m->unsure = true;
	else if (tried && total == m->rows.total)
		return 0;
	m->rows.total = total_before;
	return r;
}

static int make_tables(struct manifest *m, struct err *reterr)
{
	int r = rows_exec(&m->rows, "BEGIN IMMEDIATE", reterr);

	if (r < 0)
		return r;
	r = rows_exec(&m->rows, rows_schema, reterr);
	r = r < 0 ? r : put_meta(m, SPAN("version"), MANIFEST_VERSION, SPAN(""), reterr);
	return end(m, 0, r, reterr);
}

static int configure(struct manifest *m, struct err *reterr)
{
	sqlite3_busy_timeout(m->rows.db, BUSY_TIMEOUT_MS);
	return rows_exec(&m->rows,
			 "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;"
			 "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;",
			 reterr);
}

int manifest_open(const char *path, bool read_only, struct manifest **ret, struct err *reterr)
{
	_cleanup_(manifest_closep) struct manifest *m = calloc(1, sizeof(*m));
	struct stat st;
	bool fresh = stat(path, &st) < 0 || st.st_size == 0;

	if (!m)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (fresh && read_only)
		return err_set(reterr, -ENOENT, "there is no manifest %s", path);
	/* A reader too opens for writing if it may: it rolls back what a crash left. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		    (read_only ? 0 : SQLITE_OPEN_CREATE);
	int code = sqlite3_open_v2(path, &m->rows.db, flags, NULL);

	if (code != SQLITE_OK)
		return rows_error(&m->rows, code, reterr);
	int r = read_only ? 0 : configure(m, reterr);

	if (read_only)
		sqlite3_busy_timeout(m->rows.db, BUSY_TIMEOUT_MS);
	r = r < 0 || !fresh ? r : make_tables(m, reterr);
	if (r < 0)
		return r;
	*ret = TAKE(m);
	return 0;
}

/* What the rows of meta say. */
struct meta {
	struct manifest_state *state;
	uint64_t version, total;
	bool has_total;
};

static int load_meta(void *ctx, const struct cell *row)
{
	struct meta *meta = ctx;
	struct span name = row[0].bytes;

	if (span_eq(name, SPAN("version")))
		meta->version = (uint64_t)row[1].n;
	else if (span_eq(name, SPAN("epoch")))
		meta->state->epoch = (uint64_t)row[1].n;
	else if (span_eq(name, SPAN("origin")))
		meta->state->origin = arena_dup(&meta->state->arena, row[2].bytes);
	else if (span_eq(name, SPAN("total"))) {
		meta->total = (uint64_t)row[1].n;
		meta->has_total = true;
	}
	return meta->state->arena.overflowed ? -ENOMEM : 0;
}

static int load_part(void *ctx, const struct cell *row)
{
	struct manifest_state *state = ctx;
	struct manifest_part part = {
		.id = (uint64_t)row[0].n,
		.bytes = (uint64_t)row[1].n,
		.rows = (uint64_t)row[2].n,
		.min_time = row[3].n,
		.max_time = row[4].n,
		.footer_sum = (uint64_t)row[5].n,
	};

	return vec_push(&state->parts, part);
}

static int load_partition(void *ctx, const struct cell *row)
{
	struct manifest_state *state = ctx;
	struct store_partition position = {(uint32_t)row[0].n, row[1].n};
	struct manifest_partition partition = {position.partition, position.next_offset, row[2].n};
	struct store_progress changed = {.partitions = &position, .npartitions = 1};
	int r = progress_apply(&state->progress, &changed, false);

	return r < 0 ? r : vec_push(&state->partitions, partition);
}

static int load_source(void *ctx, const struct cell *row)
{
	struct manifest_state *state = ctx;
	struct store_source source = {
		.generation = (uint32_t)row[1].n,
		.watermark = (uint64_t)row[2].n,
		.hash = (uint64_t)row[3].n,
		.seen_ns = row[4].n,
	};
	struct cursor gaps = cursor_of(row[5].bytes);

	if (row[0].bytes.len != sizeof(source.source.bytes))
		return -EBADMSG;
	memcpy(source.source.bytes, row[0].bytes.ptr, sizeof(source.source.bytes));
	int r = gaps_get(&gaps, &source.gaps, &source.ngaps);

	if (r < 0)
		return r;
	r = progress_apply(&state->progress,
			   &(struct store_progress){.sources = &source, .nsources = 1}, false);
	free(source.gaps);
	return r;
}

static int load_expired(void *ctx, const struct cell *row)
{
	struct manifest_state *state = ctx;

	return offset_ranges_add(&state->expired,
				 (struct offset_range){(uint32_t)row[0].n, row[1].n, row[2].n});
}

static int load_tables(struct manifest *m, struct manifest_state *state, struct err *reterr)
{
	static rows_fn *const loaders[TABLE_COUNT] = {
		[TABLE_PART] = load_part,
		[TABLE_PARTITION] = load_partition,
		[TABLE_SOURCE] = load_source,
		[TABLE_EXPIRED] = load_expired,
	};
	struct meta meta = {.state = state};

	m->rows.total = 0;
	int r = rows_each(&m->rows, TABLE_META, load_meta, &meta, reterr);

	if (r == 0 && meta.version > MANIFEST_VERSION)
		return err_set(reterr, -ENOTSUP,
			       "manifest: version %llu, this program reads up to %d",
			       (unsigned long long)meta.version, MANIFEST_VERSION);
	for (int t = TABLE_META + 1; r == 0 && t < TABLE_COUNT; t++)
		r = rows_each(&m->rows, (enum table)t, loaders[t], state, reterr);
	if (r == 0 && (!meta.has_total || meta.total != m->rows.total))
		return err_set(reterr, -EBADMSG, "manifest: rows are missing or were changed");
	return r;
}

int manifest_load(struct manifest *m, struct manifest_state *ret, struct err *reterr)
{
	/* One read transaction: all tables as of one commit. */
	int r = rows_exec(&m->rows, "BEGIN", reterr);

	if (r < 0)
		return r;
	r = load_tables(m, ret, reterr);
	rows_exec(&m->rows, "COMMIT", NULL);
	return r;
}

int manifest_claim(struct manifest *m, uint64_t epoch, struct span origin, struct err *reterr)
{
	uint64_t total = m->rows.total;
	int r = rows_exec(&m->rows, "BEGIN IMMEDIATE", reterr);

	if (r < 0)
		return r;
	r = put_meta(m, SPAN("epoch"), epoch, SPAN(""), reterr);
	if (r == 0 && origin.len)
		r = put_meta(m, SPAN("origin"), 0, origin, reterr);
	r = end(m, total, r, reterr);
	if (r == 0)
		m->epoch = epoch;
	return r;
}

static int check_epoch(struct manifest *m, struct err *reterr)
{
	uint64_t epoch = 0;
	int r = get_meta(m, "epoch", &epoch, reterr);

	if (r < 0)
		return r;
	return epoch == m->epoch ? 0
				 : err_set(reterr, -ESTALE, "another process took the store over");
}

static int apply_parts(struct manifest *m, const struct manifest_change *change, struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->nremove; i++)
		r = rows_remove(&m->rows, TABLE_PART, &CELL_N(change->remove[i]), reterr);
	if (r < 0 || !change->add)
		return r;
	const struct manifest_part *p = change->add;
	struct cell row[] = {CELL_N(p->id),       CELL_N(p->bytes),    CELL_N(p->rows),
			     CELL_N(p->min_time), CELL_N(p->max_time), CELL_N(p->footer_sum)};

	return rows_put(&m->rows, TABLE_PART, row, reterr);
}

static int apply_source(struct manifest *m, const struct store_source *s, struct err *reterr)
{
	_cleanup_(buf_release) struct buf gaps = BUF_INIT(1u << 20);
	struct cell key[] = {CELL_B(s->source.bytes, sizeof(s->source.bytes)),
			     CELL_N(s->generation)};

	if (s->forgotten)
		return rows_remove(&m->rows, TABLE_SOURCE, key, reterr);
	gaps_put(&gaps, s->gaps, s->ngaps);
	if (gaps.failed)
		return err_set(reterr, gaps.failed, "manifest: too many gaps in one source");
	struct cell row[] = {key[0],
			     key[1],
			     CELL_N(s->watermark),
			     CELL_N(s->hash),
			     CELL_N(s->seen_ns),
			     CELL_B(gaps.ptr, gaps.len)};

	return rows_put(&m->rows, TABLE_SOURCE, row, reterr);
}

static int apply_positions(struct manifest *m, const struct manifest_change *change,
			   struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->npartitions; i++) {
		const struct manifest_partition *p = &change->partitions[i];
		struct cell row[] = {CELL_N(p->partition), CELL_N(p->next_offset),
				     CELL_N(p->covered)};

		r = rows_put(&m->rows, TABLE_PARTITION, row, reterr);
	}
	for (size_t i = 0; r == 0 && i < change->nsources; i++)
		r = apply_source(m, &change->sources[i], reterr);
	return r;
}

static int apply_expired(struct manifest *m, const struct offset_ranges *expired,
			 struct err *reterr)
{
	int r = expired ? rows_clear(&m->rows, TABLE_EXPIRED, reterr) : 0;

	for (size_t i = 0; expired && r == 0 && i < expired->len; i++) {
		const struct offset_range *range = &expired->ptr[i];
		struct cell row[] = {CELL_N(range->partition), CELL_N(range->first),
				     CELL_N(range->next)};

		r = rows_put(&m->rows, TABLE_EXPIRED, row, reterr);
	}
	return r;
}

int manifest_apply(struct manifest *m, const struct manifest_change *change, struct err *reterr)
{
	uint64_t total = m->rows.total;

	if (m->unsure)
		return err_set(reterr, -ESTALE,
			       "nobody knows whether the last commit is in the manifest: the store "
			       "must be opened again");
	int r = rows_exec(&m->rows, "BEGIN IMMEDIATE", reterr);

	if (r < 0)
		return r;
	r = check_epoch(m, reterr);
	r = r < 0 ? r : apply_parts(m, change, reterr);
	r = r < 0 ? r : apply_positions(m, change, reterr);
	r = r < 0 ? r : apply_expired(m, change->expired, reterr);
	return end(m, total, r, reterr);
}

bool manifest_unsure(const struct manifest *m)
{
	return m->unsure;
}
