/*
 * manifest_rows.h - checksummed rows in SQLite tables.
 *
 * A row is an array of cells; its last column, which is not among them, holds
 * the hash64 of the table's name and the cells.  The sum of all hashes, kept
 * in memory and written with each transaction, notices rows that are missing.
 */
#ifndef SLUICE_STORE_MANIFEST_ROWS_H
#define SLUICE_STORE_MANIFEST_ROWS_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <sqlite3.h>
#include <stdint.h>

#define CELLS_MAX 8

struct cell {
	enum { CELL_INT, CELL_TEXT, CELL_BLOB } type;
	int64_t n;
	struct span bytes;
};

#define CELL_N(number)  ((struct cell){.type = CELL_INT, .n = (int64_t)(number)})
#define CELL_T(span)    ((struct cell){.type = CELL_TEXT, .bytes = (span)})
#define CELL_B(ptr, n_) ((struct cell){.type = CELL_BLOB, .bytes = {(const void *)(ptr), (n_)}})

enum table { TABLE_META, TABLE_PART, TABLE_PARTITION, TABLE_SOURCE, TABLE_EXPIRED, TABLE_COUNT };

struct rows {
	sqlite3 *db;
	uint64_t total; /* of the hashes of all rows but the one that keeps it */
};

/* The statement that makes all tables. */
extern const char rows_schema[];

/* Text of SQLite's last error; its code as an errno: -EBADMSG, -ENOSPC, -EBUSY, -EIO, … */
int rows_error(struct rows *rows, int code, struct err *reterr);
int rows_exec(struct rows *rows, const char *sql, struct err *reterr);

/* Insert or replace by the table's key; remove by the key, which comes first. */
int rows_put(struct rows *rows, enum table table, const struct cell *cells, struct err *reterr);
int rows_remove(struct rows *rows, enum table table, const struct cell *key, struct err *reterr);
int rows_clear(struct rows *rows, enum table table, struct err *reterr);

/* Each row, verified, in the order of the key; cells are good during the call. */
typedef int rows_fn(void *ctx, const struct cell *cells);
int rows_each(struct rows *rows, enum table table, rows_fn *fn, void *ctx, struct err *reterr);

#endif
