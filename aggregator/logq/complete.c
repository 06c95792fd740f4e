/* complete.c - words of the language, and what the source has. */
#include "aggregator/logq/complete.h"
#include "aggregator/logq/peek.h"
#include "common/base/cleanup.h"
#include "common/lang/lex.h"
#include "common/lang/words.h"
#include <errno.h>

#define FILES_MAX  64
#define VALUES     "100"
#define VALUE_MAX  200 /* bytes of a value that is shown */
#define OUTPUT_MAX (1u << 20)

struct completion {
	const struct options *opts;
	struct complete_place place;
	struct buf out, word;
	const char *behind; /* of a name: ":" */
};

static void put_line(struct completion *c, struct span text, const char *behind)
{
	buf_puts(&c->out, text);
	buf_puts(&c->out, span_cstr(behind));
	buf_putc(&c->out, '\n');
}

/* Those that begin with the piece. */
static void put(struct completion *c, struct span text, const char *behind)
{
	if (span_starts(text, c->place.piece))
		put_line(c, text, behind);
}

static void put_words(struct completion *c, const char *list, const char *behind)
{
	struct span rest = span_cstr(list), word;

	while (span_cut(&rest, ' ', &word))
		put(c, word, behind);
}

/* What would be escaped or not be seen whole is not what anybody wants to pick. */
static bool is_showable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '\\')
			return false;
	return text.len && text.len <= VALUE_MAX;
}

static int take_text(void *ctx, struct span text)
{
	struct completion *c = ctx;
	struct span piece = c->place.piece;
	bool value = c->place.kind == COMPLETE_VALUE || c->place.kind == COMPLETE_ITEM;

	if (!is_showable(text))
		return 0;
	buf_reset(&c->word);
	if (value && piece.len && piece.ptr[0] == '"')
		text_print_quoted(&c->word, text);
	else
		text_print(&c->word, text);
	/* As it is or as it is written, in quotes. */
	if (span_starts(text, piece) || span_starts(buf_span(&c->word), piece))
		put_line(c, buf_span(&c->word), c->behind);
	return 0;
}

static void ask(struct completion *c, const char *filter, const char *pipes)
{
	struct span files[FILES_MAX];
	size_t n = 0;

	for (; n < c->opts->words.len && n < FILES_MAX; n++)
		files[n] = opt_text(c->opts->words.items[n]);
	(void)peek(c->opts, files, n, filter, pipes, NULL, take_text, c);
}

static void put_fields(struct completion *c, const char *behind)
{
	c->behind = behind;
	ask(c, "*", "field_names | fields name");
}

static void put_values(struct completion *c)
{
	_cleanup_(buf_release) struct buf name = BUF_INIT(4096), filter = BUF_INIT(8192),
					  pipes = BUF_INIT(8192);
	struct span piece = c->place.piece, field = c->place.field;

	/* These are as many as rows, and nobody types them from their beginning on. */
	if (span_eq(field, SPAN("_time")) || span_starts(field, SPAN("_stream")) ||
	    span_eq(field, SPAN("_msg")))
		return;
	c->behind = "";
	if (piece.len && memchr("\"'`", piece.ptr[0], 3))
		piece = span_skip(piece, 1);
	text_print(&name, field);
	buf_printf(&filter, "%s:", buf_cstr(&name));
	if (piece.len) {
		buf_putc(&filter, '=');
		text_print_quoted(&filter, piece);
	}
	buf_putc(&filter, '*');
	buf_printf(&pipes, "uniq by (%s) limit " VALUES, buf_cstr(&name));
	if (!name.failed && !filter.failed && !pipes.failed)
		ask(c, buf_cstr(&filter), buf_cstr(&pipes));
}

/* What was found so far is out before the source is asked, should that be killed. */
static void flush(struct completion *c)
{
	fwrite(c->out.ptr, 1, c->out.len, stdout);
	fflush(stdout);
	buf_reset(&c->out);
}

static void put_all(struct completion *c)
{
	static const char times[] = "5m 15m 1h 1d 7d today yesterday";

	if (c->place.by)
		put(c, SPAN("by ("), "");
	switch (c->place.kind) {
	case COMPLETE_PIPE:
		put_words(c, words_pipes, "");
		break;
	case COMPLETE_STATS:
		put_words(c, words_stats, "(");
		break;
	case COMPLETE_FILTER:
		put_words(c, words_filters, "(");
		flush(c);
		put_fields(c, ":");
		break;
	case COMPLETE_FIELD:
		flush(c);
		put_fields(c, "");
		break;
	case COMPLETE_VALUE:
		if (span_eq(c->place.field, SPAN("_time")))
			put_words(c, times, "");
		else
			put_words(c, words_filters, "(");
		flush(c);
		put_values(c);
		break;
	case COMPLETE_ITEM:
		put_values(c);
		break;
	case COMPLETE_NOTHING:
		break;
	}
}

int complete_print(const struct options *opts)
{
	struct completion c = {
		.opts = opts, .out = BUF_INIT(OUTPUT_MAX), .word = BUF_INIT(4 * VALUE_MAX + 2)};
	struct arena arena;

	arena_init(&arena, 4 * QUERY_TEXT_MAX);
	c.place = complete_find(span_skip(opt_text(opts->complete), 1), &arena);
	buf_puts(&c.out, c.place.piece);
	buf_putc(&c.out, '\n');
	put_all(&c);
	flush(&c);
	buf_release(&c.out);
	buf_release(&c.word);
	arena_release(&arena);
	return LOGQ_FOUND;
}
