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
use whfb::device::assertion::Assert;
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::{Provision, begin_by_user};
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::device::stop::Stop;
use whfb::entra::server::Server;
use whfb::entra::{Database, Options, Rules};
use whfb::link::{Direct, Halt, Http, Link, LinkError, drive};
use whfb::wire::http::{Reply, Request};
use whfb::wire::jws::Jws;

const ALICE: &str = "alice@contoso.example";
const PIN: &str = "271828";

/// A tenant and a joined, logged-on device without a TPM, on one clock that the test moves.
struct Lab {
    clock: Arc<ManualClock>,
    entra: Direct,
    socket: Option<(Http, Server)>,
    device: Device,
    _directory: TempDir,
}

/// How the device reaches the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Https,
}

/// Every test runs over both, and expects the same of both.
const WAYS: [Way; 2] = [Way::Direct, Way::Https];

impl Lab {
    fn new(way: Way) -> Self {
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
        let socket = (way == Way::Https).then(|| {
            let server = Server::start(Arc::clone(entra.entra()), ([127, 0, 0, 1], 0).into()).unwrap();
            (Http::new(server.address(), server.ca_pem()).unwrap(), server)
        });
        let mut lab = Self { clock, entra, socket, device, _directory: directory };
        lab.run(|_| Join::new(ALICE, "Passw0rd!".into())).unwrap();
        lab.run(|_| Logon::new(ALICE, "Passw0rd!".into())).unwrap();
        lab
    }

    /// Runs a flow.
    fn run<F: Flow>(&mut self, flow: impl FnOnce(&Machine<'_>) -> F) -> Result<F::Output, Halt> {
        self.run_over(flow, |link| Box::new(Whole(link)))
    }

    /// Runs a flow over the link, with something around it.
    fn run_over<F: Flow>(
        &mut self,
        flow: impl FnOnce(&Machine<'_>) -> F,
        around: impl for<'a> FnOnce(&'a dyn Link) -> Box<dyn Link + 'a>,
    ) -> Result<F::Output, Halt> {
        let link: &dyn Link = match &self.socket {
            Some((link, _)) => link,
            None => &self.entra,
        };
        let mut rng = OsRng;
        let mut machine = self.device.machine(None, &mut rng, self.clock.now()).unwrap();
        let flow = flow(&machine);
        drive(flow, &mut machine, around(link).as_ref(), self.clock.as_ref())
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

/// Nothing around the link.
struct Whole<'a>(&'a dyn Link);

impl Link for Whole<'_> {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        self.0.send(request)
    }
}

/// Lets time pass before the key reaches the server.
struct Slow<'a> {
    link: &'a dyn Link,
    clock: Arc<ManualClock>,
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
    link: &'a dyn Link,
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
    for (way, delay, taken) in WAYS.into_iter().flat_map(|way| [(way, 599, true), (way, 601, false)]) {
        let mut lab = Lab::new(way);
        let before = lab.picture();
        let (clock, delay) = (Arc::clone(&lab.clock), SignedDuration::from_secs(delay));
        match lab.run_over(provision, |link| Box::new(Slow { link, clock, delay })) {
            Ok(_) => assert!(taken, "{delay} over {way:?}"),
            Err(Halt::Stop(stop)) => {
                assert!(!taken, "{delay} over {way:?}: {stop}");
                assert_eq!(stop.hresult(), Some(Hresult::DSREG_E_MFA_REQUIRED));
                assert!(lab.picture() == before, "the refusal left something behind");
            }
            Err(Halt::Link(error)) => unreachable!("{error}"),
        }
    }
}

#[test]
fn a_software_key_is_registered_as_what_it_says_it_is_and_signs_in() {
    for way in WAYS {
        let mut lab = Lab::new(way);
        let registered = lab.run(provision).unwrap();
        assert_eq!(registered.attestation.as_deref(), Some("software"), "{way:?}");
        let snapshot = lab.entra.wait(lab.entra.entra().snapshot()).unwrap();
        let levels: Vec<_> = snapshot.keys.iter().map(|key| key.attestation_level.as_str()).collect();
        assert_eq!(levels, ["software"], "{way:?}");
        let signed_in = lab.run(|_| SignIn::new(ALICE, PIN.into())).unwrap();
        assert_eq!(
            (signed_in.key_id, signed_in.prt.amr),
            (registered.key_id, vec!["rsa".to_owned(), "mfa".to_owned()])
        );
    }
}

#[test]
fn a_refusal_says_the_same_over_every_link() {
    let said = WAYS.map(|way| {
        let mut lab = Lab::new(way);
        let before = lab.picture();
        let wrong = lab.run(|_| Logon::new(ALICE, "wrong".into())).unwrap_err().to_string();
        let unknown = lab.run(|_| Logon::new("mallory@contoso.example", "Passw0rd!".into())).unwrap_err().to_string();
        assert!(lab.picture() == before, "a refusal left something behind over {way:?}");
        let id = lab.device.state.registration.as_ref().unwrap().device_id;
        assert!(lab.entra.wait(lab.entra.entra().enable_device(id, false)).unwrap());
        let disabled = lab.run(provision).unwrap_err().to_string();
        [wrong, unknown, disabled]
    });
    assert_eq!(said[0], said[1]);
    for (said, number) in said[0].iter().zip(["AADSTS50126", "AADSTS50034", "AADSTS135011"]) {
        assert!(said.contains(number), "{said}");
    }
}

#[test]
fn an_assertion_is_made_and_nobody_signed_in() {
    let mut lab = Lab::new(Way::Direct);
    let fault = lab.run(|_| Assert::new(ALICE, PIN.into())).unwrap_err();
    assert!(matches!(fault, Halt::Stop(Stop::NoContainer)), "{fault}");
    lab.run(provision).unwrap();
    let before = lab.picture();
    let made = lab.run(|_| Assert::new(ALICE, PIN.into())).unwrap();
    assert!(lab.picture() == before);
    let jws = Jws::parse(&made.assertion).unwrap();
    assert_eq!((jws.header.kid.as_deref(), jws.header.usage.as_deref()), (Some(made.kid.as_str()), Some("ngc")));
    assert!(!format!("{made:?}").contains(&made.assertion));
}

#[test]
fn a_line_that_is_cut_after_any_request_leaves_device_and_directory_consistent() {
    for way in WAYS {
        let mut lab = Lab::new(way);
        let before = lab.picture();
        let mut sent = 0;
        loop {
            let outcome = lab.run_over(provision, |link| Box::new(Mortal { link, left: Cell::new(sent) }));
            if outcome.is_ok() {
                break;
            }
            assert!(matches!(outcome, Err(Halt::Link(LinkError::Unreachable { .. }))), "after {sent} requests");
            assert!(lab.picture().1 == before.1, "the device changed after {sent} requests");
            sent += 1;
        }
        assert!(sent >= 4, "nonce, code, token and key are four requests at least, and there were {sent}");
        lab.run(|_| SignIn::new(ALICE, PIN.into())).unwrap();
    }
}

#[test]
fn a_server_of_another_ca_hears_nothing() {
    let lab = Lab::new(Way::Direct);
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
