/* long_sum.c - see long_sum.h. */
#include "aggregator/query/text/long_sum.h"
#include "aggregator/query/text/number_text.h"

void long_sum_put(struct buf *out, const struct long_sum *s)
{
	if (fabs(s->sum) >= LONG_SUM_EXACT && fabs(s->sum) < 0x1p62 && s->low == rint(s->low))
		buf_put_i64(out, (int64_t)s->sum + (int64_t)s->low);
	else
		number_put(out, long_sum_total(s));
}
