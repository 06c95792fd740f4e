/*
 * prune.c - the words that a text must have for a leaf to match.
 *
 * A word counts only if it is certainly whole in the text: of the prefix
 * "foo ba" that is foo, of the substring "oo bar ba" it is bar.
 */
#include "common/conf/regex.h"
#include "common/lang/match.h"
#include "common/lang/pattern.h"
#include "common/lang/token.h"

enum { OPEN_START = 1, OPEN_END = 2 };

struct tokens {
	uint64_t *hashes;
	size_t n, max;
};

static void add_tokens(struct tokens *tokens, struct span text, unsigned open)
{
	struct span rest = text, word;

	while (tokens->n < tokens->max && token_next(&rest, &word)) {
		bool first = word.ptr == text.ptr;
		bool last = word.ptr + word.len == text.ptr + text.len;

		if ((first && (open & OPEN_START)) || (last && (open & OPEN_END)))
			continue;
		tokens->hashes[tokens->n++] = token_hash(word);
	}
}

static void add_pieces(struct tokens *tokens, const struct pattern *pattern)
{
	struct span piece;

	for (size_t i = 0; pattern_piece(pattern, i, &piece); i++)
		add_tokens(tokens, piece, OPEN_START | OPEN_END);
}

size_t filter_required_tokens(const struct filter *leaf, uint64_t *tokens, size_t max)
{
	struct tokens found = {tokens, 0, max};
	bool whole;

	switch (leaf->kind) {
	case FILTER_PHRASE:
	case FILTER_EXACT:
		add_tokens(&found, leaf->text, 0);
		break;
	case FILTER_PREFIX:
	case FILTER_EXACT_PREFIX:
		add_tokens(&found, leaf->text, OPEN_END);
		break;
	case FILTER_REGEX:
		add_tokens(&found, regex_needle(leaf->regex, &whole), OPEN_START | OPEN_END);
		break;
	case FILTER_SUBSTRING:
		add_tokens(&found, leaf->text, OPEN_START | OPEN_END);
		break;
	case FILTER_PATTERN:
		add_pieces(&found, leaf->pattern);
		break;
	case FILTER_SEQ:
	case FILTER_CONTAINS_ALL:
		for (size_t i = 0; i < leaf->values.len; i++)
			add_tokens(&found, leaf->values.ptr[i], 0);
		break;
	default:
		break;
	}
	return found.n;
}

bool filter_has_alternatives(const struct filter *leaf)
{
	switch (leaf->kind) {
	case FILTER_IN:
	case FILTER_CONTAINS_ANY:
	case FILTER_EQUALS_COMMON_CASE:
	case FILTER_CONTAINS_COMMON_CASE:
		return true;
	default:
		return false;
	}
}

size_t filter_alternative_tokens(const struct filter *leaf, size_t i, uint64_t *tokens, size_t max)
{
	struct tokens found = {tokens, 0, max};

	add_tokens(&found, leaf->values.ptr[i], 0);
	return found.n;
}
