#include "shipper/mark.h"
#include "common/base/hash.h"

void mark_init(struct mark *mark)
{
	*mark = (struct mark){.tail = hash64(SPAN(""))};
	XXH64_reset(&mark->hash, 0);
}

uint64_t mark_digest(const struct mark *mark)
{
	return mark->flags & MARK_UNHASHED ? 0 : XXH64_digest(&mark->hash);
}
