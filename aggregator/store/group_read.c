/* Reading a row group: directory, columns, verification; see group.h. */
#include "aggregator/store/bloom.h"
#include "aggregator/store/group.h"
#include "aggregator/store/ints.h"
#include "aggregator/store/scratch.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include <errno.h>

#define COLUMN_BYTES_MAX (1u << 30)

int source_read(const struct group_source *source, uint64_t off, uint64_t len, struct arena *arena,
		struct span *ret)
{
	if (off > source->size || len > source->size - off || len > GROUP_BYTES_MAX)
		return -EBADMSG;
	char *bytes = arena_alloc(arena, len + INTS_SLACK);

	if (!bytes)
		return -ENOMEM;
	memset(bytes + len, 0, INTS_SLACK);
	if (source->mem) {
		memcpy(bytes, source->mem + off, len);
	} else {
		ssize_t n = io_pread_full(source->fd, bytes, len, (off_t)off);

		if (n < 0)
			return (int)n;
		if ((uint64_t)n < len)
			return -EBADMSG; /* shorter than it was at open */
	}
	*ret = span_of(bytes, len);
	return 0;
}

static void read_entry(struct cursor *in, struct column_entry *entry)
{
	entry->name = cursor_span(in);
	entry->codec = cursor_u8(in);
	entry->types = cursor_u8(in);
	entry->has_range = cursor_u8(in) & ENTRY_RANGE;
	if (entry->has_range) {
		entry->min = cursor_double(in);
		entry->max = cursor_double(in);
	}
	if (entry->codec == CODEC_CONST)
		entry->value = cursor_span(in);
	entry->off = cursor_varint(in);
	entry->len = cursor_varint(in);
	entry->sum = cursor_u64(in);
	entry->bloom_off = cursor_varint(in);
	entry->bloom_lines = (uint32_t)cursor_varint(in);
	if (entry->codec >= CODEC_COUNT)
		in->failed = true;
}

static int parse_directory(struct cursor *in, struct arena *arena, struct directory *ret)
{
	uint64_t nrows = cursor_varint(in), n = cursor_varint(in);

	if (in->failed || n > MEMTABLE_COLUMNS + 4 || nrows == 0 || nrows > ROW_BLOCK_MAX)
		return -EBADMSG;
	struct column_entry *columns = ARENA_ARRAY(arena, struct column_entry, n);

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		read_entry(in, &columns[i]);
	if (in->failed || cursor_left(in))
		return -EBADMSG;
	*ret = (struct directory){(uint32_t)nrows, columns, n};
	return 0;
}

int group_directory(const struct group *group, struct arena *arena, struct directory *ret)
{
	const struct group_info *info = &group->info;
	struct span bytes;

	if (info->dir_len > info->len)
		return -EBADMSG;
	int r = source_read(group->source, info->off + info->len - info->dir_len, info->dir_len,
			    arena, &bytes);

	if (r < 0)
		return r;
	if (hash64(bytes) != info->dir_sum)
		return -EBADMSG;
	struct cursor in = cursor_of(bytes);

	r = parse_directory(&in, arena, ret);
	return r < 0 ? r : ret->nrows == info->nrows ? 0 : -EBADMSG;
}

const struct column_entry *directory_find(const struct directory *directory, struct span name)
{
	size_t low = 0, high = directory->ncolumns;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int r = span_cmp(directory->columns[mid].name, name);

		if (r == 0)
			return &directory->columns[mid];
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A stretch of the group, which must lie before the directory. */
static int read_stretch(const struct group *group, uint64_t off, uint64_t len, struct arena *arena,
			struct span *ret)
{
	uint64_t room = group->info.len - group->info.dir_len;

	if (off > room || len > room - off)
		return -EBADMSG;
	return source_read(group->source, group->info.off + off, len, arena, ret);
}

static int read_chunk(const struct group *group, const struct column_entry *entry,
		      struct arena *arena, struct span *ret)
{
	int r = read_stretch(group, entry->off, entry->len, arena, ret);

	return r < 0 ? r : hash64(*ret) == entry->sum ? 0 : -EBADMSG;
}

static int read_column(const struct group *group, const struct column_entry *entry,
		       const uint64_t *wanted, struct arena *tmp, struct arena *keep,
		       struct column *ret)
{
	const struct codec *codec = codecs[entry->codec];
	struct span chunk;
	int r = read_chunk(group, entry, codec->borrows ? keep : tmp, &chunk);

	if (r < 0)
		return r;
	struct cursor in = cursor_of(chunk);

	r = codec->get(entry, &in, group->info.nrows, wanted, tmp, keep, ret);
	if (r < 0)
		return r;
	if (cursor_left(&in))
		return -EBADMSG;
	ret->name = arena_dup(keep, entry->name);
	return entry->name.len && !ret->name.ptr ? -ENOMEM : 0;
}

int group_column(const struct group *group, const struct column_entry *entry,
		 const uint64_t *wanted, struct arena *arena, struct column *ret)
{
	struct arena *tmp = scratch_take();

	if (!tmp)
		return -ENOMEM;
	int r = read_column(group, entry, wanted, tmp, arena, ret);

	scratch_give(tmp);
	return r;
}

/* Read the column, and make what is only made when somebody asks. */
static int try_column(const struct group *group, const struct column_entry *entry,
		      struct arena *arena)
{
	struct column column;
	int r = group_column(group, entry, NULL, arena, &column);

	return r < 0 ? r : column_make(&column, arena);
}

static int verify_filter(const struct group *group, const struct column_entry *entry,
			 struct arena *arena)
{
	uint64_t left = bloom_bytes(entry->bloom_lines), off = entry->bloom_off;

	while (left) {
		uint64_t len = left < BLOOM_PAGE_MAX ? left : BLOOM_PAGE_MAX;
		struct span page;
		int r = read_stretch(group, off, len, arena, &page);

		if (r < 0)
			return r;
		if (!bloom_page_intact(page))
			return -EBADMSG;
		off += len;
		left -= len;
	}
	return 0;
}

int group_verify(const struct group *group, bool deep, struct err *reterr)
{
	_cleanup_(arena_release) struct arena names, arena;
	struct directory directory;

	arena_init(&names, COLUMN_BYTES_MAX);
	arena_init(&arena, COLUMN_BYTES_MAX);
	int r = group_directory(group, &names, &directory);

	if (r < 0)
		return err_set(reterr, r, "its directory fails the checksum");
	uint64_t covered = group->info.dir_len;

	for (size_t i = 0; i < directory.ncolumns; i++) {
		const struct column_entry *entry = &directory.columns[i];
		struct span chunk;

		arena_reset(&arena);
		r = deep ? try_column(group, entry, &arena)
			 : read_chunk(group, entry, &arena, &chunk);
		if (r < 0)
			return err_set(reterr, r, "column %.*s: %s", SPAN_FMT(entry->name),
				       r == -EBADMSG ? "fails its checksum" : strerror(-r));
		r = verify_filter(group, entry, &arena);
		if (r < 0)
			return err_set(reterr, r, "the filter of column %.*s fails its checksum",
				       SPAN_FMT(entry->name));
		covered += entry->len + bloom_bytes(entry->bloom_lines);
	}
	if (covered != group->info.len)
		return err_set(reterr, -EBADMSG, "has bytes that no column owns");
	return 0;
}
