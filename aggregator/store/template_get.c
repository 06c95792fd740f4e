/*
 * Lists of texts as templates and variables; see strings.h.
 *
 * Opening a list reads its templates and which text has which.  Variables are
 * unpacked once a text of their template is made: a query for a word that no
 * template has reads none of them.
 */
#include "aggregator/store/codes.h"
#include "aggregator/store/ints.h"
#include "aggregator/store/strings.h"
#include "aggregator/store/template.h"
#include <errno.h>

struct slot {
	uint8_t kind;
	const int64_t *ints; /* unpacked, or NULL */
	struct cursor packed;
	size_t first_text; /* kinds of texts: where the slot's begin among all */
};

struct template
{
	struct slot *slots;
	size_t count; /* texts of this template */
};

struct template_list {
	struct text_list list; /* first: make() gets a pointer to it */
	struct text_shape *shapes;
	struct template *templates;
	uint32_t *ids;    /* list.shape_of */
	uint32_t *places; /* of each text among those of its template */
	struct cursor packed_texts;
	size_t ntexts;
	const struct span *texts; /* of all slots of texts; unpacked, or NULL */
	char *at, *end;           /* room for texts */
};

#define ROOM (64u << 10)

static int cut_template(struct span text, struct arena *keep, struct text_shape *shape,
			struct template *t)
{
	uint32_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == TEMPLATE_SLOT;
	struct span *literals = ARENA_ARRAY(keep, struct span, (size_t)n + 1);

	t->slots = ARENA_ARRAY(keep, struct slot, n);
	if (!literals || !t->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i <= n; i++) {
		ptrdiff_t slot = span_chr(text, TEMPLATE_SLOT);

		literals[i] = slot < 0 ? text : span_take(text, (size_t)slot);
		text = span_skip(text, literals[i].len + 1);
	}
	*shape = (struct text_shape){.literals = literals, .ngaps = n};
	return 0;
}

static int read_templates(struct template_list *l, struct cursor *in, struct arena *keep)
{
	uint64_t n = cursor_varint(in);

	if (in->failed || n == 0 || n > l->list.n)
		return -EBADMSG;
	struct span *texts = ARENA_ARRAY(keep, struct span, n);

	l->templates = ARENA_ARRAY(keep, struct template, n);
	l->shapes = ARENA_ARRAY(keep, struct text_shape, n);
	l->list.shapes = l->shapes;
	l->list.nshapes = (uint32_t)n;
	if (!texts || !l->templates || !l->shapes)
		return -ENOMEM;
	int r = plain_get(in, keep, keep, texts, n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = cut_template(texts[i], keep, &l->shapes[i], &l->templates[i]);
	return r;
}

static int read_ids(struct template_list *l, struct cursor *in, struct arena *keep)
{
	uint32_t n = l->list.n;
	struct span bytes = {0};
	int r = 0;

	l->ids = arena_alloc(keep, ((size_t)n + 1) * sizeof(*l->ids));
	l->places = arena_alloc(keep, ((size_t)n + 1) * sizeof(*l->places));
	l->list.shape_of = l->ids;
	if (!l->ids || !l->places)
		return -ENOMEM;
	if (l->list.nshapes > 256)
		return ints_get_numbers(in, NULL, l->list.nshapes - 1, l->ids, n);
	r = zip_get(in, keep, &bytes);
	if (r < 0)
		return r;
	if (bytes.len != n)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		l->ids[i] = (uint8_t)bytes.ptr[i];
		if (l->ids[i] >= l->list.nshapes)
			return -EBADMSG;
	}
	return 0;
}

static void count_places(struct template_list *l)
{
	for (uint32_t i = 0; i < l->list.n; i++)
		l->places[i] = (uint32_t)l->templates[l->ids[i]].count++;
}

static enum text_gap gap_of(uint8_t kind)
{
	switch (kind) {
	case SLOT_NUMERAL:
		return GAP_DIGITS;
	case SLOT_HEX:
		return GAP_HEX;
	case SLOT_WORD:
		return GAP_WORD;
	case SLOT_TEXT:
		return GAP_TEXT;
	default: /* numbers */
		return GAP_DIGITS;
	}
}

/* Where each slot's numbers lie. */
static int read_slots(struct template_list *l, struct cursor *in, struct arena *keep)
{
	for (uint32_t i = 0; i < l->list.nshapes; i++) {
		struct template *t = &l->templates[i];
		uint32_t nslots = l->shapes[i].ngaps;
		uint8_t *gaps = ARENA_ARRAY(keep, uint8_t, nslots);

		if (!gaps)
			return -ENOMEM;
		l->shapes[i].gaps = gaps;
		for (uint32_t s = 0; s < nslots; s++) {
			struct slot *slot = &t->slots[s];

			slot->kind = cursor_u8(in);
			gaps[s] = (uint8_t)gap_of(slot->kind);
			slot->first_text = l->ntexts;
			slot->packed = *in;
			if (slot_is_text(slot->kind))
				l->ntexts += t->count;
			else if (slot->kind > SLOT_DIGITS_MAX || ints_skip(in, t->count) < 0)
				return -EBADMSG;
		}
	}
	if (cursor_varint(in) != l->ntexts || in->failed)
		return -EBADMSG;
	l->packed_texts = *in;
	return plain_skip(in, l->ntexts);
}

static int unpack_texts(struct template_list *l, struct arena *arena)
{
	if (l->texts)
		return 0;
	struct span *texts = ARENA_ARRAY(arena, struct span, l->ntexts);
	struct cursor in = l->packed_texts;
	int r = texts ? plain_get(&in, arena, arena, texts, l->ntexts) : -ENOMEM;

	if (r == 0)
		l->texts = texts;
	return r;
}

static int unpack_ints(struct slot *slot, size_t n, struct arena *arena)
{
	if (slot->ints)
		return 0;
	int64_t *ints = arena_alloc(arena, (n + 1) * sizeof(*ints));
	struct cursor in = slot->packed;
	int r = ints ? ints_get(&in, NULL, ints, n) : -ENOMEM;

	if (r == 0)
		slot->ints = ints;
	return r;
}

/* The variables of a template, and room for the longest of its next text. */
static int prepare(struct template_list *l, uint32_t id, uint32_t place, struct arena *arena)
{
	struct template *t = &l->templates[id];
	const struct text_shape *shape = &l->shapes[id];
	size_t room = shape->literals[0].len;

	for (uint32_t s = 0; s < shape->ngaps; s++) {
		struct slot *slot = &t->slots[s];
		bool text = slot_is_text(slot->kind);
		int r = text ? unpack_texts(l, arena) : unpack_ints(slot, t->count, arena);

		if (r < 0)
			return r;
		room += shape->literals[s + 1].len +
			(text ? l->texts[slot->first_text + place].len : NUM_TEXT_MAX);
	}
	if (room <= (size_t)(l->end - l->at))
		return 0;
	l->at = arena_alloc(arena, room > ROOM ? room : ROOM);
	l->end = l->at ? l->at + (room > ROOM ? room : ROOM) : NULL;
	return l->at ? 0 : -ENOMEM;
}

static char *join_text(char *at, struct span text)
{
	if (text.len)
		memcpy(at, text.ptr, text.len);
	return at + text.len;
}

/* NULL: it is not `width` digits, or negative. */
static char *join_int(char *at, int64_t n, size_t width)
{
	char text[NUM_TEXT_MAX];

	if (n < 0)
		return NULL;
	if (!width)
		return at + num_format_u64(at, (uint64_t)n);
	size_t len = num_format_u64(text, (uint64_t)n);

	if (len > width)
		return NULL;
	memset(at, '0', width - len);
	return join_text(at + width - len, span_of(text, len));
}

static int join(struct template_list *l, uint32_t id, uint32_t place, struct span *ret)
{
	const struct template *t = &l->templates[id];
	const struct text_shape *shape = &l->shapes[id];
	char *at = join_text(l->at, shape->literals[0]);

	for (uint32_t s = 0; at && s < shape->ngaps; s++) {
		const struct slot *slot = &t->slots[s];

		at = slot_is_text(slot->kind) ? join_text(at, l->texts[slot->first_text + place])
					      : join_int(at, slot->ints[place], slot->kind);
		if (at)
			at = join_text(at, shape->literals[s + 1]);
	}
	if (!at)
		return -EBADMSG;
	*ret = span_between(l->at, at);
	l->at = at;
	return 0;
}

static int make_texts(struct text_list *list, const uint32_t *numbers, uint32_t n,
		      struct arena *arena, struct span *ret)
{
	struct template_list *l = (struct template_list *)list;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		uint32_t id = l->ids[numbers[i]], place = l->places[numbers[i]];

		r = prepare(l, id, place, arena);
		r = r < 0 ? r : join(l, id, place, &ret[i]);
	}
	return r;
}

int templates_list(struct cursor *in, struct arena *keep, size_t n, struct text_list **ret)
{
	struct template_list *l = ARENA_NEW(keep, struct template_list);

	if (!l)
		return -ENOMEM;
	l->list = (struct text_list){.n = (uint32_t)n, .make = make_texts};
	int r = read_templates(l, in, keep);

	r = r < 0 ? r : read_ids(l, in, keep);
	if (r < 0)
		return r;
	count_places(l);
	(void)cursor_varint(in); /* bytes of all texts */
	r = read_slots(l, in, keep);
	if (r == 0)
		*ret = &l->list;
	return r;
}
