/*
 * format.h - what each format of this folder offers, and what they share.
 *
 * A format looks at one line and either takes it or leaves it to others.  It
 * sets what it knows; parser_line() completes the record afterwards: time of
 * reading where no time was found, and the canonical fields.
 *
 *	rec->time_ns == TIME_UNKNOWN   until somebody calls canon_time()
 *	rec->severity == 0             until somebody sets it
 *	no field `message`             until somebody calls canon_text()
 *
 * Formats nest: a container runtime's line holds the service's line, which may
 * be JSON.  The inner line is parsed first and wins.
 */
#ifndef SLUICE_PARSE_FORMAT_H
#define SLUICE_PARSE_FORMAT_H

#include "common/data/record.h"

#define TIME_UNKNOWN INT64_MIN

struct regex;

/* 1 = taken; 0 = not of this format, `rec` as it was; -ENOMEM. */
typedef int format_fn(struct span text, int64_t observed_ns, struct record *rec);

format_fn format_auto;   /* the first of those below that takes it; always 1 */
format_fn format_json;   /* one object a line, Docker's json-file among them */
format_fn format_docker; /* {"log":"message\n","stream":"stdout","time":"…"} */
format_fn format_logfmt; /* key=value key="value" */
format_fn format_plain;  /* anything: time in front, a level word; always 1 */
format_fn format_cri;    /* 2026-03-01T12:00:00.123456789Z stdout F message */
format_fn format_syslog; /* RFC 3164 and RFC 5424, with or without <PRI> */
format_fn format_access; /* common and combined log format of web servers */
format_fn format_klog;   /* E0301 12:00:00.123456   1 file.go:10] message */

/* regex:PATTERN, named groups are fields; same return. */
int format_regex(const struct regex *regex, struct span text, struct record *rec);

/* A line that a container runtime wrapped; spans point into it. */
struct cri_line {
	struct span stream, body; /* body: up to the end of the text */
	int64_t ns;
	bool partial; /* the runtime cut it here: the next one of its stream goes on */
};

bool cri_read(struct span line, struct cri_line *ret);
/* Of Docker's json-file; `body` is still escaped, and only good for multiline.h. */
bool docker_read(struct span line, struct cri_line *ret);
/* Either of them. */
bool container_read(struct span line, struct cri_line *ret);
/* The same question as container_read() and `partial`, quick where the answer is no. */
bool container_is_partial(struct span line);
/* In `auto`, key=value lines must be nothing else; `logfmt` takes bare words too. */
int logfmt_strict(struct span text, int64_t observed_ns, struct record *rec);
/* What unquoted text is: 200 and 1.5 are numbers; 007, 1.2.3 and null are text. */
enum value_type bare_value_type(struct span text);
/* Add all pairs of `text`, which must be nothing else: 1, 0, negative errno. */
int logfmt_pairs(struct span text, struct record *rec);
/* One JSON object, canonical fields mapped; no envelope.  Same return. */
int json_service_line(struct span text, struct record *rec);
/*
 * Add what the envelope says; the service's own field of that name, parsed
 * before, keeps it, and this becomes envelope.NAME.  An empty text is left out.
 */
int envelope_add(struct record *rec, struct span key, enum value_type type, struct span text);
/* The message of an envelope: JSON, logfmt or text. */
int format_inner(struct span text, int64_t observed_ns, struct record *rec);

#endif
