/*
 * What a filter says of a shape is what it says of each text of the shape.
 *
 * Messages of random forms go into a row group; their list is read back, and
 * random filters, made of pieces of the messages, are asked about its shapes
 * and then about its texts, one by one.
 */
#include "aggregator/store/group.h"
#include "common/base/cleanup.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"
#include "common/lang/shape.h"
#include "common/lang/words.h"
#include "tests/unit/store_fixture.h"

#define FORMS   24
#define PARTS   8
#define ROWS    3000
#define ROUNDS  6
#define QUERIES 4000

static size_t pick(uint64_t *seed, size_t n)
{
	return (size_t)(next_random(seed) % n);
}

/* A form of messages: fixed pieces and kinds of variables. */
enum part {
	PART_DIGITS,
	PART_PADDED,
	PART_MIXED_PADDED,
	PART_LONG_DIGITS,
	PART_HEX_ID,
	PART_ODD_ID,
	PART_0X,
	PART_MIXED_WORD,
	PART_UNICODE_ID,
	PART_ADDRESS,
	PART_VARIABLES,
	PART_FIXED = PART_VARIABLES,
};

static const char *const pieces[] = {
	" ",   " ",     " ",     "-",     ":", ", ", "=",   "/",  "a",     "error", "Error",
	"ok ", "fe",    "ms",    " user", "x", "0x", "_",   "é",  "Зима ", "—",     "\xe2\x84\xaan",
	"日",  "cache", " miss", "[",     "]", ".",  "s, ", "ab", "17",    "\t",    " a1b2",
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

struct form {
	size_t parts[PARTS];
	size_t n;
};

static void put_variable(enum part part, uint64_t *seed, struct buf *out)
{
	uint64_t n = next_random(seed);

	switch (part) {
	case PART_DIGITS:
		buf_printf(out, "%u", (unsigned)(n % 2000));
		break;
	case PART_PADDED:
		buf_printf(out, "%03u", (unsigned)(n % 1000));
		break;
	case PART_MIXED_PADDED:
		buf_printf(out, "%0*u", 1 + (int)(n >> 32 & 3), (unsigned)(n % 100));
		break;
	case PART_LONG_DIGITS:
		buf_printf(out, "1%019" PRIu64, n);
		break;
	case PART_HEX_ID:
		buf_printf(out, "%08x", (unsigned)n);
		break;
	case PART_ODD_ID:
		buf_printf(out, "%09" PRIx64, n & 0xfffffffff);
		break;
	case PART_0X:
		buf_printf(out, "0x%x", (unsigned)(n % 4000));
		break;
	case PART_MIXED_WORD:
		buf_printf(out, "e%uf%ug%uh%u", (unsigned)(n & 7), (unsigned)(n >> 8 & 63),
			   (unsigned)(n >> 16 & 7), (unsigned)(n >> 24 & 7));
		break;
	case PART_UNICODE_ID:
		buf_printf(out, "error—%uж%ua%ub%u", (unsigned)(n & 7), (unsigned)(n >> 8 & 7),
			   (unsigned)(n >> 16 & 7), (unsigned)(n >> 24 & 7));
		break;
	default:
		buf_printf(out, "10.0.%u.%u", (unsigned)(n & 3), (unsigned)(n >> 8 & 255));
	}
}

static void make_form(uint64_t *seed, struct form *form)
{
	form->n = 1 + pick(seed, PARTS);
	for (size_t i = 0; i < form->n; i++)
		form->parts[i] = pick(seed, 3) ? PART_FIXED + pick(seed, PIECES)
					       : pick(seed, PART_VARIABLES);
}

static struct span make_text(const struct form *form, uint64_t *seed, struct arena *arena)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 12);

	for (size_t i = 0; i < form->n; i++) {
		if (form->parts[i] >= PART_FIXED)
			buf_puts(&text, span_cstr(pieces[form->parts[i] - PART_FIXED]));
		else
			put_variable((enum part)form->parts[i], seed, &text);
	}
	return arena_dup(arena, buf_span(&text));
}

/* The messages as a group in memory. */
struct sample {
	struct arena arena;
	struct memtable *table;
	struct stream_table streams;
	struct buf bytes;
	struct group_source source;
	struct group_view view;
	struct text_list *list;
};

static void fill(struct sample *s, uint64_t *seed)
{
	struct form forms[FORMS];
	struct span *texts = ARENA_ARRAY(&s->arena, struct span, ROWS);
	int64_t *times = ARENA_ARRAY(&s->arena, int64_t, ROWS);
	const struct store_stream **rows =
		ARENA_ARRAY(&s->arena, const struct store_stream *, ROWS);
	struct store_stream *stream;
	uint32_t first;

	assert_int_equal(stream_table_labels(&s->streams, NULL, 0, &stream), 0);
	for (size_t i = 0; i < FORMS; i++)
		make_form(seed, &forms[i]);
	for (size_t i = 0; i < ROWS; i++) {
		/* One form after the other turns up, so that they are few for the texts so far. */
		texts[i] = make_text(&forms[pick(seed, 1 + i * FORMS / ROWS)], seed, &s->arena);
		rows[i] = stream;
	}
	assert_int_equal(memtable_add_rows(s->table, ROWS, times, rows, &first), 0);
	assert_int_equal(memtable_add_column(s->table, first, ROWS, SPAN("m"), texts, 0), 0);
}

static void sample_make(struct sample *s, uint64_t *seed)
{
	struct group_maker *maker;
	struct group_info info;
	struct column column;

	*s = (struct sample){.bytes = BUF_INIT(1 << 26)};
	arena_init(&s->arena, 1 << 26);
	stream_table_init(&s->streams);
	assert_int_equal(memtable_new(&s->table), 0);
	fill(s, seed);
	memtable_freeze(s->table);
	assert_int_equal(group_maker_new(&maker), 0);
	assert_int_equal(group_make(maker, s->table, &s->bytes, &info), 0);
	group_maker_free(maker);
	s->source = (struct group_source){.fd = -1, .mem = s->bytes.ptr, .size = s->bytes.len};
	group_view_init(&s->view, &s->source, &info);
	assert_int_equal(s->view.base.ops->load(&s->view.base, SPAN("m"), &s->arena, &column, NULL),
			 0);
	s->list = column.list;
	assert_non_null(s->list);
	assert_int_equal(text_list_make(s->list, NULL, &s->arena), 0);
}

static void sample_release(struct sample *s)
{
	group_view_release(&s->view);
	memtable_unref(s->table);
	stream_table_release(&s->streams);
	buf_release(&s->bytes);
	arena_release(&s->arena);
}

/* Forms whose ids look like many words are not stored as templates: take others. */
static void sample_make_shapes(struct sample *s, uint64_t *seed)
{
	int tries = 0;

	for (sample_make(s, seed); !s->list->shape_of; sample_make(s, seed)) {
		sample_release(s);
		assert_true(++tries < 100);
	}
}

static bool begins_character(struct span text, size_t at)
{
	return at == text.len || ((uint8_t)text.ptr[at] & 0xc0) != 0x80;
}

/* Mostly a piece of a message, now and then with another character put in. */
static void put_piece(struct sample *s, uint64_t *seed, struct buf *query)
{
	_cleanup_(buf_release) struct buf piece = BUF_INIT(1 << 12);
	struct span text = s->list->texts[pick(seed, s->list->n)];
	size_t from = pick(seed, text.len), to = from + 1 + pick(seed, 12);

	if (pick(seed, 8) == 0)
		from = 0;
	if (pick(seed, 8) == 0 || to > text.len)
		to = text.len;
	while (!begins_character(text, from))
		from++;
	while (!begins_character(text, to))
		to++;
	if (from < to)
		buf_put(&piece, text.ptr + from, to - from);
	if (pick(seed, 6) == 0)
		buf_puts(&piece, span_cstr(pieces[pick(seed, PIECES)]));
	text_print_quoted(query, buf_span(&piece));
}

/* %: a piece */
static const char *const queries[] = {
	"m:%",
	"m:%",
	"m:%*",
	"m:*%*",
	"m:=%",
	"m:=%*",
	"m:i(%)",
	"m:i(%*)",
	"m:in(%,%)",
	"m:seq(%,%)",
	"m:~%",
	"m:contains_any(%,%)",
	"m:>%",
	"m:len_range(3,9)",
	"m:contains_all(%,%)",
	"m:pattern_match(%)",
	"m:equals_common_case(%)",
	"m:contains_common_case(%)",
	"m:string_range(%,%)",
};

static void put_query(struct sample *s, uint64_t *seed, struct buf *out)
{
	const char *form = queries[pick(seed, sizeof(queries) / sizeof(queries[0]))];

	for (; *form; form++) {
		if (*form == '%')
			put_piece(s, seed, out);
		else
			buf_putc(out, *form);
	}
}

static void check_leaf(const struct sample *s, const struct filter *leaf, struct span query,
		       size_t *counts)
{
	const struct text_list *list = s->list;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct text_shape *shape = &list->shapes[list->shape_of[i]];
		enum shape_match match = filter_match_shape(leaf, shape);
		struct span text = list->texts[i];

		counts[match]++;
		if (match != SHAPE_MAYBE && (match == SHAPE_YES) != filter_match_text(leaf, text))
			fail_msg("%.*s: the shape of \"%.*s\" says %s", SPAN_FMT(query),
				 SPAN_FMT(text), match == SHAPE_YES ? "yes" : "no");
	}
}

static void shapes_say_what_their_texts_say(void **state)
{
	uint64_t seed = 20261128;
	size_t counts[3] = {0};

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_(sample_release) struct sample s;

		sample_make_shapes(&s, &seed);
		for (int i = 0; i < QUERIES / ROUNDS; i++) {
			_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 14);
			struct query *query;
			struct err err = {.text = ""};

			put_query(&s, &seed, &text);
			/* Not each piece is a regular expression or a bound. */
			if (query_parse(buf_span(&text), 0, NULL, &query, &err) < 0)
				continue;
			if (filter_is_leaf(query->filter) &&
			    filter_class(query->filter) == FILTER_ON_TEXT)
				check_leaf(&s, query->filter, buf_span(&text), counts);
			query_free(query);
		}
	}
	/* The answer "maybe" is always right, and no use. */
	assert_true(counts[SHAPE_NO] > 10 * counts[SHAPE_YES]);
	assert_true(counts[SHAPE_YES] > 10000);
	assert_true(counts[SHAPE_NO] > counts[SHAPE_MAYBE]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shapes_say_what_their_texts_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
