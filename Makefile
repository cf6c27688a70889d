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

# What the build needs, and what the tests need besides: Debian's package names.
BUILD_PACKAGES := libsqlite3-dev libsystemd-dev pkg-config
TEST_PACKAGES := $(BUILD_PACKAGES) python3-venv redis-tools socat strace gcc e2fsprogs
SOURCES := Package.swift Sources Tests

.PHONY: help demo build debug test unit-test system-test check format lint install deps test-deps clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

demo: debug ## two jobs compete for one lease while the daemon is killed
	@LEASED_BIN_DIR=$(DEBUG_BIN) examples/two-jobs/run.sh

build: deps ## build the release
	swift build $(SWIFT_FLAGS) -c release --static-swift-stdlib

debug: deps
	swift build $(SWIFT_FLAGS)

test: unit-test system-test ## all tests: Swift's, then real processes

unit-test: test-deps
	swift test $(SWIFT_FLAGS)

system-test: debug test-deps $(VENV)/.installed
	LEASED_BIN_DIR=$(abspath $(DEBUG_BIN)) $(VENV)/bin/python -m pytest Tests/System

check: export LEASED_STRICT = 1
check: lint test ## what CI runs: format, lint, warnings as errors, all tests

format: ## format the sources in place
	swift format format --in-place --recursive $(SOURCES)

lint: ## is everything formatted, documented and as the rules say?
	swift format lint --strict --recursive $(SOURCES)

install: build ## install under DESTDIR and PREFIX
	install -D -m 755 $(SCRATCH)/release/leased $(DESTDIR)$(PREFIX)/sbin/leased
	install -D -m 755 $(SCRATCH)/release/leasectl $(DESTDIR)$(PREFIX)/bin/leasectl
	install -D -m 644 systemd/leased.yaml $(DESTDIR)$(PREFIX)/share/doc/leased/leased.yaml
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	for program in leased leasectl; do \
	    $(SCRATCH)/release/$$program --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$program; \
	    $(SCRATCH)/release/$$program --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$program; \
	    $(SCRATCH)/release/$$program --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$program.fish; \
	done

clean: ## remove what was built
	rm -rf $(SCRATCH) $(VENV)

# Installs what is missing, and says so. Elsewhere than on Debian's kind it only says what is needed.
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
