/* Checksummed rows; see manifest_rows.h. */
#include "aggregator/store/manifest_rows.h"
#include "aggregator/store/bytes.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include <errno.h>

#define ROW_MAX (4u << 20)

struct table_def {
	const char *name, *columns, *key_is; /* columns in order, keys first */
	int ncells, nkeys;
};

static const struct table_def tables[TABLE_COUNT] = {
	[TABLE_META] = {"meta", "name, number, text", "name=?1", 3, 1},
	[TABLE_PART] = {"part", "id, bytes, rows, min_time, max_time, footer", "id=?1", 6, 1},
	[TABLE_PARTITION] = {"partition", "id, next_offset, covered", "id=?1", 3, 1},
	[TABLE_SOURCE] = {"source", "source, generation, watermark, hash, seen, gaps",
			  "source=?1 AND generation=?2", 6, 2},
	[TABLE_EXPIRED] = {"expired", "partition, first, next", "partition=?1 AND first=?2", 3, 2},
};

const char rows_schema[] =
	"CREATE TABLE meta(name TEXT PRIMARY KEY, number INTEGER, text TEXT, sum INTEGER)"
	" WITHOUT ROWID;"
	"CREATE TABLE part(id INTEGER PRIMARY KEY, bytes INTEGER, rows INTEGER,"
	" min_time INTEGER, max_time INTEGER, footer INTEGER, sum INTEGER);"
	"CREATE TABLE partition(id INTEGER PRIMARY KEY, next_offset INTEGER, covered INTEGER,"
	" sum INTEGER);"
	"CREATE TABLE source(source BLOB, generation INTEGER, watermark INTEGER, hash INTEGER,"
	" seen INTEGER, gaps BLOB, sum INTEGER, PRIMARY KEY(source, generation)) WITHOUT ROWID;"
	"CREATE TABLE expired(partition INTEGER, first INTEGER, next INTEGER, sum INTEGER,"
	" PRIMARY KEY(partition, first)) WITHOUT ROWID;";

int rows_error(struct rows *rows, int code, struct err *reterr)
{
	int system = rows->db ? sqlite3_system_errno(rows->db) : 0, r = -EIO;

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* no such table: not what we wrote */
		r = -EBADMSG;
		break;
	case SQLITE_FULL:
		r = -ENOSPC;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		r = -EBUSY;
		break;
	case SQLITE_NOMEM:
		r = -ENOMEM;
		break;
	case SQLITE_READONLY:
		r = -EROFS;
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR:
		r = system ? -system : -EIO;
		break;
	default:
		break;
	}
	return err_set(reterr, r, "manifest: %s",
		       rows->db ? sqlite3_errmsg(rows->db) : sqlite3_errstr(code));
}

int rows_exec(struct rows *rows, const char *sql, struct err *reterr)
{
	int code = sqlite3_exec(rows->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : rows_error(rows, code, reterr);
}

static void finalize(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

__attribute__((__format__(__printf__, 4, 5))) static int
prepare(struct rows *rows, sqlite3_stmt **ret, struct err *reterr, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	int code = sqlite3_prepare_v2(rows->db, text, -1, ret, NULL);

	return code == SQLITE_OK ? 0 : rows_error(rows, code, reterr);
}

static int bind(sqlite3_stmt *statement, int at, const struct cell *cell)
{
	const char *bytes = cell->bytes.ptr ? cell->bytes.ptr : "";

	switch (cell->type) {
	case CELL_INT:
		return sqlite3_bind_int64(statement, at, cell->n);
	case CELL_TEXT:
		return sqlite3_bind_text64(statement, at, bytes, cell->bytes.len, SQLITE_TRANSIENT,
					   SQLITE_UTF8);
	case CELL_BLOB:
		return sqlite3_bind_blob64(statement, at, bytes, cell->bytes.len, SQLITE_TRANSIENT);
	}
	return SQLITE_MISUSE;
}

static int bind_all(struct rows *rows, sqlite3_stmt *statement, const struct cell *cells, int n,
		    struct err *reterr)
{
	for (int i = 0; i < n; i++) {
		int code = bind(statement, i + 1, &cells[i]);

		if (code != SQLITE_OK)
			return rows_error(rows, code, reterr);
	}
	return 0;
}

static int row_sum(enum table table, const struct cell *cells, uint64_t *ret)
{
	_cleanup_(buf_release) struct buf bytes = BUF_INIT(ROW_MAX);

	put_span(&bytes, span_cstr(tables[table].name));
	for (int i = 0; i < tables[table].ncells; i++) {
		put_u8(&bytes, (uint8_t)cells[i].type);
		if (cells[i].type == CELL_INT)
			put_u64(&bytes, (uint64_t)cells[i].n);
		else
			put_span(&bytes, cells[i].bytes);
	}
	if (bytes.failed)
		return bytes.failed;
	*ret = hash64(buf_span(&bytes));
	return 0;
}

/* The total's own row is not in the total. */
static bool counts(enum table table, const struct cell *key)
{
	return table != TABLE_META || !span_eq(key->bytes, SPAN("total"));
}

int rows_remove(struct rows *rows, enum table table, const struct cell *key, struct err *reterr)
{
	const struct table_def *def = &tables[table];
	_cleanup_(finalize) sqlite3_stmt *statement = NULL;
	int r = prepare(rows, &statement, reterr, "DELETE FROM %s WHERE %s RETURNING sum",
			def->name, def->key_is);

	r = r < 0 ? r : bind_all(rows, statement, key, def->nkeys, reterr);
	if (r < 0)
		return r;
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW) {
		if (counts(table, key))
			rows->total -= (uint64_t)sqlite3_column_int64(statement, 0);
		code = sqlite3_step(statement);
	}
	return code == SQLITE_DONE ? 0 : rows_error(rows, code, reterr);
}

int rows_put(struct rows *rows, enum table table, const struct cell *cells, struct err *reterr)
{
	const struct table_def *def = &tables[table];
	_cleanup_(finalize) sqlite3_stmt *statement = NULL;
	struct cell row[CELLS_MAX + 1];
	uint64_t sum;
	int r = row_sum(table, cells, &sum);

	if (r < 0)
		return err_set(reterr, r, "manifest: a row of %s is too large", def->name);
	r = rows_remove(rows, table, cells, reterr);
	r = r < 0 ? r
		  : prepare(rows, &statement, reterr, "INSERT INTO %s(%s, sum) VALUES(?1%.*s)",
			    def->name, def->columns, 3 * def->ncells, ",?2,?3,?4,?5,?6,?7,?8,?9");
	if (r < 0)
		return r;
	memcpy(row, cells, (size_t)def->ncells * sizeof(*cells));
	row[def->ncells] = CELL_N(sum);
	r = bind_all(rows, statement, row, def->ncells + 1, reterr);
	if (r < 0)
		return r;
	int code = sqlite3_step(statement);

	if (code != SQLITE_DONE)
		return rows_error(rows, code, reterr);
	if (counts(table, cells))
		rows->total += sum;
	return 0;
}

static void read_cells(sqlite3_stmt *statement, struct cell *cells, int n)
{
	for (int i = 0; i < n; i++) {
		int type = sqlite3_column_type(statement, i);

		if (type == SQLITE_INTEGER) {
			cells[i] = CELL_N(sqlite3_column_int64(statement, i));
			continue;
		}
		const void *bytes = sqlite3_column_blob(statement, i);
		size_t len = (size_t)sqlite3_column_bytes(statement, i);

		cells[i] = type == SQLITE_BLOB ? CELL_B(bytes, len) : CELL_T(span_of(bytes, len));
	}
}

int rows_each(struct rows *rows, enum table table, rows_fn *fn, void *ctx, struct err *reterr)
{
	const struct table_def *def = &tables[table];
	_cleanup_(finalize) sqlite3_stmt *statement = NULL;
	int r = prepare(rows, &statement, reterr, "SELECT %s, sum FROM %s ORDER BY 1, 2",
			def->columns, def->name);
	int code;

	if (r < 0)
		return r;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct cell cells[CELLS_MAX];
		uint64_t sum = 0;

		read_cells(statement, cells, def->ncells);
		if (row_sum(table, cells, &sum) < 0 ||
		    sqlite3_column_type(statement, def->ncells) != SQLITE_INTEGER ||
		    (uint64_t)sqlite3_column_int64(statement, def->ncells) != sum)
			return err_set(reterr, -EBADMSG,
				       "manifest: a row of table %s fails its checksum", def->name);
		if (counts(table, cells))
			rows->total += sum;
		r = fn(ctx, cells);
		if (r < 0)
			return err_set(reterr, r, "manifest: a row of table %s makes no sense",
				       def->name);
	}
	return code == SQLITE_DONE ? 0 : rows_error(rows, code, reterr);
}

/* rows_each() sums up the hashes by itself. */
static int just_count(void *ctx, const struct cell *cells)
{
	(void)ctx;
	(void)cells;
	return 0;
}

int rows_clear(struct rows *rows, enum table table, struct err *reterr)
{
	struct rows gone = {.db = rows->db};
	int r = rows_each(&gone, table, just_count, NULL, reterr);
	char sql[64];

	if (r < 0)
		return r;
	rows->total -= gone.total;
	snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[table].name);
	return rows_exec(rows, sql, reterr);
}
