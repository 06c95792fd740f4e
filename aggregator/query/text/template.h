/*
 * template.h - text with <fields> in it: what `extract` reads and `format` writes.
 *
 *	ip=<ip> took <duration:took>ms
 *	   |          option:field
 *	   field
 *
 *	steps   {"ip=", ip}  {" took ", took, duration}  {"ms"}
 *
 * The text before a field may hold HTML entities (&lt; &gt; &amp; &quot; &#39;),
 * so that '<' can be written.  <_>, <*> and <> are fields without a name: they
 * take text and give nothing.
 *
 * Everything lives in the arena of the query; a template is read-only.
 */
#ifndef SLUICE_QUERY_TEXT_TEMPLATE_H
#define SLUICE_QUERY_TEXT_TEMPLATE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

struct template_step {
	struct span text;   /* stands before the field */
	struct span field;  /* empty = none or without a name */
	struct span option; /* before the colon; "plain" for extract, "uc", "time" … for format */
};

struct template
{
	struct template_step *steps;
	size_t nsteps;
};

/* -EINVAL with what is wrong: an open '<', a field that ends with '*'. */
int template_parse(struct span text, struct arena *arena, struct template *ret, struct err *reterr);
/* What `extract` demands beyond that: text between fields, one named field, no option but `plain`. */
int template_check_extract(const struct template *template, struct err *reterr);
/* What `format` demands: options that it knows. */
int template_check_format(const struct template *template, struct err *reterr);

/*
 * Cut the fields out of `value`: matches[i] is what the field of step i took,
 * empty from the first step that did not fit on.  A field whose text begins
 * with " or ` takes the whole quoted string, unquoted into the arena, unless
 * its option is `plain`.  0 or -ENOMEM.
 */
int template_extract(const struct template *template, struct span value, struct arena *arena,
		     struct span *matches);

/* Append the text of one step whose field has this value, options applied. */
void template_format_step(const struct template_step *step, struct span value, struct buf *out);

#endif
