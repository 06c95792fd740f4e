/*
 * streams.h - the label sets that rows belong to.
 *
 * A stream is its text, {host="node-1",service="cart"}: labels by name, values
 * quoted as JSON strings.  Equal texts are one object, so that streams
 * compare by pointer; it lives as long as its table.
 *
 * Not locked: one thread adds, and hands pointers on.
 */
#ifndef SLUICE_STORE_STREAMS_H
#define SLUICE_STORE_STREAMS_H

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/data/column.h"

#define STREAMS_MAX     65536
#define STREAM_TEXT_MAX 4096

struct store_stream {
	struct span text;
};

struct stream_table {
	struct map by_text;
	struct arena arena;
};

void stream_table_init(struct stream_table *table);
void stream_table_release(struct stream_table *table);

/* name, value, name, value …  -E2BIG (too many or too long), -EINVAL, -ENOMEM. */
int stream_table_labels(struct stream_table *table, const struct span *labels, size_t nspans,
			struct store_stream **ret);
int stream_table_text(struct stream_table *table, struct span text, struct store_stream **ret);

/*
 * `_stream_id` of a stream: 16 zeros (VictoriaLogs puts the tenant there) and
 * the XXH3-128 of the text, in hex.
 */
#define STREAM_ID_LEN 48
void stream_id(struct span text, char ret[STREAM_ID_LEN]);
/* Turn a `_stream` column into `_stream_id`.  0 or -ENOMEM. */
int stream_id_column(struct column *column, struct arena *arena);

#endif
