#include "common/parse/canon.h"

/*
 * Names by their length, so that a look-up compares a handful.  Who uses them:
 * slog, zap, zerolog, logrus, pino, bunyan, winston, python-json-logger,
 * structlog, logback, log4j2, ECS, Serilog (full and compact), Monolog, Rust
 * tracing, Google Cloud, GELF, journald, MongoDB, OpenTelemetry, Datadog.
 */
#define ALIAS(text, role, rank)                                                                    \
	{                                                                                          \
		{text, sizeof(text) - 1}, ROLE_##role, rank                                        \
	}

static const struct alias len1[] = {
	ALIAS("t", TIME, 8),
	ALIAS("s", LEVEL, 8),
};
static const struct alias len2[] = {
	ALIAS("ts", TIME, 3),
	ALIAS("@t", TIME, 3),
	ALIAS("@l", LEVEL, 3),
	ALIAS("@m", MESSAGE, 2),
};
static const struct alias len3[] = {
	ALIAS("lvl", LEVEL, 3),   ALIAS("msg", MESSAGE, 1), ALIAS("@mt", MESSAGE, 4),
	ALIAS("log", MESSAGE, 8), ALIAS("@tr", TRACE, 2),   ALIAS("@sp", SPAN, 2),
};
static const struct alias len4[] = {
	ALIAS("time", TIME, 2),    ALIAS("date", TIME, 6),    ALIAS("body", MESSAGE, 6),
	ALIAS("text", MESSAGE, 7), ALIAS("_msg", MESSAGE, 1),
};
static const struct alias len5[] = {
	ALIAS("level", LEVEL, 0),
	ALIAS("event", MESSAGE, 5),
	ALIAS("_time", TIME, 1),
};
static const struct alias len6[] = {
	ALIAS("spanid", SPAN, 1),
};
static const struct alias len7[] = {
	ALIAS("asctime", TIME, 4),    ALIAS("instant", TIME, 5),  ALIAS("created", TIME, 7),
	ALIAS("message", MESSAGE, 0), ALIAS("traceid", TRACE, 1), ALIAS("span_id", SPAN, 0),
	ALIAS("span.id", SPAN, 1),
};
static const struct alias len8[] = {
	ALIAS("datetime", TIME, 4),  ALIAS("severity", LEVEL, 2),   ALIAS("loglevel", LEVEL, 3),
	ALIAS("priority", LEVEL, 4), ALIAS("@message", MESSAGE, 2), ALIAS("trace_id", TRACE, 0),
	ALIAS("trace.id", TRACE, 1),
};
static const struct alias len9[] = {
	ALIAS("timestamp", TIME, 0),  ALIAS("eventtime", TIME, 4),  ALIAS("logged_at", TIME, 6),
	ALIAS("log.level", LEVEL, 1), ALIAS("levelname", LEVEL, 3), ALIAS("log_level", LEVEL, 3),
};
static const struct alias len10[] = {
	ALIAS("@timestamp", TIME, 1), ALIAS("event_time", TIME, 4), ALIAS("timemillis", TIME, 5),
	ALIAS("time_local", TIME, 6), ALIAS("written_at", TIME, 6), ALIAS("created_at", TIME, 7),
	ALIAS("start_time", TIME, 9), ALIAS("started_at", TIME, 9), ALIAS("level_name", LEVEL, 1),
	ALIAS("otelspanid", SPAN, 2), ALIAS("dd.span_id", SPAN, 4),
};
static const struct alias len11[] = {
	ALIAS("textpayload", MESSAGE, 3), ALIAS("oteltraceid", TRACE, 2),
	ALIAS("dd.trace_id", TRACE, 4),   ALIAS("x-b3-spanid", SPAN, 2),
	ALIAS("x_b3_spanid", SPAN, 2),    ALIAS("traceparent", PARENT, 0),
};
static const struct alias len12[] = {
	ALIAS("timeunixnano", TIME, 4),  ALIAS("time_iso8601", TIME, 6),
	ALIAS("severitytext", LEVEL, 2), ALIAS("syslog_level", LEVEL, 4),
	ALIAS("x-b3-traceid", TRACE, 2), ALIAS("x_b3_traceid", TRACE, 2),
};
static const struct alias len13[] = {
	ALIAS("log_timestamp", TIME, 4),
	ALIAS("severity_text", LEVEL, 2),
	ALIAS("short_message", MESSAGE, 3),
};
static const struct alias len14[] = {
	ALIAS("eventtimestamp", TIME, 4),
};
static const struct alias len15[] = {
	ALIAS("event_timestamp", TIME, 4),
	ALIAS("renderedmessage", MESSAGE, 3),
	ALIAS("messagetemplate", MESSAGE, 4),
};
static const struct alias len18[] = {
	ALIAS("edgestarttimestamp", TIME, 8),
};
static const struct alias len20[] = {
	ALIAS("__realtime_timestamp", TIME, 6),
};
static const struct alias len26[] = {
	ALIAS("_source_realtime_timestamp", TIME, 5),
};
static const struct alias len28[] = {
	ALIAS("logging.googleapis.com/trace", TRACE, 3),
};
static const struct alias len29[] = {
	ALIAS("logging.googleapis.com/spanid", SPAN, 3),
};

#define LIST(list)                                                                                 \
	{                                                                                          \
		list, sizeof(list) / sizeof(list[0])                                               \
	}
#define NAME_MAX_LEN 29

static const struct {
	const struct alias *list;
	size_t n;
} by_length[NAME_MAX_LEN + 1] = {
	[1] = LIST(len1),   [2] = LIST(len2),   [3] = LIST(len3),   [4] = LIST(len4),
	[5] = LIST(len5),   [6] = LIST(len6),   [7] = LIST(len7),   [8] = LIST(len8),
	[9] = LIST(len9),   [10] = LIST(len10), [11] = LIST(len11), [12] = LIST(len12),
	[13] = LIST(len13), [14] = LIST(len14), [15] = LIST(len15), [18] = LIST(len18),
	[20] = LIST(len20), [26] = LIST(len26), [28] = LIST(len28), [29] = LIST(len29),
};

const struct alias *alias_find(struct span key)
{
	if (key.len == 0 || key.len > NAME_MAX_LEN)
		return NULL;
	const struct alias *alias = by_length[key.len].list;
	char first = key.ptr[0] >= 'A' && key.ptr[0] <= 'Z' ? key.ptr[0] | 0x20 : key.ptr[0];

	for (size_t n = by_length[key.len].n; n; n--, alias++)
		if (alias->name.ptr[0] == first &&
		    (memcmp(alias->name.ptr, key.ptr, key.len) == 0 || span_ieq(alias->name, key)))
			return alias;
	return NULL;
}

#define TRACING (1u << ROLE_TRACE | 1u << ROLE_SPAN | 1u << ROLE_PARENT)
#define ALL     (TRACING | 1u << ROLE_TIME | 1u << ROLE_LEVEL | 1u << ROLE_MESSAGE)

unsigned alias_container(struct span key)
{
	static const struct {
		struct span name;
		unsigned roles;
	} containers[] = {
		{{"trace", 5}, TRACING},
		{{"span", 4}, TRACING},
		{{"dd", 2}, TRACING},
		{{"otel", 4}, TRACING},
		{{"mdc", 3}, TRACING},
		{{"contextMap", 10}, TRACING},
		{{"context", 7}, TRACING},
		{{"extra", 5}, TRACING},
		{{"attributes", 10}, TRACING},
		{{"log", 3}, TRACING | 1u << ROLE_LEVEL},
		{{"fields", 6}, ALL},
		{{"@fields", 7}, ALL},
		{{"data", 4}, TRACING | 1u << ROLE_MESSAGE},
		{{"jsonPayload", 11}, ALL},
	};

	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++)
		if (span_eq(key, containers[i].name))
			return containers[i].roles;
	return 0;
}
