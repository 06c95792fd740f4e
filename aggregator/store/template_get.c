/* Putting variables back into their templates; see strings.h. */
#include "aggregator/store/codes.h"
#include "aggregator/store/ints.h"
#include "aggregator/store/strings.h"
#include "aggregator/store/template.h"
#include <errno.h>

struct slot {
	uint8_t kind;
	const int64_t *ints;
	const struct span *texts;
};

struct template
{
	struct span *literals; /* nslots + 1: before, between and behind the slots */
	struct slot *slots;
	size_t nslots;
	size_t count; /* texts of this template */
	size_t next;  /* … of which were made */
};

struct joiner {
	struct cursor *in;
	struct arena *tmp;
	struct template *templates;
	size_t ntemplates;
	int64_t *ids;
	char *at, *end; /* room for the texts that are still to be made */
};

static int cut_template(struct joiner *j, struct span text, struct template *t)
{
	t->nslots = 0;
	for (size_t i = 0; i < text.len; i++)
		t->nslots += text.ptr[i] == TEMPLATE_SLOT;
	t->literals = ARENA_ARRAY(j->tmp, struct span, t->nslots + 1);
	t->slots = ARENA_ARRAY(j->tmp, struct slot, t->nslots);
	if (!t->literals || !t->slots)
		return -ENOMEM;
	for (size_t i = 0; i <= t->nslots; i++) {
		ptrdiff_t slot = span_chr(text, TEMPLATE_SLOT);

		t->literals[i] = slot < 0 ? text : span_take(text, (size_t)slot);
		text = span_skip(text, t->literals[i].len + 1);
	}
	return 0;
}

static int read_templates(struct joiner *j, size_t n)
{
	uint64_t ntemplates = cursor_varint(j->in);

	if (j->in->failed || ntemplates == 0 || ntemplates > n)
		return -EBADMSG;
	struct span *texts = ARENA_ARRAY(j->tmp, struct span, ntemplates);

	j->templates = ARENA_ARRAY(j->tmp, struct template, ntemplates);
	j->ntemplates = ntemplates;
	if (!texts || !j->templates)
		return -ENOMEM;
	int r = plain_get(j->in, j->tmp, j->tmp, texts, ntemplates);

	for (size_t i = 0; r == 0 && i < ntemplates; i++)
		r = cut_template(j, texts[i], &j->templates[i]);
	return r;
}

static int read_ids(struct joiner *j, size_t n)
{
	int r = 0;

	j->ids = ARENA_ARRAY(j->tmp, int64_t, n);
	if (!j->ids)
		return -ENOMEM;
	if (j->ntemplates > 256) {
		r = ints_get(j->in, j->ids, n);
	} else {
		struct span bytes;

		r = zip_get(j->in, j->tmp, &bytes);
		if (r == 0 && bytes.len != n)
			r = -EBADMSG;
		for (size_t i = 0; r == 0 && i < n; i++)
			j->ids[i] = (uint8_t)bytes.ptr[i];
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (j->ids[i] < 0 || (uint64_t)j->ids[i] >= j->ntemplates)
			return -EBADMSG;
		j->templates[j->ids[i]].count++;
	}
	return r;
}

static int read_ints(struct joiner *j, struct slot *slot, size_t n)
{
	int64_t *ints = ARENA_ARRAY(j->tmp, int64_t, n);

	if (!ints)
		return -ENOMEM;
	slot->ints = ints;
	return ints_get(j->in, ints, n);
}

/* The slots' numbers; how many texts there are is summed up. */
static int read_slots(struct joiner *j, size_t *ret_ntexts)
{
	*ret_ntexts = 0;
	for (size_t i = 0; i < j->ntemplates; i++) {
		struct template *t = &j->templates[i];

		for (size_t s = 0; s < t->nslots; s++) {
			struct slot *slot = &t->slots[s];
			int r = 0;

			slot->kind = cursor_u8(j->in);
			if (slot->kind == SLOT_TEXT)
				*ret_ntexts += t->count;
			else if (slot->kind <= SLOT_DIGITS_MAX)
				r = read_ints(j, slot, t->count);
			else
				r = -EBADMSG;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int read_texts(struct joiner *j, size_t ntexts)
{
	if (cursor_varint(j->in) != ntexts || j->in->failed)
		return -EBADMSG;
	struct span *texts = ARENA_ARRAY(j->tmp, struct span, ntexts);

	if (!texts)
		return -ENOMEM;
	int r = plain_get(j->in, j->tmp, j->tmp, texts, ntexts);

	for (size_t i = 0; r == 0 && i < j->ntemplates; i++) {
		struct template *t = &j->templates[i];

		for (size_t s = 0; s < t->nslots; s++) {
			if (t->slots[s].kind != SLOT_TEXT)
				continue;
			t->slots[s].texts = texts;
			texts += t->count;
		}
	}
	return r;
}

static bool join_text(struct joiner *j, struct span text)
{
	if (text.len > (size_t)(j->end - j->at))
		return false;
	if (text.len)
		memcpy(j->at, text.ptr, text.len);
	j->at += text.len;
	return true;
}

static bool join_int(struct joiner *j, int64_t n, size_t width)
{
	char text[NUM_TEXT_MAX];

	if (n < 0)
		return false;
	size_t len = num_format_u64(text, (uint64_t)n);

	if (width && len > width)
		return false;
	for (size_t zeros = len; zeros < width; zeros++)
		if (!join_text(j, SPAN("0")))
			return false;
	return join_text(j, span_of(text, len));
}

/* The next text of template `t`; false when the parts don't fit together. */
static bool join(struct joiner *j, struct template *t, struct span *ret)
{
	char *begin = j->at;
	bool fits = join_text(j, t->literals[0]);

	for (size_t s = 0; fits && s < t->nslots; s++) {
		const struct slot *slot = &t->slots[s];

		fits = slot->kind == SLOT_TEXT ? join_text(j, slot->texts[t->next])
					       : join_int(j, slot->ints[t->next], slot->kind);
		fits = fits && join_text(j, t->literals[s + 1]);
	}
	t->next++;
	*ret = span_between(begin, j->at);
	return fits;
}

int templates_get(struct cursor *in, const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		  struct span *ret, size_t n)
{
	struct joiner j = {.in = in, .tmp = tmp};
	size_t ntexts;
	int r = read_templates(&j, n);

	r = r < 0 ? r : read_ids(&j, n);
	if (r < 0)
		return r;
	uint64_t total = cursor_varint(in);

	if (in->failed || total > SECTION_MAX)
		return -EBADMSG;
	j.at = arena_alloc(keep, total);
	if (!j.at)
		return -ENOMEM;
	j.end = j.at + total;
	r = read_slots(&j, &ntexts);
	r = r < 0 ? r : read_texts(&j, ntexts);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct template *t = &j.templates[j.ids[i]];

		if (wanted && !bit_get(wanted, i))
			t->next++;
		else if (!join(&j, t, &ret[i]))
			r = -EBADMSG;
	}
	return r;
}
