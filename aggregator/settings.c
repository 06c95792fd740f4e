/* settings.c - the keys of the configuration file. */
#include "aggregator/options.h"
#include "common/base/clock.h"
#include "filters/builtin.h"
#include <stddef.h>

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define TIB (INT64_C(1) << 40)
#define DAY (86400 * NS_PER_SEC)

static const struct sl_option source_options[] = {
	{.name = "from",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct source_settings, from),
	 .help = "dir:///PATH or kafka://HOST:PORT[,…]/TOPIC; without it nothing is consumed"},
	{.name = "partitions",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct source_settings, partitions),
	 .def = "all",
	 .help = "all, or a list such as 0,3,4: a partition belongs to one store"},
	{.name = "kafka",
	 .type = SL_OPT_PAIRS,
	 .flags = SL_OPT_SECRET,
	 .offset = offsetof(struct source_settings, kafka),
	 .help = "properties of librdkafka, of the allow-list"},
	{.name = "queue",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct source_settings, queue_bytes),
	 .def = "16MiB",
	 .min = MIB,
	 .max = GIB,
	 .help = "bytes fetched ahead"},
	{0},
};

static const struct sl_option store_options[] = {
	{.name = "path",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct store_settings, path),
	 .def = "/var/lib/aggregator",
	 .help = "where the index is kept"},
	{.name = "commit_age",
	 .type = SL_OPT_DURATION,
	 .offset = offsetof(struct store_settings, commit_age),
	 .def = "2s",
	 .min = 10 * NS_PER_MS,
	 .max = 60 * NS_PER_SEC,
	 .help = "rows are made durable at least this often; queries see them at once"},
	{.name = "memory",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct store_settings, memory),
	 .def = "192MiB",
	 .min = 16 * MIB,
	 .max = 64 * GIB,
	 .help = "for rows that are not durable yet"},
	{.name = "retention",
	 .type = SL_OPT_DURATION,
	 .offset = offsetof(struct store_settings, retention),
	 .def = "0s",
	 .min = 0,
	 .max = 36500 * DAY,
	 .help = "older rows are deleted; 0s keeps them"},
	{.name = "max_disk",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct store_settings, max_disk),
	 .def = "0",
	 .min = 0,
	 .max = 1024 * TIB,
	 .help = "the oldest rows are deleted when the index is larger; 0 = no limit"},
	{.name = "free_space",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct store_settings, free_space),
	 .def = "64MiB",
	 .min = 0,
	 .max = 1024 * TIB,
	 .help = "ingestion pauses before the file system has less than this"},
	{0},
};

static const struct sl_option http_options[] = {
	{.name = "listen",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct http_settings, listen),
	 .help = "HOST:PORT of the HTTP API; loopback only"},
	{.name = "socket",
	 .type = SL_OPT_STR,
	 .offset = offsetof(struct http_settings, socket),
	 .help = "unix socket of the API (default: in the store, or in $RUNTIME_DIRECTORY); none"},
	{.name = "connections",
	 .type = SL_OPT_INT,
	 .offset = offsetof(struct http_settings, connections),
	 .def = "64",
	 .min = 2,
	 .max = 10000,
	 .help = "at a time"},
	{0},
};

static const struct sl_option limit_options[] = {
	{.name = "queries",
	 .type = SL_OPT_INT,
	 .offset = offsetof(struct limit_settings, queries),
	 .def = "8",
	 .min = 1,
	 .max = 1000,
	 .help = "that run at a time; further ones are refused with 429"},
	{.name = "query_time",
	 .type = SL_OPT_DURATION,
	 .offset = offsetof(struct limit_settings, query_time),
	 .def = "60s",
	 .min = NS_PER_MS,
	 .max = DAY,
	 .help = "a query is stopped after this time"},
	{.name = "query_memory",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct limit_settings, query_memory),
	 .def = "256MiB",
	 .min = 4 * MIB,
	 .max = 64 * GIB,
	 .help = "a query that needs more is refused"},
	{.name = "quarantine",
	 .type = SL_OPT_SIZE,
	 .offset = offsetof(struct limit_settings, quarantine),
	 .def = "1GiB",
	 .min = MIB,
	 .max = TIB,
	 .help = "for messages that can't be decoded; at the limit ingestion pauses"},
	{.name = "sources",
	 .type = SL_OPT_INT,
	 .offset = offsetof(struct limit_settings, sources),
	 .def = "65536",
	 .min = 64,
	 .max = 10000000,
	 .help = "log files whose position is remembered"},
	{0},
};

#define PART(name)                                                                                 \
	static const struct conf_schema name##_schema = {.size = sizeof(struct name##_settings),   \
							 .options = name##_options}
PART(source);
PART(store);
PART(http);
PART(limit);

static const struct conf_sub subs[] = {
	{.name = "source",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct settings, source),
	 .schema = &source_schema,
	 .help = "where records come from"},
	{.name = "filters",
	 .kind = CONF_RAW,
	 .offset = offsetof(struct settings, filters),
	 .help = "what every record passes, in this order",
	 .describe = filters_describe},
	{.name = "store",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct settings, store),
	 .schema = &store_schema,
	 .help = "the index"},
	{.name = "http",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct settings, http),
	 .schema = &http_schema,
	 .help = "the API"},
	{.name = "limits",
	 .kind = CONF_ONE,
	 .offset = offsetof(struct settings, limits),
	 .schema = &limit_schema,
	 .help = "bounds of what clients and senders may use"},
	{0},
};

const struct conf_schema settings_schema = {.size = sizeof(struct settings), .subs = subs};
