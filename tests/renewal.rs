//! A key that was registered while the attestation service was away, and attested once it was back: device, TPM and server together.

#![cfg(feature = "entra")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use whfb::attest::{TpmIdentity, ek_certificate};
use whfb::base::{Clock as _, ManualClock, OsRng, Timestamp};
use whfb::crypto::PublicKey;
use whfb::crypto::SigningKey;
use whfb::crypto::cert::{Authority, Name, Text, Validity};
use whfb::device::attest::{AttestationStatus, Consent, Renewal};
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::begin_by_user;
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct as TpmDirect, Facts, KeyKind, Ownership, TpmError};
use whfb::entra::{Database, Options, Rules};
use whfb::link::{Direct, Halt, Link, LinkError, drive};
use whfb::wire::host;
use whfb::wire::http::{Reply, Request};

const ALICE: &str = "alice@contoso.example";
const PIN: &str = "271828";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A tenant and a device whose TPM has a vendor that the tenant trusts. Fields drop in order.
struct World {
    tpm: TpmDirect,
    device: Device,
    entra: Direct,
    clock: Arc<ManualClock>,
    aik_service_is_away: Cell<bool>,
    _directory: TempDir,
}

/// The tenant, whose AIK service can be away.
struct Partly<'a> {
    link: &'a Direct,
    away: &'a Cell<bool>,
}

impl Link for Partly<'_> {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        if self.away.get() && request.host == host::AIK {
            return Err(LinkError::Unreachable { host: request.host.clone(), reason: "the line is cut".into() });
        }
        self.link.send(request)
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let name = Name::common_name("TPM vendor", Text::Utf8).unwrap();
        let year = Validity::days_from(now(), 365);
        let vendor = Authority::root(name, SigningKey::generate_rsa().unwrap(), year, &mut OsRng).unwrap();
        let issue = |_: KeyKind, ek: &PublicKey, facts: &Facts| -> Result<Option<Vec<u8>>, TpmError> {
            let (manufacturer, version) = (facts.manufacturer_id, facts.firmware_version);
            let identity = TpmIdentity { manufacturer, model: facts.vendor.clone(), version };
            let certificate = ek_certificate(&vendor, ek, &identity, year, &mut OsRng).unwrap();
            Ok(Some(certificate.der().to_vec()))
        };
        let mut swtpm = Swtpm::start(&directory.path().join("tpm"), Path::new(PROGRAM)).unwrap();
        let owned = manufacture(&mut swtpm, &mut OsRng, &issue).unwrap();
        let tpm = TpmDirect::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap();
        let clock = Arc::new(ManualClock::new(now()));
        let options = Options {
            database: Database::Memory,
            rules: Rules::entra(),
            clock: clock.clone(),
            vendor_roots: vec![vendor.certificate().der().to_vec()],
            approve_device_codes: None,
        };
        let description = Description { name: "pc".into(), tpm: TpmChoice::Swtpm, condition: Condition::Ready };
        let mut device = Device::create(&directory.path().join("pc"), description).unwrap();
        device.switches.register_unattested = true;
        let entra = Direct::open(options).unwrap();
        let mut world =
            Self { tpm, device, entra, clock, aik_service_is_away: Cell::new(false), _directory: directory };
        world.run(|_| Join::new(ALICE, "Passw0rd!".into())).unwrap();
        world.run(|_| Logon::new(ALICE, "Passw0rd!".into())).unwrap();
        world
    }

    fn run<F: Flow>(&mut self, flow: impl FnOnce(&Machine<'_>) -> F) -> Result<F::Output, Halt> {
        let link = Partly { link: &self.entra, away: &self.aik_service_is_away };
        let mut rng = OsRng;
        let mut machine = self.device.machine(Some(&mut self.tpm), &mut rng, self.clock.now()).unwrap();
        let flow = flow(&machine);
        drive(flow, &mut machine, &link, self.clock.as_ref())
    }

    /// Level and id of the one key that the tenant has.
    fn key(&self) -> (String, String) {
        let snapshot = self.entra.wait(self.entra.entra().snapshot()).unwrap();
        let [key] = snapshot.keys.as_slice() else { panic!("one key: {:?}", snapshot.keys) };
        (key.attestation_level.clone(), key.kid.to_string())
    }

    fn status(&self) -> (AttestationStatus, u32) {
        let attempts = self.device.state.user(ALICE).unwrap().attestation.unwrap();
        (attempts.status, attempts.retries)
    }
}

#[test]
fn a_key_registered_while_the_aik_service_was_away_is_attested_later_under_its_id() {
    let mut world = World::new();
    world.aik_service_is_away.set(true);
    let registered = world
        .run(|machine| {
            let pin = PinRules::of(&machine.policy).accept(PIN.into()).unwrap();
            begin_by_user(machine, ALICE, now()).unwrap().with_pin(pin)
        })
        .unwrap();
    let (level, id) = world.key();
    assert_eq!((level.as_str(), id.as_str()), ("none", registered.key_id.to_string().as_str()));
    assert_eq!(world.status(), (AttestationStatus::TemporaryFailure, 0));

    let renew = |_: &Machine<'_>| Renewal::new(ALICE, Consent::Policy, now());
    let away = world.run(renew).unwrap_err();
    assert_eq!(away.attestation_status(), AttestationStatus::TemporaryFailure, "{away}");
    assert_eq!(world.key(), ("none".to_owned(), id.clone()));
    assert_eq!(world.status(), (AttestationStatus::TemporaryFailure, 1));

    world.aik_service_is_away.set(false);
    let renewed = world.run(renew).unwrap();
    assert_eq!(renewed.attestation.as_deref(), Some("aik+ek"));
    assert_eq!(world.key(), ("aik+ek".to_owned(), id));
    assert_eq!(world.status(), (AttestationStatus::Success, 0));
    assert_eq!(world.run(|_| SignIn::new(ALICE, PIN.into())).unwrap().key_id, registered.key_id);
}
