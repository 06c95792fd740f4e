/* Writing a part's file; see part.h for the layout. */
#include "aggregator/store/part.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define FOOTER_MAX (256u << 20)

struct part_writer {
	int dir_fd, fd;
	uint64_t id, at;
	char name[PART_NAME_MAX];
	VEC(struct group_info) groups;
};

static int fail(struct part_writer *w, int code, const char *what, struct err *reterr)
{
	return err_set(reterr, code, "cannot %s part %s: %s", what, w->name, strerror(-code));
}

static int append(struct part_writer *w, struct span bytes, struct err *reterr)
{
	int r = io_write_full(w->fd, bytes.ptr, bytes.len);

	if (r < 0)
		return fail(w, r, "write", reterr);
	w->at += bytes.len;
	return 0;
}

static int write_header(struct part_writer *w, struct err *reterr)
{
	_cleanup_(buf_release) struct buf header = BUF_INIT(PART_HEADER_LEN);

	buf_puts(&header, PART_MAGIC);
	put_u32(&header, PART_VERSION);
	put_u32(&header, 0);
	put_u64(&header, w->id);
	put_u64(&header, hash64(buf_span(&header)));
	return header.failed ? header.failed : append(w, buf_span(&header), reterr);
}

int part_writer_open(int dir_fd, uint64_t id, struct part_writer **ret, struct err *reterr)
{
	struct part_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(reterr, -ENOMEM, "out of memory");
	w->dir_fd = dir_fd;
	w->id = id;
	part_name(id, w->name);
	w->fd = openat(dir_fd, w->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = w->fd < 0 ? fail(w, -errno, "create", reterr) : write_header(w, reterr);

	if (r < 0) {
		part_writer_abort(w);
		return r;
	}
	*ret = w;
	return 0;
}

int part_writer_group(struct part_writer *w, struct span bytes, const struct group_info *info,
		      struct err *reterr)
{
	struct group_info placed = *info;

	placed.off = w->at;
	if (vec_push(&w->groups, placed) < 0)
		return fail(w, -ENOMEM, "write", reterr);
	return append(w, bytes, reterr);
}

static void put_footer(struct buf *out, const struct part_writer *w, const struct part_about *about)
{
	put_varint(out, about->epoch);
	put_zigzag(out, about->created_ns);
	put_varint(out, w->groups.len);
	for (size_t i = 0; i < w->groups.len; i++) {
		const struct group_info *g = &w->groups.ptr[i];

		put_varint(out, g->len);
		put_varint(out, g->dir_len);
		put_u64(out, g->dir_sum);
		put_varint(out, g->nrows);
		put_u8(out, g->overflow);
		put_zigzag(out, g->min_time);
		put_zigzag(out, g->max_time);
	}
	put_varint(out, about->replaces.len);
	for (size_t i = 0; i < about->replaces.len; i++)
		put_varint(out, about->replaces.ptr[i]);
	offset_ranges_put(out, &about->ranges);
	sources_put(out, about->progress.all.sources, about->progress.all.nsources);
}

static int write_footer(struct part_writer *w, const struct part_about *about, struct err *reterr)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(FOOTER_MAX);

	put_footer(&out, w, about);
	size_t len = out.len;
	uint64_t sum = out.failed ? 0 : hash64(buf_span(&out));

	put_u64(&out, w->at);
	put_u64(&out, len);
	put_u64(&out, sum);
	if (out.failed)
		return fail(w, out.failed, "write", reterr);
	put_u64(&out, hash64(span_skip(buf_span(&out), len)));
	return out.failed ? fail(w, out.failed, "write", reterr)
			  : append(w, buf_span(&out), reterr);
}

int part_writer_finish(struct part_writer *w, const struct part_about *about, struct err *reterr)
{
	int r = write_footer(w, about, reterr);

	if (r == 0 && fsync(w->fd) < 0)
		r = fail(w, -errno, "sync", reterr);
	if (r == 0 && fsync(w->dir_fd) < 0)
		r = fail(w, -errno, "sync the folder of", reterr);
	if (r < 0) {
		part_writer_abort(w);
		return r;
	}
	close(w->fd);
	vec_release(&w->groups);
	free(w);
	return 0;
}

void part_writer_abort(struct part_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0) {
		close(w->fd);
		unlinkat(w->dir_fd, w->name, 0);
	}
	vec_release(&w->groups);
	free(w);
}

void part_about_init(struct part_about *about)
{
	*about = (struct part_about){0};
	progress_init(&about->progress);
}

void part_about_release(struct part_about *about)
{
	vec_release(&about->replaces);
	offset_ranges_release(&about->ranges);
	progress_release(&about->progress);
}

void part_name(uint64_t id, char name[PART_NAME_MAX])
{
	snprintf(name, PART_NAME_MAX, "%016" PRIx64 ".part", id);
}
