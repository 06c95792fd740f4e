#include "aggregator/query/pipes/pattern_texts.h"

#include "aggregator/query/text/collapse.h"

#define PATTERN_TEXT_MAX (1u << 20)

struct span *pattern_texts(struct rows *rows, const struct span *messages)
{
	struct span *texts = ARENA_ARRAY(rows->arena, struct span, (size_t)rows->n + 1);
	struct buf text = BUF_INIT(PATTERN_TEXT_MAX);

	for (uint32_t i = 0; texts && i < rows->n; i++) {
		if (i && span_eq(messages[i], messages[i - 1])) {
			texts[i] = texts[i - 1];
			continue;
		}
		buf_reset(&text);
		text_collapse_nums(messages[i], &text);
		if (!text.failed)
			text_prettify_nums(&text, 0);
		texts[i] = arena_dup(rows->arena, buf_span(&text));
	}
	buf_release(&text);
	return rows->arena->overflowed ? NULL : texts;
}
