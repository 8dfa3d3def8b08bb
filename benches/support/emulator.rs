//! Starting an emulator, manufacturing a TPM, and how two of them share the work.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use whfb::attest::{TpmIdentity, ek_certificate};
use whfb::base::{Clock as _, OsRng, Secret32, SystemClock};
use whfb::crypto::cert::{Authority, Name, Text, Validity};
use whfb::crypto::{PublicKey, SigningKey};
use whfb::device::tpm::manufacture::{Owned, manufacture};
use whfb::device::tpm::measure::Samples;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, Facts, KeyHandle, KeyKind, Ownership, Tpm as _, TpmError, Usage};

use super::Outcome;

/// A manufactured TPM without certificates.
pub(crate) fn bare_tpm(directory: &Path) -> Outcome<(Direct, Owned)> {
    let mut swtpm = Swtpm::start(directory, Path::new(PROGRAM))?;
    let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None))?;
    let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng))?;
    Ok((tpm, owned))
}

/// What it takes until a manufactured TPM answers, beside a process of the same program that does nothing.
pub(crate) fn starts(samples: usize) -> Outcome<(Samples, Samples)> {
    let directory = tempfile::tempdir()?;
    drop(bare_tpm(directory.path())?);
    let (mut started, mut nothing) = (Samples::default(), Samples::default());
    for _ in 0..samples {
        let begun = Instant::now();
        let swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM))?;
        started.add(begun.elapsed());
        drop(swtpm);
        let begun = Instant::now();
        Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status()?;
        nothing.add(begun.elapsed());
    }
    Ok((started, nothing))
}

/// What it takes to make a TPM: both endorsement keys with their certificates, storage root key, lockout parameters.
pub(crate) fn manufactures(samples: usize) -> Outcome<Samples> {
    let vendor = vendor()?;
    let mut took = Samples::default();
    for _ in 0..samples {
        let directory = tempfile::tempdir()?;
        let mut swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM))?;
        let begun = Instant::now();
        manufacture(&mut swtpm, &mut OsRng, &|_, key, facts| certify(&vendor, key, facts).map(Some))?;
        took.add(begun.elapsed());
    }
    Ok(took)
}

fn vendor() -> Outcome<Authority> {
    let key = SigningKey::generate_rsa().map_err(|_| "no key for the vendor")?;
    let name = Name::common_name("bench TPM vendor CA", Text::Utf8)?;
    Ok(Authority::root(name, key, Validity::days_from(SystemClock.now(), 1), &mut OsRng)?)
}

fn certify(vendor: &Authority, key: &PublicKey, facts: &Facts) -> Outcome<Vec<u8>> {
    let tpm = TpmIdentity {
        manufacturer: facts.manufacturer_id,
        model: facts.vendor.clone(),
        version: facts.firmware_version,
    };
    let validity = Validity::days_from(SystemClock.now(), 1);
    Ok(ek_certificate(vendor, key, &tpm, validity, &mut OsRng)?.der().to_vec())
}

/// One client with one TPM beside two with one each.
pub(crate) struct Pair {
    clients: Vec<Client>,
    one: Vec<f64>,
    two: Vec<f64>,
    /// Dropped last.
    _directories: [TempDir; 2],
}

impl Pair {
    pub(crate) fn new() -> Outcome<Self> {
        let directories = [tempfile::tempdir()?, tempfile::tempdir()?];
        let client = |directory: &TempDir| Client::new(bare_tpm(directory.path())?.0);
        let clients = directories.iter().map(client).collect::<Outcome<_>>()?;
        Ok(Self { clients, one: Vec::new(), two: Vec::new(), _directories: directories })
    }

    /// Lets one client sign for that time, then both.
    pub(crate) fn round(&mut self, time: Duration) -> Outcome<()> {
        self.one.push(rate(self.clients.get_mut(..1).unwrap_or_default(), time)?);
        self.two.push(rate(&mut self.clients, time)?);
        Ok(())
    }

    /// Signatures per second of one client and of two, medians of the rounds.
    pub(crate) fn rates(&self) -> (f64, f64) {
        (median(self.one.clone()), median(self.two.clone()))
    }
}

/// A client with a TPM of its own and a P-256 key in it.
struct Client {
    tpm: Direct,
    key: KeyHandle,
    auth: Secret32,
}

impl Client {
    fn new(mut tpm: Direct) -> Outcome<Self> {
        let auth = Secret32::new(Box::new([7; 32]));
        let blob = tpm.create(KeyKind::P256, Usage::General, Some(&auth))?;
        let key = tpm.load(&blob)?;
        Ok(Self { tpm, key, auth })
    }

    /// How many signatures fit into that time.
    fn sign_for(&mut self, time: Duration) -> Result<u32, TpmError> {
        let (begun, mut count) = (Instant::now(), 0);
        while begun.elapsed() < time {
            self.tpm.sign(&self.key, Some(&self.auth), &[1; 32])?;
            count += 1;
        }
        Ok(count)
    }
}

fn rate(clients: &mut [Client], time: Duration) -> Outcome<f64> {
    let counts: Vec<Result<u32, TpmError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || client.sign_for(time))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let total: u32 = counts.into_iter().sum::<Result<u32, TpmError>>()?;
    Ok(f64::from(total) / time.as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
