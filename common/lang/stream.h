/*
 * stream.h - the labels of a stream, {app="web",host="a-1"}, and selectors of them.
 */
#ifndef SLUICE_LANG_STREAM_H
#define SLUICE_LANG_STREAM_H

#include "common/base/buf.h"
#include "common/lang/ast/filter.h"

/* A text of _stream that is well-formed; borrows it. */
struct stream_text {
	struct span labels; /* between the braces */
};
bool stream_text_parse(struct span text, struct stream_text *ret);

/* The value of a label, decoded into `scratch` if it has escapes; empty if absent. */
typedef struct span stream_label_fn(const void *ctx, struct span name, struct buf *scratch);
struct span stream_text_get(const void *stream_text, struct span name, struct buf *scratch);

/* A leaf of kind STREAM on labels, wherever they come from. */
bool stream_match(const struct filter *leaf, stream_label_fn *get, const void *ctx);

#endif
