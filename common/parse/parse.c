#include "common/parse/parse.h"
#include "common/base/utf8.h"
#include "common/conf/regex.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include <errno.h>
#include <stdlib.h>

struct parser {
	format_fn *parse;
	bool containers;
	struct regex *regex; /* of regex:PATTERN, in place of parse */
};

static const struct {
	struct span name;
	format_fn *parse;
	bool containers;
} formats[] = {
#define FORMAT(name, containers)                                                                   \
	{                                                                                          \
		{#name, sizeof(#name) - 1}, format_##name, containers                              \
	}
	FORMAT(auto, true), FORMAT(json, true),    FORMAT(logfmt, false), FORMAT(plain, false),
	FORMAT(cri, true),  FORMAT(syslog, false), FORMAT(access, false), FORMAT(klog, false),
#undef FORMAT
};

static struct parser find_format(struct span name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (span_eq(name, formats[i].name))
			return (struct parser){.parse = formats[i].parse,
					       .containers = formats[i].containers};
	return (struct parser){0};
}

int parser_new(struct span format, struct parser **ret, struct err *reterr)
{
	bool pattern = span_starts(format, SPAN("regex:"));
	struct parser found = find_format(format);
	int r = pattern ? regex_new(span_skip(format, 6), 0, &found.regex, reterr) : 0;

	if (r < 0)
		return r;
	if (!pattern && !found.parse)
		return err_set(reterr, -EINVAL,
			       "unknown format '%.*s': auto, json, logfmt, plain, cri, syslog, "
			       "access, klog or regex:PATTERN",
			       SPAN_FMT(span_take(format, 64)));
	struct parser *parser = malloc(sizeof(*parser));

	if (!parser) {
		regex_free(found.regex);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*parser = found;
	*ret = parser;
	return 0;
}

void parser_free(struct parser *parser)
{
	if (!parser)
		return;
	regex_free(parser->regex);
	free(parser);
}

bool parser_takes_containers(const struct parser *parser)
{
	return parser->containers;
}

static bool starts_like_json(struct span text)
{
	text = span_trim(text);
	return text.len && text.ptr[0] == '{';
}

int envelope_add(struct record *rec, struct span key, enum value_type type, struct span text)
{
	if (!text.len)
		return 0;
	if (record_get(rec, key))
		key = arena_printf(rec->arena, "envelope.%.*s", SPAN_FMT(key));
	if (!key.ptr)
		return -ENOMEM;
	return record_add(rec, (struct field){.key = key, .text = text, .type = type});
}

/* Formats without an envelope, by the first byte. */
int format_inner(struct span text, int64_t observed_ns, struct record *rec)
{
	int r = 0;

	if (starts_like_json(text)) {
		r = json_service_line(text, rec);
		if (r == 0) {
			rec->flags |= RECORD_PARSE_ERROR;
			r = canon_text(rec, SPAN("message"), text);
			return r < 0 ? r : 1;
		}
		return r;
	}
	if (text.len && memchr("IWEFD", text.ptr[0], 5))
		r = format_klog(text, observed_ns, rec);
	if (r == 0)
		r = logfmt_strict(text, observed_ns, rec);
	return r ? r : format_plain(text, observed_ns, rec);
}

int format_auto(struct span text, int64_t observed_ns, struct record *rec)
{
	char first = text.len ? text.ptr[0] : '\0';
	int r = 0;

	if (first == '{')
		r = format_json(text, observed_ns, rec);
	else if (first >= '0' && first <= '9')
		r = format_cri(text, observed_ns, rec);
	if (r == 0 &&
	    (first == '<' || (first >= 'A' && first <= 'S') || (first >= '0' && first <= '9')))
		r = format_syslog(text, observed_ns, rec);
	/* An access line starts with an address or a host name and has its time in brackets. */
	if (r == 0 && first != '{' && first != '[' &&
	    span_find(span_take(text, 160), SPAN(" [")) > 0)
		r = format_access(text, observed_ns, rec);
	return r ? r : format_inner(text, observed_ns, rec);
}

/* A valid copy in the arena; the record says that it is one. */
static int repair(struct span *text, struct record *rec)
{
	char *copy = arena_alloc(rec->arena, utf8_repaired_len(*text));

	if (!copy)
		return -ENOMEM;
	*text = span_of(copy, utf8_repair_to(copy, *text));
	rec->flags |= RECORD_INVALID_UTF8;
	return 0;
}

/* What stands around a line and is not of it: CR of CRLF, a byte order mark. */
static struct span strip(struct span line)
{
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	return span_starts(line, SPAN("\xef\xbb\xbf")) ? span_skip(line, 3) : line;
}

int parser_line(const struct parser *parser, struct span line, int64_t observed_ns,
		struct record *rec)
{
	struct span text = strip(line);
	int r = utf8_valid(text) ? 0 : repair(&text, rec);

	if (r < 0)
		return r;
	rec->time_ns = TIME_UNKNOWN;
	r = parser->regex ? format_regex(parser->regex, text, rec)
			  : parser->parse(text, observed_ns, rec);
	if (r == 0) {
		rec->flags |= RECORD_PARSE_ERROR;
		r = canon_text(rec, SPAN("message"), text);
	}
	return r < 0 ? r == -E2BIG ? -ENOMEM : r : canon_finish(rec, observed_ns);
}
