/*
 * record.h - one log record: a flat list of fields that borrow from its line.
 *
 * The record on the wire is operations.md's; in memory it is
 *
 *	line    {"ts":1.5,"lvl":"warn","msg":"slow","http":{"status":200}}
 *	fields   timestamp  level       message      http
 *	          |          |           |            JSON  {"status":200}
 *	          NUMBER 1.5 STRING warn STRING slow
 *
 * A field's text is what LogsQL and filters see: strings are decoded, numbers
 * keep their spelling, objects and arrays stay raw JSON until somebody asks
 * for `http.status`.  Its raw extent says which bytes of the line it came
 * from, so that a record that nobody changed is copied to the wire, not
 * encoded again.  Keys are as the service wrote them, except the canonical
 * ones, which common/parse maps: timestamp, level, message, trace_id, …
 *
 * Invariants: fields[i] has the layout of the plugin ABI's sl_field (asserted
 * in flow/chain.c); every span points into `line`, a static string or `arena`,
 * and dies with the batch; keys are unique once the parser is through (of
 * duplicate keys the last wins, as json-c has it).
 * Nothing is allocated per record: fields and copies come from the arena.
 */
#ifndef SLUICE_DATA_RECORD_H
#define SLUICE_DATA_RECORD_H

#include "common/base/arena.h"
#include "common/base/span.h"
#include <stdint.h>

/* The ABI's enum sl_type, value by value. */
enum value_type { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_JSON };

struct field {
	struct span key;
	struct span text;
	uint32_t type;    /* enum value_type */
	uint32_t flags;   /* enum field_flag */
	uint32_t raw_off; /* extent of  "key":value  in record.line … */
	uint32_t raw_len; /* … 0 = none: encode key and text when written */
};

enum field_flag {
	FIELD_CANONICAL = 1, /* the parser gave it a canonical key; written in front */
};

enum record_flag {
	RECORD_TIME_OBSERVED = 1, /* no usable time in the line: time of reading */
	RECORD_PARSE_ERROR = 2,   /* message is the raw line */
	RECORD_INVALID_UTF8 = 4,  /* bytes were replaced by U+FFFD */
	RECORD_TRUNCATED = 8,     /* the line was longer than max_line_bytes */
	RECORD_CONTINUED = 16,    /* the rest of a line whose start was shipped before */
	RECORD_CHANGED = 32,      /* a filter set or deleted something */
};

struct record {
	struct field *fields;
	uint32_t nfields, capfields;
	uint32_t flags;    /* enum record_flag */
	uint32_t severity; /* OpenTelemetry 1..24; 0 = unknown */
	int64_t time_ns;
	uint64_t start, end; /* byte range in the source, [start, end) */
	struct span line;    /* what the record was parsed from, without its newline */
	struct span json;    /* what raw extents refer to; empty = fields have none */
	struct arena *arena; /* where fields and copies live */
};

/* Fields a record may have; a line with more keeps its raw text as message. */
#define RECORD_FIELDS_MAX 1024
/* What record_add() allows: room for canonical fields and for what wire.h displaces. */
#define RECORD_FIELDS_HARD 2048

/* An empty record whose memory comes from `arena`. */
void record_init(struct record *rec, struct arena *arena, struct span line);

/* The field `key`, or NULL.  Top level only. */
struct field *record_get(const struct record *rec, struct span key);
/* Its text, or the empty span. */
struct span record_text(const struct record *rec, struct span key);
/*
 * `http.status` inside nested objects too: the top-level key of that very
 * name, else the path through VALUE_JSON objects, of several the last.  0, or
 * -ENOENT.
 */
int record_find(const struct record *rec, struct span path, struct field *ret);

/* Append without looking for the key.  0, or -ENOMEM/-E2BIG; spans are borrowed. */
int record_add(struct record *rec, struct field field);
/*
 * Add or replace; key and text are copied into the arena.  Whatever comes in
 * can be written afterwards: invalid UTF-8 is replaced, and a text that is not
 * the JSON it is said to be becomes a string.  Setting `level` also sets the
 * severity, `timestamp` the time.  0, -ENOMEM, -E2BIG; -EINVAL or -ERANGE when
 * the text for `timestamp` is no time.
 */
int record_set(struct record *rec, struct span key, enum value_type type, struct span text);
/* 0 or -ENOENT. */
int record_del(struct record *rec, struct span key);

/* timestamp, level, message, trace_id, span_id: the names that FIELD_CANONICAL goes with. */
bool record_key_is_canonical(struct span key);

/* TRACE DEBUG INFO WARN ERROR FATAL of a severity number; empty for 0. */
struct span severity_name(uint32_t severity);
/* Any spelling that services use ("warning", "E", "crit", 30 of pino…) → 1..24, 0 = unknown. */
uint32_t severity_parse(struct span text);

#endif
