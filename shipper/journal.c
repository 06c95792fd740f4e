#include "shipper/journal.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/map.h"
#include "common/base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LEN sizeof(((struct source_id *)NULL)->bytes)

struct journal {
	int fd;
	struct map counts; /* key bytes → count */
	struct arena keys;
	size_t bad_lines;
};

static int remember(struct journal *journal, const struct source_id *key, uint64_t count)
{
	struct span bytes = span_of((const char *)key->bytes, KEY_LEN);
	bool added;
	union map_value *value = map_put(&journal->counts, bytes, &added);

	if (!value)
		return -ENOMEM;
	if (added) {
		struct span copy = arena_dup(&journal->keys, bytes);

		if (!copy.ptr) {
			map_remove(&journal->counts, bytes);
			return -ENOMEM;
		}
		map_rekey(&journal->counts, bytes, copy);
		value->n = 0;
	}
	if (value->n < count)
		value->n = count;
	return 0;
}

static bool parse_key(struct span hex, struct source_id *ret)
{
	if (hex.len != 2 * KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++) {
		int high = num_hex_digit(hex.ptr[2 * i]), low = num_hex_digit(hex.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool parse_line(struct span line, struct source_id *ret_key, uint64_t *ret_count)
{
	struct span rest = line, key, count, crc;
	uint64_t n;

	if (!span_cut(&rest, ' ', &key) || !span_cut(&rest, ' ', &count) ||
	    !span_cut(&rest, ' ', &crc) || num_parse_u64(crc, &n) < 0)
		return false;
	if (n != crc32c(0, line.ptr, key.len + 1 + count.len))
		return false;
	return parse_key(key, ret_key) && num_parse_u64(count, ret_count) == 0 &&
	       *ret_count <= UINT32_MAX;
}

static int load(struct journal *journal, struct span text)
{
	struct span line;

	while (span_cut(&text, '\n', &line)) {
		struct source_id key;
		uint64_t count;

		if (!parse_line(line, &key, &count)) {
			journal->bad_lines += line.len > 0;
			continue;
		}
		if (remember(journal, &key, count) < 0)
			return -ENOMEM;
	}
	return 0;
}

int journal_open(const char *path, struct journal **ret, bool *ret_existed, struct err *reterr)
{
	struct buf text = BUF_INIT(JOURNAL_MAX);
	bool existed = access(path, F_OK) == 0;
	struct journal *journal = calloc(1, sizeof(*journal));
	int r = journal ? 0 : -ENOMEM;

	if (r == 0) {
		journal->fd = -1;
		arena_init(&journal->keys, JOURNAL_MAX);
		if (existed)
			r = io_read_file(path, &text, reterr);
		else
			r = io_replace_file(path, SPAN(""), 0600, reterr);
	}
	if (r >= 0)
		r = load(journal, buf_span(&text));
	if (r >= 0) {
		journal->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		if (journal->fd < 0)
			r = err_set(reterr, -errno, "%s: %s", path, strerror(errno));
	}
	/* A line that was torn at the end must not run into the next one. */
	if (r >= 0 && text.len && text.ptr[text.len - 1] != '\n')
		r = io_write_full(journal->fd, "\n", 1);
	buf_release(&text);
	if (r < 0) {
		journal_close(journal);
		return r;
	}
	*ret_existed = existed;
	*ret = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	map_release(&journal->counts);
	arena_release(&journal->keys);
	free(journal);
}

uint32_t journal_count(const struct journal *journal, const struct source_id *key)
{
	const union map_value *value =
		map_get(&journal->counts, span_of((const char *)key->bytes, KEY_LEN));

	return value ? (uint32_t)value->n : 0;
}

int journal_bump(struct journal *journal, const struct source_id *key, uint32_t count)
{
	struct buf line = BUF_INIT(128);

	for (size_t i = 0; i < KEY_LEN; i++)
		buf_printf(&line, "%02x", key->bytes[i]);
	buf_printf(&line, " %u", count);
	buf_printf(&line, " %u\n", crc32c(0, line.ptr, line.len));
	int r = line.failed;

	if (r == 0)
		r = io_write_full(journal->fd, line.ptr, line.len);
	if (r >= 0 && fsync(journal->fd) < 0)
		r = -errno;
	buf_release(&line);
	return r < 0 ? r : remember(journal, key, count);
}

size_t journal_bad_lines(const struct journal *journal)
{
	return journal->bad_lines;
}
