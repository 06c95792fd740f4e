/*
 * journal.h - how often each file was truncated, on disk, twice as safe.
 *
 * The truncation counter is part of a source's identity.  Were it lost with a
 * garbled checkpoint, a truncated file would be sent under its first identity
 * again and the index would take new bytes for old ones.  So it has a file of
 * its own: lines that are only ever appended, each with its CRC and fsynced
 * before anything is read under the new identity.
 *
 *	<32 hex digits of the key> <count> <crc32c of what is before it>\n
 *
 * A line that is torn or garbled is not counted; the highest count of a key is the
 * one that holds.
 */
#ifndef SLUICE_SHIPPER_JOURNAL_H
#define SLUICE_SHIPPER_JOURNAL_H

#include "common/base/err.h"
#include "shipper/identity.h"

#define JOURNAL_MAX (64u << 20) /* bytes of the file that are read */

struct journal;

/* `ret_existed`: the state directory was in use before. */
int journal_open(const char *path, struct journal **ret, bool *ret_existed, struct err *reterr);
void journal_close(struct journal *journal);
/* 0 for a file that was never truncated. */
uint32_t journal_count(const struct journal *journal, const struct source_id *key);
/* On disk when it returns 0. */
int journal_bump(struct journal *journal, const struct source_id *key, uint32_t count);
/* Lines that could not be read at open. */
size_t journal_bad_lines(const struct journal *journal);

#endif
