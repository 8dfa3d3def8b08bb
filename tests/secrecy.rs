//! Nothing that opens anything is written down: not in the state directory, not in the database, not in the most talkative
//! log. A test binary of its own, since it listens to everything that the whole process logs.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use whfb::base::{Clock as _, CryptoRng, ExposeSecret as _, OsRng, RngCore, Secret32, SystemClock};
use whfb::crypto::digest::hmac_sha256;
use whfb::device::container::pool::KeyPool;
use whfb::device::flow::{Flow, Machine};
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::provision::begin_by_user;
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, TpmChoice};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::trace::{Secrets, Trace};
use whfb::device::tpm::{Direct, Gate, KeyBlob, Ownership, SealedBlob, Tpm, TpmError, with_key};
use whfb::entra::server::Server;
use whfb::entra::{Database, Options, Rules};
use whfb::link::{Direct as Entra, Http, Link, LinkError, drive};
use whfb::wire::encoding::{base64, base64url, from_base64, hex};
use whfb::wire::http::{Reply, Request};
use whfb::wire::jwe::WrappedSessionKey;
use whfb::wire::oauth::PrtReply;

const ALICE: &str = "alice@contoso.example";
const PASSWORD: &str = "Passw0rd!";
const PIN: &str = "Zq7-peculiar-PIN";
const WRONG_PIN: &str = "Zq7-mistaken-PIN";

/// Collects what the whole process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Something that must be found nowhere.
struct Secret {
    name: &'static str,
    bytes: Vec<u8>,
}

/// Overhears a link, as its two ends do.
struct Overhearing<'a> {
    link: &'a Http,
    secrets: &'a RefCell<Vec<Secret>>,
    prt: &'a RefCell<Option<PrtReply>>,
}

impl Link for Overhearing<'_> {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        let reply = self.link.send(request)?;
        let mut secrets = self.secrets.borrow_mut();
        for (name, value) in &request.headers {
            if let Some(token) = value.strip_prefix("Bearer ") {
                secrets.push(Secret { name: "an access token", bytes: token.into() });
            }
            if name.starts_with("x-ms-") {
                secrets.push(Secret { name: "a PRT header", bytes: value.clone().into() });
            }
        }
        if let Some(code) = reply.header("location").and_then(|location| location.split("code=").nth(1)) {
            let code = code.split('&').next().unwrap();
            secrets.push(Secret { name: "an authorization code", bytes: code.into() });
        }
        if let Ok(prt) = reply.json::<PrtReply>() {
            secrets.push(Secret { name: "a PRT", bytes: prt.refresh_token.clone().into() });
            self.prt.replace(Some(prt));
        }
        Ok(reply)
    }
}

/// Remembers what was drawn.
struct Recording(Vec<u8>);

impl RngCore for Recording {
    fn next_u32(&mut self) -> u32 {
        OsRng.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        OsRng.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        OsRng.fill_bytes(bytes);
        self.0.extend_from_slice(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Recording {}

/// Fields drop in order: the TPM ends before its directory goes.
struct Bench {
    tpm: Option<Direct>,
    device: Device,
}

impl Bench {
    fn new(dir: &Path, tpm: TpmChoice, secrets: &RefCell<Vec<Secret>>) -> Self {
        let description = Description { name: "pc".into(), tpm: tpm.clone(), condition: Condition::Ready };
        let device = Device::create(dir, description).unwrap();
        if tpm == TpmChoice::None {
            return Self { tpm: None, device };
        }
        let trace = Trace::create(&dir.join("tpm.pcap"), Secrets::Masked, Box::new(SystemClock)).unwrap();
        let mut swtpm = Swtpm::start(&dir.join("tpm"), Path::new(PROGRAM)).unwrap().traced(Some(&trace));
        let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
        let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap();
        let mut bench = Self { tpm: Some(tpm), device };
        bench.work(|machine| machine.keep_lockout_auth(&owned.lockout_auth).unwrap());
        let bytes = owned.lockout_auth.expose_secret().to_vec();
        secrets.borrow_mut().push(Secret { name: "the lockout authorization", bytes });
        bench.fill_pool(secrets);
        bench
    }

    fn work<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> T) -> T {
        let tpm = self.tpm.as_mut().map(|tpm| tpm as &mut dyn Tpm);
        let value = work(&mut self.device.machine(tpm, &mut OsRng, SystemClock.now()).unwrap());
        self.device.save().unwrap();
        value
    }

    /// One key for provisioning, one that nobody claims.
    fn fill_pool(&mut self, secrets: &RefCell<Vec<Secret>>) {
        self.device.pool = KeyPool::of(2);
        let (mut rng, tpm) = (Recording(Vec::new()), self.tpm.as_mut().unwrap());
        while self.device.pool.make_one(tpm, &mut rng, &SystemClock).unwrap() {}
        assert_eq!(rng.0.len(), 64, "an authorization value each");
        let drawn = rng.0.chunks(32);
        secrets
            .borrow_mut()
            .extend(drawn.map(|auth| Secret { name: "the pool's authorization", bytes: auth.to_vec() }));
    }

    fn run<F: Flow>(&mut self, flow: F, link: &dyn Link) -> F::Output {
        self.work(|machine| drive(flow, machine, link, &SystemClock).unwrap())
    }

    fn live(&mut self, link: &dyn Link) {
        self.run(Join::new(ALICE, PASSWORD.into()), link);
        self.run(Logon::new(ALICE, PASSWORD.into()), link);
        self.work(|machine| {
            let pin = PinRules::of(&machine.policy).accept(PIN.into()).unwrap();
            let flow = begin_by_user(machine, ALICE, whfb::base::Clock::now(&SystemClock)).unwrap().with_pin(pin);
            drive(flow, machine, link, &SystemClock).unwrap();
            drive(SignIn::new(ALICE, WRONG_PIN.into()), machine, link, &SystemClock).unwrap_err();
            drive(SignIn::new(ALICE, PIN.into()), machine, link, &SystemClock).unwrap();
        });
    }

    /// What only this TPM gives back: the session key of the last PRT and the container's three secrets.
    fn open(&mut self, prt: &PrtReply) -> Vec<Secret> {
        let state = serde_json::to_value(&self.device.state).unwrap();
        let tpm = self.tpm.as_mut().unwrap();
        let transport: KeyBlob =
            serde_json::from_value(state["registration"]["transport_key"]["material"]["tpm"].clone()).unwrap();
        let wrapped = WrappedSessionKey::parse(prt.session_key_jwe.as_deref().unwrap()).unwrap();
        let session_key = with_key(tpm, &transport, |tpm, key| tpm.decrypt(key, None, &wrapped.wrapped)).unwrap();
        let protector = &state["users"][ALICE]["container"]["protector"]["tpm"];
        let salt = from_base64(protector["salt"].as_str().unwrap()).unwrap();
        let auth = Secret32::new(Box::new(hmac_sha256(&salt, &[PIN.as_bytes()])));
        let sealed: SealedBlob = serde_json::from_value(protector["sealed"].clone()).unwrap();
        let secrets = tpm.unseal(&sealed, Gate::Counted(&auth)).unwrap();
        let mut found = vec![
            Secret { name: "the session key", bytes: session_key.expose_secret().to_vec() },
            Secret { name: "the protector's authorization", bytes: auth.expose_secret().to_vec() },
        ];
        let parts = secrets.expose_secret().chunks(32);
        found.extend(parts.map(|part| Secret { name: "a secret of the container", bytes: part.to_vec() }));
        assert_eq!(found.len(), 5);
        found
    }
}

/// Every form in which bytes are usually written down.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let upper = hex(bytes).to_uppercase();
    let utf16 = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    let texts = [base64(bytes), base64(bytes).trim_end_matches('=').to_owned(), base64url(bytes), hex(bytes), upper];
    let mut forms: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    forms.push(bytes.to_vec());
    forms.push(utf16);
    forms
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Puts the tenant into `dir`, lives through a device with a TPM and one without, and returns what must not be found.
fn live(dir: &Path) -> Vec<Secret> {
    let options = Options {
        database: Database::File(dir.join("directory.sqlite")),
        rules: Rules::entra(),
        clock: Arc::new(SystemClock),
        vendor_roots: Vec::new(),
        approve_device_codes: None,
    };
    let entra = Entra::open(options).unwrap();
    let server = Server::start(Arc::clone(entra.entra()), ([127, 0, 0, 1], 0).into()).unwrap();
    let http = Http::new(server.address(), server.ca_pem()).unwrap();
    let (secrets, prt) = (RefCell::new(Vec::new()), RefCell::new(None));
    let link = Overhearing { link: &http, secrets: &secrets, prt: &prt };

    let mut hardware = Bench::new(&dir.join("hardware"), TpmChoice::Swtpm, &secrets);
    hardware.live(&link);
    assert_eq!(hardware.device.pool.available(), 1, "provisioning took one");
    let opened = hardware.open(prt.borrow().as_ref().unwrap());
    let mut software = Bench::new(&dir.join("software"), TpmChoice::None, &secrets);
    software.live(&link);

    let mut secrets = secrets.into_inner();
    secrets.extend(opened);
    for (name, text) in [("the PIN", PIN), ("the wrong PIN", WRONG_PIN), ("the password", PASSWORD)] {
        secrets.push(Secret { name, bytes: text.into() });
    }
    secrets
}

#[test]
fn no_file_and_no_log_holds_a_pin_a_secret_a_session_key_or_a_token() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let dir: TempDir = tempfile::tempdir().unwrap();
    let secrets = live(dir.path());
    for name in [
        "a PRT",
        "an access token",
        "an authorization code",
        "a PRT header",
        "the session key",
        "the pool's authorization",
    ] {
        assert!(secrets.iter().any(|secret| secret.name == name), "{name} was never seen, so its absence says nothing");
    }

    let mut places: Vec<(String, Vec<u8>)> =
        files(dir.path()).into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    for expected in ["directory.sqlite", "tpm.pcap", "events.json"] {
        assert!(places.iter().any(|(name, _)| name.contains(expected)), "{expected}");
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(holds(&logged, b"TPM2_Unseal") && holds(&logged, b"/oauth2/token"), "the log is not the talkative one");
    places.push(("the log".to_owned(), logged));
    for (place, bytes) in &places {
        for secret in &secrets {
            // The inside of the emulated chip, which compares with it.
            if place.ends_with("tpm2-00.permall") && secret.name == "the lockout authorization" {
                assert!(holds(bytes, &secret.bytes), "the exception is not needed any more");
                continue;
            }
            for form in forms(&secret.bytes) {
                assert!(!holds(bytes, &form), "{place} holds {} as {} bytes", secret.name, form.len());
            }
        }
    }
}
