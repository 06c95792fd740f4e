# The tests.  Everything speaks TAP and is counted by tests/run; `make test`
# ends with one line over all of it.

check-unit: units
	$(Q)tests/run $(O)/results/unit $(units)

$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(all_libs)
	$(link)
fuzzers: $(fuzzers)
.PHONY: check-unit
