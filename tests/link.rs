//! Device and server together, and what goes wrong between them: both are afterwards what they were.

#![cfg(feature = "entra")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::cell::Cell;
use std::sync::Arc;

use tempfile::TempDir;
use whfb::base::Clock as _;
use whfb::base::{Hresult, ManualClock, OsRng, SignedDuration, Timestamp};
use whfb::crypto::SigningKey;
use whfb::crypto::cert::{Authority, Name, Text, Validity, pem};
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::{Provision, begin_by_user};
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::entra::server::Server;
use whfb::entra::{Database, Options, Rules};
use whfb::link::{Direct, Halt, Http, Link, LinkError, drive};
use whfb::wire::http::{Reply, Request};

const ALICE: &str = "alice@contoso.example";
const PIN: &str = "271828";

/// A tenant and a joined, logged-on device without a TPM, on one clock that the test moves.
struct Lab {
    clock: Arc<ManualClock>,
    entra: Direct,
    device: Device,
    _directory: TempDir,
}

impl Lab {
    fn new() -> Self {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let options = Options {
            database: Database::Memory,
            rules: Rules::entra(),
            clock: clock.clone(),
            vendor_roots: Vec::new(),
            approve_device_codes: None,
        };
        let entra = Direct::open(options).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let description = Description { name: "pc".into(), tpm: TpmChoice::None, condition: Condition::Ready };
        let device = Device::create(&directory.path().join("pc"), description).unwrap();
        let mut lab = Self { clock, entra, device, _directory: directory };
        lab.run(|_| Join::new(ALICE, "Passw0rd!".into()), None).unwrap();
        lab.run(|_| Logon::new(ALICE, "Passw0rd!".into()), None).unwrap();
        lab
    }

    /// Runs a flow over `link`, or straight into the router.
    fn run<F: Flow>(
        &mut self,
        flow: impl FnOnce(&Machine<'_>) -> F,
        link: Option<&dyn Link>,
    ) -> Result<F::Output, Halt> {
        let mut rng = OsRng;
        let mut machine = self.device.machine(None, &mut rng, self.clock.now()).unwrap();
        let flow = flow(&machine);
        drive(flow, &mut machine, link.unwrap_or(&self.entra), self.clock.as_ref())
    }

    /// Everything that must be the same after a refusal: the directory's users, devices and keys, and the device's record.
    /// Tokens that were issued on the way stay issued.
    fn picture(&self) -> (String, String) {
        let snapshot = self.entra.wait(self.entra.entra().snapshot()).unwrap();
        let rows = serde_json::to_string(&(snapshot.users, snapshot.devices, snapshot.keys)).unwrap();
        (rows, serde_json::to_string(&self.device.state).unwrap())
    }
}

fn provision(machine: &Machine<'_>) -> Provision {
    let pin = PinRules::of(&machine.policy).accept(PIN.into()).unwrap();
    begin_by_user(machine, ALICE, "2026-11-22T12:00:00Z".parse().unwrap()).unwrap().with_pin(pin)
}

/// Lets time pass before the key reaches the server.
struct Slow<'a> {
    link: &'a Direct,
    clock: &'a ManualClock,
    delay: SignedDuration,
}

impl Link for Slow<'_> {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        if request.path().starts_with("/EnrollmentServer/key") {
            self.clock.advance(self.delay);
        }
        self.link.send(request)
    }
}

/// Ends after a number of requests.
struct Mortal<'a> {
    link: &'a Direct,
    left: Cell<usize>,
}

impl Link for Mortal<'_> {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        let left = self.left.get();
        if left == 0 {
            return Err(LinkError::Unreachable { host: request.host.clone(), reason: "the line is cut".into() });
        }
        self.left.set(left - 1);
        self.link.send(request)
    }
}

#[test]
fn a_key_that_arrives_when_its_mfa_is_older_than_ten_minutes_is_refused_and_kept_by_nobody() {
    for (delay, taken) in [(599, true), (601, false)] {
        let mut lab = Lab::new();
        let before = lab.picture();
        let (clock, device) = (Arc::clone(&lab.clock), &mut lab.device);
        let link = Slow { link: &lab.entra, clock: &clock, delay: SignedDuration::from_secs(delay) };
        let outcome = {
            let mut rng = OsRng;
            let mut machine = device.machine(None, &mut rng, clock.now()).unwrap();
            let flow = provision(&machine);
            drive(flow, &mut machine, &link, clock.as_ref())
        };
        match outcome {
            Ok(_) => assert!(taken, "{delay} s"),
            Err(Halt::Stop(stop)) => {
                assert!(!taken, "{delay} s: {stop}");
                assert_eq!(stop.hresult(), Some(Hresult::DSREG_E_MFA_REQUIRED));
                assert!(lab.picture() == before, "the refusal left something behind");
            }
            Err(Halt::Link(error)) => unreachable!("{error}"),
        }
    }
}

#[test]
fn a_software_key_is_registered_as_what_it_says_it_is() {
    let mut lab = Lab::new();
    let registered = lab.run(provision, None).unwrap();
    assert_eq!(registered.attestation.as_deref(), Some("software"));
    let snapshot = lab.entra.wait(lab.entra.entra().snapshot()).unwrap();
    assert_eq!(snapshot.keys.iter().map(|key| key.attestation_level.as_str()).collect::<Vec<_>>(), ["software"]);
}

#[test]
fn a_line_that_is_cut_after_any_request_leaves_device_and_directory_consistent() {
    let mut lab = Lab::new();
    let before = lab.picture();
    let mut sent = 0;
    loop {
        let (clock, device) = (Arc::clone(&lab.clock), &mut lab.device);
        let link = Mortal { link: &lab.entra, left: Cell::new(sent) };
        let outcome = {
            let mut rng = OsRng;
            let mut machine = device.machine(None, &mut rng, clock.now()).unwrap();
            let flow = provision(&machine);
            drive(flow, &mut machine, &link, clock.as_ref())
        };
        if outcome.is_ok() {
            break;
        }
        assert!(matches!(outcome, Err(Halt::Link(LinkError::Unreachable { .. }))), "after {sent} requests");
        let now = lab.picture();
        assert!(now.1 == before.1, "the device changed after {sent} requests");
        sent += 1;
    }
    assert!(sent >= 4, "nonce, code, token and key are four requests at least, and there were {sent}");
    lab.run(|_| SignIn::new(ALICE, PIN.into()), None).unwrap();
}

#[test]
fn a_server_of_another_ca_hears_nothing() {
    let lab = Lab::new();
    let server = Server::start(Arc::clone(lab.entra.entra()), ([127, 0, 0, 1], 0).into()).unwrap();
    let name = Name::common_name("whfb lab CA of somebody else", Text::Utf8).unwrap();
    let validity = Validity::days_from("2026-11-22T12:00:00Z".parse().unwrap(), 30);
    let other = Authority::root(name, SigningKey::generate_p256().unwrap(), validity, &mut OsRng).unwrap();
    let link = Http::new(server.address(), &pem(other.certificate().der())).unwrap();
    let before = lab.picture();
    let request = Request::form(whfb::wire::host::LOGIN, "/common/oauth2/token", &[("grant_type", "srv_challenge")]);
    let error = link.send(&request).unwrap_err();
    assert!(matches!(&error, LinkError::Tls { .. }), "{error:?}");
    assert!(lab.picture() == before);
    let trusted = Http::new(server.address(), server.ca_pem()).unwrap();
    assert_eq!(trusted.send(&request).unwrap().status, 200);
}
