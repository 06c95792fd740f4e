/*
 * quote.h - the three quotes of LogsQL, and of labels in a _stream.
 *
 *	"a\tb"   escapes  \a \b \f \n \r \t \v \\ \" \ooo \xhh \uhhhh \Uhhhhhhhh; no newline
 *	'a\'b'   the same, \' in place of \"; newlines are fine
 *	`a\b`    as it is
 */
#ifndef SLUICE_LANG_QUOTE_H
#define SLUICE_LANG_QUOTE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"

/*
 * The quoted text at the front of `rest`.  *ret_text borrows if no escape is
 * in it, else it is in the arena; *ret_len counts the quotes.  -EINVAL: no
 * quote, no end or a wrong escape; -ENOMEM.
 */
int quote_parse(struct span rest, struct arena *arena, struct span *ret_text, size_t *ret_len);

/* Append the text between quotes, decoded.  -EINVAL: a wrong escape. */
int quote_unescape(struct span body, char quote, struct buf *out);

/* Bytes of the quoted text at the front, quotes included; 0 if there is none. */
size_t quote_len(struct span rest);

/* What is wrong with the quoted text at the front, which quote_parse() did not take. */
const char *quote_problem(struct span rest);

#endif
