/* highlight.c - leaves of a filter to patterns, and their matches in a text. */
#include "aggregator/logq/highlight.h"
#include "common/base/cleanup.h"
#include "common/base/vec.h"
#include "common/conf/regex.h"
#include "common/lang/ast/filter.h"
#include <errno.h>

#define MARKS_MAX     64 /* of one pattern in one line; further ones stay plain */
#define PATTERN_BYTES (32u << 10)

struct highlight_pattern {
	struct span field; /* a prefix of names if wild */
	bool wild;
	struct regex *regex;
	bool own; /* else it is the filter's */
};

struct highlight {
	VEC(struct highlight_pattern) patterns;
};

/* Text that means itself. */
static void put_quoted(struct buf *out, struct span text)
{
	static const struct span signs = SPAN("\\.[]{}()*+?^$|#-");

	for (size_t i = 0; i < text.len; i++) {
		if (span_chr(signs, text.ptr[i]) >= 0)
			buf_putc(out, '\\');
		buf_putc(out, text.ptr[i]);
	}
}

static int add(struct highlight *h, const struct filter *leaf, struct regex *regex, bool own)
{
	int r = vec_push(&h->patterns,
			 (struct highlight_pattern){leaf->field, leaf->wild, regex, own});

	if (r < 0 && own)
		regex_free(regex);
	return r;
}

/* The text between two other patterns; one that PCRE2 refuses is not shown. */
static int add_text(struct highlight *h, const struct filter *leaf, const char *before,
		    struct span text, const char *behind)
{
	_cleanup_(buf_release) struct buf pattern = BUF_INIT(PATTERN_BYTES);
	struct regex *regex;

	if (!text.len)
		return 0;
	buf_puts(&pattern, span_cstr(before));
	put_quoted(&pattern, text);
	buf_puts(&pattern, span_cstr(behind));
	if (pattern.failed || regex_new(buf_span(&pattern), 0, &regex, NULL) < 0)
		return 0;
	return add(h, leaf, regex, true);
}

#define WORD_BEGINS "(?<![\\pL\\pN_])"
#define WORD_ENDS   "(?![\\pL\\pN_])"

static int add_values(struct highlight *h, const struct filter *leaf, const char *before,
		      const char *behind)
{
	int r = 0;

	for (size_t i = 0; i < leaf->values.len && r == 0; i++)
		r = add_text(h, leaf, before, leaf->values.ptr[i], behind);
	return r;
}

static int add_leaf(struct highlight *h, const struct filter *leaf)
{
	switch (leaf->kind) {
	case FILTER_PHRASE:
		return add_text(h, leaf, WORD_BEGINS, leaf->text, WORD_ENDS);
	case FILTER_PREFIX:
		return add_text(h, leaf, WORD_BEGINS, leaf->text, "");
	case FILTER_ANY_CASE_PHRASE:
		return add_text(h, leaf, "(?i)" WORD_BEGINS, leaf->text, WORD_ENDS);
	case FILTER_ANY_CASE_PREFIX:
		return add_text(h, leaf, "(?i)" WORD_BEGINS, leaf->text, "");
	case FILTER_SUBSTRING:
		return add_text(h, leaf, "", leaf->text, "");
	case FILTER_EXACT:
		return add_text(h, leaf, "^", leaf->text, "$");
	case FILTER_EXACT_PREFIX:
		return add_text(h, leaf, "^", leaf->text, "");
	case FILTER_REGEX:
		return leaf->regex ? add(h, leaf, leaf->regex, false) : 0;
	case FILTER_IN:
	case FILTER_EQUALS_COMMON_CASE:
		return add_values(h, leaf, "^", "$");
	case FILTER_SEQ:
	case FILTER_CONTAINS_ALL:
	case FILTER_CONTAINS_ANY:
	case FILTER_CONTAINS_COMMON_CASE:
		return add_values(h, leaf, WORD_BEGINS, WORD_ENDS);
	default:
		return 0;
	}
}

/* As deep as the parser lets a filter be. */
static int add_filter(struct highlight *h, const struct filter *filter)
{
	int r = 0;

	if (filter->kind == FILTER_NOT)
		return 0;
	if (filter_is_leaf(filter))
		return add_leaf(h, filter);
	for (size_t i = 0; i < filter->nkids && r == 0; i++)
		r = add_filter(h, filter->kids[i]);
	return r;
}

int highlight_new(struct filter *filter, struct highlight **ret)
{
	struct highlight *h = calloc(1, sizeof(*h));
	int r = h ? add_filter(h, filter) : -ENOMEM;

	if (r < 0) {
		highlight_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void highlight_free(struct highlight *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->patterns.len; i++)
		if (h->patterns.ptr[i].own)
			regex_free(h->patterns.ptr[i].regex);
	vec_release(&h->patterns);
	free(h);
}

/* Stretches of a text. */
struct marks {
	struct span ptr[MARKS_MAX];
	size_t n;
};

static void mark(struct marks *marks, const struct regex *regex, struct span text)
{
	struct span match;
	size_t at = 0;

	while (marks->n < MARKS_MAX && at < text.len &&
	       regex_exec(regex, text, at, &match, 1) > 0 && match.ptr) {
		size_t end = (size_t)(match.ptr - text.ptr) + match.len;

		if (match.len)
			marks->ptr[marks->n++] = match;
		at = match.len ? end : end + 1;
		while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
			at++;
	}
}

static int by_place(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return a->ptr < b->ptr ? -1 : a->ptr > b->ptr;
}

static void find_marks(const struct highlight *h, struct span field, struct span text,
		       struct marks *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < h->patterns.len; i++) {
		const struct highlight_pattern *p = &h->patterns.ptr[i];

		if (p->wild ? span_starts(field, p->field) : span_eq(field, p->field))
			mark(ret, p->regex, text);
	}
	qsort(ret->ptr, ret->n, sizeof(ret->ptr[0]), by_place);
}

void highlight_text(const struct style *style, struct span field, struct span text, struct buf *out)
{
	struct marks marks;

	if (!style->color || !style->highlight) {
		style_text(style, text, out);
		return;
	}
	find_marks(style->highlight, field, text, &marks);
	for (size_t i = 0; i < marks.n; i++) {
		const char *end = marks.ptr[i].ptr + marks.ptr[i].len;
		const char *begin = marks.ptr[i].ptr > text.ptr ? marks.ptr[i].ptr : text.ptr;

		if (end <= text.ptr) /* inside the one before */
			continue;
		style_text(style, span_between(text.ptr, begin), out);
		style_paint(style, PAINT_MATCH, span_between(begin, end), out);
		text = span_skip(text, (size_t)(end - text.ptr));
	}
	style_text(style, text, out);
}

void highlight_lines(const struct style *style, struct span field, struct span text,
		     unsigned indent, struct buf *out)
{
	struct span line;
	bool first = true;

	while (span_cut(&text, '\n', &line)) {
		if (!first)
			buf_printf(out, "\n%*s", (int)indent, "");
		first = false;
		highlight_text(style, field, line, out);
	}
}
