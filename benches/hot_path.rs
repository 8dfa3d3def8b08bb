//! What a person waits for when a Hello key is made and used, on the emulator.
//!
//! `floor` is the bare command with a password session, as cheap as this TPM can be asked; `session` is the same through
//! [`Direct`]: salted session, encrypted parameters, every answer's HMAC checked. The distance is the price of the latter.
//! Making an RSA key is a search for primes: its times scatter by a factor of five, whoever asks.

#![allow(clippy::unwrap_used, reason = "a bench without its TPM has nothing to measure")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use whfb::base::{OsRng, Secret32, secret_slice};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, Gate, KeyBlob, KeyKind, Ownership, Tpm as _, TpmError, Usage};

const STORAGE_ROOT_KEY: u32 = 0x8100_0001;
const AUTH: [u8; 32] = [7; 32];

fn opened(directory: &Path) -> Direct {
    let mut swtpm = Swtpm::start(directory, Path::new(PROGRAM)).unwrap();
    let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
    Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap()
}

fn auth() -> Secret32 {
    Secret32::new(Box::new(AUTH))
}

/// A command with one handle that a password authorizes.
fn command(code: u32, handle: u32, password: &[u8], parameters: &[u8]) -> Vec<u8> {
    let area = [&0x4000_0009u32.to_be_bytes()[..], &[0, 0, 1], &sized(password)].concat();
    let area_size = u32::try_from(area.len()).unwrap();
    let size = 18 + area_size + u32::try_from(parameters.len()).unwrap();
    let head = [size, code, handle, area_size].map(u32::to_be_bytes);
    [&[0x80, 0x02], head.as_flattened(), &area, parameters].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// Sends a command and insists on success.
fn transmit(tpm: &mut Direct, command: &[u8]) -> Vec<u8> {
    let answer = tpm.transmit_raw(command).unwrap();
    assert_eq!(answer[6..10], [0; 4], "the TPM refused the bare command");
    answer
}

/// TPM2_Create of a key like `model`.
fn bare_create(model: &KeyBlob) -> Vec<u8> {
    let sensitive = sized(&[sized(&AUTH), sized(&[])].concat());
    command(0x153, STORAGE_ROOT_KEY, &[], &[sensitive, sized(&model.public), sized(&[]), vec![0; 4]].concat())
}

/// TPM2_Load; answers the handle.
fn bare_load(tpm: &mut Direct, blob: &KeyBlob) -> u32 {
    let load = command(0x157, STORAGE_ROOT_KEY, &[], &[sized(&blob.private), sized(&blob.public)].concat());
    u32::from_be_bytes(transmit(tpm, &load)[10..14].try_into().unwrap())
}

/// TPM2_FlushContext.
fn bare_flush(tpm: &mut Direct, handle: u32) {
    transmit(tpm, &[&[0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65], &handle.to_be_bytes()[..]].concat());
}

/// TPM2_Sign of a digest with RSASSA or ECDSA over SHA-256.
fn bare_sign(handle: u32, kind: KeyKind) -> Vec<u8> {
    let scheme: [u8; 4] = match kind {
        KeyKind::Rsa2048 => [0x00, 0x14, 0x00, 0x0B],
        KeyKind::P256 => [0x00, 0x18, 0x00, 0x0B],
    };
    let ticket = [0x80, 0x24, 0x40, 0x00, 0x00, 0x07, 0x00, 0x00];
    command(0x15D, handle, &AUTH, &[&sized(&[1; 32])[..], &scheme, &ticket].concat())
}

fn create_rsa(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let mut tpm = opened(directory.path());
    let model = tpm.create(KeyKind::Rsa2048, Usage::General, None).unwrap();
    let bare = bare_create(&model);
    let mut group = criterion.benchmark_group("create RSA-2048");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("floor", |bencher| bencher.iter(|| transmit(&mut tpm, black_box(&bare))));
    group.bench_function("session", |bencher| {
        bencher.iter(|| tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth())).unwrap());
    });
    group.finish();
}

fn sign(criterion: &mut Criterion, kind: KeyKind, name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut tpm = opened(directory.path());
    let blob = tpm.create(kind, Usage::General, Some(&auth())).unwrap();
    let mut group = criterion.benchmark_group(name);
    let handle = bare_load(&mut tpm, &blob);
    let bare = bare_sign(handle, kind);
    group.bench_function("floor", |bencher| bencher.iter(|| transmit(&mut tpm, black_box(&bare))));
    bare_flush(&mut tpm, handle);
    let key = tpm.load(&blob).unwrap();
    let auth = auth();
    group.bench_function("session", |bencher| {
        bencher.iter(|| tpm.sign(&key, Some(&auth), black_box(&[1; 32])).unwrap())
    });
    group.finish();
    tpm.unload(key).unwrap();
}

fn sign_rsa(criterion: &mut Criterion) {
    sign(criterion, KeyKind::Rsa2048, "sign RSA-2048");
}

fn sign_p256(criterion: &mut Criterion) {
    sign(criterion, KeyKind::P256, "sign P-256");
}

/// What a right PIN costs: load the protector, open it, flush it.
fn unlock(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let mut tpm = opened(directory.path());
    let auth = auth();
    let blob = tpm.seal(&secret_slice(vec![5; 96]), Gate::Counted(&auth)).unwrap();
    criterion.bench_function("unlock a PIN protector/session", |bencher| {
        bencher.iter(|| tpm.unseal(&blob, Gate::Counted(&auth)).unwrap());
    });
}

criterion_group!(benches, create_rsa, sign_rsa, sign_p256, unlock);
criterion_main!(benches);
