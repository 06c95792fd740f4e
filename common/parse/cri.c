#include "common/data/timestamp.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"
#include <errno.h>

/*
 * Kubernetes container runtimes (containerd, CRI-O):
 *
 *	2026-03-01T12:00:00.123456789Z stderr F the service's own line
 *
 * F is a full line, P a part of one that the runtime cut at 16 KiB.  Parts
 * that were joined (multiline.h) come here as one text of several lines, each
 * with its prefix; without them it is the service's line again.
 */
bool cri_read(struct span text, struct cri_line *ret)
{
	size_t n;

	if (text.len < 28 || timestamp_parse_iso(text, &ret->ns, &n) < 0)
		return false;
	struct span rest = span_skip(text, n);

	if (!span_starts(rest, SPAN(" stdout ")) && !span_starts(rest, SPAN(" stderr ")))
		return false;
	if (rest.len < 9 || (rest.ptr[8] != 'F' && rest.ptr[8] != 'P') ||
	    (rest.len > 9 && rest.ptr[9] != ' '))
		return false;
	ret->stream = span_take(span_skip(rest, 1), 6);
	ret->partial = rest.ptr[8] == 'P';
	ret->body = span_skip(rest, 10);
	return true;
}

bool container_read(struct span line, struct cri_line *ret)
{
	return line.len && line.ptr[0] == '{' ? docker_read(line, ret) : cri_read(line, ret);
}

bool container_is_partial(struct span line)
{
	struct cri_line cri;

	if (line.len && line.ptr[0] == '{')
		return docker_read(line, &cri) && cri.partial;
	if (line.len < 28 || line.ptr[0] < '0' || line.ptr[0] > '9')
		return false;
	/* The letter before the time, which takes long to read: nearly all lines are whole. */
	ptrdiff_t space = span_chr(span_take(line, 40), ' ');

	if (space < 0 || line.len < (size_t)space + 9 || line.ptr[space + 8] != 'P')
		return false;
	return cri_read(line, &cri) && cri.partial;
}

/*
 * The bodies of all lines of `text` behind one another: after a part nothing,
 * after a full line a line feed.  {NULL, 0} past the arena's budget.
 */
static struct span join_lines(struct arena *arena, struct span text)
{
	char *joined = arena_alloc(arena, text.len), *out = joined;
	struct span line;
	bool after_part = true;

	if (!joined)
		return (struct span){0};
	while (span_cut(&text, '\n', &line)) {
		struct cri_line cri = {.body = line};

		cri_read(line, &cri);
		if (!after_part)
			*out++ = '\n';
		memcpy(out, cri.body.ptr, cri.body.len);
		out += cri.body.len;
		after_part = cri.partial;
	}
	return span_between(joined, out);
}

int format_cri(struct span text, int64_t observed_ns, struct record *rec)
{
	struct cri_line cri;

	if (!cri_read(text, &cri))
		return 0;
	if (span_chr(text, '\n') >= 0) {
		cri.body = join_lines(rec->arena, text);
		if (!cri.body.ptr)
			return -ENOMEM;
	}
	int r = format_inner(cri.body, observed_ns, rec);

	if (r >= 0)
		r = envelope_add(rec, SPAN("log.stream"), VALUE_STRING, cri.stream);
	canon_time(rec, cri.ns);
	return r < 0 ? r : 1;
}
