/* Sections of a chunk, compressed with zstd; see zip.h. */
#include "aggregator/store/zip.h"
#include "aggregator/store/ints.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

enum method { METHOD_RAW, METHOD_ZSTD };

/* Shorter sections are stored as they are: zstd's own frame would eat the gain. */
#define ZIP_MIN 48

struct zip {
	ZSTD_CCtx *context;
	struct buf scratch;
};

int zip_new(int level, struct zip **ret)
{
	struct zip *zip = calloc(1, sizeof(*zip));

	if (!zip)
		return -ENOMEM;
	buf_init(&zip->scratch, ZSTD_compressBound(SECTION_MAX));
	zip->context = ZSTD_createCCtx();
	if (!zip->context ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(zip->context, ZSTD_c_compressionLevel, level))) {
		zip_free(zip);
		return -ENOMEM;
	}
	*ret = zip;
	return 0;
}

void zip_free(struct zip *zip)
{
	if (!zip)
		return;
	ZSTD_freeCCtx(zip->context);
	buf_release(&zip->scratch);
	free(zip);
}

static void put_raw(struct buf *out, struct span raw)
{
	put_u8(out, METHOD_RAW);
	put_span(out, raw);
}

void zip_put(struct zip *zip, struct buf *out, struct span raw)
{
	if (raw.len > SECTION_MAX) {
		out->failed = -E2BIG;
		return;
	}
	if (raw.len < ZIP_MIN) {
		put_raw(out, raw);
		return;
	}
	buf_reset(&zip->scratch);
	int r = buf_reserve(&zip->scratch, ZSTD_compressBound(raw.len));

	if (r < 0) {
		out->failed = r;
		return;
	}
	size_t n =
		ZSTD_compress2(zip->context, zip->scratch.ptr, zip->scratch.cap, raw.ptr, raw.len);

	if (ZSTD_isError(n) || n >= raw.len - raw.len / 16) {
		put_raw(out, raw);
		return;
	}
	put_u8(out, METHOD_ZSTD);
	put_varint(out, raw.len);
	put_span(out, span_of(zip->scratch.ptr, n));
}

/*
 * One decompression context a thread: making one costs as much as inflating
 * 100 KB.  It goes with its thread.
 */
static pthread_key_t context_key;
static pthread_once_t context_once = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
	ZSTD_freeDCtx(context);
}

static void make_key(void)
{
	if (pthread_key_create(&context_key, free_context) != 0)
		abort();
}

static ZSTD_DCtx *thread_context(void)
{
	pthread_once(&context_once, make_key);
	ZSTD_DCtx *context = pthread_getspecific(context_key);

	if (context)
		return context;
	context = ZSTD_createDCtx();
	if (context && pthread_setspecific(context_key, context) != 0) {
		ZSTD_freeDCtx(context);
		return NULL;
	}
	return context;
}

static int inflate(struct span packed, char *raw, size_t raw_len)
{
	ZSTD_DCtx *context = thread_context();

	if (!context)
		return -ENOMEM;
	size_t n = ZSTD_decompressDCtx(context, raw, raw_len, packed.ptr, packed.len);

	return ZSTD_isError(n) || n != raw_len ? -EBADMSG : 0;
}

/* The next section's bytes as they are stored. */
static int read_section(struct cursor *in, uint8_t *ret_method, uint64_t *ret_raw_len,
			struct span *ret)
{
	uint8_t method = cursor_u8(in);
	uint64_t raw_len = cursor_varint(in);

	if (in->failed || raw_len > SECTION_MAX || method > METHOD_ZSTD)
		return -EBADMSG;
	*ret_method = method;
	*ret_raw_len = raw_len;
	*ret = method == METHOD_RAW ? cursor_bytes(in, raw_len) : cursor_span(in);
	return in->failed ? -EBADMSG : 0;
}

int zip_skip(struct cursor *in)
{
	uint8_t method;
	uint64_t raw_len;
	struct span stored;

	return read_section(in, &method, &raw_len, &stored);
}

int zip_get(struct cursor *in, struct arena *arena, struct span *ret)
{
	uint8_t method;
	uint64_t raw_len;
	struct span stored;
	int r = read_section(in, &method, &raw_len, &stored);

	if (r < 0)
		return r;
	char *raw = arena_alloc(arena, raw_len + INTS_SLACK);

	if (!raw)
		return -ENOMEM;
	memset(raw + raw_len, 0, INTS_SLACK);
	if (method == METHOD_RAW) {
		memcpy(raw, stored.len ? stored.ptr : "", raw_len);
	} else {
		r = inflate(stored, raw, raw_len);
		if (r < 0)
			return r;
	}
	*ret = span_of(raw, raw_len);
	return 0;
}
