/*
 * json_gen.h - random JSON texts by seed: valid ones, and ones broken by a few
 * small mutations, for tests that hold parsers against each other.
 *
 *	struct json_gen gen = {.seed = 42};
 *	struct span text = json_gen_text(&gen);	good until the next call
 */
#ifndef SLUICE_TESTS_JSON_GEN_H
#define SLUICE_TESTS_JSON_GEN_H

#include "common/base/span.h"
#include <stdint.h>

struct json_gen {
	uint64_t seed;
	size_t len;
	char text[4096];
};

static inline unsigned json_gen_below(struct json_gen *gen, unsigned n)
{
	gen->seed = gen->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(gen->seed >> 33) % n;
}

static inline void json_gen_put(struct json_gen *gen, const char *piece)
{
	size_t n = strlen(piece);

	if (gen->len + n <= sizeof(gen->text)) {
		memcpy(gen->text + gen->len, piece, n);
		gen->len += n;
	}
}

static inline const char *json_gen_pick(struct json_gen *gen, const char *const *list, size_t n)
{
	return list[json_gen_below(gen, (unsigned)n)];
}

#define JSON_GEN_PICK(gen, list) json_gen_pick((gen), (list), sizeof(list) / sizeof((list)[0]))

static inline void json_gen_string(struct json_gen *gen)
{
	static const char *const pieces[] = {"a",
					     "key",
					     "0123456789abcdef",
					     " ",
					     "\\n",
					     "\\\"",
					     "\\\\",
					     "\\/",
					     "\\u00e9",
					     "\\ud83d\\ude00",
					     "\xc3\xa9",
					     "\xe2\x82\xac",
					     "\xf0\x9f\x98\x80",
					     "\\u0041\\t",
					     "{}[],:",
					     "\\ud800",
					     "\\udc00\\ud800",
					     "\x7f"};

	json_gen_put(gen, "\"");
	for (unsigned n = json_gen_below(gen, 6); n; n--)
		json_gen_put(gen, JSON_GEN_PICK(gen, pieces));
	json_gen_put(gen, "\"");
}

static inline void json_gen_scalar(struct json_gen *gen)
{
	static const char *const scalars[] = {"0",    "-0",     "1",    "-12",
					      "1.5",  "0.25e3", "1E-7", "12345678901234567890",
					      "true", "false",  "null", "-1.0e+10"};

	if (json_gen_below(gen, 2))
		json_gen_string(gen);
	else
		json_gen_put(gen, JSON_GEN_PICK(gen, scalars));
}

static inline void json_gen_space(struct json_gen *gen)
{
	static const char *const spaces[] = {"", "", "", "", " ", "\t", "\n", "  \r\n"};

	json_gen_put(gen, JSON_GEN_PICK(gen, spaces));
}

static inline void json_gen_value(struct json_gen *gen, unsigned depth)
{
	unsigned kind = depth < 6 ? json_gen_below(gen, 4) : 3;
	unsigned members = json_gen_below(gen, 4);

	if (kind > 1) {
		json_gen_scalar(gen);
		return;
	}
	json_gen_put(gen, kind ? "{" : "[");
	for (unsigned i = 0; i < members; i++) {
		json_gen_put(gen, i ? "," : "");
		json_gen_space(gen);
		if (kind) {
			json_gen_string(gen);
			json_gen_space(gen);
			json_gen_put(gen, ":");
			json_gen_space(gen);
		}
		json_gen_value(gen, depth + 1);
		json_gen_space(gen);
	}
	json_gen_put(gen, kind ? "}" : "]");
}

/* Delete, double or overwrite a byte. */
static inline void json_gen_mutate(struct json_gen *gen)
{
	static const char bytes[] = "\"\\{}[]:,0123456789-+.eEtrufalsn \n\t\x01\x80\xc3\xff/'uU";
	size_t at = gen->len ? json_gen_below(gen, (unsigned)gen->len) : 0;

	if (!gen->len)
		return;
	switch (json_gen_below(gen, 3)) {
	case 0:
		memmove(gen->text + at, gen->text + at + 1, gen->len - at - 1);
		gen->len--;
		break;
	case 1:
		if (gen->len == sizeof(gen->text))
			break;
		memmove(gen->text + at + 1, gen->text + at, gen->len - at);
		gen->len++;
		break;
	default:
		gen->text[at] = bytes[json_gen_below(gen, sizeof(bytes) - 1)];
	}
}

static inline struct span json_gen_text(struct json_gen *gen)
{
	gen->len = 0;
	json_gen_space(gen);
	json_gen_value(gen, 0);
	json_gen_space(gen);
	for (unsigned n = json_gen_below(gen, 4); n > 1; n--)
		json_gen_mutate(gen);
	return span_of(gen->text, gen->len);
}

#endif
