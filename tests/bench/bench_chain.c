/* What a filter costs a record: grep with and without a condition, add. */
#include "common/base/clock.h"
#include "common/data/json_scan.h"
#include "filters/builtin.h"
#include <stdio.h>

#define ROUNDS 2000000

static const char line[] =
	"{\"timestamp\":\"2026-03-01T12:00:00Z\",\"service\":\"payment\",\"host\":\"node-17\","
	"\"trace_id\":\"5d9dc9f81818e811892f902bd23f0824\",\"span_id\":\"0ed904759531985d\","
	"\"user\":\"u-17\",\"path\":\"/pay\",\"status\":402,\"bytes\":1234,\"duration_ms\":17.5,"
	"\"message\":\"payment declined by issuer\",\"level\":\"ERROR\"}";

/* ns a record, negative on failure. */
static double measure(const char *yaml, struct arena *arena, const struct record *parsed)
{
	static const struct chain_env env = {.builtins = filters_builtin};
	struct conf *conf;
	struct chain *chain;
	double ns = -1;

	if (conf_new(&conf) < 0)
		return ns;
	conf_load_text(conf, "bench", span_cstr(yaml));
	if (chain_new(&env, conf, conf_get(conf_root(conf), "filters"), &chain) == 0) {
		struct arena start = *arena;
		int64_t begin = clock_cpu_ns();

		for (int i = 0; i < ROUNDS; i++) {
			struct record rec = *parsed;

			chain_process(chain, &rec);
			*arena = start; /* what add allocated: all of it is in one chunk */
		}
		ns = (double)(clock_cpu_ns() - begin) / ROUNDS;
		chain_free(chain);
	}
	conf_free(conf);
	return ns;
}

int main(void)
{
	static const struct {
		const char *name, *yaml;
	} rows[] = {
		{"chain_grep", "filters: [{type: grep, field: level, drop: ^DEBUG$}]"},
		{"chain_grep_when",
		 "filters: [{type: grep, when: service:payment, field: level, drop: ^DEBUG$}]"},
		{"chain_when_false",
		 "filters: [{type: grep, when: service:cart, field: level, drop: ^DEBUG$}]"},
		{"chain_add", "filters: [{type: add, fields: {env: prod}}]"},
	};
	struct arena arena;
	struct record rec;
	size_t at;

	arena_init(&arena, 1 << 20);
	record_init(&rec, &arena, span_cstr(line));
	if (json_scan_record(rec.line, &rec, &at) < 0)
		return 1;
	/* The floor is what a record costs anyway: to be scanned. */
	int64_t begin = clock_cpu_ns();

	for (int i = 0; i < ROUNDS / 4; i++) {
		struct arena start = arena;
		struct record again;

		record_init(&again, &arena, rec.line);
		json_scan_record(again.line, &again, &at);
		arena = start;
	}
	double scan = (double)(clock_cpu_ns() - begin) / (ROUNDS / 4.0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double ns = measure(rows[i].yaml, &arena, &rec);

		if (ns < 0)
			return 1;
		printf("bench: %s %.0f ns/record (JSON scan %.0f ns/record, ratio %.2f)\n",
		       rows[i].name, ns, scan, ns / scan);
	}
	arena_release(&arena);
	return 0;
}
