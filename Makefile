# The few commands a person needs; `make` alone explains them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# RocksDB's C++ takes a quarter of an hour; ccache answers the second time.
export PATH := /usr/lib/ccache:$(PATH)

TARGET := $(or $(CARGO_TARGET_DIR),target)
CACHE := $(or $(CONCLAVE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/conclave)
DENY_VERSION := 0.20.2
DENY := $(CACHE)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny

.PHONY: help setup build up test smoke fuzz verify bench fmt goldens

help: ## explain these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## install the system packages that are missing
	@.ci/setup

build: setup
	cargo build --package conclave

# On a terminal the demo gets a process group of its own, so that Ctrl-C stops it and not make, whose exit code is then
# the demo's. Without one, whoever signals the group reaches the demo.
up: build ## build Conclave and run its demo on http://localhost:8080; Ctrl-C stops it
	@demo="$(TARGET)/debug/conclave"; \
	if [ -t 0 ]; then exec bash -mc '"$$0" demo; exit $$?' "$$demo"; else exec "$$demo" demo; fi

test: setup ## run every test
	@cargo xtask test
	@cluster-tests/schemathesis/run
	@fuzz/run

smoke: build ## sign a user in to the demo with a real OpenID Connect client, kill the node, look again
	@cluster-tests/smoke/run

SECS := 60
fuzz: setup ## fuzz what reads strangers' bytes for SECS=60 seconds a target, on and on; `make test` does it for a minute
	@fuzz/run --secs $(SECS)

# It never writes: golden files are compared by `make test`.
verify: setup $(DENY) ## check format, lints, tidiness, licences and that RocksDB is built once
	cargo fmt --all -- --check
	@cargo xtask tidy
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo xtask one-rocksdb
	$(DENY) --locked check bans licenses sources

bench: setup ## measure a release build beside what the machine itself can do (minutes; the first build longer)
	cargo build --release --package conclave --package benches
	"$(TARGET)/release/benches" --conclave "$(TARGET)/release/conclave" --json "$(TARGET)/bench.json"

fmt: ## format the code
	cargo fmt --all

# A test that compares with a golden file has "golden" in its name, and writes the file when asked.
goldens: setup ## write the golden files anew; the commit must say why
	CONCLAVE_GOLDENS=write cargo test --package identity --package storage --package raft --package api-management golden
	@git --no-pager diff --stat -- '*/goldens/*' '*golden*'

# A build folder of its own: its features would otherwise disturb ours.
$(DENY): | setup
	build=$$(mktemp -d); trap 'rm -rf "$$build"' EXIT; \
	CARGO_TARGET_DIR="$$build" cargo install cargo-deny --version =$(DENY_VERSION) --locked \
		--no-default-features --root "$(CACHE)/cargo-deny-$(DENY_VERSION)"
