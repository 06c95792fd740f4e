#include "filters/builtin.h"

/* Each filter's file, compiled with -DSL_BUILTIN=name, defines sl_builtin_name(). */
#define FILTERS(X) X(add) X(grep) X(redact) X(rename) X(sample)

#define DECLARE(name) const struct sl_filter *sl_builtin_##name(void);
#define ROW(name)     {#name, sl_builtin_##name},

FILTERS(DECLARE)

const struct chain_builtin filters_builtin[] = {FILTERS(ROW){NULL, NULL}};

void filters_describe(struct buf *out)
{
	chain_describe(filters_builtin, out);
}
