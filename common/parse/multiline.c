#include "common/parse/multiline.h"
#include "common/conf/regex.h"
#include <errno.h>

enum kind { KIND_INDENT = 1, KIND_JAVA = 2, KIND_PYTHON = 4, KIND_GO = 8, KIND_START = 16 };

int multiline_init(struct multiline *m, struct span preset, struct err *reterr)
{
	static const struct {
		struct span name;
		unsigned kinds;
	} presets[] = {
		{{"none", 4}, 0},
		{{"java", 4}, KIND_INDENT | KIND_JAVA},
		{{"python", 6}, KIND_PYTHON},
		{{"go", 2}, KIND_GO},
		{{"auto", 4}, KIND_INDENT | KIND_JAVA | KIND_PYTHON | KIND_GO},
		{{"indent", 6}, KIND_INDENT},
	};

	*m = (struct multiline){0};
	if (span_starts(preset, SPAN("start:"))) {
		m->kinds = KIND_START;
		return regex_new(span_skip(preset, 6), 0, &m->start, reterr);
	}
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (span_eq(preset, presets[i].name)) {
			m->kinds = presets[i].kinds;
			return 0;
		}
	return err_set(reterr, -EINVAL,
		       "unknown multiline preset '%.*s': none, auto, java, python, go, indent "
		       "or start:REGEX",
		       SPAN_FMT(span_take(preset, 64)));
}

void multiline_release(struct multiline *m)
{
	if (!m)
		return;
	regex_free(m->start);
	m->start = NULL;
}

void multiline_reset(struct multiline *m)
{
	m->state = MULTILINE_NONE;
}

static bool is_indented(struct span line)
{
	return line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

static bool is_blank(struct span line)
{
	return span_trim(line).len == 0;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '$';
}

/* The name at the front: java.io.IOException of "java.io.IOException: text". */
static struct span front_name(struct span line)
{
	size_t n = 0;

	while (n < line.len && is_name_char(line.ptr[n]))
		n++;
	return span_take(line, n);
}

static bool java_continues(struct span line)
{
	struct span name = front_name(line), rest = span_skip(line, name.len);

	if (span_starts(line, SPAN("Caused by: ")) || span_starts(line, SPAN("Suppressed: ")) ||
	    span_starts(line, SPAN("... ")))
		return true;
	return span_chr(name, '.') > 0 &&
	       (span_ends(name, SPAN("Exception")) || span_ends(name, SPAN("Error")) ||
		span_ends(name, SPAN("Throwable"))) &&
	       (rest.len == 0 || rest.ptr[0] == ':');
}

static bool is_traceback(struct span line)
{
	return span_starts(line, SPAN("Traceback (most recent call last):"));
}

static bool python_continues(struct multiline *m, struct span line)
{
	if (is_traceback(line)) {
		m->state = MULTILINE_PYTHON;
		return true;
	}
	if (m->state == MULTILINE_PYTHON) {
		/* The first line that is not indented is the last: ValueError: text */
		if (!is_indented(line))
			m->state = MULTILINE_PYTHON_END;
		return true;
	}
	return m->state == MULTILINE_PYTHON_END &&
	       (is_blank(line) || span_starts(line, SPAN("During handling of the above")) ||
		span_starts(line, SPAN("The above exception was")));
}

static bool go_begins(struct span line)
{
	return span_starts(line, SPAN("panic: ")) || span_starts(line, SPAN("fatal error: "));
}

/* A frame of a dump: main.(*server).run(0xc000, 0x1) */
static bool is_go_frame(struct span line)
{
	ptrdiff_t open = span_chr(line, '(');

	return open > 0 && line.ptr[line.len - 1] == ')' &&
	       span_chr(span_take(line, (size_t)open + 2), '.') > 0 &&
	       span_chr(span_take(line, (size_t)open), ' ') < 0;
}

static bool go_continues(struct multiline *m, struct span line)
{
	static const struct span heads[] = {{"goroutine ", 10},   {"created by ", 11},
					    {"[signal ", 8},      {"panic: ", 7},
					    {"exit status ", 12}, {"runtime: ", 9}};

	if (m->state != MULTILINE_GO)
		return false;
	if (is_blank(line) || line.ptr[0] == '\t' || is_go_frame(line))
		return true;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (span_starts(line, heads[i]))
			return true;
	return false;
}

static bool belongs(struct multiline *m, struct span line)
{
	if (m->state == MULTILINE_NONE)
		return false;
	/* JSON and a time in front always begin a record. */
	if (line.len && (line.ptr[0] == '{' || (line.ptr[0] >= '0' && line.ptr[0] <= '9')))
		return false;
	if (m->kinds & KIND_GO && go_continues(m, line))
		return true;
	if (m->kinds & KIND_PYTHON && python_continues(m, line))
		return true;
	if (m->kinds & KIND_INDENT && is_indented(line))
		return true;
	return m->kinds & KIND_JAVA && java_continues(line);
}

bool multiline_continues(struct multiline *m, struct span line)
{
	if (m->kinds & KIND_START) {
		/* Past the match limit a line is its own record: nothing is held back for it. */
		bool follows = m->state != MULTILINE_NONE && regex_match(m->start, line) == 0;

		m->state = MULTILINE_TEXT;
		return follows;
	}
	bool follows = belongs(m, line);

	if (follows)
		return true;
	m->state = MULTILINE_TEXT;
	if (m->kinds & KIND_GO && go_begins(line))
		m->state = MULTILINE_GO;
	if (m->kinds & KIND_PYTHON && is_traceback(line))
		m->state = MULTILINE_PYTHON;
	return false;
}
