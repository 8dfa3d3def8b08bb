//! What a person waits for when a Hello key is made and used, on the emulator.
//!
//! `floor` is the bare commands with a password session, as cheap as this TPM can be asked; `whfb` is the same through
//! [`Direct`](whfb::device::tpm::Direct): salted session, encrypted parameters, every answer's HMAC checked. Criterion runs
//! one after the other, so a ratio of two of its figures is worth what the machine's quiet is; `make bench-check` takes turns.
//! Making an RSA key is a search for primes: its times scatter by a factor of five, whoever asks.

#![allow(clippy::unwrap_used, reason = "a bench without its TPM has nothing to measure")]

mod support;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use whfb::device::tpm::measure::{Subject, contests};

use support::emulator::bare_tpm;
use support::provisioning::Bench;

/// Key creation (cold and from the pool), sign, session, unlock, attest, claim, each beside its floor.
fn tpm(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let mut subject = Subject::Direct(Box::new(bare_tpm(directory.path()).unwrap().0));
    for make in contests(&subject) {
        let mut contest = make(&mut subject).unwrap();
        let mut group = criterion.benchmark_group(format!("{} {}", contest.op, contest.key));
        if contest.slow {
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
        }
        group.bench_function("whfb", |bencher| bencher.iter(|| contest.ours(&mut subject).unwrap()));
        if contest.has_floor() {
            group.bench_function("floor", |bencher| bencher.iter(|| contest.floor(&mut subject).unwrap()));
        }
        group.finish();
        contest.finish(&mut subject).unwrap();
    }
}

/// From an accepted PIN and a token to the bytes of the key request: seal, claim or create, certify.
fn provision(criterion: &mut Criterion) {
    let mut bench = Bench::new().unwrap();
    let mut group = criterion.benchmark_group("provision");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("pooled", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| bench.pooled().unwrap()).sum::<Duration>());
    });
    group.bench_function("cold", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| bench.cold().unwrap()).sum::<Duration>());
    });
    group.finish();
}

criterion_group!(benches, tpm, provision);
criterion_main!(benches);
