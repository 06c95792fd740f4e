#include "shipper/glob.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

struct expansion {
	const struct glob_walk *walk;
	char path[PATH_MAX];
	size_t len;
};

bool glob_is_literal(struct span pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
		if (strchr("*?[\\", pattern.ptr[i]))
			return false;
	return true;
}

static bool component_match(struct span pattern, struct span name)
{
	char p[NAME_MAX + 1], n[NAME_MAX + 1];

	if (pattern.len > NAME_MAX || name.len > NAME_MAX)
		return false;
	snprintf(p, sizeof(p), "%.*s", SPAN_FMT(pattern));
	snprintf(n, sizeof(n), "%.*s", SPAN_FMT(name));
	return fnmatch(p, n, FNM_PERIOD) == 0;
}

/* The next component, slashes around it gone; false at the end. */
static bool next_component(struct span *rest, struct span *ret)
{
	while (span_starts(*rest, SPAN("/")))
		*rest = span_skip(*rest, 1);
	return span_cut(rest, '/', ret);
}

/* Bounded: each step takes a component off the path or the pattern. */
static bool path_match(struct span pattern, struct span path, int depth)
{
	struct span want, have, rest = path;

	if (depth > GLOB_DEPTH_MAX)
		return false;
	if (!next_component(&pattern, &want))
		return !next_component(&path, &have);
	if (span_eq(want, SPAN("**"))) {
		do {
			if (path_match(pattern, rest, depth + 1))
				return true;
		} while (next_component(&rest, &have) && have.ptr[0] != '.');
		return false;
	}
	return next_component(&path, &have) && component_match(want, have) &&
	       path_match(pattern, path, depth + 1);
}

bool glob_match(struct span pattern, struct span path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;

	if (span_chr(pattern, '/') < 0)
		return component_match(pattern,
				       slash ? span_between(slash + 1, path.ptr + path.len) : path);
	return path_match(pattern, path, 0);
}

/* Put `name` behind the path; the old length, or -1 when it does not fit. */
static ssize_t push(struct expansion *e, struct span name)
{
	size_t old = e->len, slash = old > 0 && e->path[old - 1] != '/';

	if (old + slash + name.len + 1 > sizeof(e->path))
		return -1;
	if (slash)
		e->path[e->len++] = '/';
	memcpy(e->path + e->len, name.ptr, name.len);
	e->len += name.len;
	e->path[e->len] = '\0';
	return (ssize_t)old;
}

static void pop(struct expansion *e, ssize_t old)
{
	e->len = (size_t)old;
	e->path[e->len] = '\0';
}

static bool is_dir(struct expansion *e, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
		return entry->d_type == DT_DIR;
	return stat(e->path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int expand(struct expansion *e, struct span pattern, int depth);

/* One entry of a directory against the component `want`, with `rest` behind it. */
static int expand_entry(struct expansion *e, const struct dirent *entry, struct span want,
			struct span pattern, struct span rest, int depth)
{
	bool any_depth = span_eq(want, SPAN("**"));
	struct span name = span_cstr(entry->d_name);
	int r = 0;

	if (any_depth ? name.ptr[0] == '.' : !component_match(want, name))
		return 0;
	ssize_t old = push(e, name);

	if (old < 0)
		return -ENAMETOOLONG;
	if (any_depth) {
		/* The directory itself is real: a loop of links can't trap us. */
		if (entry->d_type == DT_DIR)
			r = expand(e, pattern, depth + 1);
	} else if (rest.len) {
		if (is_dir(e, entry))
			r = expand(e, rest, depth + 1);
	} else if (entry->d_type == DT_REG || entry->d_type == DT_LNK ||
		   entry->d_type == DT_UNKNOWN) {
		e->walk->file(e->walk->ctx, e->path, false);
	}
	pop(e, old);
	return r;
}

static int expand_dir(struct expansion *e, struct span want, struct span pattern, struct span rest,
		      int depth)
{
	DIR *dir = opendir(e->len ? e->path : ".");
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir)))
		r = expand_entry(e, entry, want, pattern, rest, depth);
	closedir(dir);
	return r;
}

static int expand(struct expansion *e, struct span pattern, int depth)
{
	struct span rest = pattern, want;
	int r = 0;

	if (depth > GLOB_DEPTH_MAX || !next_component(&rest, &want))
		return 0;
	while (span_starts(rest, SPAN("/")))
		rest = span_skip(rest, 1);
	bool literal = glob_is_literal(want);

	if ((!literal || rest.len == 0) && e->walk->dir)
		e->walk->dir(e->walk->ctx, e->len ? e->path : ".");
	if (!literal) {
		if (span_eq(want, SPAN("**")))
			r = expand(e, rest, depth + 1);
		return r ? r : expand_dir(e, want, pattern, rest, depth);
	}
	ssize_t old = push(e, want);

	if (old < 0)
		return -ENAMETOOLONG;
	if (rest.len)
		r = expand(e, rest, depth + 1);
	else
		e->walk->file(e->walk->ctx, e->path, true);
	pop(e, old);
	return r;
}

int glob_expand(struct span pattern, const struct glob_walk *walk)
{
	struct expansion e = {.walk = walk};

	if (span_starts(pattern, SPAN("/"))) {
		e.path[0] = '/';
		e.len = 1;
	}
	return expand(&e, pattern, 0);
}

static bool is_rotation_of(struct span base, struct span name)
{
	static const char *const compressed[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};

	if (name.len <= base.len || !span_starts(name, base) || !strchr(".-_", name.ptr[base.len]))
		return false;
	for (size_t i = 0; i < sizeof(compressed) / sizeof(compressed[0]); i++)
		if (span_ends(name, span_cstr(compressed[i])))
			return false;
	return true;
}

void rotated_names(const char *path, void (*fn)(void *ctx, const char *path), void *ctx)
{
	const char *slash = strrchr(path, '/');
	struct span base = span_cstr(slash ? slash + 1 : path);
	char name[PATH_MAX];
	const struct dirent *entry;

	snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash + 1 - path) : 1,
		 slash ? path : ".");
	DIR *dir = opendir(name);

	while (dir && (entry = readdir(dir))) {
		if (!is_rotation_of(base, span_cstr(entry->d_name)))
			continue;
		int n = snprintf(name, sizeof(name), "%.*s%s", slash ? (int)(slash + 1 - path) : 0,
				 path, entry->d_name);

		if (n > 0 && (size_t)n < sizeof(name))
			fn(ctx, name);
	}
	if (dir)
		closedir(dir);
}
