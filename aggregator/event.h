/*
 * event.h - what happened to the pipeline, as rows beside the logs.
 *
 * Bytes that never came, offsets that are gone, a poison message: who searches
 * the logs of that time must find it.  An event is a row of the stream
 * {service="sluice-aggregator"} with a message, a level and
 *
 *	sluice.event	gap | fork | loss | quarantine
 *
 * and fields of its own (sluice.from, sluice.to, …).
 */
#ifndef SLUICE_AGGREGATOR_EVENT_H
#define SLUICE_AGGREGATOR_EVENT_H

#include "aggregator/store/store.h"

#define EVENT_FIELDS_MAX 8

struct event {
	const char *kind;
	const char *message;
	struct event_field {
		const char *key; /* "sluice.from"; NULL ends the list */
		struct span text;
	} fields[EVENT_FIELDS_MAX + 1];
};

/* 0, -ENOBUFS: the store is full, commit and try again; -ENOMEM. */
int event_append(struct store *store, const struct event *event);

#endif
