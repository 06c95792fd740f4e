# Sluice: one make process sees every file, so one graph is always right.
#
#   make                     shipper, aggregator, logq and the filter plugins
#   make demo                install what is missing, build, run everything on generated logs
#   make check               before each commit: both compilers, gates, unit tests
#   make test                every gate and every test; ends with "N passed, N failed, N skipped"
#   make check-unit check-cases check-e2e check-gates    one part of it
#   make bench               figures with their floor, also in build/bench.jsonl
#   make bench-peer PEER=…   the same rows and queries beside a VictoriaLogs executable
#   make install DESTDIR= prefix=/usr
#
# Variants live side by side below build/: MODE=release|debug|quick, SAN=address,undefined
# or SAN=thread, CC=gcc|clang.  V=1 shows the commands.

MODE ?= release
SAN ?=
V ?= 0
ifeq ($(origin CC),default)
  CC := gcc
endif
comma := ,
cc_name := $(notdir $(lastword $(CC)))
variant := $(MODE)$(addprefix -,$(subst $(comma),-,$(SAN)))$(if $(filter-out gcc cc,$(cc_name)),-$(cc_name))
BUILD ?= build
O := $(BUILD)/$(variant)

VERSION := 0.1.0
prefix ?= /usr
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib
includedir ?= $(prefix)/include
plugindir ?= $(libdir)/sluice/filters
sysconfdir ?= /etc
unitdir ?= $(prefix)/lib/systemd/system

PACKAGES := rdkafka json-c libpcre2-8 libzstd yaml-0.1 libmicrohttpd libxxhash sqlite3 zlib
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
        -Wcast-qual -Wpointer-arith -Wwrite-strings -Werror
opt_release := -O2 -g -D_FORTIFY_SOURCE=3
opt_debug := -Og -g3
opt_quick := -O0
ifneq ($(SAN),)
  opt_release := -O1 -g
  san_flags := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARN) $(opt_$(MODE)) $(HARDEN) $(san_flags) \
             -fvisibility=hidden -I. -DSLUICE_VERSION='"$(VERSION)"' \
             -DSLUICE_PLUGINDIR='"$(plugindir)"' $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -rdynamic -Wl,-z,relro,-z,now,--as-needed $(san_flags) $(LDFLAGS)
LIBS = $(PKG_LIBS) -ldl -lpthread -lm

ifeq ($(V),0)
  Q := @
  say = @printf '  %-6s %s\n' $(1) $(2);
endif

# A file in a folder belongs to what the folder is; main.c is the program.
obj = $(patsubst %.c,$(O)/%.o,$(1))
common_src := $(wildcard common/*/*.c)
filter_src := $(filter-out filters/builtin.c,$(wildcard filters/*.c))
index_src := $(wildcard aggregator/store/*.c aggregator/query/*.c aggregator/query/*/*.c)
shipper_src := $(filter-out %/main.c,$(wildcard shipper/*.c))
aggregator_src := $(filter-out %/main.c,$(wildcard aggregator/*.c aggregator/serve/*.c))
logq_src := $(filter-out %/main.c,$(wildcard aggregator/logq/*.c))
unit_src := $(wildcard tests/unit/test_*.c)
tool_src := $(wildcard tests/tools/*.c)
bench_src := $(wildcard tests/bench/*.c)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)

programs := $(addprefix $(O)/bin/,$(patsubst %/main.c,%,$(wildcard shipper/main.c aggregator/main.c)) \
  $(if $(wildcard aggregator/logq/main.c),logq))
plugins := $(patsubst filters/%.c,$(O)/filters/%.so,$(filter_src))
units := $(patsubst tests/unit/%.c,$(O)/unit/%,$(unit_src))
tools := $(patsubst tests/tools/%.c,$(O)/tools/%,$(tool_src))
benches := $(patsubst tests/bench/%.c,$(O)/bench/%,$(bench_src))
fuzzers := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(fuzz_src))

all: $(programs) $(plugins)
tools: $(tools)
units: $(units)
benches: $(benches)
everything: all tools units benches fuzzers
.PHONY: all tools units benches fuzzers everything FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: # keep objects that only pattern rules mention

# Rebuild everything when the flags change, nothing when they do not.
$(O)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
	  echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' >$@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<
# The same filter source twice: linked in under its own name, and as a plugin.
$(O)/filters/%.builtin.o: filters/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -DSL_BUILTIN=$* -MMD -MP -c -o $@ $<
$(O)/filters/%.so: filters/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,SO,$@)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -shared $(filter-out -pie,$(ALL_LDFLAGS)) \
	  -MMD -MP -MF $(@:.so=.so.d) -o $@ $<

archive = $(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^
$(O)/libcommon.a: $(call obj,$(common_src))
	$(archive)
$(O)/libfilters.a: $(call obj,$(wildcard filters/builtin.c)) $(filter_src:filters/%.c=$(O)/filters/%.builtin.o)
	$(archive)
$(O)/libindex.a: $(call obj,$(index_src))
	$(archive)
$(O)/libshipper.a: $(call obj,$(shipper_src))
	$(archive)
$(O)/libaggregator.a: $(call obj,$(aggregator_src))
	$(archive)
$(O)/liblogq.a: $(call obj,$(logq_src))
	$(archive)

link = $(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
       -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(EXTRA_LIBS) $(LIBS)
base_libs := $(O)/libfilters.a $(O)/libcommon.a
all_libs := $(O)/libshipper.a $(O)/libaggregator.a $(O)/liblogq.a $(O)/libindex.a $(base_libs)
$(O)/bin/shipper: $(O)/shipper/main.o $(O)/libshipper.a $(base_libs)
	$(link)
$(O)/bin/aggregator: $(O)/aggregator/main.o $(O)/libaggregator.a $(O)/libindex.a $(base_libs)
	$(link)
$(O)/bin/logq: $(O)/aggregator/logq/main.o $(O)/liblogq.a $(O)/libindex.a $(base_libs)
	$(link)

$(O)/unit/%: EXTRA_LIBS = -lcmocka
$(O)/unit/%: $(O)/tests/unit/%.o $(all_libs)
	$(link)
$(O)/tools/%: $(O)/tests/tools/%.o $(all_libs)
	$(link)
$(O)/bench/%: $(O)/tests/bench/%.o $(all_libs)
	$(link)

include tests/tests.mk packaging/install.mk

-include $(patsubst %.c,$(O)/%.d,$(common_src) $(index_src) $(shipper_src) $(aggregator_src) \
  $(logq_src) $(unit_src) $(tool_src) $(bench_src) $(fuzz_src) filters/builtin.c \
  shipper/main.c aggregator/main.c aggregator/logq/main.c) \
  $(patsubst %.c,$(O)/%.builtin.d,$(filter_src)) $(patsubst %.c,$(O)/%.so.d,$(filter_src))

compile_commands.json: Makefile
	@mkdir -p $(O)
	$(file >$(O)/command,$(CC) $(ALL_CFLAGS) -c)
	$(Q)command=$$(sed 's/\\/\\\\/g; s/"/\\"/g' $(O)/command); sep='['; \
	for f in $(common_src) $(filter_src) $(index_src) $(shipper_src) $(aggregator_src) $(logq_src) \
	  $(unit_src) $(tool_src) $(bench_src) $(fuzz_src) $(wildcard */main.c */*/main.c); do \
	  printf '%s{"directory":"%s","file":"%s","command":"%s %s"}\n' "$$sep" "$(CURDIR)" "$$f" \
	    "$$command" "$$f"; sep=,; done >$@; echo ']' >>$@

clean:
	rm -rf $(BUILD) compile_commands.json
.PHONY: clean
