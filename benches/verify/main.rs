//! What it costs to judge a statement, beside the signatures that no verifier does without.
//!
//! One run takes turns: the verdict as a whole, exactly the signature verifications that are in it, one RSA-2048 verification by
//! the `rsa` crate, and the readers alone. Whatever the verdict costs beyond its signatures is the median of the differences, round by
//! round; `limits.toml` bounds it by a time and by half of the `rsa` crate's verification in the same run. A limit that is missed
//! is measured again with twice the rounds before it fails. Without `--bench`, as `cargo test` runs it, each is done once and
//! nothing is judged.
//!
//! Allocations are not counted here, since that takes unsafe code. None grows with a length field: the readers of `wire::tpm`,
//! `wire::kast` and the DER reader of `crypto::cert` cut slices off the input, which fails before anything is copied where a length
//! says more than what is left. `tests/attest_lengths.rs` shows it: 64 KiB and 4 GiB at every place of every structure, read in a
//! process that may have no more than 64 MiB of address space beyond what it has.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod statement;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};
use whfb::base::OsRng;
use whfb::crypto::cert::Certificate;
use whfb::crypto::{SigningKey, SoftwareKey};
use whfb::wire::tpm::{Attest, Public};

use statement::{Authorities, Subject};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ROUNDS: usize = 1000;
/// How often a limit that is missed is measured again, each time with twice the rounds.
const RETRIES: usize = 3;
const MESSAGE: &[u8] = b"message";

/// The part of `limits.toml` that is about this.
#[derive(serde::Deserialize)]
struct Limits {
    verify: Verify,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// Everything that is no signature, microseconds.
    other_us: f64,
    /// The same by one RSA-2048 verification of the `rsa` crate.
    other_by_rsa_crate: f64,
}

impl Limits {
    fn read() -> Outcome<Verify> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/limits.toml");
        Ok(toml::from_str::<Self>(&std::fs::read_to_string(path)?)?.verify)
    }
}

/// One RSA-2048 verification by the `rsa` crate, pure Rust, which this crate does not verify with: the floor.
struct RsaCrate {
    key: RsaPublicKey,
    signature: Vec<u8>,
}

impl RsaCrate {
    fn new() -> Outcome<Self> {
        let private = RsaPrivateKey::new(&mut OsRng, 2048)?;
        let signature = private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(MESSAGE))?;
        Ok(Self { key: private.to_public_key(), signature })
    }

    fn verify(&self) -> bool {
        let digest = Sha256::digest(black_box(MESSAGE));
        self.key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &self.signature).is_ok()
    }
}

/// Microseconds by name, in the order in which they are printed.
#[derive(Default)]
struct Table {
    names: Vec<String>,
    samples: BTreeMap<String, Vec<f64>>,
}

impl Table {
    fn add(&mut self, name: String, microseconds: f64) {
        if !self.samples.contains_key(&name) {
            self.names.push(name.clone());
        }
        self.samples.entry(name).or_default().push(microseconds);
    }

    /// Percentile by nearest rank.
    fn at(&self, name: &str, percent: usize) -> f64 {
        let mut sorted = self.samples.get(name).cloned().unwrap_or_default();
        sorted.sort_by(f64::total_cmp);
        sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    fn print(&self) {
        for name in &self.names {
            let n = self.samples.get(name).map_or(0, Vec::len);
            println!("{name:58} n {n:5}  median {:8.1} us  p95 {:8.1} us", self.at(name, 50), self.at(name, 95));
        }
    }
}

/// The figures that are judged, by statement.
fn other(subject: &Subject) -> String {
    format!("{}: everything that is no signature", subject.name)
}

const RSA_CRATE: &str = "one RSA-2048 verification by the rsa crate";

fn main() -> Outcome<ExitCode> {
    let judge = std::env::args().any(|argument| argument == "--bench");
    let (limits, rsa_crate, subjects) = (Limits::read()?, RsaCrate::new()?, subjects()?);
    for subject in &subjects {
        let report = subject.verify();
        if !report.level().attested() || !subject.signatures() {
            return Err(format!("{}: {report}", subject.name).into());
        }
    }
    let (mut table, mut rounds) = (Table::default(), if judge { ROUNDS } else { 1 });
    for retry in 0..=RETRIES {
        for index in 0..rounds {
            round(&subjects, &rsa_crate, index, &mut table);
        }
        let missed = verdicts(&subjects, &table, &limits).filter(|(_, value, most)| value > most).count();
        if !judge || missed == 0 || retry == RETRIES {
            break;
        }
        rounds *= 2;
        println!("{missed} limits missed; noise or too slow, {rounds} more rounds");
    }
    table.print();
    if !judge {
        return Ok(ExitCode::SUCCESS);
    }
    println!();
    let mut missed = 0;
    for (name, value, most) in verdicts(&subjects, &table, &limits) {
        let kept = value <= most;
        missed += usize::from(!kept);
        println!("{}  {name:84} {value:8.3}  at most {most}", if kept { "ok    " } else { "MISSED" });
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is limited: its name, what it came to, and its limit.
fn verdicts<'a>(
    subjects: &'a [Subject],
    table: &'a Table,
    limits: &'a Verify,
) -> impl Iterator<Item = (String, f64, f64)> + 'a {
    let floor = table.at(RSA_CRATE, 50);
    subjects.iter().flat_map(move |subject| {
        let name = other(subject);
        let median = table.at(&name, 50);
        let by_floor = format!("{name} / {RSA_CRATE}");
        [(format!("{name}, us"), median, limits.other_us), (by_floor, median / floor, limits.other_by_rsa_crate)]
    })
}

/// An RSA and a P-256 attestation key with a chain of three certificates, and the first with an endorsement key's certificate beside it.
fn subjects() -> Outcome<[Subject; 3]> {
    let authorities = Authorities::new("2026-11-22T12:00:00Z".parse()?)?;
    let (rsa, p256) = (SoftwareKey::generate_rsa(&mut OsRng)?, SoftwareKey::generate_p256(&mut OsRng));
    let (rsa_key, p256_key, ek) =
        (SigningKey::generate_rsa()?, SigningKey::generate_p256()?, SigningKey::generate_rsa()?);
    Ok([
        Subject::make("RSA", &authorities, &rsa, rsa_key.public(), None)?,
        Subject::make("P-256", &authorities, &p256, p256_key.public(), None)?,
        Subject::make("RSA with EK", &authorities, &rsa, rsa_key.public(), Some(ek.public()))?,
    ])
}

fn took<T>(what: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    black_box(what());
    started.elapsed().as_secs_f64() * 1e6
}

/// Everything once. Whole and signatures change places from round to round, so that neither always finds a warmer cache.
fn round(subjects: &[Subject], rsa_crate: &RsaCrate, index: usize, table: &mut Table) {
    for subject in subjects {
        let name = subject.name;
        let verify = || took(|| black_box(subject).verify());
        let signatures = || took(|| black_box(subject).signatures());
        let (whole, signatures) = if index.is_multiple_of(2) {
            let whole = verify();
            (whole, signatures())
        } else {
            let signatures = signatures();
            (verify(), signatures)
        };
        table.add(format!("{name}: the verdict as a whole"), whole);
        table.add(format!("{name}: its signatures alone"), signatures);
        table.add(other(subject), whole - signatures);
        let certificates = took(|| subject.path.each_ref().map(|der| Certificate::from_der(black_box(der))));
        table.add(format!("{name}: reading three certificates"), certificates);
        let statement = black_box(&subject.statement);
        let structures = took(|| (Attest::from_bytes(&statement.certify_info), Public::from_bytes(&statement.public)));
        table.add(format!("{name}: reading certify information and public area"), structures);
    }
    table.add(RSA_CRATE.to_owned(), took(|| rsa_crate.verify()));
}
