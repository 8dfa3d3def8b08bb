//! From an accepted PIN and a token of the registration service to the bytes of the key request: seal, claim, certify.
//!
//! The flow and the server are the real ones; what the server takes is not counted, nor is what is written to disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use whfb::base::{Clock as _, OsRng, SystemClock};
use whfb::device::container::pool::KeyPool;
use whfb::device::flow::{Flow as _, Step};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::begin_by_user;
use whfb::device::signin::Logon;
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::device::tpm::Direct;
use whfb::entra::{Database, Options, Rules, SEEDED_PASSWORD};
use whfb::link::{self, Link as _, drive};

use super::Outcome;
use super::emulator::bare_tpm;

const ALICE: &str = "alice@contoso.example";

/// A device that joined and signed in once, its TPM and its tenant. Fields drop in order.
pub(crate) struct Bench {
    tpm: Direct,
    device: Device,
    entra: link::Direct,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// Joined, signed in, and provisioned once, which also makes the attestation key.
    pub(crate) fn new() -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let (tpm, _) = bare_tpm(&directory.path().join("tpm"))?;
        let description = Description { name: "bench".to_owned(), tpm: TpmChoice::Swtpm, condition: Condition::Ready };
        let device = Device::create(&directory.path().join("device"), description)?;
        let entra = link::Direct::open(Options {
            database: Database::Memory,
            rules: Rules::entra(),
            clock: Arc::new(SystemClock),
            vendor_roots: Vec::new(),
            approve_device_codes: None,
        })?;
        let mut bench = Self { tpm, device, entra, _directory: directory };
        let Self { tpm, device, entra, .. } = &mut bench;
        let mut rng = OsRng;
        let mut machine = device.machine(Some(tpm), &mut rng, SystemClock.now())?;
        drive(Join::new(ALICE, SEEDED_PASSWORD.into()), &mut machine, entra, &SystemClock)?;
        drive(Logon::new(ALICE, SEEDED_PASSWORD.into()), &mut machine, entra, &SystemClock)?;
        bench.cold()?;
        Ok(bench)
    }

    /// Provisions with a key that was made in advance; making it is not counted.
    pub(crate) fn pooled(&mut self) -> Outcome<Duration> {
        self.device.pool = KeyPool::of(1);
        self.device.pool.make_one(&mut self.tpm, &mut OsRng, &SystemClock)?;
        self.provision()
    }

    /// Provisions with a key that is made on demand.
    pub(crate) fn cold(&mut self) -> Outcome<Duration> {
        self.device.pool = KeyPool::default();
        self.provision()
    }

    /// Provisions anew; what the device took between the token and the key request.
    fn provision(&mut self) -> Outcome<Duration> {
        if let Some(user) = self.device.state.users.get_mut(ALICE) {
            user.container = None;
        }
        let mut rng = OsRng;
        let mut machine = self.device.machine(Some(&mut self.tpm), &mut rng, SystemClock.now())?;
        let pin = PinRules::of(&machine.policy).accept("314159".into()).map_err(|_| "the PIN is refused")?;
        let mut flow = begin_by_user(&machine, ALICE, SystemClock.now())?.with_pin(pin);
        let (mut steps, mut reply) = (Vec::new(), None);
        let mut took = Duration::ZERO;
        loop {
            let begun = Instant::now();
            let step = flow.next(&mut machine, SystemClock.now(), reply.take())?;
            steps.push(begun.elapsed());
            let Step::Ask(request) = step else { return Ok(took) };
            if request.path().contains("/EnrollmentServer/key") {
                // The reply with the token led to the key, the one with the nonce to its statement and this request.
                took = steps.iter().rev().take(2).sum();
            }
            reply = Some(self.entra.send(&request)?);
        }
    }
}
