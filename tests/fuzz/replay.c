/*
 * replay.c - drive a fuzz target without libFuzzer, so with gcc too.
 *
 *	build/…/fuzz/fuzz_x                 each file of tests/fuzz/corpus/x once, as TAP
 *	build/…/fuzz/fuzz_x FILE|FOLDER…    these
 *	FUZZ_RUNS=100000 FUZZ_SEED=7 build/…/fuzz/fuzz_x
 *
 * FUZZ_RUNS adds that many mutations of the files: bytes changed, pieces cut,
 * doubled and spliced.  The same seed gives the same inputs; the input that is
 * being tried is in FUZZ_LAST, if that names a file, so that a crash leaves it.
 */
#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/vec.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inputs {
	VEC(struct buf) files;
};

static uint64_t seed;

/* xorshift64*, Vigna 2014 */
static uint64_t random_u64(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(2685821657736338717);
}

static size_t random_below(size_t n)
{
	return n ? (size_t)(random_u64() % n) : 0;
}

static int load(struct inputs *inputs, const char *path)
{
	struct buf file = BUF_INIT(INPUT_MAX);
	struct err err;

	if (io_read_file(path, &file, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	return vec_push(&inputs->files, file);
}

/* A file, or each file of a folder. */
static int load_path(struct inputs *inputs, const char *path)
{
	struct dirent **names;
	struct stat st;
	char file[4096];
	int n, r = 0;

	if (stat(path, &st) < 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return load(inputs, path);
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && r >= 0)
			r = load(inputs, file);
		free(names[i]);
	}
	free(names);
	return r;
}

static void run_one(struct span input, const char *last)
{
	/* A copy of its exact size: reads behind the end are seen by ASan. */
	uint8_t *copy = malloc(input.len ? input.len : 1);
	struct err err;

	if (!copy)
		abort();
	if (input.len)
		memcpy(copy, input.ptr, input.len);
	if (last)
		io_replace_file(last, input, 0600, &err);
	LLVMFuzzerTestOneInput(copy, input.len);
	free(copy);
}

static struct span random_piece(struct span from)
{
	size_t at = random_below(from.len), len = random_below(from.len - at) + 1;

	return from.len ? span_take(span_skip(from, at), len < 64 ? len : 64) : from;
}

static void mutate(const struct inputs *inputs, struct buf *out)
{
	struct span base = buf_span(&inputs->files.ptr[random_below(inputs->files.len)]);
	size_t at = random_below(base.len + 1), skip = 0;

	buf_reset(out);
	buf_puts(out, span_take(base, at));
	switch (random_below(5)) {
	case 0:
		buf_putc(out, (char)random_below(256));
		skip = 1;
		break;
	case 1:
		skip = random_below(16);
		break;
	case 2:
		buf_puts(out, random_piece(base));
		break;
	case 3:
		buf_puts(out, random_piece(buf_span(
				      &inputs->files.ptr[random_below(inputs->files.len)])));
		break;
	default:
		for (size_t i = random_below(300), c = random_below(128); i; i--)
			buf_putc(out, (char)c);
	}
	buf_puts(out, span_skip(base, at + skip));
}

/* fuzz_logsql → logsql */
static const char *target_name(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	return strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	struct inputs inputs = {0};
	struct buf input = BUF_INIT(INPUT_MAX);
	uint64_t runs = env_number("FUZZ_RUNS", 0);
	const char *last = getenv("FUZZ_LAST");
	char corpus[256];

	seed = env_number("FUZZ_SEED", 1) | 1;
	snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s", target_name(argv[0]));
	for (int i = 1; i < argc || i == 1; i++)
		if (load_path(&inputs, i < argc ? argv[i] : corpus) < 0)
			return 1;
	if (inputs.files.len == 0) {
		fprintf(stderr, "%s: no inputs\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < inputs.files.len; i++)
		run_one(buf_span(&inputs.files.ptr[i]), last);
	for (uint64_t i = 0; i < runs; i++) {
		mutate(&inputs, &input);
		run_one(buf_span(&input), last);
	}
	printf("ok 1 - %s: %zu inputs, %" PRIu64 " mutations\n1..1\n", target_name(argv[0]),
	       inputs.files.len, runs);
	for (size_t i = 0; i < inputs.files.len; i++)
		buf_release(&inputs.files.ptr[i]);
	vec_release(&inputs.files);
	buf_release(&input);
	return 0;
}
