# The tests.  Everything speaks TAP and is counted by tests/run; `make test`
# ends with one line over all of it.
#
#   check         before each commit, in two minutes: both compilers, gates, units, cases
#   check-gates   the tree: format, size, layers, headers, hardening, units, ABI
#   check-unit    cmocka programs below tests/unit, and the text tables they read
#   check-cases   tables run through the real logq engine (tests/cases)
#   check-logsql  conformance with LogsQL's reference (tests/logsql)
#   check-e2e     real binaries (tests/e2e)

asan := SAN=address,undefined
tsan := SAN=thread
JOBS ?= $(shell nproc)
RUN = O=$(O) tests/run $(O)/results

# Plugins that are right or wrong in one way each, for tests/unit/test_plugin.c.
abi_cases := $(shell sed -n 's/.*CASE_\([a-z_]*\).*/\1/p' tests/fixtures/abi/plugin.c | sort -u)
abi_fixtures := $(patsubst %,$(O)/fixtures/abi/%.so,good $(filter-out name,$(abi_cases)))
$(O)/fixtures/abi/%.so: tests/fixtures/abi/plugin.c common/api/filter.h $(O)/flags
	@mkdir -p $(@D)
	$(call say,SO,$@)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -shared \
	  $(filter-out -pie,$(ALL_LDFLAGS)) -DCASE_$* -o $@ $<

# The thread sanitizer has nothing to see in a program that can't start a thread.
threaded = $(shell for u in $(units); do ! nm -D $$u | \
  grep -qwE 'pthread_create|thrd_create|rd_kafka_new|MHD_start_daemon' || echo $$u; done)
# The slowest begin, so that none of them is left to run alone.
slow_units := $(addprefix $(O)/unit/test_,query_limits shipper_pipeline store_crash bus_kafka)
slow_first = $(filter $(slow_units),$(1)) $(filter-out $(slow_units),$(1))
check-unit: units plugins-for-tests
	$(Q)JOBS=2 IN_MEMORY=1 TIMEOUT=600 $(RUN)/unit $(call slow_first,$(if $(filter thread,$(SAN)),$(threaded),$(units)))
check-cases: all tools
	$(Q)JOBS=2 IN_MEMORY=1 $(RUN)/cases $(sort $(wildcard tests/cases/*.sh))
# LogsQL conformance: see tests/logsql/README.md.
CASES ?= ../shared/logsql/open.jsonl
check-logsql: $(O)/tools/logsqlcheck
	$(Q)V=$(V) $(O)/tools/logsqlcheck $(CASES)
.PHONY: check-logsql
# Four at a time, as they mostly wait; on disk, where the shipper's files have real inodes.
check-e2e: all tools
	$(Q)JOBS=4 TIMEOUT=400 $(RUN)/e2e $(sort $(wildcard tests/e2e/test_*.sh))
check-gates: all
	$(Q)JOBS=2 $(RUN)/gates $(filter-out tests/gates/lib.sh,$(sort $(wildcard tests/gates/*.sh)))
# The seeds of tests/fuzz/corpus, and FUZZ_RUNS mutations of them; without libFuzzer.
FUZZ_RUNS ?= 5000
fuzz-replay: fuzzers
	$(Q)FUZZ_RUNS=$(FUZZ_RUNS) JOBS=2 $(RUN)/fuzz $(fuzzers)
$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(all_libs)
	$(link)
fuzzers: $(fuzzers)
.PHONY: fuzz-replay
# make fuzz NAME=json SECONDS=30: look for new inputs with clang's libFuzzer.
NAME ?= json
SECONDS ?= 30
fuzz_o := $(BUILD)/release-fuzzer-no-link-address-undefined-clang
fuzz_parts := $(fuzz_o)/tests/fuzz/fuzz_$(NAME).o $(addprefix $(fuzz_o)/,$(notdir $(all_libs)))
fuzz:
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined $(fuzz_parts)
	$(Q)mkdir -p $(BUILD)/fuzz/$(NAME)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $(BUILD)/fuzz/fuzz_$(NAME) $(fuzz_parts) $(LIBS)
	$(Q)$(BUILD)/fuzz/fuzz_$(NAME) -max_total_time=$(SECONDS) -max_len=4096 -print_final_stats=1 \
	  -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/$(NAME) tests/fuzz/corpus/$(NAME)
.PHONY: fuzz
plugins-for-tests: $(plugins) $(abi_fixtures)
.PHONY: check-unit check-cases check-e2e check-gates plugins-for-tests

# Compiled by the other compiler, at its fastest: what it has to say comes all the same.
clang := CC=clang MODE=quick
# step TARGET…: goes on when it fails, so that all failures are seen at once.
steps = status=0; step() { printf '== %s\n' "$$*"; \
  $(MAKE) --no-print-directory -k -j$(JOBS) "$$@" || status=1; }

# Before each commit: only what changed is compiled.
check:
	$(Q)rm -rf $(O)/results
	$(Q)$(steps); \
	step everything; \
	step $(clang) everything; \
	step check-gates; \
	step check-unit check-cases; \
	tests/tally $$status $(O)/results/tally
# The whole: the gates and the end-to-end tests on what is shipped, and the unit
# tests once more where memory, undefined behavior and races are watched.  Parts
# that wait run beside parts that work.
test:
	$(Q)tests/deps.sh
	$(Q)rm -rf $(BUILD)/*/results
	$(Q)$(steps); \
	step everything; \
	step $(clang) everything; \
	step check-gates; \
	step $(asan) check-unit check-cases fuzz-replay; \
	step $(tsan) check-unit; \
	step check-unit check-e2e; \
	tests/tally $$status $(BUILD)/*/results/tally
.PHONY: check test

deps:
	$(Q)tests/deps.sh
demo:
	$(Q)tests/deps.sh build
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all tools
	$(Q)O=$(O) tests/demo.sh
bench:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) everything
	$(Q)O=$(O) tests/bench/run
# Beside a VictoriaLogs executable: see tests/bench/peer.py.  Two minutes for 1 M rows.
ROWS ?= 1000000
bench-peer:
	$(Q)test -x "$(PEER)" || { echo 'make bench-peer PEER=/path/to/victoria-logs [ROWS=$(ROWS)]' >&2; exit 2; }
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(O)/bench/bench_index
	$(Q)O=$(O) tests/bench/peer.py "$(PEER)" $(ROWS)
.PHONY: deps demo bench bench-peer
