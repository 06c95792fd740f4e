#include "common/data/record.h"

/*
 * OpenTelemetry's scale (logs data model, "severity fields"): six levels of
 * four steps each.  Syslog's and the loggers' finer words keep their step, as
 * the appendix of the data model maps them: notice is INFO2, critical ERROR2.
 */
enum {
	TRACE = 1,
	DEBUG = 5,
	INFO = 9,
	WARN = 13,
	ERROR = 17,
	FATAL = 21,
};

struct span severity_name(uint32_t severity)
{
	static const char names[6][5] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

	if (severity < 1 || severity > 24)
		return (struct span){0};
	uint32_t level = (severity - 1) / 4;

	return span_of(names[level], names[level][4] ? 5 : 4);
}

/* Lower case; ordered by length, so that a look-up compares a handful. */
static const struct word {
	char text[15];
	unsigned char len, severity;
} words[] = {
	{"t", 1, TRACE},           {"v", 1, TRACE},
	{"d", 1, DEBUG},           {"i", 1, INFO},
	{"n", 1, INFO + 1},        {"w", 1, WARN},
	{"e", 1, ERROR},           {"c", 1, ERROR + 1},
	{"f", 1, FATAL},           {"err", 3, ERROR},
	{"inf", 3, INFO},          {"wrn", 3, WARN},
	{"dbg", 3, DEBUG},         {"trc", 3, TRACE},
	{"ftl", 3, FATAL},         {"vrb", 3, TRACE},
	{"log", 3, INFO},          {"info", 4, INFO},
	{"warn", 4, WARN},         {"crit", 4, ERROR + 1},
	{"eror", 4, ERROR},        {"debu", 4, DEBUG},
	{"dbug", 4, DEBUG},        {"fine", 4, DEBUG},
	{"trac", 4, TRACE},        {"fata", 4, FATAL},
	{"pani", 4, FATAL},        {"error", 5, ERROR},
	{"debug", 5, DEBUG},       {"trace", 5, TRACE},
	{"fatal", 5, FATAL},       {"panic", 5, FATAL + 3},
	{"alert", 5, ERROR + 2},   {"emerg", 5, FATAL},
	{"info2", 5, INFO + 1},    {"info3", 5, INFO + 2},
	{"info4", 5, INFO + 3},    {"warn2", 5, WARN + 1},
	{"warn3", 5, WARN + 2},    {"warn4", 5, WARN + 3},
	{"finer", 5, TRACE},       {"silly", 5, TRACE},
	{"audit", 5, INFO + 1},    {"notice", 6, INFO + 1},
	{"severe", 6, ERROR},      {"dpanic", 6, ERROR + 1},
	{"finest", 6, TRACE},      {"error2", 6, ERROR + 1},
	{"error3", 6, ERROR + 2},  {"error4", 6, ERROR + 3},
	{"debug2", 6, DEBUG + 1},  {"debug3", 6, DEBUG + 2},
	{"debug4", 6, DEBUG + 3},  {"trace2", 6, TRACE + 1},
	{"trace3", 6, TRACE + 2},  {"trace4", 6, TRACE + 3},
	{"fatal2", 6, FATAL + 1},  {"fatal3", 6, FATAL + 2},
	{"fatal4", 6, FATAL + 3},  {"warning", 7, WARN},
	{"success", 7, INFO},      {"verbose", 7, DEBUG},
	{"default", 7, 0},         {"critical", 8, ERROR + 1},
	{"information", 11, INFO}, {"informational", 13, INFO},
	{"emergency", 9, FATAL},
};

static uint32_t parse_word(struct span text)
{
	char lower[14];

	if (text.len > sizeof(lower) - 1)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] | 0x20
									   : text.ptr[i]);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].len == text.len && words[i].text[0] == lower[0] &&
		    memcmp(words[i].text, lower, text.len) == 0)
			return words[i].severity;
	return 0;
}

/*
 * Numbers: 0–7 are syslog's (journald, GELF), 10–60 pino's and bunyan's and,
 * up to 50, Python's, 100–600 Monolog's.  The ranges do not meet.
 */
static uint32_t parse_number(struct span text)
{
	static const unsigned char syslog[8] = {FATAL, ERROR + 2, ERROR + 1, ERROR,
						WARN,  INFO + 1,  INFO,      DEBUG};
	static const unsigned char pino[7] = {0, TRACE, DEBUG, INFO, WARN, ERROR, FATAL};
	static const struct {
		char text[4];
		unsigned char severity;
	} monolog[] = {{"100", DEBUG}, {"200", INFO},      {"250", INFO + 1},  {"300", WARN},
		       {"400", ERROR}, {"500", ERROR + 1}, {"550", ERROR + 2}, {"600", FATAL}};

	if (text.len == 1 && text.ptr[0] >= '0' && text.ptr[0] <= '7')
		return syslog[text.ptr[0] - '0'];
	if (text.len == 2 && text.ptr[0] >= '1' && text.ptr[0] <= '6' && text.ptr[1] >= '0' &&
	    text.ptr[1] <= '9')
		return pino[text.ptr[0] - '0'];
	for (size_t i = 0; text.len == 3 && i < sizeof(monolog) / sizeof(monolog[0]); i++)
		if (memcmp(text.ptr, monolog[i].text, 3) == 0)
			return monolog[i].severity;
	return 0;
}

uint32_t severity_parse(struct span text)
{
	if (!text.len)
		return 0;
	if (text.ptr[0] >= '0' && text.ptr[0] <= '9')
		return parse_number(text);
	/* slog writes levels between its own as INFO+2; its steps are OpenTelemetry's. */
	size_t n = text.len;

	if (n >= 3 && (text.ptr[n - 2] == '+' || text.ptr[n - 2] == '-') &&
	    text.ptr[n - 1] >= '0' && text.ptr[n - 1] <= '9') {
		int step = (text.ptr[n - 1] - '0') * (text.ptr[n - 2] == '-' ? -1 : 1);
		int severity = (int)parse_word(span_take(text, n - 2));

		if (severity)
			severity += step;
		return severity < 1 ? 0 : severity > 24 ? 24 : (uint32_t)severity;
	}
	return parse_word(text);
}
