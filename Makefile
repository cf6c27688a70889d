# leased: build, demonstrate, test, check, install. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

JOBS ?= $(shell nproc)
SCRATCH ?= .build
SWIFT_FLAGS := --scratch-path $(SCRATCH) --jobs $(JOBS)
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= python3
VENV := .venv
DEBUG_BIN = $(SCRATCH)/debug

# A release depends on nothing of Swift or C++ on the target machine. The linker takes the first C++ library that it
# finds, and this folder contains no shared one.
STATIC = $(abspath $(SCRATCH))/static-libraries
# Exclusive access is checked at run time in debug builds, and so in all tests; in a release the checks would take a
# tenth of the time of a command.
RELEASE_FLAGS = -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib --disable-local-rpath -Xswiftc -L$(STATIC) \
	$(LINK_FLAGS)
# The pages that a program reads of its own file stay in its memory, so it exports no symbols, and its relocations are a
# bitmap if the C library supports that (glibc 2.36, which introduced DT_RELR). The toolchain's linker can do both.
LINK_FLAGS = -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld -Xlinker --no-export-dynamic $(PACKED_RELOCATIONS)
PACKED_RELOCATIONS = $(shell printf '%s\n' 2.36 "$$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" | sort --version-sort --check=quiet \
	&& echo -Xlinker -z -Xlinker pack-relative-relocs)

# The packages that the build needs, and those that the tests need in addition, by Debian's names.
BUILD_PACKAGES := gcc libsqlite3-dev libsystemd-dev pkg-config
TEST_PACKAGES := $(BUILD_PACKAGES) python3-venv redis-tools socat strace valgrind gcc libhiredis-dev less e2fsprogs systemd iproute2 lintian
SOURCES := Package.swift Sources Tests examples Benchmarks
# The libraries whose documentation is built.
DOCUMENTED := LeaseCore LeaseStore LeaseClient

.PHONY: help demo build debug test unit-test system-test check checked-docs format lint docs install uninstall deb bench deps test-deps clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

demo: debug ## two jobs compete for one lease while the daemon is killed
	@LEASED_BIN_DIR=$(DEBUG_BIN) examples/two-jobs/run.sh

build: deps ## build the release; system packages that it needs are installed
	mkdir -p $(STATIC)
	ln -sf $$(gcc -print-file-name=libstdc++.a) $(STATIC)/libstdc++.a
	ln -sf $$(gcc -print-file-name=libgcc_eh.a) $(STATIC)/libgcc_s.a
	for program in leased leasectl; do swift build $(SWIFT_FLAGS) $(RELEASE_FLAGS) --product $$program; done
	packaging/notices.sh $(SCRATCH)/release > $(SCRATCH)/release/THIRD-PARTY-NOTICES.new
	mv $(SCRATCH)/release/THIRD-PARTY-NOTICES.new $(SCRATCH)/release/THIRD-PARTY-NOTICES

debug: deps
	swift build $(SWIFT_FLAGS)

test: unit-test system-test ## all tests: Swift's, then real processes

# Tests that keep every processor busy run apart from those with timeouts; the latter run one after the other, so that
# each has the machine to itself.
BUSY_TESTS := LeaseCoreTests|LeaseStoreTests|LeaseWireTests

unit-test: test-deps
	swift test $(SWIFT_FLAGS) --filter '$(BUSY_TESTS)'
	swift test $(SWIFT_FLAGS) --skip-build --no-parallel --skip '$(BUSY_TESTS)'

system-test: debug test-deps $(VENV)/.installed
	LEASED_BIN_DIR=$(abspath $(DEBUG_BIN)) $(VENV)/bin/python -m pytest Tests/System

check: export LEASED_STRICT = 1
check: lint checked-docs test ## what CI runs: format, lint, warnings as errors, documentation, all tests

# A part of Swift's toolchains, but not of all packages of Swift.
DOCC = $(dir $(realpath $(shell command -v swift)))docc

checked-docs:
	@if [[ -x $(DOCC) ]]; then $(MAKE) --no-print-directory docs; \
	else echo "There is no docc beside swift: the documentation of the libraries is not checked."; fi

format: ## format the sources in place
	swift format format --in-place --recursive $(SOURCES)

lint: ## is everything formatted, documented and as the rules say?
	swift format lint --strict --recursive $(SOURCES)

docs: deps ## build the documentation of the libraries; a warning is an error
	mkdir -p $(SCRATCH)/docs
	for library in $(DOCUMENTED); do \
	    swift package --scratch-path $(SCRATCH) --allow-writing-to-directory $(SCRATCH)/docs \
	        generate-documentation --target $$library --warnings-as-errors \
	        --transform-for-static-hosting --hosting-base-path $$library --output-path $(SCRATCH)/docs/$$library; \
	done
	@echo "Read it with: python3 -m http.server --directory $(SCRATCH)/docs, then http://localhost:8000/LeaseStore/documentation/leasestore/"

# Under sudo nothing is built: root may have no Swift, and would own the build's files.
install: $(if $(SUDO_UID),,build) ## install under DESTDIR and PREFIX: programs, units, man pages, completions
	@[[ -x $(SCRATCH)/release/leased && -x $(SCRATCH)/release/leasectl ]] || { echo "Nothing is built yet: run 'make build' first, without sudo."; exit 1; }
	packaging/stage.sh $(SCRATCH)/release '$(DESTDIR)' '$(PREFIX)'

uninstall: ## remove what `make install` has put there; the store, the configuration and the user stay
	packaging/unstage.sh '$(DESTDIR)' '$(PREFIX)'

deb: build ## build a Debian package, .build/leased_VERSION_ARCH.deb
	$(call install-missing,dpkg-dev)
	packaging/deb.sh $(SCRATCH)/release $(SCRATCH)

# For example `make bench BENCH_FLAGS=--quick`; `python3 Benchmarks/driver --help` lists all flags.
BENCH_FLAGS ?=
BENCH_SCRATCH = $(SCRATCH)/bench

bench: build ## measure leased beside Redis, etcd, PostgreSQL and flock; writes docs/BENCHMARKS.md
	Benchmarks/install-peers.sh
	swift build --package-path Benchmarks --scratch-path $(BENCH_SCRATCH) --jobs $(JOBS) -c release --product leased-load
	$(PYTHON) Benchmarks/driver --leased $(SCRATCH)/release/leased --load $(BENCH_SCRATCH)/release/leased-load $(BENCH_FLAGS)

clean: ## remove what was built
	rm -rf $(SCRATCH) $(VENV)

# Installs the missing packages, and says so. On a system without dpkg it only says what is needed.
define install-missing
	@command -v swift > /dev/null || { echo "Swift 6.2 or newer is needed: https://www.swift.org/install/linux/"; exit 1; }
	@if command -v dpkg-query > /dev/null; then \
	    missing=(); \
	    for package in $(1); do \
	        dpkg-query -W -f '$${Status}' $$package 2> /dev/null | grep -q 'ok installed' || missing+=($$package); \
	    done; \
	    if (( $${#missing[@]} )); then \
	        echo "Installing the missing system packages: $${missing[*]}"; \
	        sudo=; (( EUID == 0 )) || sudo=sudo; \
	        $$sudo apt-get update -qq; \
	        $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $${missing[@]} > /dev/null; \
	    fi; \
	else \
	    echo "Not Debian: make sure that the like of these is installed: $(1)"; \
	fi
endef

deps:
	$(call install-missing,$(BUILD_PACKAGES))

test-deps:
	$(call install-missing,$(TEST_PACKAGES))

$(VENV)/.installed: Tests/System/requirements.txt | test-deps
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
