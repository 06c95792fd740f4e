#include "aggregator/query/line_join.h"

#include "common/parse/format.h"

void line_join_init(struct line_join *join, size_t max)
{
	*join = (struct line_join){0};
	for (unsigned i = 0; i < LINE_JOIN_STREAMS; i++)
		buf_init(&join->held[i], max);
}

void line_join_release(struct line_join *join)
{
	for (unsigned i = 0; i < LINE_JOIN_STREAMS; i++)
		buf_release(&join->held[i]);
}

static bool has_docker_part(struct span lines)
{
	struct span line;

	while (span_cut(&lines, '\n', &line))
		if (container_is_partial(line))
			return true;
	return false;
}

/* Files of a container runtime have nothing but its lines, so the first one tells. */
bool line_join_needed(struct span lines)
{
	struct span rest = lines, line = {0};
	struct cri_line first;

	if (!span_cut(&rest, '\n', &line) || !container_read(line, &first))
		return false;
	if (line.ptr[0] == '{')
		return has_docker_part(lines);
	return span_find(lines, SPAN(" stdout P ")) >= 0 ||
	       span_find(lines, SPAN(" stderr P ")) >= 0;
}

static unsigned stream_of(const struct cri_line *cri)
{
	return cri->stream.ptr[3] == 'e'; /* stdErr */
}

int line_join_add(struct line_join *join, struct span line, struct span *ret)
{
	struct cri_line cri;
	struct buf *held;

	for (unsigned i = 0; i < LINE_JOIN_STREAMS; i++) {
		if (join->taken[i])
			buf_reset(&join->held[i]);
		join->taken[i] = false;
	}
	*ret = line;
	if (!container_read(line, &cri))
		return 1;
	held = &join->held[stream_of(&cri)];
	if (!cri.partial && !held->len)
		return 1;
	if (held->len)
		buf_putc(held, '\n');
	buf_puts(held, line);
	if (held->failed)
		return held->failed;
	if (cri.partial)
		return 0;
	join->taken[stream_of(&cri)] = true;
	*ret = buf_span(held);
	return 1;
}

bool line_join_rest(struct line_join *join, struct span *ret)
{
	for (unsigned i = 0; i < LINE_JOIN_STREAMS; i++) {
		if (!join->held[i].len || join->taken[i])
			continue;
		join->taken[i] = true;
		*ret = buf_span(&join->held[i]);
		return true;
	}
	return false;
}

/* Where the parts of each stream begin whose end is not there; NULL = nowhere. */
static void find_open(struct span lines, const char *open[LINE_JOIN_STREAMS])
{
	struct span line;

	while (span_cut(&lines, '\n', &line)) {
		struct cri_line cri;

		if (!container_read(line, &cri))
			continue;
		const char **start = &open[stream_of(&cri)];

		*start = !cri.partial ? NULL : *start ? *start : line.ptr;
	}
}

int line_join_hold(struct buf *lines, size_t max, struct buf *ret_open)
{
	const char *open[LINE_JOIN_STREAMS] = {NULL, NULL};
	struct span rest = buf_span(lines), line;
	char *to;

	if (!line_join_needed(rest))
		return 0;
	find_open(rest, open);
	to = lines->ptr;
	while (span_cut(&rest, '\n', &line)) {
		struct cri_line cri;
		const char *start = container_read(line, &cri) ? open[stream_of(&cri)] : NULL;

		if (start && line.ptr >= start && ret_open->len < max) {
			buf_puts(ret_open, line);
			buf_putc(ret_open, '\n');
			continue;
		}
		memmove(to, line.ptr, line.len);
		to += line.len;
		*to++ = '\n';
	}
	lines->len = (size_t)(to - lines->ptr);
	return ret_open->failed;
}
