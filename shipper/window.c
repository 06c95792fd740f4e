#include "shipper/window.h"
#include "common/base/check.h"
#include <stdlib.h>

#define CHUNK_MAGIC 0x43484b31u

void window_init(struct window *window, const struct mark *mark)
{
	*window = (struct window){.mark = *mark};
}

static void chunks_free(struct chunk *chunk)
{
	while (chunk) {
		struct chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void window_release(struct window *window)
{
	CHECK(window->in_flight == 0);
	chunks_free(window->head);
	chunks_free(window->idle);
	window->head = window->tail = window->idle = NULL;
	window->len = 0;
}

static struct chunk *chunk_take(struct window *window)
{
	struct chunk *chunk = window->idle;

	if (!chunk)
		return malloc(sizeof(*chunk));
	window->idle = chunk->next;
	return chunk;
}

static void chunk_give(struct window *window, struct chunk *chunk)
{
	chunk->magic = 0;
	chunk->next = window->idle;
	window->idle = chunk;
}

uint64_t window_end(const struct window *window)
{
	return window->tail ? window->tail->mark.offset : window->mark.offset;
}

/* Acked chunks leave at the head; each moves the watermark to its end. */
static bool pop_acked(struct window *window)
{
	bool moved = false;

	while (window->head && window->head->state == CHUNK_ACKED) {
		struct chunk *chunk = window->head;

		window->head = chunk->next;
		if (!window->head)
			window->tail = NULL;
		window->len--;
		window->acked_bytes += chunk->mark.offset - chunk->base;
		window->acked_records += chunk->records;
		window->mark = chunk->mark;
		chunk_give(window, chunk);
		moved = true;
	}
	return moved;
}

struct chunk *window_push(struct window *window, const struct mark *mark, uint32_t records)
{
	CHECK(!window->failed);
	CHECK(mark->offset >= window_end(window));
	struct chunk *chunk = chunk_take(window);

	if (!chunk)
		return NULL;
	*chunk = (struct chunk){
		.magic = CHUNK_MAGIC,
		.window = window,
		.base = window_end(window),
		.records = records,
		.mark = *mark,
	};
	if (window->tail)
		window->tail->next = chunk;
	else
		window->head = chunk;
	window->tail = chunk;
	window->len++;
	window->in_flight++;
	return chunk;
}

void window_unpush(struct window *window, struct chunk *chunk)
{
	CHECK_MAGIC(chunk, CHUNK_MAGIC);
	CHECK(window->tail == chunk && chunk->state == CHUNK_IN_FLIGHT);
	struct chunk **link = &window->head;

	window->tail = NULL;
	while (*link != chunk) {
		window->tail = *link;
		link = &(*link)->next;
	}
	*link = NULL;
	window->len--;
	window->in_flight--;
	chunk_give(window, chunk);
}

bool window_report(struct chunk *chunk, int status)
{
	CHECK_MAGIC(chunk, CHUNK_MAGIC);
	CHECK(chunk->state == CHUNK_IN_FLIGHT);
	struct window *window = chunk->window;

	window->in_flight--;
	if (status < 0) {
		chunk->state = CHUNK_FAILED;
		window->failed = true;
		return false;
	}
	chunk->state = CHUNK_ACKED;
	return pop_acked(window);
}

uint64_t window_rewind(struct window *window)
{
	CHECK(window->in_flight == 0);
	uint64_t bytes = window_end(window) - window->mark.offset;

	while (window->head) {
		struct chunk *chunk = window->head;

		window->head = chunk->next;
		chunk_give(window, chunk);
	}
	window->tail = NULL;
	window->len = 0;
	window->failed = false;
	return bytes;
}
