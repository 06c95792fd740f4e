/* Opening a part: header, footer and what they say; see part.h for the layout. */
#include "aggregator/store/part.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FOOTER_MAX (256u << 20)

DEFINE_CLEANUP(struct part *, part_unref);

struct part *part_ref(struct part *part)
{
	atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
	return part;
}

void part_unref(struct part *part)
{
	if (!part || atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (part->source.fd >= 0)
		close(part->source.fd);
	buf_release(&part->memory);
	free(part->groups);
	free(part);
}

static struct part *new_part(uint64_t id)
{
	struct part *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	atomic_init(&part->refs, 1);
	part->id = id;
	part->source.fd = -1;
	part->min_time = INT64_MAX;
	part->max_time = INT64_MIN;
	return part;
}

static void count_group(struct part *part, const struct group_info *group)
{
	part->rows += group->nrows;
	part->min_time = group->min_time < part->min_time ? group->min_time : part->min_time;
	part->max_time = group->max_time > part->max_time ? group->max_time : part->max_time;
}

int part_of_memory(struct buf *bytes, const struct group_info *info, struct part **ret)
{
	struct part *part = new_part(0);

	if (!part)
		return -ENOMEM;
	part->groups = malloc(sizeof(*part->groups));
	if (!part->groups) {
		part_unref(part);
		return -ENOMEM;
	}
	part->groups[part->ngroups++] = *info;
	part->memory = *bytes;
	*bytes = BUF_INIT(bytes->max);
	part->source =
		(struct group_source){.fd = -1, .mem = part->memory.ptr, .size = part->memory.len};
	part->bytes = part->memory.len;
	count_group(part, info);
	*ret = part;
	return 0;
}

int part_of_damage(uint64_t id, uint64_t rows, uint64_t bytes, int64_t min_time, int64_t max_time,
		   const struct err *why, struct part **ret)
{
	struct part *part = new_part(id);

	if (!part)
		return -ENOMEM;
	part->rows = rows;
	part->bytes = bytes;
	part->min_time = min_time;
	part->max_time = max_time;
	part->damage = *why;
	part->keep = true;
	*ret = part;
	return 0;
}

int part_name_parse(const char *name, uint64_t *ret_id)
{
	char expected[PART_NAME_MAX], *end;

	if (strlen(name) != strlen("0123456789abcdef.part"))
		return -EINVAL;
	uint64_t id = strtoull(name, &end, 16);

	part_name(id, expected);
	if (strcmp(name, expected) != 0)
		return -EINVAL;
	*ret_id = id;
	return 0;
}

static int read_at(const struct part *part, uint64_t off, uint64_t len, struct arena *arena,
		   struct span *ret)
{
	return source_read(&part->source, off, len, arena, ret);
}

static int check_header(const struct part *part, struct arena *arena, struct err *reterr)
{
	struct span bytes;
	int r = read_at(part, 0, PART_HEADER_LEN, arena, &bytes);

	if (r < 0)
		return err_set(reterr, r, r == -EBADMSG ? "is cut short" : "cannot be read");
	struct cursor in = cursor_of(span_skip(bytes, PART_MAGIC.len));
	uint32_t version = cursor_u32(&in);
	uint32_t reserved = cursor_u32(&in);
	uint64_t id = cursor_u64(&in), sum = cursor_u64(&in);

	if (!span_starts(bytes, PART_MAGIC) ||
	    sum != hash64(span_take(bytes, PART_HEADER_LEN - 8)) || reserved)
		return err_set(reterr, -EBADMSG, "its header fails the checksum");
	if (version > PART_VERSION)
		return err_set(reterr, -ENOTSUP, "has version %u, this program reads up to %u",
			       version, PART_VERSION);
	if (id != part->id)
		return err_set(reterr, -EBADMSG, "is another part under this name");
	return 0;
}

/* The footer's bytes, verified. */
static int read_footer(struct part *part, struct arena *arena, struct span *ret, struct err *reterr)
{
	struct span trailer;
	uint64_t size = part->source.size;
	int r = size < PART_HEADER_LEN + PART_TRAILER_LEN
			? -EBADMSG
			: read_at(part, size - PART_TRAILER_LEN, PART_TRAILER_LEN, arena, &trailer);

	if (r < 0)
		return err_set(reterr, r, r == -EBADMSG ? "is cut short" : "cannot be read");
	struct cursor in = cursor_of(trailer);
	uint64_t off = cursor_u64(&in), len = cursor_u64(&in), sum = cursor_u64(&in);

	if (cursor_u64(&in) != hash64(span_take(trailer, PART_TRAILER_LEN - 8)) ||
	    off < PART_HEADER_LEN || len > FOOTER_MAX || off > size ||
	    len != size - off - PART_TRAILER_LEN)
		return err_set(reterr, -EBADMSG, "its end fails the checksum, or it is cut short");
	r = read_at(part, off, len, arena, ret);
	if (r < 0)
		return err_set(reterr, r, "its footer cannot be read");
	if (hash64(*ret) != sum)
		return err_set(reterr, -EBADMSG, "its footer fails the checksum");
	part->footer_sum = sum;
	return 0;
}

/* The groups lie one behind the other from the header on; returns where they end. */
static int read_groups(struct part *part, struct cursor *in, uint64_t *ret_end)
{
	uint64_t n = cursor_varint(in), off = PART_HEADER_LEN;

	if (in->failed || n > cursor_left(in))
		return -EBADMSG;
	part->groups = calloc(n ? n : 1, sizeof(*part->groups));
	if (!part->groups)
		return -ENOMEM;
	for (; part->ngroups < n; part->ngroups++) {
		struct group_info *g = &part->groups[part->ngroups];

		g->off = off;
		g->len = (uint32_t)cursor_varint(in);
		g->dir_len = (uint32_t)cursor_varint(in);
		g->dir_sum = cursor_u64(in);
		g->nrows = (uint32_t)cursor_varint(in);
		g->overflow = cursor_u8(in) != 0;
		g->min_time = cursor_zigzag(in);
		g->max_time = cursor_zigzag(in);
		if (in->failed || g->dir_len > g->len || g->nrows > ROW_BLOCK_MAX)
			return -EBADMSG;
		off += g->len;
		count_group(part, g);
	}
	*ret_end = off;
	return 0;
}

static int read_about(struct part *part, struct span footer, struct part_about *about)
{
	struct cursor cursor = cursor_of(footer), *in = &cursor;
	uint64_t epoch = cursor_varint(in), groups_end = 0;
	int64_t created = cursor_zigzag(in);
	int r = read_groups(part, in, &groups_end);

	if (r == 0 && groups_end != part->source.size - footer.len - PART_TRAILER_LEN)
		r = -EBADMSG;
	part->created_ns = created;
	if (r < 0 || !about)
		return r;
	about->id = part->id;
	about->epoch = epoch;
	about->created_ns = created;
	uint64_t n = cursor_varint(in);

	for (uint64_t i = 0; i < n && !in->failed; i++)
		if (vec_push(&about->replaces, cursor_varint(in)) < 0)
			return -ENOMEM;
	r = offset_ranges_get(in, &about->ranges);
	r = r < 0 ? r : sources_get(in, &about->progress);
	return r < 0 ? r : in->failed || cursor_left(in) ? -EBADMSG : 0;
}

static int load(struct part *part, struct part_about *about, struct err *reterr)
{
	_cleanup_(arena_release) struct arena arena;
	struct stat st;
	struct span footer;

	arena_init(&arena, FOOTER_MAX + (1u << 20));
	if (fstat(part->source.fd, &st) < 0)
		return err_set(reterr, -errno, "cannot be read: %s", strerror(errno));
	part->source.size = part->bytes = (uint64_t)st.st_size;
	int r = check_header(part, &arena, reterr);

	r = r < 0 ? r : read_footer(part, &arena, &footer, reterr);
	if (r < 0)
		return r;
	r = read_about(part, footer, about);
	return r < 0 ? err_set(reterr, r, "its footer makes no sense") : 0;
}

int part_open(int dir_fd, uint64_t id, struct part_about *about, struct part **ret,
	      struct err *reterr)
{
	_cleanup_(part_unrefp) struct part *part = new_part(id);
	char name[PART_NAME_MAX];

	if (!part)
		return err_set(reterr, -ENOMEM, "out of memory");
	part_name(id, name);
	part->source.fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (part->source.fd < 0)
		return err_set(reterr, -errno, "part %s: %s", name, strerror(errno));
	int r = load(part, about, reterr);

	if (r < 0)
		return err_prefix(reterr, r, "part %s", name);
	*ret = TAKE(part);
	return 0;
}
