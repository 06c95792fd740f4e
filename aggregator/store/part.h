/*
 * part.h - an immutable file of row groups.
 *
 *	+--------+---------+---------+-----+--------+---------+
 *	| header | group 0 | group 1 |  …  | footer | trailer |
 *	+--------+---------+---------+-----+--------+---------+
 *
 *	header  := "SluPart\n" · u32 version · u32 0 · u64 id · u64 hash64 of these
 *	footer  := varint epoch · zigzag created · varint groups · group … ·
 *	           varint ids · id …  (parts that this one replaces) ·
 *	           offset ranges · sources
 *	group   := varint len · varint directory len · u64 hash64 of the directory ·
 *	           varint rows · u8 overflow · zigzag min time · zigzag max time
 *	trailer := u64 footer off · u64 footer len · u64 hash64 of it · u64 hash64 of these
 *
 * The groups fill the space between header and footer, so every byte of the
 * file is under some hash.  A part describes itself: with which offsets and
 * sources it was committed, and, when it is the result of a merge, which parts
 * it stands for; the manifest can be rebuilt from the parts alone.
 *
 * A part of one group that is still in memory has the same type: queries and
 * merges don't see the difference.  Reference-counted.
 */
#ifndef SLUICE_STORE_PART_H
#define SLUICE_STORE_PART_H

#include "aggregator/store/group.h"
#include "aggregator/store/progress.h"

/*
 * 1: codecs const to text.  2: ipv4, and kinds of slots of texts (template.h).
 * What is read may be of any version up to this one; what is written is of it.
 */
#define PART_VERSION     2
#define PART_MAGIC       SPAN("SluPart\n")
#define PART_HEADER_LEN  32
#define PART_TRAILER_LEN 32

/* What a part says about itself. */
struct part_about {
	uint64_t id, epoch;
	int64_t created_ns;
	VEC(uint64_t) replaces;
	struct offset_ranges ranges;
	struct progress progress; /* sources only */
};

void part_about_init(struct part_about *about);
void part_about_release(struct part_about *about);

struct part {
	atomic_uint refs;
	struct group_source source;
	struct buf memory; /* of a part that has no file */
	uint64_t id;
	uint64_t rows, bytes;
	uint64_t footer_sum;
	int64_t created_ns;
	int64_t min_time, max_time;
	struct group_info *groups;
	size_t ngroups;
	struct err damage; /* code ≠ 0: can't be read, and why */
	bool keep;         /* the upkeep failed on it: no more merges */
};

struct part *part_ref(struct part *part);
void part_unref(struct part *part);

/* "parts/0000000000000007.part" below the store's folder. */
#define PART_NAME_MAX 32
void part_name(uint64_t id, char name[PART_NAME_MAX]);
/* The id of a file's name; -EINVAL when it is not a part's. */
int part_name_parse(const char *name, uint64_t *ret_id);

/*
 * Open and verify header and footer.  `about` may be NULL.
 * 0, -EBADMSG, -ENOTSUP (a newer version), -ENOENT, …
 */
int part_open(int dir_fd, uint64_t id, struct part_about *about, struct part **ret,
	      struct err *reterr);
/* A part of one group in memory; takes the buffer. */
int part_of_memory(struct buf *bytes, const struct group_info *info, struct part **ret);
/* One that can't be read: what the manifest knows of it. */
int part_of_damage(uint64_t id, uint64_t rows, uint64_t bytes, int64_t min_time, int64_t max_time,
		   const struct err *why, struct part **ret);

/* Writes a part's file; until it is finished nothing counts. */
struct part_writer;
/* An old file of that id is replaced: no commit names it. */
int part_writer_open(int dir_fd, uint64_t id, struct part_writer **ret, struct err *reterr);
/* Append a group; its `off` is set anew. */
int part_writer_group(struct part_writer *writer, struct span bytes, const struct group_info *info,
		      struct err *reterr);
/* Footer, fsync of file and folder.  Frees the writer; on failure the file is gone. */
int part_writer_finish(struct part_writer *writer, const struct part_about *about,
		       struct err *reterr);
/* Give up: removes the file.  Accepts NULL. */
void part_writer_abort(struct part_writer *writer);

#endif
