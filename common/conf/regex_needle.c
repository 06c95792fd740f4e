/* Reading a pattern, whose syntax PCRE2 has checked, for the texts in it; see regex_needle.h. */
#include "common/conf/regex_needle.h"
#include <ctype.h>

struct reader {
	struct span rest;
	struct buf run; /* plain characters so far, one behind the other */
	struct buf *best;
	bool whole; /* nothing but plain characters so far */
	bool lost;  /* something that this does not understand */
};

static void end_run(struct reader *reader)
{
	if (reader->run.len > reader->best->len) {
		buf_reset(reader->best);
		buf_puts(reader->best, buf_span(&reader->run));
	}
	buf_reset(&reader->run);
	reader->whole = false;
}

/* The last character may be missing: it and what follows are another run. */
static void drop_last(struct reader *reader)
{
	struct buf *run = &reader->run;

	while (run->len && ((uint8_t)run->ptr[run->len - 1] & 0xc0) == 0x80)
		run->len--;
	run->len -= run->len > 0;
	end_run(reader);
}

static char take(struct reader *reader)
{
	char c = reader->rest.len ? reader->rest.ptr[0] : '\0';

	reader->lost |= !reader->rest.len;
	reader->rest = span_skip(reader->rest, 1);
	return c;
}

/* Behind the backslash.  Escapes of more than one letter are not understood. */
static void read_escape(struct reader *reader)
{
	char c = take(reader);

	if ((uint8_t)c < 0x80 && ispunct((uint8_t)c))
		buf_putc(&reader->run, c);
	else if (c && strchr("dDwWsSbBAzZnrtf", c))
		end_run(reader);
	else
		reader->lost = true;
}

/* Behind the '[', to its ']', which stands for itself at the front. */
static void skip_class(struct reader *reader)
{
	char c = take(reader);

	if (c == '^')
		c = take(reader);
	for (c = c == ']' ? take(reader) : c; c != ']' && !reader->lost; c = take(reader)) {
		if (c == '\\')
			take(reader);
		else if (c == '[')
			reader->lost = true; /* [:alpha:] */
	}
}

/* Behind a '(': options, conditions, verbs, as (?i) (?=x) (*UCP); not (?:x) and not (x). */
static bool is_special(struct span rest)
{
	return span_starts(rest, SPAN("*")) ||
	       (span_starts(rest, SPAN("?")) && !span_starts(rest, SPAN("?:")));
}

/* Behind the '(', to its ')'. */
static void skip_group(struct reader *reader)
{
	size_t depth = 1;

	reader->lost |= is_special(reader->rest);
	while (depth && !reader->lost) {
		switch (take(reader)) {
		case '\\':
			reader->lost |= take(reader) == 'Q';
			break;
		case '[':
			skip_class(reader);
			break;
		case '(':
			reader->lost |= is_special(reader->rest);
			depth++;
			break;
		case ')':
			depth--;
			break;
		}
	}
}

/* Behind the '{': a count, or nothing that is understood. */
static void skip_count(struct reader *reader)
{
	char c = take(reader);

	for (; isdigit((uint8_t)c) || c == ','; c = take(reader))
		;
	reader->lost |= c != '}';
}

static void read_one(struct reader *reader)
{
	char c = take(reader);

	switch (c) {
	case '\\':
		read_escape(reader);
		break;
	case '(':
		end_run(reader);
		skip_group(reader);
		break;
	case '[':
		end_run(reader);
		skip_class(reader);
		break;
	case '{':
		drop_last(reader);
		skip_count(reader);
		break;
	case '*':
	case '?':
		drop_last(reader);
		break;
	case '+':
	case '.':
	case '^':
	case '$':
		end_run(reader);
		break;
	case '|':
		reader->lost = true;
		break;
	default:
		buf_putc(&reader->run, c);
	}
}

void regex_find_needle(struct span pattern, struct buf *out, bool *ret_whole)
{
	struct reader reader = {
		.rest = pattern, .run = BUF_INIT(pattern.len + 1), .best = out, .whole = true};

	buf_reset(out);
	while (reader.rest.len && !reader.lost)
		read_one(&reader);
	bool whole = reader.whole;

	end_run(&reader);
	if (reader.lost || reader.run.failed || out->failed)
		buf_reset(out);
	*ret_whole = whole && out->len > 0;
	buf_release(&reader.run);
}
