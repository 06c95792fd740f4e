/*
 * hint.h - what may be the reason when nothing was found.
 */
#ifndef SLUICE_LOGQ_HINT_H
#define SLUICE_LOGQ_HINT_H

#include "common/base/buf.h"

struct filter;

/* On stderr, if the filter asks for a level that is not written in upper case. */
void hint_levels(struct filter *filter);
/* The same as text: "level is written in upper case: try level:ERROR"; empty if all is well. */
void hint_levels_text(struct filter *filter, struct buf *out);

#endif
