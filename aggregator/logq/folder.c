#include "aggregator/logq/folder.h"
#include "aggregator/query/file_reader.h"
#include "common/base/cleanup.h"
#include "common/base/map.h"
#include "common/bus/dir_log.h"
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BYTES 4096 /* of a file, for a NUL */

struct walk {
	struct arena *arena;
	struct span_list *files;
	struct map seen; /* device and inode */
	size_t binary;
};

enum folder_kind folder_kind(const char *path)
{
	_cleanup_free_ char *manifest = NULL;

	if (dir_bus_open(path, 0, NULL) > 0)
		return FOLDER_BUS;
	if (asprintf(&manifest, "%s/manifest.db", path) < 0)
		manifest = NULL;
	return manifest && access(manifest, F_OK) == 0 ? FOLDER_INDEX : FOLDER_LOGS;
}

/* Unpacked, and UTF-16 as UTF-8.  What can't be read isn't binary: the query will say why. */
static bool is_binary(const char *path)
{
	char text[LOOK_BYTES];
	struct file_reader *reader;
	ssize_t n = 0;

	if (file_reader_open(span_cstr(path), NULL, &reader, NULL) < 0)
		return false;
	n = file_reader_read(reader, text, sizeof(text), NULL);
	file_reader_free(reader);
	return n > 0 && memchr(text, '\0', (size_t)n);
}

/* 1: it is new; 0: it was there by another name. */
static int first_name(struct walk *walk, const struct stat *st)
{
	struct {
		dev_t dev;
		ino_t ino;
	} file = {st->st_dev, st->st_ino};
	struct span key = arena_dup(walk->arena, span_of((const char *)&file, sizeof(file)));
	bool added;

	if (!key.ptr || !map_put(&walk->seen, key, &added))
		return -ENOMEM;
	return added;
}

static int add(struct walk *walk, const char *path)
{
	struct span copy = arena_dup(walk->arena, span_cstr(path));

	if (walk->files->len == FOLDER_FILES_MAX)
		return -E2BIG;
	return copy.ptr ? span_list_push(walk->arena, walk->files, copy) : -ENOMEM;
}

static int visit(struct walk *walk, FTS *tree, FTSENT *entry)
{
	int r;

	if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
		fts_set(tree, entry, FTS_SKIP);
		return 0;
	}
	switch (entry->fts_info) {
	case FTS_F:
		r = first_name(walk, entry->fts_statp);
		if (r <= 0)
			return r;
		if (!is_binary(entry->fts_accpath))
			return add(walk, entry->fts_path);
		walk->binary++;
		return 0;
	case FTS_DNR:
	case FTS_NS:
	case FTS_ERR:
		return add(walk, entry->fts_path);
	default: /* folders, cycles of links, sockets, links to nothing */
		return 0;
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int folder_logs(struct span path, struct arena *arena, struct span_list *files, size_t *ret_binary,
		struct err *reterr)
{
	_cleanup_free_ char *root = strndup(path.ptr, path.len);
	struct walk walk = {.arena = arena, .files = files};
	char *const roots[] = {root, NULL};
	FTSENT *entry;
	int r = 0;

	/* FTS_NOCHDIR: threads of ours resolve relative names. */
	FTS *tree = root ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;

	if (!tree)
		return err_set(reterr, -errno, "%.*s: %s", SPAN_FMT(path), strerror(errno));
	while (r == 0 && (entry = fts_read(tree)))
		r = visit(&walk, tree, entry);
	fts_close(tree);
	map_release(&walk.seen);
	*ret_binary = walk.binary;
	if (r == -E2BIG)
		return err_set(reterr, r, "more than %u files in %.*s: name a folder below it",
			       FOLDER_FILES_MAX, SPAN_FMT(path));
	return r < 0 ? err_set(reterr, r, "%.*s: out of memory", SPAN_FMT(path)) : 0;
}
