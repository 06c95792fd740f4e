/*
 * strings.h - lists of texts: templates with variables, or zstd.
 *
 *	"order A-17 paid in 35ms"            template 0  "order A-¤ paid in ¤ms"   17 35
 *	"order A-18 paid in 9ms"       →     template 0                            18 9
 *	"refused: card 4b6f9c01"             template 1  "refused: card ¤"         4b6f9c01
 *
 * A log statement is a text with values put in: numbers are cut out and stored
 * as integers, a list a slot of a template; words of hex digits as texts.  So
 * the same words are stored once a group, and numbers in bits (the idea of
 * CLP, OSDI '21).  Where that doesn't fit (too many templates), the texts are
 * put end to end and compressed.
 *
 *	strings   := u8 form · body
 *	plain     := lengths (ints) · section of the texts
 *	templates := varint ntemplates · plain strings of the templates ·
 *	             ids (section of bytes, or ints) · varint bytes of all texts ·
 *	             a slot after the other: u8 kind · ints ·
 *	             varint ntexts · plain strings of the slots of texts
 *
 * What is read is a text_list: a query knows the templates before any text is
 * made.
 */
#ifndef SLUICE_STORE_STRINGS_H
#define SLUICE_STORE_STRINGS_H

#include "aggregator/store/codec.h"

/* 0, or -ENOMEM; other errors are out->failed. */
int strings_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n);
/*
 * Open a list of `n` texts in the arena `keep`; the bytes of `in` must live as
 * long.  0, -EBADMSG, -ENOMEM.
 */
int strings_list(struct cursor *in, struct arena *keep, size_t n, struct text_list **ret);
/* Read `n` texts into the arena `keep`.  0, -EBADMSG, -ENOMEM. */
int strings_get(struct cursor *in, struct arena *keep, struct span *ret, size_t n);

/* The two forms, for strings.c. */
int plain_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n);
int plain_get(struct cursor *in, struct arena *tmp, struct arena *keep, struct span *ret, size_t n);
/* Go past them unread.  0 or -EBADMSG. */
int plain_skip(struct cursor *in, size_t n);
/* 1: stored; 0: not worth it, `out` as it was. */
int templates_put(struct codec_context *ctx, struct buf *out, const struct span *texts, size_t n);
int templates_list(struct cursor *in, struct arena *keep, size_t n, struct text_list **ret);

#endif
