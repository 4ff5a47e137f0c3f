# nixferry: `make demo` shows the main job, `make check` runs the tests, `make help` lists the rest.

FLAVOR ?= release
PREFIX ?= /usr/local
CC ?= cc
CXX ?= c++
LD ?= ld
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
WERROR ?=
# make V=1 shows the commands, otherwise a line for each file that is made.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

VERSION := $(shell sed -n 's/^\#define NF_VERSION "\(.*\)"/\1/p' include/nixferry/version.h)
SONAME := libnixferry.so.0
B := build/$(FLAVOR)

# Where make does not say otherwise, a make that we start uses all processors.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

#: make                 build/release/nixferry and nixferry-import
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

.PHONY: all help clean deps demo bench FORCE

# ---- flags: one set a flavour, objects of different flavours never mix ----

#: make IMPORT=shared   link nixferry-import with shared libraries, as distributions do
IMPORT ?= static

#: make FLAVOR=F ...    release (default) debug asan tsan coverage fuzz
FLAVORS := release debug asan tsan coverage fuzz
ifeq ($(filter $(FLAVOR),$(FLAVORS)),)
$(error FLAVOR is one of: $(FLAVORS))
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2 -Wvla -Wundef \
	-Wimplicit-fallthrough -fno-common
CPPFLAGS_ALL := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Iinclude -Ibundle -Iprefetch $(CPPFLAGS)
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong
# One set of objects makes programs and shared library: what no public header declares is
# hidden, and costs nothing for being position-independent.
SHARED := -fPIC -fvisibility=hidden -fno-semantic-interposition

# Debug information names no directory of this machine: a build has the same bytes wherever it is made.
CFLAGS_release := -O2 -g $(HARDEN) -ffile-prefix-map=$(CURDIR)=.
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS_coverage := -O0 -g --coverage -DSANDBOX_COVERAGE_DIR='"$(CURDIR)/build"'
CFLAGS_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
LDFLAGS_release := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

CFLAGS_ALL := -std=gnu11 $(WARNINGS) $(WERROR) $(SHARED) $(CFLAGS_$(FLAVOR)) -pthread $(CFLAGS)
LDFLAGS_ALL := $(CFLAGS_$(FLAVOR)) $(LDFLAGS_$(FLAVOR)) -pthread $(LDFLAGS)

BUNDLE_PKGS := libarchive libzstd libsodium libcrypto libxxhash sqlite3 libbrotlidec jansson
PREFETCH_PKGS := libcurl
SERVER_PKGS := libmicrohttpd

pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
# In release libarchive is linked statically: the shared one brings libxml2 and ICU along, which
# we never call, and to load them takes a third of the time that a command needs to start. The libraries
# left out serve parts of libarchive that we do not use. A system without libarchive.a gets the shared one.
ARCHIVE_UNUSED := -lacl -lnettle -lxml2
ARCHIVE_NEEDS = $(filter-out -larchive $(ARCHIVE_UNUSED),$(shell $(PKG_CONFIG) --static --libs libarchive 2>/dev/null))
HAS_ARCHIVE_A := $(wildcard $(shell $(PKG_CONFIG) --variable=libdir libarchive 2>/dev/null)/libarchive.a)
ifneq ($(and $(filter release,$(FLAVOR)),$(HAS_ARCHIVE_A)),)
BUNDLE_LIBS = $(patsubst -larchive,-l:libarchive.a $(ARCHIVE_NEEDS),$(call pkg_libs,$(BUNDLE_PKGS)))
else
BUNDLE_LIBS = $(call pkg_libs,$(BUNDLE_PKGS))
endif
PREFETCH_LIBS = $(call pkg_libs,$(PREFETCH_PKGS))
SERVER_LIBS = $(call pkg_libs,$(SERVER_PKGS))

all: $(B)/nixferry $(B)/nixferry-import

# ---- what is built from what; a new .c file in a room is picked up by itself ----

BUNDLE_SRCS := $(sort $(wildcard bundle/base/*.c bundle/format/*.c bundle/input/*.c bundle/delta/*.c bundle/pool/*.c bundle/store/*.c))
PREFETCH_SRCS := $(sort $(wildcard prefetch/config/*.c prefetch/plan/*.c \
	prefetch/http/*.c prefetch/dispatch/*.c prefetch/caches/*.c prefetch/fetch/*.c))
IMPORT_MAIN := bundle/cmd/import_main.c
CMD_SRCS := $(filter-out $(IMPORT_MAIN),$(sort $(wildcard bundle/cmd/*.c)))
PREFETCH_MAIN := prefetch/cmd/main.c
MAIN_SRCS := $(filter-out $(PREFETCH_MAIN),$(sort $(wildcard prefetch/cmd/*.c)))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

# Objects depend on the flags and archives on the list of their members, so that changing
# either builds anew what it must.
write_if_changed = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' >$@

$(B)/flags.stamp: FORCE
	$(call write_if_changed,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL))
$(B)/%.list: FORCE
	$(call write_if_changed,$(LIST))

# What runs once is compiled faster.
$(B)/obj/tests/unit/%.o $(B)/obj/tests/fuzz/%.o: private CFLAGS_TESTS = $(if $(filter release,$(FLAVOR)),-O0 -U_FORTIFY_SOURCE)
$(B)/obj/%.o: %.c $(B)/flags.stamp
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS_TESTS) -MMD -MP -c -o $@ $<

$(B)/libbundle.list: LIST = $(BUNDLE_SRCS)
$(B)/libprefetch.list: LIST = $(PREFETCH_SRCS)
$(B)/libcmd.list: LIST = $(CMD_SRCS)
$(B)/libmain.list: LIST = $(MAIN_SRCS)
$(B)/library.list: LIST = $(BUNDLE_SRCS) $(PREFETCH_SRCS)

$(B)/libbundle.a: $(call obj,$(BUNDLE_SRCS)) $(B)/libbundle.list
$(B)/libprefetch.a: $(call obj,$(PREFETCH_SRCS)) $(B)/libprefetch.list
$(B)/libcmd.a: $(call obj,$(CMD_SRCS)) $(B)/libcmd.list
$(B)/libmain.a: $(call obj,$(MAIN_SRCS)) $(B)/libmain.list
$(B)/%.a:
	@rm -f $@
	$(call say,AR $@)
	$(Q)ar rcsD $@ $(filter %.o,$^)

# What users link: both export what the public headers declare, and nothing else.
LIBRARY_OBJS = $(call obj,$(BUNDLE_SRCS) $(PREFETCH_SRCS))
$(B)/$(SONAME): $(LIBRARY_OBJS) include/libnixferry.map $(B)/library.list
	$(call say,LD $@)
	$(Q)$(CC) $(filter-out -pie,$(LDFLAGS_ALL)) -shared -Wl,-soname,$(SONAME) -Wl,-z,defs \
		-Wl,--version-script=include/libnixferry.map -o $@ $(LIBRARY_OBJS) $(PREFETCH_LIBS) $(BUNDLE_LIBS)
$(B)/libnixferry.a: $(LIBRARY_OBJS) $(B)/library.list
	$(call say,AR $@)
	$(Q)$(LD) -r -o $(B)/library.o $(LIBRARY_OBJS)
	$(Q)$(OBJCOPY) --localize-hidden $(B)/library.o
	$(Q)rm -f $@ && ar rcsD $@ $(B)/library.o

$(B)/nixferry: $(call obj,$(PREFETCH_MAIN)) $(B)/libmain.a $(B)/libcmd.a $(B)/libprefetch.a $(B)/libbundle.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PREFETCH_LIBS) $(BUNDLE_LIBS)

# The carry-along half: static in release, so that it runs on any machine of its kind. glibc warns
# of functions that want its shared libraries (names of hosts and users, plug-ins): we call none of them.
STATIC_LIBS = $(filter-out $(ARCHIVE_UNUSED),$(shell $(PKG_CONFIG) --static --libs $(BUNDLE_PKGS) 2>/dev/null))
STATIC = -static-pie
ifeq ($(FLAVOR)-$(IMPORT),release-static)
define link_static
	$(call say,LD $@)
	$(Q)$(CC) $(filter-out -pie,$(LDFLAGS_ALL)) $(STATIC) -s -o $@ $^ $(STATIC_LIBS) 2>$@.log || \
		{ cat $@.log >&2; exit 1; }
endef
else
define link_static
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BUNDLE_LIBS)
endef
endif
$(B)/nixferry-import: $(call obj,$(IMPORT_MAIN)) $(B)/libcmd.a $(B)/libbundle.a
	$(link_static)

# What tests and the demo use: the cache server with faults, what is no HTTP server at all,
# the maker of caches, the judge of stores, and to preload: failing system calls, a parser that an
# attacker has taken over.
TEST_TOOLS := $(B)/cached $(B)/rawserver $(B)/mkcache $(B)/storejudge $(B)/faults.so $(B)/exploit.so
$(B)/cached: $(call obj,$(sort $(wildcard tests/server/*.c))) $(B)/libbundle.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SERVER_LIBS) $(BUNDLE_LIBS)
$(B)/rawserver: $(call obj,tests/tools/rawserver.c) $(B)/libbundle.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BUNDLE_LIBS)
# Run thousands of times, these are static as well, and not position-independent: they start in a third of
# the time. Who makes caches also needs the judge.
$(B)/mkcache $(B)/storejudge: STATIC = -static
$(B)/mkcache: $(call obj,$(sort $(wildcard tests/tools/mkcache*.c))) $(B)/libbundle.a
	$(link_static)
$(B)/storejudge: $(call obj,$(sort $(wildcard tests/tools/storejudge*.c))) $(B)/libbundle.a
	$(link_static)
$(B)/mkcache: | $(B)/storejudge
# They replace functions of libraries: no flavour's flags, and of libc's both names of each.
PRELOADED = $(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -Wno-missing-prototypes $(WERROR) -O1 -fPIC -shared \
	-o $@ $(filter %.c,$^) -ldl
$(B)/faults.so: tests/tools/faults.c tests/tools/faults_calls.c tests/tools/faults.h $(B)/flags.stamp
	$(PRELOADED)
$(B)/exploit.so: tests/tools/exploit.c $(B)/flags.stamp
	$(PRELOADED)

# What the dispatcher costs.
$(B)/sim: $(call obj,tests/sim/load.c tests/simfetch/share.c) $(B)/libprefetch.a $(B)/libbundle.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lm
# The engine in a virtual network. Some functions are replaced (tests/simfetch/bulk.h), or
# watched.
SIMFETCH_SRCS := $(sort $(wildcard tests/simfetch/*.c)) tests/tools/one_file_nar.c
SIMFETCH_WRAPS := file_pwrite_all destination_put destination_put_partial pool_partial_write \
	$(addprefix dispatch_,new free set_cache set_state want add_offer closed next present part_range part_head \
		part_bytes part_end is_whole verified spoilt)
$(B)/simfetch: $(call obj,$(SIMFETCH_SRCS)) $(B)/libprefetch.a $(B)/libbundle.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(SIMFETCH_WRAPS:%=-Wl,--wrap=%) $^ $(PREFETCH_LIBS) $(BUNDLE_LIBS) -lm

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- manual pages, from the command tables and docs/bundle-format.md ----

VERSION_DATE := $(shell sed -n 's/^\#define NF_VERSION_DATE "\(.*\)"/\1/p' include/nixferry/version.h)

.PHONY: man
#: make man             the manual pages, below build/release/man
man: $(B)/man/stamp
$(B)/man/stamp: $(B)/nixferry docs/bundle-page.awk docs/bundle-format.md
	@rm -rf $(@D) && mkdir -p $(@D)
	$(call say,MAN $(@D))
	$(Q)$(B)/nixferry help --man >$(@D)/nixferry.1
	$(Q)for c in $$($(B)/nixferry help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do \
		$(B)/nixferry help --man $$c >$(@D)/nixferry-$$c.1 || exit 1; done
	$(Q)awk -v version=$(VERSION) -v date=$(VERSION_DATE) -f docs/bundle-page.awk docs/bundle-format.md \
		>$(@D)/nixferry-bundle.5
	@touch $@

# ---- tests ----

UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BINS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRCS))
UNIT_SUPPORT := $(filter-out $(UNIT_SRCS),$(sort $(wildcard tests/unit/*.c))) tests/tools/one_file_nar.c
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRCS))
CMOCKA_LIBS = $(call pkg_libs,cmocka)
# There are some two hundred test programs: the faster linker, where binutils has it, saves a minute.
TEST_LINKER := $(if $(shell command -v ld.gold),-fuse-ld=gold)

.PHONY: check check-unit check-e2e check-corpus check-sim fuzz-run
.SECONDARY: $(call obj,$(UNIT_SRCS) $(UNIT_SUPPORT) $(FUZZ_SRCS))

#: make check           every test; installs what is missing first
check: deps
	@$(MAKE) $(PARALLEL) --no-print-directory check-all

# The library is tested as it is released.
STAGE := $(if $(filter release,$(FLAVOR)),stage)

.PHONY: check-all
check-all: all man $(TEST_TOOLS) $(STAGE) $(B)/simfetch $(UNIT_BINS) $(FUZZ_BINS) check-headers check-layers check-modules check-completions
	@sh tests/run/run-tests.sh $(B)

#: make check-unit      the unit tests alone (T=name: one of them)
check-unit: $(if $(T),$(B)/unit/test_$(T),$(UNIT_BINS))
	@sh tests/run/run-tests.sh $(B) unit $(T)

#: make check-e2e       the end-to-end tests alone (T=name: one file)
check-e2e: all man $(TEST_TOOLS) $(STAGE)
	@sh tests/run/run-tests.sh $(B) e2e $(T)

#: make check-corpus    every fuzz target over its corpus
check-corpus: $(FUZZ_BINS)
	@sh tests/run/run-tests.sh $(B) corpus $(T)

#: make check-sim       the simulated transfers alone (T=name: one scenario)
check-sim: $(B)/simfetch
	@sh tests/run/run-tests.sh $(B) sim $(T)

#: make check-threads   what runs on several threads (meant for FLAVOR=tsan)
THREADED := workers progress watch ui follow bundle_threads bundle_write import intake ingest pool pool_partial pack
.PHONY: check-threads check-valgrind
check-threads: all $(TEST_TOOLS) $(patsubst %,$(B)/unit/test_%,$(THREADED))
	@sh tests/run/run-tests.sh $(B) threads

#: make check-faults    each system call fails once (FULL=1: with each error; takes an hour)
.PHONY: check-faults check-power
check-faults: all $(TEST_TOOLS)
	@python3 tests/faults/faults.py $(B) $(if $(FULL),--full)

#: make check-power     the power is cut during an import, in QEMU (FULL=1: 100 times a file system)
check-power: all $(TEST_TOOLS)
	@python3 tests/power/power.py $(B) $(if $(FULL),--cuts 100 --runs 10)

#: make check-guides    the commands of docs/guides, with real Nix, in namespaces of their own
.PHONY: check-guides
check-guides: all $(TEST_TOOLS)
	@python3 tests/guides/guide.py $(B) docs/guides/[a-z]*.md docs/guides/fr/[a-z]*.md

#: make coverage        lines and branches that tests reach, by room (E2E="main": with these files)
E2E ?= main plan resume pool
.PHONY: coverage coverage-run
coverage:
	@$(MAKE) $(PARALLEL) --no-print-directory FLAVOR=coverage coverage-run
coverage-run: all $(TEST_TOOLS) $(B)/simfetch $(UNIT_BINS) $(FUZZ_BINS)
	@sh tests/run/coverage.sh $(B) $(E2E)

#: make coverage-fuzz   lines and branches that the corpus of the fuzz targets reaches, by file
.PHONY: coverage-fuzz coverage-fuzz-run
coverage-fuzz:
	@$(MAKE) $(PARALLEL) --no-print-directory FLAVOR=coverage coverage-fuzz-run
coverage-fuzz-run: $(FUZZ_BINS)
	@find $(B)/obj -name '*.gcda' -delete
	@sh tests/run/run-tests.sh $(B) corpus
	@python3 tests/run/coverage.py $(B)/obj files

#: make check-valgrind  the main path under valgrind
check-valgrind: all $(TEST_TOOLS)
	@sh tests/run/valgrind.sh $(B)

#: make check-live      imports into a store that real Nix works in, for LIVE_SECONDS
LIVE_SECONDS ?= 120
.PHONY: check-live
check-live: all $(TEST_TOOLS)
	@bash tests/bench/live.sh $(B) $(LIVE_SECONDS)

#: make fuzz-run        each fuzz target for FUZZ_SECONDS (needs CC=clang FLAVOR=fuzz)
FUZZ_SECONDS ?= 20
fuzz-run: $(FUZZ_BINS)
	@sh tests/run/run-fuzz.sh $(B) $(FUZZ_SECONDS)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(call obj,$(UNIT_SUPPORT)) $(B)/libmain.a $(B)/libcmd.a $(B)/libprefetch.a $(B)/libbundle.a
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(TEST_LINKER) -o $@ $^ $(CMOCKA_LIBS) $(PREFETCH_LIBS) $(BUNDLE_LIBS)

ifeq ($(FLAVOR),fuzz)
FUZZ_DRIVER :=
FUZZ_LDFLAGS := -fsanitize=fuzzer
else
FUZZ_DRIVER := $(call obj,tests/fuzz/driver.c)
FUZZ_LDFLAGS :=
endif
FUZZ_SUPPORT := $(call obj,tests/fuzz/codec_target.c) $(FUZZ_DRIVER)
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(FUZZ_SUPPORT) $(B)/libprefetch.a $(B)/libbundle.a
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(FUZZ_LDFLAGS) $(TEST_LINKER) -o $@ $^ $(PREFETCH_LIBS) $(BUNDLE_LIBS)

# ---- style and structure ----

ALL_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
HEADERS := $(filter %.h,$(ALL_C))

.PHONY: lint format format-check check-headers check-layers check-modules check-completions completions

#: make lint            clang-tidy, size limits, static names, shellcheck
lint:
	@sh tests/run/lint.sh

#: make format          rewrite the sources as .clang-format says
format:
	@clang-format -i $(ALL_C)

#: make format-check    fail where make format would change something
format-check:
	@clang-format --dry-run -Werror $(ALL_C)

#: make check-headers   every header compiles alone, the public ones as C++ too
check-headers:
	@CC="$(CC)" CXX="$(CXX)" CPPFLAGS="$(CPPFLAGS_ALL)" sh tests/run/check-headers.sh $(HEADERS)

#: make check-layers    includes and calls point one way, no circles, bundle/ without libcurl
check-layers: all $(B)/libbundle.a $(B)/libcmd.a
	@B=$(B) CC="$(CC)" LDFLAGS="$(LDFLAGS_ALL)" LIBS="$(BUNDLE_LIBS)" sh tests/run/check-layers.sh

#: make check-modules   every module has a unit test, or a line in tests/README.md
check-modules:
	@sh tests/run/check-modules.sh

#: make completions     write completions/ anew from the command table
completions: $(B)/nixferry
	@sh completions/generate.sh $(B)/nixferry completions

check-completions: $(B)/nixferry
	@sh completions/generate.sh $(B)/nixferry $(B)/completions
	@diff -ru -x generate.sh completions $(B)/completions || { echo "completions/ is stale: run make completions" >&2; exit 1; }

# ---- installation ----

.PHONY: install install-import stage

DEST := $(DESTDIR)$(PREFIX)
# Of a multiarch system "lib/x86_64-linux-gnu", of others "lib64".
LIBDIR ?= lib
LIBRARIES := $(B)/libnixferry.a $(B)/$(SONAME)

#: make install         into DESTDIR/PREFIX (default /usr/local); libraries into LIBDIR (lib) there
install: all man $(LIBRARIES)
	install -Dm755 -t $(DEST)/bin $(B)/nixferry $(B)/nixferry-import
	install -Dm644 -t $(DEST)/$(LIBDIR) $(B)/libnixferry.a
	install -Dm755 $(B)/$(SONAME) $(DEST)/$(LIBDIR)/libnixferry.so.$(VERSION)
	ln -sf libnixferry.so.$(VERSION) $(DEST)/$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DEST)/$(LIBDIR)/libnixferry.so
	install -Dm644 -t $(DEST)/include/nixferry include/nixferry/*.h
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@REQUIRES@|$(BUNDLE_PKGS) $(PREFETCH_PKGS)|' \
		include/libnixferry.pc.in >$(B)/libnixferry.pc
	install -Dm644 -t $(DEST)/$(LIBDIR)/pkgconfig $(B)/libnixferry.pc
	install -Dm644 completions/nixferry.bash $(DEST)/share/bash-completion/completions/nixferry
	install -Dm644 completions/_nixferry $(DEST)/share/zsh/site-functions/_nixferry
	install -Dm644 completions/nixferry.fish $(DEST)/share/fish/vendor_completions.d/nixferry.fish
	install -Dm644 -t $(DEST)/share/man/man1 $(B)/man/*.1
	install -Dm644 -t $(DEST)/share/man/man5 $(B)/man/*.5
	sed 's|@PREFIX@|$(PREFIX)|' docs/systemd/nixferry-prefetch.service.in >$(B)/nixferry-prefetch.service
	install -Dm644 -t $(DEST)/lib/systemd/system $(B)/nixferry-prefetch.service docs/systemd/nixferry-prefetch.timer
	install -Dm644 -t $(DEST)/share/doc/nixferry README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE
	install -Dm644 -t $(DEST)/share/doc/nixferry/docs docs/*.md
	install -Dm644 -t $(DEST)/share/doc/nixferry/docs/guides docs/guides/*.md
	install -Dm644 -t $(DEST)/share/doc/nixferry/docs/guides/fr docs/guides/fr/*.md
	install -Dm644 -t $(DEST)/share/doc/nixferry/docs/examples docs/examples/*
	install -Dm644 -t $(DEST)/share/doc/nixferry/docs/schemas docs/schemas/*.json

#: make install-import  nixferry-import alone
install-import: $(B)/nixferry-import
	install -Dm755 -t $(DEST)/bin $(B)/nixferry-import

# An installed copy for tests.
stage: all man $(LIBRARIES)
	@rm -rf $(B)/stage
	@$(MAKE) --no-print-directory install DESTDIR=$(abspath $(B))/stage PREFIX=/usr/local >$(B)/stage.log

# ---- release ----

DIST := nixferry-$(VERSION)

.PHONY: dist
#: make dist            build/nixferry-VERSION.tar.gz of the last commit; the same bytes each time
dist:
	@mkdir -p build
	@git archive --format=tar --prefix=$(DIST)/ HEAD | gzip -n9 >build/$(DIST).tar.gz
	@echo build/$(DIST).tar.gz

.PHONY: deb check-deb
#: make deb             Debian packages of the last commit, in build/deb
deb: dist
	@sh tests/run/deps.sh build debhelper dpkg-dev fakeroot lintian
	@rm -rf build/deb && mkdir -p build/deb
	@tar -xf build/$(DIST).tar.gz -C build/deb
	@printf 'nixferry ($(VERSION)) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
		"$$(sed -n 's/^Maintainer: //p' debian/control)" "$$(LC_ALL=C date -uRd $(VERSION_DATE))" \
		>build/deb/$(DIST)/debian/changelog
	@unset MAKEFLAGS MAKELEVEL MFLAGS && cd build/deb/$(DIST) && dpkg-buildpackage -b -us -uc >../build.log 2>&1 || \
		{ tail -n 50 ../build.log >&2; exit 1; }
	@lintian --fail-on error,warning build/deb/*.changes
	@ls build/deb/*.deb

#: make check-deb       install, run and remove the packages in a fresh Debian (root, network)
check-deb: deb
	@sh tests/run/check-deb.sh build/deb build/deb-root

.PHONY: check-reproducible
#: make check-reproducible  build the last commit in two directories, and compare every installed byte
check-reproducible:
	@sh tests/run/reproducible.sh build/reproducible

# ---- the rest ----

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make deps            install what building and testing need (Debian 12, root or sudo)
deps:
	@sh tests/run/deps.sh check

#: make demo            the main job on files of this machine: no Nix, no internet needed
demo:
	@sh tests/run/deps.sh demo
	@echo "building, which takes about a minute on 2 processors"
	@$(MAKE) $(PARALLEL) --no-print-directory all $(B)/cached $(B)/mkcache
	@sh tests/demo/demo.sh $(B)

#: make bench           measure beside the peers (needs Nix, root, tens of minutes)
bench:
	@sh tests/bench/run.sh
	@$(MAKE) --no-print-directory check-live LIVE_SECONDS=3600
	@$(MAKE) --no-print-directory check-faults check-power FULL=1

#: make clean           remove build/
clean:
	rm -rf build

FORCE:
