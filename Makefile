# What a newcomer types. `make run` shows the whole story, `make test` proves it; both set the machine up first.

CARGO ?= cargo

.PHONY: help run test test-kernel-tpm setup check bench doc

help:
	@echo "make run    build and run the demo: join, provision, attest, register, sign in, and the refusals"
	@echo "make test   run every test"
	@echo "make test-kernel-tpm   the same against a real Linux TPM driver: Debian's kernel in QEMU, without KVM"
	@echo "make check  what CI runs: format, lints, tests, documentation, each bench once"
	@echo "make bench  measure key creation and signing (release build)"
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

check:
	.ci/run

bench: setup
	$(CARGO) bench

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

setup:
	@.ci/setup
