/* Cutting texts into templates and variables; see strings.h. */
#include "aggregator/store/codes.h"
#include "aggregator/store/ints.h"
#include "aggregator/store/memtable.h"
#include "aggregator/store/strings.h"
#include "aggregator/store/template.h"
#include "common/base/map.h"
#include <errno.h>

#define TEXTS_MIN     32 /* fewer are not worth the tables */
#define TEMPLATES_MAX 4096
#define SLOTS_MAX     64 /* variables of one text; the rest of it is literal */
#define RUNS_MAX      3  /* runs of digits in a word: "01T12"; more is an id */
#define HEX_ID_MIN    8  /* "4b6f9c01" is an id, "35ms" and "0a" are not */

struct splitter {
	struct codec_context *ctx;
	struct map shapes; /* template → number */
	struct buf shape;  /* of the text being split */
	uint32_t *ids;     /* template of each text */
	struct span *vars; /* variables of all texts, in order */
	size_t nvars, capvars;
	VEC(uint32_t) nslots; /* by template */
	VEC(uint32_t) counts; /* texts of each template */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits, '_', and bytes of characters beyond ASCII. */
static bool is_word(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool all_hex(struct span word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!is_digit(word.ptr[i]) && !(word.ptr[i] >= 'a' && word.ptr[i] <= 'f'))
			return false;
	return word.len > 0;
}

static void add_var(struct splitter *s, struct span text)
{
	buf_putc(&s->shape, TEMPLATE_SLOT);
	s->vars[s->nvars++] = text;
}

/* How many runs of digits, and whether anything else is in the word. */
static unsigned digit_runs(struct span word, bool *ret_letters)
{
	unsigned runs = 0;

	*ret_letters = false;
	for (size_t i = 0; i < word.len; i++) {
		bool digit = is_digit(word.ptr[i]);

		runs += digit && (i == 0 || !is_digit(word.ptr[i - 1]));
		*ret_letters |= !digit;
	}
	return runs;
}

/* A word with digits: ids become one variable, else each run of digits does. */
static void split_word(struct splitter *s, struct span word)
{
	bool letters;
	unsigned runs = digit_runs(word, &letters);

	if (runs > RUNS_MAX || (letters && word.len >= HEX_ID_MIN && all_hex(word))) {
		add_var(s, word);
		return;
	}
	if (span_starts(word, SPAN("0x")) && all_hex(span_skip(word, 2))) {
		buf_puts(&s->shape, SPAN("0x"));
		add_var(s, span_skip(word, 2));
		return;
	}
	for (size_t i = 0, from; i < word.len;) {
		for (from = i; i < word.len && !is_digit(word.ptr[i]); i++)
			;
		buf_put(&s->shape, word.ptr + from, i - from);
		for (from = i; i < word.len && is_digit(word.ptr[i]); i++)
			;
		if (i > from)
			add_var(s, span_of(word.ptr + from, i - from));
	}
}

/* False when the text can't be told from a template. */
static bool split_text(struct splitter *s, struct span text)
{
	size_t first = s->nvars, literal = 0;

	buf_reset(&s->shape);
	if (text.len && memchr(text.ptr, TEMPLATE_SLOT, text.len))
		return false;
	for (size_t i = 0; i < text.len && s->nvars - first < SLOTS_MAX - RUNS_MAX;) {
		size_t from = i;
		bool digits = false;

		for (; i < text.len && is_word(text.ptr[i]); i++)
			digits |= is_digit(text.ptr[i]);
		if (digits) {
			buf_put(&s->shape, text.ptr + literal, from - literal);
			split_word(s, span_of(text.ptr + from, i - from));
			literal = i;
		}
		while (i < text.len && !is_word(text.ptr[i]))
			i++;
	}
	buf_puts(&s->shape, span_skip(text, literal));
	return true;
}

static int reserve_vars(struct splitter *s, size_t left)
{
	if (s->capvars - s->nvars >= SLOTS_MAX)
		return 0;
	size_t cap = s->capvars * 2 + left * 4 + SLOTS_MAX;
	struct span *vars = realloc(s->vars, cap * sizeof(*vars));

	if (!vars)
		return -ENOMEM;
	s->vars = vars;
	s->capvars = cap;
	return 0;
}

/* The number of the shape just made. */
static int number_shape(struct splitter *s, size_t nslots, uint32_t *ret)
{
	struct span shape = buf_span(&s->shape);
	union map_value *known = map_get(&s->shapes, shape);
	bool added;

	if (known) {
		*ret = (uint32_t)known->n;
		s->counts.ptr[*ret]++;
		return 0;
	}
	struct span copy = shape.len ? arena_dup(&s->ctx->arena, shape) : SPAN("");

	known = copy.ptr ? map_put(&s->shapes, copy, &added) : NULL;
	if (!known)
		return -ENOMEM;
	known->n = *ret = (uint32_t)s->nslots.len;
	int r = vec_push(&s->nslots, (uint32_t)nslots);

	return r < 0 ? r : vec_push(&s->counts, 1);
}

/* 1: all texts split; 0: they don't repeat enough. */
static int split_all(struct splitter *s, const struct span *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t before = s->nvars;
		int r = reserve_vars(s, n - i);

		if (r < 0)
			return r;
		if (!split_text(s, texts[i]))
			return 0;
		r = s->shape.failed ? s->shape.failed
				    : number_shape(s, s->nvars - before, &s->ids[i]);
		if (r < 0)
			return r;
		if (s->nslots.len > TEMPLATES_MAX || s->nslots.len > TEXTS_MIN / 4 + i / 4)
			return 0;
	}
	return s->nvars > 0;
}

/*
 * The variables, which are in the order of the texts, in the order in which
 * they are stored: template, slot, text.
 */
static struct span *sort_vars(struct splitter *s, size_t n)
{
	struct arena *arena = &s->ctx->arena;
	size_t *at = ARENA_ARRAY(arena, size_t, s->nslots.len);
	struct span *sorted = ARENA_ARRAY(arena, struct span, s->nvars);

	if (!at || !sorted)
		return NULL;
	for (size_t t = 0, base = 0; t < s->nslots.len; t++) {
		at[t] = base;
		base += (size_t)s->nslots.ptr[t] * s->counts.ptr[t];
	}
	for (size_t i = 0, v = 0; i < n; i++) {
		uint32_t t = s->ids[i];

		for (size_t slot = 0; slot < s->nslots.ptr[t]; slot++)
			sorted[at[t] + slot * s->counts.ptr[t]] = s->vars[v++];
		at[t]++;
	}
	return sorted;
}

static bool all_digits(struct span var)
{
	for (size_t i = 0; i < var.len; i++)
		if (!is_digit(var.ptr[i]))
			return false;
	return true;
}

static bool all_ascii(struct span var)
{
	for (size_t i = 0; i < var.len; i++)
		if ((unsigned char)var.ptr[i] >= 0x80)
			return false;
	return true;
}

/* What all of these texts are. */
static uint8_t text_kind(const struct span *vars, size_t n)
{
	bool digits = true, hex = true;

	for (size_t i = 0; i < n; i++) {
		if (!all_ascii(vars[i]))
			return SLOT_TEXT;
		digits = digits && all_digits(vars[i]);
		hex = hex && vars[i].len >= 4 && vars[i].len % 2 == 0 && all_hex(vars[i]);
	}
	return digits ? SLOT_NUMERAL : hex ? SLOT_HEX : SLOT_WORD;
}

/* Free digits, digits of one width, or text. */
static uint8_t slot_kind(const struct span *vars, size_t n)
{
	bool canonical = true, same_width = true;

	for (size_t i = 0; i < n; i++) {
		if (vars[i].len > SLOT_DIGITS_MAX || !all_digits(vars[i]))
			return text_kind(vars, n);
		canonical &= vars[i].ptr[0] != '0' || vars[i].len == 1;
		same_width &= vars[i].len == vars[0].len;
	}
	if (canonical)
		return SLOT_INT;
	return same_width ? (uint8_t)vars[0].len : SLOT_NUMERAL;
}

static int64_t digits_value(struct span digits)
{
	int64_t n = 0;

	for (size_t i = 0; i < digits.len; i++)
		n = n * 10 + (digits.ptr[i] - '0');
	return n;
}

/* All slots; the texts among them are collected, and stored behind. */
static int put_slots(struct splitter *s, struct span *vars, struct buf *out)
{
	struct arena *arena = &s->ctx->arena;
	int64_t *ints = ARENA_ARRAY(arena, int64_t, ROW_BLOCK_MAX);
	struct span *texts = ARENA_ARRAY(arena, struct span, s->nvars);
	size_t ntexts = 0;

	if (!ints || !texts)
		return -ENOMEM;
	for (size_t t = 0; t < s->nslots.len; t++) {
		size_t n = s->counts.ptr[t];

		for (size_t slot = 0; slot < s->nslots.ptr[t]; slot++, vars += n) {
			uint8_t kind = slot_kind(vars, n);

			put_u8(out, kind);
			for (size_t i = 0; i < n; i++) {
				if (slot_is_text(kind))
					texts[ntexts++] = vars[i];
				else
					ints[i] = digits_value(vars[i]);
			}
			if (!slot_is_text(kind))
				ints_put(out, ints, n);
		}
	}
	put_varint(out, ntexts);
	return plain_put(s->ctx, out, texts, ntexts);
}

static int put_templates(struct splitter *s, struct buf *out)
{
	struct span *templates = ARENA_ARRAY(&s->ctx->arena, struct span, s->nslots.len);
	struct span key;
	union map_value *value;

	if (!templates)
		return -ENOMEM;
	for (size_t at = 0; map_next(&s->shapes, &at, &key, &value);)
		templates[value->n] = key;
	put_varint(out, s->nslots.len);
	return plain_put(s->ctx, out, templates, s->nslots.len);
}

static int put_ids(struct splitter *s, struct buf *out, size_t n)
{
	if (s->nslots.len > 256)
		return codes_put(s->ctx, out, s->ids, n);
	uint8_t *bytes = arena_alloc(&s->ctx->arena, n);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)s->ids[i];
	zip_put(s->ctx->zip, out, span_of((const char *)bytes, n));
	return 0;
}

static int put_all(struct splitter *s, struct buf *out, const struct span *texts, size_t n)
{
	struct span *vars = sort_vars(s, n);
	size_t total = 0;

	if (!vars)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		total += texts[i].len;
	int r = put_templates(s, out);

	r = r < 0 ? r : put_ids(s, out, n);
	put_varint(out, total);
	return r < 0 ? r : put_slots(s, vars, out);
}

int templates_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n)
{
	struct splitter s = {.ctx = ctx, .shape = BUF_INIT(MEMTABLE_TEXT_MAX)};
	int r = 0;

	if (n >= TEXTS_MIN) {
		s.ids = ARENA_ARRAY(&ctx->arena, uint32_t, n);
		r = s.ids ? split_all(&s, texts, n) : -ENOMEM;
	}
	if (r > 0) {
		r = put_all(&s, out, texts, n);
		r = r < 0 ? r : 1;
	}
	map_release(&s.shapes);
	buf_release(&s.shape);
	free(s.vars);
	vec_release(&s.nslots);
	vec_release(&s.counts);
	return r;
}
