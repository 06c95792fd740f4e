#include "shipper/source.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "shipper/labels.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE_FIRST (128u << 10)

/* host, service and file in one allocation; paths may hold any bytes, records may not. */
static int set_labels(struct source *source, struct span host)
{
	struct span path = span_cstr(source->path);
	struct sl_str own = source->input->service;
	struct span service = own.len ? span_of(own.ptr, own.len) : labels_service(path);
	struct buf text = BUF_INIT(4 * CHECKPOINT_PATH_MAX);
	size_t at[3];

	utf8_repair(host, &text);
	at[0] = text.len;
	utf8_repair(service, &text);
	at[1] = text.len;
	utf8_repair(path, &text);
	at[2] = text.len;
	if (text.failed) {
		int r = text.failed;

		buf_release(&text);
		return r;
	}
	source->labels_text = text.ptr;
	source->labels = (struct wire_labels){
		.host = span_of(text.ptr, at[0]),
		.service = span_of(text.ptr + at[0], at[1] - at[0]),
		.file = span_of(text.ptr + at[1], at[2] - at[1]),
		.resource = buf_span(&source->input->resource),
	};
	return 0;
}

int source_use(struct source *source, const struct input *input, struct span host)
{
	const struct input *old = source->input;
	char *old_text = source->labels_text;

	source->input = input;
	int r = set_labels(source, host);

	if (r < 0)
		source->input = old;
	else
		free(old_text);
	return r;
}

/* 0 when the file is still what the row was written for, else -ESTALE or the errno. */
static int check_row(const struct source *source, const struct checkpoint_row *row, int fd)
{
	struct mark whole;
	int r = tail_verify(fd, &row->mark);

	if (r < 0 || !source->identity.weak || row->mark.flags & MARK_UNHASHED)
		return r;
	r = tail_rehash(fd, row->mark.offset, &whole);
	if (r < 0)
		return r;
	return mark_digest(&whole) == mark_digest(&row->mark) ? 0 : -ESTALE;
}

/* Where to begin in a file that the checkpoint does not know. */
static int start_mark(struct source *source, int fd, bool at_end)
{
	struct mark mark;
	struct stat st;
	int r = 0;

	mark_init(&mark);
	if (at_end) {
		r = fstat(fd, &st) < 0 ? -errno : tail_mark_at(fd, (uint64_t)st.st_size, &mark);
		/* The rest of a line whose start was not read is a continuation. */
		if (r == 0 && mark.offset) {
			char last = '\n';

			if (pread(fd, &last, 1, (off_t)mark.offset - 1) == 1 && last != '\n')
				mark.flags |= LINES_CONTINUED;
		}
	}
	if (r == 0)
		source->tail.mark = mark;
	return r;
}

static int bump(struct checkpoint *checkpoint, struct source *source, const char *why)
{
	source->truncations++;
	log_warn("%s: %s; read from the start as a new source", source->path, why);
	return checkpoint_truncated(checkpoint, &source->identity.key, source->truncations);
}

static int resume(struct checkpoint *checkpoint, struct source *source, int fd, bool first_scan)
{
	const struct source_id *key = &source->identity.key;
	struct checkpoint_row row;

	mark_init(&source->tail.mark);
	source->truncations = checkpoint_truncations(checkpoint, key);
	int r = checkpoint_get(checkpoint, key, &row);

	if (r < 0)
		return r;
	if (r == 0 || row.truncations != source->truncations) {
		bool at_end = r == 0 && first_scan && source->input->start_at == START_END &&
			      source->truncations == 0 && !checkpoint_was_lost(checkpoint);

		return start_mark(source, fd, at_end);
	}
	source->partition = row.partition;
	r = check_row(source, &row, fd);
	if (r == 0)
		source->tail.mark = row.mark;
	else if (r == -ESTALE)
		r = bump(checkpoint, source, "not the file that the checkpoint knows");
	return r;
}

int source_new(struct checkpoint *checkpoint, const struct identity *identity, int fd,
	       const char *path, const struct input *input, const struct span host, bool first_scan,
	       struct source **ret)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source) {
		close(fd);
		return -ENOMEM;
	}
	*source = (struct source){
		.identity = *identity,
		.tail.fd = fd,
		.partition = PARTITION_NONE,
		.path = strdup(path),
		.input = input,
		.due_ns = SOURCE_NEVER,
		.read_size = READ_SIZE_FIRST,
	};
	int r = source->path ? set_labels(source, host) : -ENOMEM;

	if (r == 0)
		r = resume(checkpoint, source, fd, first_scan);
	if (r < 0) {
		source_free(source);
		return r;
	}
	source->id = identity_source(&identity->key, source->truncations);
	window_init(&source->window, &source->tail.mark);
	*ret = source;
	return 0;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	window_release(&source->window);
	if (source->tail.fd >= 0)
		close(source->tail.fd);
	free(source->path);
	free(source->labels_text);
	free(source);
}

int source_truncated(struct checkpoint *checkpoint, struct source *source, struct source **ret)
{
	struct source *next = calloc(1, sizeof(*next));

	if (!next)
		return -ENOMEM;
	*next = *source;
	next->path = strdup(source->path);
	next->labels_text = NULL;
	next->active = false;
	next->partial_ns = next->quiet_ns = next->backoff_ns = 0;
	mark_init(&next->tail.mark);
	window_init(&next->window, &next->tail.mark);
	int r = next->path ? set_labels(next, source->labels.host) : -ENOMEM;

	if (r == 0)
		r = bump(checkpoint, next, "truncated");
	if (r < 0) {
		next->tail.fd = -1;
		source_free(next);
		return r;
	}
	next->id = identity_source(&next->identity.key, next->truncations);
	source->tail.fd = -1;
	source->state = SOURCE_GONE;
	*ret = next;
	return 0;
}

void source_row(const struct source *source, int64_t now_ns, struct checkpoint_row *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->key = source->identity.key;
	ret->ino = source->identity.ino;
	ret->birth_ns = source->identity.birth_ns;
	ret->seen_ns = now_ns;
	ret->truncations = source->truncations;
	ret->partition = source->partition;
	ret->mark = source->window.mark;
	snprintf(ret->path, sizeof(ret->path), "%s", source->path);
}

int source_rename(struct source *source, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(source->path);
	source->path = copy;
	source->unsaved = true;
	return 0;
}
