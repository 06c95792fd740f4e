#include "shipper/checkpoint.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "shipper/journal.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

enum statement { GET, OTHERS, EACH, PUT, DELETE, EXPIRE, BEGIN, COMMIT, ROLLBACK, STATEMENTS };

#define COLUMNS                                                                                    \
	"key, ino, birth_ns, seen_ns, truncations, partition, offset, sent_end, tail, flags, "     \
	"hash, digest, path, crc"

static const char *const statement_text[STATEMENTS] = {
	[GET] = "SELECT " COLUMNS " FROM source WHERE key = ?",
	[OTHERS] = "SELECT count(*), total((flags & 8) = 0), max(birth_ns) FROM source"
		   " WHERE path = ? AND key <> ?",
	[EACH] = "SELECT " COLUMNS " FROM source",
	[PUT] = "INSERT OR REPLACE INTO source (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[DELETE] = "DELETE FROM source WHERE key = ?",
	[EXPIRE] = "DELETE FROM source WHERE seen_ns < ?",
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
};

static const char schema_text[] =
	"CREATE TABLE IF NOT EXISTS source (key BLOB PRIMARY KEY, ino INTEGER, birth_ns INTEGER,"
	" seen_ns INTEGER, truncations INTEGER, partition INTEGER, offset INTEGER,"
	" sent_end INTEGER, tail INTEGER, flags INTEGER, hash BLOB, digest INTEGER, path TEXT,"
	" crc INTEGER) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS source_path ON source (path)";

struct checkpoint {
	char *db_path;
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct journal *journal;
	int lock_fd;
	bool lost;
};

/* SQLite's verdict as an errno. */
static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* our statements are right, so the schema is not */
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int run(struct checkpoint *cp, enum statement which)
{
	sqlite3_stmt *statement = cp->statements[which];
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return errno_of(code);
}

static void db_close(struct checkpoint *cp)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(cp->statements[i]);
		cp->statements[i] = NULL;
	}
	sqlite3_close(cp->db);
	cp->db = NULL;
}

static int pragma_value(sqlite3 *db, const char *text, bool (*good)(sqlite3_stmt *statement))
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	int r = errno_of(code);

	if (r == 0 && !(code == SQLITE_ROW && good(statement)))
		r = -EBADMSG;
	sqlite3_finalize(statement);
	return r;
}

static bool says_ok(sqlite3_stmt *statement)
{
	const char *text = (const char *)sqlite3_column_text(statement, 0);

	return text && strcmp(text, "ok") == 0;
}

static bool is_known_version(sqlite3_stmt *statement)
{
	int version = sqlite3_column_int(statement, 0);

	return version == 0 || version == SCHEMA_VERSION;
}

/* Open, verify all of it, make what is missing.  -EBADMSG: it is damaged. */
static int db_open(struct checkpoint *cp)
{
	static const char *const setup[] = {
		"PRAGMA journal_mode=WAL",     "PRAGMA synchronous=FULL",
		"PRAGMA cache_size=-512",      "PRAGMA wal_autocheckpoint=256",
		"PRAGMA journal_size_limit=0", schema_text,
		"PRAGMA user_version=1",
	};
	int code = sqlite3_open_v2(cp->db_path, &cp->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				   NULL);
	int r = errno_of(code);

	if (r == 0)
		r = pragma_value(cp->db, "PRAGMA integrity_check(1)", says_ok);
	if (r == 0)
		r = pragma_value(cp->db, "PRAGMA user_version", is_known_version);
	for (size_t i = 0; r == 0 && i < sizeof(setup) / sizeof(setup[0]); i++)
		r = errno_of(sqlite3_exec(cp->db, setup[i], NULL, NULL, NULL));
	for (int i = 0; r == 0 && i < STATEMENTS; i++) {
		code = sqlite3_prepare_v3(cp->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
					  &cp->statements[i], NULL);
		r = errno_of(code);
	}
	return r;
}

/* What the CRC of a row is taken over. */
static uint32_t row_crc(const struct checkpoint_row *row)
{
	uint64_t numbers[] = {
		row->ino,
		(uint64_t)row->birth_ns,
		(uint64_t)row->seen_ns,
		row->truncations,
		row->partition,
		row->mark.offset,
		row->mark.sent_end,
		row->mark.tail,
		row->mark.flags,
		XXH64_digest(&row->mark.hash),
	};
	uint32_t crc = crc32c(0, row->key.bytes, sizeof(row->key.bytes));

	crc = crc32c(crc, numbers, sizeof(numbers));
	return crc32c(crc, row->path, strlen(row->path));
}

/* False for a row that is not what was put. */
static bool row_read(sqlite3_stmt *s, struct checkpoint_row *ret)
{
	const char *path = (const char *)sqlite3_column_text(s, 12);

	memset(ret, 0, sizeof(*ret));
	if (sqlite3_column_bytes(s, 0) != sizeof(ret->key) || !path ||
	    strlen(path) >= sizeof(ret->path) ||
	    sqlite3_column_bytes(s, 10) != sizeof(ret->mark.hash))
		return false;
	memcpy(&ret->key, sqlite3_column_blob(s, 0), sizeof(ret->key));
	ret->ino = (uint64_t)sqlite3_column_int64(s, 1);
	ret->birth_ns = sqlite3_column_int64(s, 2);
	ret->seen_ns = sqlite3_column_int64(s, 3);
	ret->truncations = (uint32_t)sqlite3_column_int64(s, 4);
	ret->partition = (uint32_t)sqlite3_column_int64(s, 5);
	ret->mark.offset = (uint64_t)sqlite3_column_int64(s, 6);
	ret->mark.sent_end = (uint64_t)sqlite3_column_int64(s, 7);
	ret->mark.tail = (uint64_t)sqlite3_column_int64(s, 8);
	ret->mark.flags = (uint32_t)sqlite3_column_int64(s, 9);
	memcpy(&ret->mark.hash, sqlite3_column_blob(s, 10), sizeof(ret->mark.hash));
	memcpy(ret->path, path, strlen(path));
	/* memsize indexes the state's own buffer: checked before the digest uses it. */
	if (ret->mark.hash.memsize >= sizeof(ret->mark.hash.mem64))
		return false;
	return (uint64_t)sqlite3_column_int64(s, 11) == XXH64_digest(&ret->mark.hash) &&
	       (uint64_t)sqlite3_column_int64(s, 13) == row_crc(ret);
}

static int collect_bad(struct checkpoint *cp, struct buf *bad_keys)
{
	struct checkpoint_row row;
	sqlite3_stmt *s = cp->statements[EACH];
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (row_read(s, &row))
			continue;
		uint32_t len = (uint32_t)sqlite3_column_bytes(s, 0);

		buf_put(bad_keys, &len, sizeof(len));
		buf_put(bad_keys, sqlite3_column_blob(s, 0), len);
	}
	sqlite3_reset(s);
	return bad_keys->failed ? bad_keys->failed : errno_of(code);
}

/* Forget the rows whose CRC is wrong, loudly. */
static int drop_bad_rows(struct checkpoint *cp)
{
	struct buf bad = BUF_INIT(16 << 20);
	int r = collect_bad(cp, &bad);
	size_t n = 0;

	for (size_t at = 0; r == 0 && at < bad.len; n++) {
		uint32_t len;

		memcpy(&len, bad.ptr + at, sizeof(len));
		sqlite3_bind_blob(cp->statements[DELETE], 1, bad.ptr + at + sizeof(len), (int)len,
				  SQLITE_STATIC);
		r = run(cp, DELETE);
		at += sizeof(len) + len;
	}
	if (r == 0 && n) {
		log_error("%s: %zu rows are damaged; their files are read from the start",
			  cp->db_path, n);
		cp->lost = true;
	}
	buf_release(&bad);
	return r;
}

/* checkpoint.db, -wal and -shm become ….bad-TIME. */
static int set_aside(struct checkpoint *cp, struct err *reterr)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	long long now = (long long)(clock_real_ns() / NS_PER_SEC);
	int r = 0;

	for (size_t i = 0; r == 0 && i < 3; i++) {
		struct buf from = BUF_INIT(2 * CHECKPOINT_PATH_MAX);
		struct buf to = BUF_INIT(2 * CHECKPOINT_PATH_MAX);

		buf_printf(&from, "%s%s", cp->db_path, suffixes[i]);
		buf_printf(&to, "%s.bad-%lld%s", cp->db_path, now, suffixes[i]);
		const char *old = buf_cstr(&from), *new = buf_cstr(&to);

		if (!old || !new)
			r = -ENOMEM;
		else if (rename(old, new) < 0 && errno != ENOENT)
			r = err_set(reterr, -errno, "%s: %s", old, strerror(errno));
		buf_release(&from);
		buf_release(&to);
	}
	if (r < 0)
		return r;
	log_error("%s is damaged and was set aside as %s.bad-%lld: files are read from the start, "
		  "the index drops what it has",
		  cp->db_path, cp->db_path, now);
	cp->lost = true;
	return 0;
}

static int open_or_replace(struct checkpoint *cp, bool used_before, struct err *reterr)
{
	bool there = access(cp->db_path, F_OK) == 0;
	struct stat st;

	if (used_before && (stat(cp->db_path, &st) < 0 || st.st_size == 0)) {
		log_error("%s is gone: files are read from the start, the index drops what it has",
			  cp->db_path);
		cp->lost = true;
	}
	int r = db_open(cp);

	if (r == 0)
		r = drop_bad_rows(cp);
	/* One byte of its header says that it is for reading only. */
	if (r == -EROFS && access(cp->db_path, W_OK) == 0)
		r = -EBADMSG;
	if (r == -EBADMSG && there) {
		db_close(cp);
		r = set_aside(cp, reterr);
		if (r == 0)
			r = db_open(cp);
	}
	if (r < 0)
		return err_set(reterr, r, "%s: %s", cp->db_path,
			       cp->db ? sqlite3_errmsg(cp->db) : strerror(-r));
	return 0;
}

static char *join(const char *dir, const char *name)
{
	struct buf path = BUF_INIT(2 * CHECKPOINT_PATH_MAX);

	buf_printf(&path, "%s/%s", dir, name);
	const char *text = buf_cstr(&path);
	char *copy = text ? strdup(text) : NULL;

	buf_release(&path);
	return copy;
}

static int open_in(struct checkpoint *cp, const char *dir, struct err *reterr)
{
	char *lock = join(dir, "lock"), *journal = join(dir, "truncations");
	bool used_before = false;
	int r = -ENOMEM;

	cp->db_path = join(dir, "checkpoint.db");
	if (lock && journal && cp->db_path)
		r = io_make_dirs(dir, 0700, reterr);
	if (r >= 0) {
		r = cp->lock_fd = io_lock_file(lock, reterr);
		if (r == -EAGAIN)
			err_set(reterr, r, "%s is in use by another shipper", dir);
	}
	if (r >= 0)
		r = journal_open(journal, &cp->journal, &used_before, reterr);
	if (r >= 0)
		r = open_or_replace(cp, used_before, reterr);
	if (r >= 0 && journal_bad_lines(cp->journal))
		log_error("%s: %zu lines are damaged", journal, journal_bad_lines(cp->journal));
	free(lock);
	free(journal);
	return r;
}

int checkpoint_open(const char *dir, struct checkpoint **ret, struct err *reterr)
{
	struct checkpoint *cp = calloc(1, sizeof(*cp));

	if (!cp)
		return err_set(reterr, -ENOMEM, "out of memory");
	cp->lock_fd = -1;
	int r = open_in(cp, dir, reterr);

	if (r < 0) {
		checkpoint_close(cp);
		return r;
	}
	*ret = cp;
	return 0;
}

void checkpoint_close(struct checkpoint *cp)
{
	if (!cp)
		return;
	if (cp->db)
		db_close(cp);
	journal_close(cp->journal);
	if (cp->lock_fd >= 0)
		close(cp->lock_fd);
	free(cp->db_path);
	free(cp);
}

bool checkpoint_was_lost(const struct checkpoint *cp)
{
	return cp->lost;
}

int checkpoint_get(struct checkpoint *cp, const struct source_id *key, struct checkpoint_row *ret)
{
	sqlite3_stmt *s = cp->statements[GET];

	sqlite3_bind_blob(s, 1, key->bytes, sizeof(key->bytes), SQLITE_STATIC);
	int code = sqlite3_step(s);
	int r = code == SQLITE_ROW ? row_read(s, ret) : errno_of(code);

	sqlite3_reset(s);
	return r;
}

int checkpoint_others(struct checkpoint *cp, const char *path, const struct source_id *except,
		      struct checkpoint_others *ret)
{
	sqlite3_stmt *s = cp->statements[OTHERS];

	_Static_assert(MARK_DONE == 8, "the statement says 8");
	sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 2, except->bytes, sizeof(except->bytes), SQLITE_STATIC);
	int code = sqlite3_step(s);

	if (code == SQLITE_ROW)
		*ret = (struct checkpoint_others){
			.any = sqlite3_column_int64(s, 0) > 0,
			.unfinished = sqlite3_column_int64(s, 1) > 0,
			.youngest_ns = sqlite3_column_int64(s, 2),
		};
	sqlite3_reset(s);
	return errno_of(code);
}

int checkpoint_each(struct checkpoint *cp, checkpoint_row_fn *fn, void *ctx)
{
	sqlite3_stmt *s = cp->statements[EACH];
	struct checkpoint_row row;
	int code, r = 0;

	while (r >= 0 && (code = sqlite3_step(s)) == SQLITE_ROW)
		if (row_read(s, &row))
			r = fn(ctx, &row);
	sqlite3_reset(s);
	return r < 0 ? r : errno_of(code);
}

int checkpoint_begin(struct checkpoint *cp)
{
	return run(cp, BEGIN);
}

int checkpoint_put(struct checkpoint *cp, const struct checkpoint_row *row)
{
	sqlite3_stmt *s = cp->statements[PUT];
	const int64_t numbers[] = {
		(int64_t)row->ino,
		row->birth_ns,
		row->seen_ns,
		row->truncations,
		row->partition,
		(int64_t)row->mark.offset,
		(int64_t)row->mark.sent_end,
		(int64_t)row->mark.tail,
		row->mark.flags,
	};

	sqlite3_bind_blob(s, 1, row->key.bytes, sizeof(row->key.bytes), SQLITE_STATIC);
	for (int i = 0; i < 9; i++)
		sqlite3_bind_int64(s, 2 + i, numbers[i]);
	sqlite3_bind_blob(s, 11, &row->mark.hash, sizeof(row->mark.hash), SQLITE_STATIC);
	sqlite3_bind_int64(s, 12, (int64_t)XXH64_digest(&row->mark.hash));
	sqlite3_bind_text(s, 13, row->path, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 14, row_crc(row));
	return run(cp, PUT);
}

int checkpoint_delete(struct checkpoint *cp, const struct source_id *key)
{
	sqlite3_bind_blob(cp->statements[DELETE], 1, key->bytes, sizeof(key->bytes), SQLITE_STATIC);
	return run(cp, DELETE);
}

int checkpoint_commit(struct checkpoint *cp)
{
	return run(cp, COMMIT);
}

void checkpoint_abort(struct checkpoint *cp)
{
	run(cp, ROLLBACK);
}

int checkpoint_expire(struct checkpoint *cp, int64_t seen_ns)
{
	sqlite3_bind_int64(cp->statements[EXPIRE], 1, seen_ns);
	return run(cp, EXPIRE);
}

uint32_t checkpoint_truncations(const struct checkpoint *cp, const struct source_id *key)
{
	return journal_count(cp->journal, key);
}

int checkpoint_truncated(struct checkpoint *cp, const struct source_id *key, uint32_t count)
{
	return journal_bump(cp->journal, key, count);
}
