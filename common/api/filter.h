/*
 * filter.h - the one header that a Sluice filter plugin includes.
 *
 * A filter sees one record at a time and decides: keep it or drop it.  It may
 * also set and delete fields.  Everything that a filter needs is in this file;
 * it includes nothing else of the project.
 *
 * Ownership, in four lines:
 *   - The host owns the record and every byte reachable from it.  Read them
 *     freely during process(); keep no pointer after it returns.
 *   - host->set() copies key and text, so stack buffers are fine to pass.
 *   - A write (set, del) may move rec->fields: fetch pointers again after it.
 *   - The instance memory (self) is the host's, zeroed and filled from the
 *     options; release in close() only what your own open() acquired.
 *
 * A whole plugin:
 *
 *	#include <sluice/filter.h>
 *
 *	struct drop { struct sl_str field, value; };
 *
 *	static const struct sl_option options[] = {
 *		{.name = "field", .type = SL_OPT_STR, .flags = SL_OPT_REQUIRED,
 *		 .offset = offsetof(struct drop, field), .help = "field to look at"},
 *		{.name = "value", .type = SL_OPT_STR, .flags = SL_OPT_REQUIRED,
 *		 .offset = offsetof(struct drop, value), .help = "drop when equal"},
 *		{0},
 *	};
 *
 *	static int process(void *self, const struct sl_host *host, struct sl_record *rec)
 *	{
 *		const struct drop *d = self;
 *		const struct sl_field *f = sl_get(rec, d->field);
 *
 *		return f && sl_str_eq(f->text, d->value) ? SL_DROP : SL_KEEP;
 *	}
 *
 *	SL_FILTER(.name = "drop", .version = "1.0", .help = "drop records by value",
 *		  .self_size = sizeof(struct drop), .options = options, .process = process);
 *
 * Build:  cc -shared -fPIC -o drop.so drop.c $(pkg-config --cflags sluice-filter)
 *
 * Versions: the major number changes when a layout does (rebuild; an old
 * plugin is refused with a message).  The minor number grows when something is
 * appended; a plugin loads on every host of its major whose minor is not older.
 */
#ifndef SLUICE_FILTER_H
#define SLUICE_FILTER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_ABI_MAGIC 0x534c4631u /* "SLF1" */
#define SL_ABI_MAJOR 1
#define SL_ABI_MINOR 0

/* The host passes its own objects of the same layout. */
#define SL_VIEW __attribute__((__may_alias__))

/* Text by pointer and length; not NUL-terminated; the empty one may have a NULL ptr. */
struct SL_VIEW sl_str {
	const char *ptr;
	size_t len;
};

/* What the value was in its source.  Its text is at hand whatever the type. */
enum sl_type {
	SL_NULL,   /* text "null" */
	SL_BOOL,   /* text "true" or "false" */
	SL_NUMBER, /* text as it was written: 1.50 stays 1.50 */
	SL_STRING, /* text decoded: no quotes, no escapes */
	SL_JSON,   /* text is the raw JSON of an object or array */
};

struct SL_VIEW sl_field {
	struct sl_str key;
	struct sl_str text;
	uint32_t type; /* enum sl_type */
	uint32_t reserved[3];
};

/* A frozen read view; later minors only append members. */
struct SL_VIEW sl_record {
	const struct sl_field *fields;
	uint32_t nfields;
	uint32_t severity;  /* OpenTelemetry 1..24, 0 = unknown */
	int64_t time_ns;    /* since the epoch, UTC */
	struct sl_str line; /* the bytes that the record was parsed from */
};

/* What process() returns; or a negative errno: the record is kept, the error counted. */
enum sl_verdict { SL_KEEP = 0, SL_DROP = 1 };

enum sl_option_type {
	SL_OPT_END,
	SL_OPT_STR,      /* struct sl_str */
	SL_OPT_INT,      /* int64_t */
	SL_OPT_BOOL,     /* int */
	SL_OPT_SIZE,     /* uint64_t, bytes: "64KiB" */
	SL_OPT_DURATION, /* int64_t, ns: "5s" */
	SL_OPT_LIST,     /* struct sl_list of texts */
	SL_OPT_PAIRS,    /* struct sl_list of key, value, key, value … (a YAML mapping) */
	SL_OPT_REGEX,    /* const void *, for host->match() */
	SL_OPT_ENUM,     /* int: index into `choices`, which are separated by '|' */
};

enum sl_option_flag {
	SL_OPT_REQUIRED = 1,
	/*
	 * Only as {file: …} or {credential: …}; never printed.  Of PAIRS: values
	 * may be given so, and must be if the key says password or secret.
	 */
	SL_OPT_SECRET = 2,
};

struct sl_list {
	const struct sl_str *items;
	size_t len;
};

/* One row per option; the host parses, checks the range and stores at `offset`. */
struct sl_option {
	const char *name;
	uint32_t type;       /* enum sl_option_type */
	uint32_t flags;      /* enum sl_option_flag */
	size_t offset;       /* offsetof(struct instance, member) */
	const char *def;     /* as written in YAML; NULL = zero */
	int64_t min, max;    /* of INT, SIZE, DURATION; both 0 = no limits */
	const char *choices; /* of ENUM: "native|ecs|raw" */
	const char *help;
};

struct sl_host {
	uint32_t size; /* sizeof(struct sl_host) as the host was built */
	uint32_t minor;
	/* Syslog priority 3 error … 7 debug.  Not from process(): count instead. */
	void (*log)(int priority, const char *fmt, ...);
	/* Add or replace a field.  0, or -ENOMEM when the record's memory is used up. */
	int (*set)(struct sl_record *rec, struct sl_str key, enum sl_type type, struct sl_str text);
	/* Delete a field.  0, or -ENOENT. */
	int (*del)(struct sl_record *rec, struct sl_str key);
	/* Memory that lives as long as the record; NULL when used up. */
	void *(*alloc)(struct sl_record *rec, size_t size);
	/* 1 match, 0 none, negative errno (match limit). */
	int (*match)(const void *regex, struct sl_str subject);
	/* Like sl_get(), and finds "http.status" inside a nested object too. */
	const struct sl_field *(*get)(struct sl_record *rec, struct sl_str key);
	/*
	 * The first match at or behind byte `start`: groups[0] is the whole, an
	 * unused group has a NULL ptr.  How many of `max` were filled; 0 = none;
	 * negative errno as of match().
	 */
	int (*find)(const void *regex, struct sl_str subject, size_t start, struct sl_str *groups,
		    size_t max);
};

struct sl_filter {
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	uint32_t size; /* sizeof(struct sl_filter) as the plugin was built */
	uint32_t flags;
	const char *name, *version, *help;
	size_t self_size; /* the host allocates and zeroes the instance */
	const struct sl_option *options;
	/* Optional.  0, or a negative errno: the configuration is refused. */
	int (*open)(void *self, const struct sl_host *host);
	int (*process)(void *self, const struct sl_host *host, struct sl_record *rec);
	/* Optional. */
	void (*close)(void *self);
};

/*
 * The plugin's one entry point.  A filter that is linked into the program
 * (-DSL_BUILTIN=name) exports the descriptor under its own name instead.
 */
#ifdef SL_BUILTIN
#define SL_ENTRY_PASTE(name) sl_builtin_##name
#define SL_ENTRY_NAME(name)  SL_ENTRY_PASTE(name)
#define SL_ENTRY             SL_ENTRY_NAME(SL_BUILTIN)
#else
#define SL_ENTRY sl_filter_entry
#endif

#define SL_FILTER(...)                                                                             \
	__attribute__((visibility("default"))) const struct sl_filter *SL_ENTRY(void);             \
	const struct sl_filter *SL_ENTRY(void)                                                     \
	{                                                                                          \
		static const struct sl_filter filter = {.magic = SL_ABI_MAGIC,                     \
							.abi_major = SL_ABI_MAJOR,                 \
							.abi_minor = SL_ABI_MINOR,                 \
							.size = sizeof(struct sl_filter),          \
							__VA_ARGS__};                              \
		return &filter;                                                                    \
	}                                                                                          \
	_Static_assert(sizeof(struct sl_field) == 48, "sl_field is frozen")

static inline struct sl_str sl_cstr(const char *s)
{
	struct sl_str str = {s, strlen(s)};

	return str;
}

static inline int sl_str_eq(struct sl_str a, struct sl_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The top-level field `key`, or NULL. */
static inline const struct sl_field *sl_get(const struct sl_record *rec, struct sl_str key)
{
	for (uint32_t i = 0; i < rec->nfields; i++)
		if (sl_str_eq(rec->fields[i].key, key))
			return &rec->fields[i];
	return NULL;
}

#endif
