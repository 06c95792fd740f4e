#define PCRE2_CODE_UNIT_WIDTH 8

#include "common/conf/regex.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/conf/regex_jit.h"
#include "common/conf/regex_needle.h"
#include "common/conf/regex_re2.h"
#include <errno.h>
#include <limits.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>

#define REGEX_MAGIC    0x52475831u
#define HEAP_LIMIT_KIB 8192
#define JIT_STACK_MAX  (1u << 20)

/* The one thing that changes in a compiled regex. */
struct patience {
	atomic_uint runaways; /* matches that reached the limit */
	unsigned max;
};

struct regex {
	unsigned magic;
	pcre2_code *code;
	pcre2_match_context *limits;
	struct patience *patience;
	size_t ngroups;
	struct buf needle;
	bool needle_is_all;
};

/*
 * What a match writes into, one per thread and made at its first match: the
 * hot path allocates nothing, and a compiled regex stays immutable.
 */
struct scratch {
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static _Thread_local struct scratch *scratch;

static void scratch_free(void *pointer)
{
	struct scratch *s = pointer;

	pcre2_match_data_free(s->data);
	pcre2_jit_stack_free(s->stack);
	free(s);
	scratch = NULL;
}

static void make_key(void)
{
	CHECK(pthread_key_create(&scratch_key, scratch_free) == 0);
}

static struct scratch *scratch_get(void)
{
	if (scratch)
		return scratch;
	pthread_once(&scratch_once, make_key);
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL);
	s->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_MAX, NULL);
	if (!s->data || !s->stack || pthread_setspecific(scratch_key, s) != 0) {
		scratch_free(s);
		return NULL;
	}
	scratch = s;
	return s;
}

/* PCRE2 asks, in the thread that matches. */
static pcre2_jit_stack *stack_of_thread(void *unused)
{
	(void)unused;
	return scratch ? scratch->stack : NULL;
}

static uint32_t compile_options(unsigned flags)
{
	return PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
	       PCRE2_DOLLAR_ENDONLY | (flags & REGEX_ICASE ? PCRE2_CASELESS : 0) |
	       (flags & REGEX_ANCHORED ? PCRE2_ANCHORED : 0) |
	       (flags & REGEX_WHOLE ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0) |
	       (flags & REGEX_DOTALL ? PCRE2_DOTALL : 0);
}

static int compile_as_is(struct span pattern, unsigned flags, pcre2_code **ret, struct err *reterr)
{
	PCRE2_SIZE at = 0;
	int code = 0;

	*ret = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.ptr : ""), pattern.len,
			     compile_options(flags), &code, &at, NULL);
	if (*ret)
		return 0;

	PCRE2_UCHAR text[256];

	pcre2_get_error_message(code, text, sizeof(text));
	return err_at(reterr, code == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -EINVAL, at, "%s",
		      (const char *)text);
}

/* As it was written first: errors are told at its bytes. */
static int compile(struct span pattern, unsigned flags, pcre2_code **ret, struct err *reterr)
{
	_cleanup_(buf_release) struct buf mended = BUF_INIT(2 * REGEX_PATTERN_MAX);
	int r = compile_as_is(pattern, flags, ret, reterr);

	if (r < 0 || !regex_put_in_brackets(pattern, &mended))
		return r;
	pcre2_code_free(*ret);
	*ret = NULL;
	return mended.failed ? err_set(reterr, mended.failed, "out of memory")
			     : compile_as_is(buf_span(&mended), flags, ret, reterr);
}

static int set_limits(struct regex *re, unsigned flags)
{
	re->limits = pcre2_match_context_create(NULL);
	re->patience = calloc(1, sizeof(*re->patience));
	if (!re->limits || !re->patience)
		return -ENOMEM;
	re->patience->max = UINT_MAX;
	pcre2_set_match_limit(re->limits,
			      flags & REGEX_RE2 ? REGEX_QUERY_LIMIT : REGEX_MATCH_LIMIT);
	pcre2_set_heap_limit(re->limits, HEAP_LIMIT_KIB);
	pcre2_jit_stack_assign(re->limits, stack_of_thread, NULL);
	return 0;
}

int regex_new(struct span pattern, unsigned flags, struct regex **ret, struct err *reterr)
{
	_cleanup_(regex_freep) struct regex *re = NULL;
	uint32_t groups = 0;
	int r;

	if (pattern.len > REGEX_PATTERN_MAX)
		return err_set(reterr, -E2BIG, "pattern is longer than %u bytes",
			       REGEX_PATTERN_MAX);
	re = calloc(1, sizeof(*re));
	if (!re)
		return err_set(reterr, -ENOMEM, "out of memory");
	re->magic = REGEX_MAGIC;
	r = flags & REGEX_RE2 ? regex_check_re2(pattern, reterr) : 0;
	if (r >= 0)
		r = compile(pattern, flags, &re->code, reterr);
	if (r < 0)
		return r;
	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > REGEX_GROUPS_MAX)
		return err_set(reterr, -E2BIG, "pattern has more than %d groups", REGEX_GROUPS_MAX);
	re->ngroups = groups;
	buf_init(&re->needle, REGEX_PATTERN_MAX);
	if (!(flags & (REGEX_ICASE | REGEX_ANCHORED)))
		regex_find_needle(pattern, &re->needle, &re->needle_is_all);
	if (set_limits(re, flags) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* Where writable and executable memory is refused, the interpreter does it. */
	(void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	*ret = TAKE(re);
	return 0;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	CHECK_MAGIC(regex, REGEX_MAGIC);
	pcre2_code_free(regex->code);
	pcre2_match_context_free(regex->limits);
	free(regex->patience);
	buf_release(&regex->needle);
	free(regex);
}

static int match_error(int code)
{
	switch (code) {
	case PCRE2_ERROR_NOMATCH:
		return 0;
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
		return -E2BIG;
	case PCRE2_ERROR_NOMEMORY:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

/* The number of offset pairs that were set, 0 for no match, or a negative errno. */
static int run(const struct regex *regex, struct span subject, size_t start,
	       const struct scratch *s)
{
	CHECK_MAGIC(regex, REGEX_MAGIC);
	if (regex_runaways(regex) >= regex->patience->max)
		return -E2BIG;
	int code = pcre2_match(regex->code, (PCRE2_SPTR)(subject.len ? subject.ptr : ""),
			       subject.len, start, 0, s->data, regex->limits);

	int r = code > 0 ? code : match_error(code);

	if (r == -E2BIG)
		atomic_fetch_add_explicit(&regex->patience->runaways, 1, memory_order_relaxed);
	return r;
}

unsigned regex_runaways(const struct regex *regex)
{
	return atomic_load_explicit(&regex->patience->runaways, memory_order_relaxed);
}

void regex_bound_runaways(struct regex *regex, unsigned max)
{
	atomic_store_explicit(&regex->patience->runaways, 0, memory_order_relaxed);
	regex->patience->max = max;
}

int regex_match(const struct regex *regex, struct span subject)
{
	const struct scratch *s = scratch_get();
	int r = s ? run(regex, subject, 0, s) : -ENOMEM;

	return r > 0 ? 1 : r;
}

int regex_exec(const struct regex *regex, struct span subject, size_t start, struct span *groups,
	       size_t max)
{
	const struct scratch *s = scratch_get();

	if (!s)
		return -ENOMEM;
	if (start > subject.len)
		return 0;
	int r = run(regex, subject, start, s);

	if (r <= 0)
		return r;
	const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(s->data);
	size_t n = regex->ngroups + 1 < max ? regex->ngroups + 1 : max;

	for (size_t i = 0; i < n; i++) {
		bool set = i < (size_t)r && pairs[2 * i] != PCRE2_UNSET;

		groups[i] =
			set ? span_of(subject.ptr + pairs[2 * i], pairs[2 * i + 1] - pairs[2 * i])
			    : span_of(NULL, 0);
	}
	return (int)n;
}

struct span regex_needle(const struct regex *regex, bool *ret_whole)
{
	*ret_whole = regex->needle_is_all;
	return buf_span(&regex->needle);
}

size_t regex_groups(const struct regex *regex)
{
	return regex->ngroups;
}

/* Entries of the name table: group number (2 bytes, big endian), name, NUL. */
struct span regex_group_name(const struct regex *regex, size_t i)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t n = 0; n < count; n++) {
		PCRE2_SPTR entry = table + (size_t)n * size;

		if ((((size_t)entry[0] << 8) | entry[1]) == i)
			return span_cstr((const char *)entry + 2);
	}
	return span_of(NULL, 0);
}
