/* A row group as a row_block: what queries see; see group.h. */
#include "aggregator/store/bloom.h"
#include "aggregator/store/group.h"
#include "aggregator/store/overflow.h"
#include "aggregator/store/scratch.h"
#include "common/lang/token.h"
#include <errno.h>
#include <stdlib.h>

#define DIRECTORY_MAX (16u << 20)

struct view_directory {
	struct directory directory;
	struct arena arena;
};

static struct group_view *view_of(struct row_block *block)
{
	return (struct group_view *)block;
}

static const struct group *group_of(struct row_block *block)
{
	return &view_of(block)->group;
}

static void directory_free(struct view_directory *read)
{
	if (!read)
		return;
	arena_release(&read->arena);
	free(read);
}

static int read_directory(const struct group *group, struct view_directory **ret)
{
	struct view_directory *read = calloc(1, sizeof(*read));

	if (!read)
		return -ENOMEM;
	arena_init(&read->arena, DIRECTORY_MAX);
	int r = group_directory(group, &read->arena, &read->directory);

	if (r < 0)
		directory_free(read);
	else
		*ret = read;
	return r;
}

/* The view's directory.  Where several threads read it first, one's is kept. */
static int directory_of(struct row_block *block, const struct directory **ret)
{
	struct group_view *view = view_of(block);
	struct view_directory *read = atomic_load(&view->directory), *mine;

	if (!read) {
		int r = read_directory(&view->group, &mine);

		if (r < 0)
			return r;
		if (atomic_compare_exchange_strong(&view->directory, &read, mine))
			read = mine;
		else
			directory_free(mine);
	}
	*ret = &read->directory;
	return 0;
}

static int explain(struct err *reterr, int code, struct span name)
{
	if (code == -EBADMSG)
		return err_set(reterr, code, "stored field %.*s fails its checksum",
			       SPAN_FMT(name));
	if (code == -ENOMEM)
		return err_set(reterr, code, "the memory limit is too low for field %.*s",
			       SPAN_FMT(name));
	return err_set(reterr, code, "cannot read field %.*s: %s", SPAN_FMT(name), strerror(-code));
}

/* What is in memory has no commit yet: others of the same one may still come. */
static bool is_waiting(const struct group *group, struct span name)
{
	return group->source->mem && span_eq(name, COMMIT_NAME);
}

static int read_overflow(const struct group *group, const struct column_entry *entry,
			 struct overflow *overflow)
{
	struct column objects;
	int r = group_column(group, entry, NULL, &overflow->arena, &objects);

	return r < 0 ? r : overflow_read(overflow, &objects);
}

/* The block's overflow; NULL = there is none.  Its memory is of the arena's budget. */
static int overflow_of(struct row_block *block, const struct directory *directory,
		       const struct arena *arena, const struct overflow **ret)
{
	struct group_view *view = view_of(block);
	const struct column_entry *entry = directory_find(directory, OVERFLOW_NAME);
	struct overflow *read = atomic_load(&view->overflow);

	if (entry && !read) {
		int r = overflow_new(arena->shared, &read);

		if (r < 0)
			return r;
		r = read_overflow(&view->group, entry, read);
		if (r < 0) {
			overflow_free(read);
			return r;
		}
		read = overflow_keep(&view->overflow, read);
	}
	*ret = read;
	return 0;
}

static int load(struct row_block *block, const struct directory *directory, struct span name,
		const uint64_t *wanted, struct arena *arena, struct column *ret)
{
	const struct group *group = group_of(block);
	const struct overflow *overflow = NULL;
	bool id = span_eq(name, SPAN("_stream_id"));
	const struct column_entry *entry = directory_find(directory, id ? SPAN("_stream") : name);

	if (is_waiting(group, name)) {
		column_init_empty(ret, name, group->info.nrows);
		return 0;
	}
	/* Ids are made of all rows' streams. */
	int r = entry ? group_column(group, entry, id ? NULL : wanted, arena, ret)
		      : overflow_of(block, directory, arena, &overflow);

	if (r < 0)
		return r;
	if (entry)
		return id ? stream_id_column(ret, arena) : 0;
	if (overflow)
		return overflow_column(overflow, name, arena, ret);
	column_init_empty(ret, name, group->info.nrows);
	return 0;
}

static int load_wanted(struct row_block *block, struct span name, const uint64_t *wanted,
		       struct arena *arena, struct column *ret, struct err *reterr)
{
	const struct directory *directory;
	int r = directory_of(block, &directory);

	r = r < 0 ? r : load(block, directory, name, wanted, arena, ret);
	return r < 0 ? explain(reterr, r, name) : 0;
}

static int view_load(struct row_block *block, struct span name, struct arena *arena,
		     struct column *ret, struct err *reterr)
{
	return load_wanted(block, name, NULL, arena, ret, reterr);
}

static int view_load_some(struct row_block *block, struct span name, const uint32_t *at, uint32_t n,
			  struct arena *arena, struct column *ret, struct err *reterr)
{
	uint64_t wanted[BITMAP_WORDS(ROW_BLOCK_MAX)] = {0};

	for (uint32_t i = 0; i < n; i++)
		bit_set(wanted, at[i]);
	return load_wanted(block, name, wanted, arena, ret, reterr);
}

static int add_names(const struct directory *directory, struct names *names)
{
	int r = names_add(names, SPAN("_stream_id"));

	for (size_t i = 0; r == 0 && i < directory->ncolumns; i++) {
		struct span name = directory->columns[i].name;

		if (!span_eq(name, COMMIT_NAME) && !span_eq(name, OVERFLOW_NAME))
			r = names_add(names, name);
	}
	return r;
}

static int view_names(struct row_block *block, struct arena *arena, const struct span **ret_names,
		      size_t *ret_n, struct err *reterr)
{
	const struct directory *directory;
	struct names names;
	int r = directory_of(block, &directory);

	names_init(&names, arena);
	r = r < 0 ? r : add_names(directory, &names);
	r = r < 0 ? r : names_list(&names, ret_names, ret_n);
	names_release(&names);
	return r < 0 ? explain(reterr, r, SPAN("names")) : 0;
}

static int view_rare(struct row_block *block, const uint32_t *at, uint32_t n, struct arena *arena,
		     const struct rare_column **ret, size_t *ret_n, struct err *reterr)
{
	const struct directory *directory;
	const struct overflow *overflow = NULL;
	int r = directory_of(block, &directory);

	r = r < 0 ? r : overflow_of(block, directory, arena, &overflow);
	if (r == 0 && overflow)
		r = overflow_rare(overflow, at, n, arena, ret, ret_n);
	else
		*ret_n = 0;
	return r < 0 ? explain(reterr, r, OVERFLOW_NAME) : 0;
}

static bool value_has(struct span value, uint64_t token)
{
	struct span word;

	while (token_next(&value, &word))
		if (token_hash(word) == token)
			return true;
	return false;
}

/* A page that can't be read or verified says "maybe": the load will tell. */
static bool filter_has(const struct group *group, const struct column_entry *entry, uint64_t token,
		       struct arena *arena)
{
	uint64_t key = token + (token == 0); /* as the set that made the filter has it */
	struct bloom_page page = bloom_page_of(key, entry->bloom_lines);
	struct span bytes;

	if (source_read(group->source, group->info.off + entry->bloom_off + page.off, page.len,
			arena, &bytes) < 0 ||
	    !bloom_page_intact(bytes))
		return true;
	return bloom_page_has(bytes, page.line, key);
}

static bool may_have(const struct group *group, const struct directory *directory, struct span name,
		     const uint64_t *tokens, size_t n, struct arena *arena)
{
	const struct column_entry *entry = directory_find(directory, name);

	if (!entry) /* no row has it, unless the overflow does; _stream_id isn't stored */
		return directory_find(directory, OVERFLOW_NAME) ||
		       span_eq(name, SPAN("_stream_id"));
	for (size_t i = 0; i < n; i++) {
		bool has = true;

		if (entry->codec == CODEC_CONST)
			has = value_has(entry->value, tokens[i]);
		else if (entry->bloom_lines)
			has = filter_has(group, entry, tokens[i], arena);
		if (!has)
			return false;
	}
	return true;
}

static bool view_may_have_tokens(struct row_block *block, struct span name, const uint64_t *tokens,
				 size_t n)
{
	const struct directory *directory;
	struct arena *tmp = scratch_take();
	bool may = true;

	if (!tmp)
		return may;
	if (directory_of(block, &directory) == 0)
		may = n == 0 || may_have(group_of(block), directory, name, tokens, n, tmp);
	scratch_give(tmp);
	return may;
}

static bool view_range(struct row_block *block, struct span name, double *ret_min, double *ret_max)
{
	const struct directory *directory;

	if (directory_of(block, &directory) < 0)
		return false;
	const struct column_entry *entry = directory_find(directory, name);

	if (!entry || !entry->has_range || is_waiting(group_of(block), name))
		return false;
	*ret_min = entry->min;
	*ret_max = entry->max;
	return true;
}

/* The view itself is the snapshot's. */
static void view_release(struct row_block *block)
{
	group_view_release(view_of(block));
}

static const struct row_block_ops view_ops = {
	.load = view_load,
	.load_some = view_load_some,
	.names = view_names,
	.rare = view_rare,
	.may_have_tokens = view_may_have_tokens,
	.range = view_range,
	.release = view_release,
};

void group_view_init(struct group_view *view, const struct group_source *source,
		     const struct group_info *info)
{
	*view = (struct group_view){
		.base = {.ops = &view_ops,
			 .nrows = info->nrows,
			 .min_time = info->min_time,
			 .max_time = info->max_time,
			 .bytes = info->len},
		.group = {.source = source, .info = *info},
	};
}

void group_view_release(struct group_view *view)
{
	directory_free(atomic_exchange(&view->directory, NULL));
	overflow_free(atomic_exchange(&view->overflow, NULL));
}
