/* event.c - the pipeline's own rows. */
#include "aggregator/event.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>

#define SEVERITY_WARN 13

static int fill(struct record *rec, const struct event *event)
{
	const struct field fixed[] = {
		{.key = SPAN("level"), .text = SPAN("WARN"), .type = VALUE_STRING},
		{.key = SPAN("message"), .text = span_cstr(event->message), .type = VALUE_STRING},
		{.key = SPAN("service"), .text = SPAN("sluice-aggregator"), .type = VALUE_STRING},
		{.key = SPAN("sluice.event"), .text = span_cstr(event->kind), .type = VALUE_STRING},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (record_add(rec, fixed[i]) < 0)
			return -ENOMEM;
	for (const struct event_field *f = event->fields; f->key; f++)
		if (record_add(rec, (struct field){.key = span_cstr(f->key),
						   .text = f->text,
						   .type = VALUE_STRING}) < 0)
			return -ENOMEM;
	rec->severity = SEVERITY_WARN;
	rec->time_ns = clock_real_ns();
	return 0;
}

int event_append(struct store *store, const struct event *event)
{
	static const struct span labels[] = {SPAN("service"), SPAN("sluice-aggregator")};
	_cleanup_(arena_release) struct arena arena;
	struct store_stream *stream;
	struct record rec;
	int r;

	arena_init(&arena, 64 << 10);
	record_init(&rec, &arena, span_cstr(event->message));
	r = fill(&rec, event);
	if (r < 0)
		return r;
	r = store_stream_get(store, labels, 2, &stream);
	if (r < 0)
		return r;
	return store_append(store, stream, &rec);
}
