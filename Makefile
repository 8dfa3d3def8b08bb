# What a newcomer types. `make run` shows the whole story, `make test` proves it; both set the machine up first.

CARGO ?= cargo

.PHONY: help run test test-kernel-tpm test-peers test-browser setup check bench bench-check bench-peers bench-fleet fuzz mutants doc

help:
	@echo "make run    build and run the demo: join, provision, attest, register, sign in, and the refusals"
	@echo "make test   run every test"
	@echo "make test-kernel-tpm   the same against a real Linux TPM driver: Debian's kernel in QEMU, without KVM"
	@echo "make test-peers   what we did not write, unmodified: roadtx and libhimmelblau against whfb serve, fido2, webauthn and openssl on attestation"
	@echo "make test-browser   roadtx drives Firefox through the sign-in pages"
	@echo "make check  what CI runs: format, lints, tests, documentation, each bench once"
	@echo "make bench  measure key creation and signing (release build), with a report in target/criterion, and judging a statement"
	@echo "make bench-check   compare ratios of one run with benches/limits.toml; SLOWDOWN=session-per-call makes it fail"
	@echo "make bench-peers   compare with other crates and tools, operation by operation"
	@echo "make bench-fleet   make a thousand devices and put them to sleep"
	@echo "make fuzz   feed a parser or the server with what nobody would write: SECONDS=60, TARGET=one of $(TARGETS)"
	@echo "make mutants   change the verifier of attestations and its parsers one expression at a time, and see that a test notices: SHARD=k/n for a part"
	@echo "make setup  install what is missing; the others call it"

run: setup
	$(CARGO) build
	$(CARGO) run --quiet -- demo

# The same build profile as `make run`, so the second of the two compiles little.
test: setup
	$(CARGO) test

test-kernel-tpm: setup
	@.ci/setup kernel-tpm
	tests/kernel-tpm/run

test-peers: setup
	@.ci/setup clients
	$(CARGO) build
	tests/peers/roadtx "$(CURDIR)/target/debug/whfb"
	tests/peers/attestation "$(CURDIR)/target/debug/whfb"
	tests/peers/himmelblau/run "$(CURDIR)/target/debug/whfb"

# Beside `test-peers`: it takes Firefox, and a driver for it that is compiled first.
test-browser: test-peers
	@.ci/setup browser
	command -v geckodriver >/dev/null || $(CARGO) install --quiet --locked --root target/peers geckodriver
	tests/peers/browser "$(CURDIR)/target/debug/whfb"

check:
	.ci/run

bench: setup
	$(CARGO) bench --bench hot_path --bench wire
	$(CARGO) bench --bench verify

# A slowdown that must not pass, to see that it does not.
SLOWDOWN ?=

bench-check: setup
	$(CARGO) bench --bench gate -- $(addprefix --,$(SLOWDOWN))
	$(CARGO) bench --bench verify

bench-peers: setup
	@.ci/setup peers
	cd benches/peers && $(CARGO) run --release -- --json ../../target/peers.json

DEVICES ?= 1000

bench-fleet: setup
	$(CARGO) bench --bench fleet -- --devices=$(DEVICES)

# What cargo fuzz passes, without the sanitizers, for which it takes a nightly compiler: the crate has no unsafe code. With
# --target, build scripts and macros stay as they are.
TARGETS := lines syncml reg pol intune jws jwe blob kpp join form credential tpm kast webauthn cert crl bundle reply router
TARGET ?= lines
SECONDS ?= 60
COVERAGE := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
	-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1

# Only the server's target needs the server.
FUZZ_FEATURES := $(if $(filter router,$(TARGET)),--features entra)
WORDS := $(if $(filter lines syncml reg pol intune,$(TARGET)),policy,wire)

# What is found goes to fuzz/target/found; what is of interest in it is put into the corpus by hand.
fuzz: setup
	@.ci/setup fuzz
	@mkdir -p fuzz/artifacts/$(TARGET) fuzz/target/found/$(TARGET)
	cd fuzz && RUSTFLAGS="$(COVERAGE)" $(CARGO) run --release --target $$(rustc --print host-tuple) $(FUZZ_FEATURES) --bin $(TARGET) -- \
		-max_total_time=$(SECONDS) -max_len=65536 -timeout=10 -rss_limit_mb=2048 -dict=words/$(WORDS).dict \
		-artifact_prefix=artifacts/$(TARGET)/ target/found/$(TARGET) corpus/$(TARGET)

# The verifier, and what reads statements, TPM structures and certificates for it. With their own tests alone: those have to notice.
SHARD ?= 0/1
MUTATED := src/attest/** src/wire/tpm/** src/wire/kast/** src/wire/webauthn/** src/crypto/cert/**
WATCHED := attest:: wire::tpm wire::kast wire::webauthn crypto::

mutants: setup
	command -v cargo-mutants >/dev/null || test -x target/peers/bin/cargo-mutants || \
		$(CARGO) install --quiet --locked --root target/peers --version 27.1.0 cargo-mutants
	PATH="$(CURDIR)/target/peers/bin:$$PATH" CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) mutants --no-default-features --cargo-arg=--lib \
		--shard $(SHARD) --output target $(foreach glob,$(MUTATED),-f '$(glob)') -- -- $(WATCHED)

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

setup:
	@.ci/setup
