//! One base for all cases: a manufactured TPM, a tenant and a joined, logged-on device; every case works on a copy.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use whfb::attest::{TpmIdentity, ek_certificate};
use whfb::base::{Clock as _, ManualClock, OsRng, Secret32, SystemClock, Timestamp};
use whfb::crypto::cert::{Authority, Name, Text, Validity};
use whfb::crypto::{PublicKey, SigningKey};
use whfb::device::flow::Machine;
use whfb::device::home::Device;
use whfb::device::join::Join;
use whfb::device::pin::PinRules;
use whfb::device::policy::{Node, Policy, Source, Value};
use whfb::device::provision::begin_by_user;
use whfb::device::signin::{Logon, SignIn};
use whfb::device::state::{Condition, Description, DeviceState, TpmChoice};
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Direct, Facts, KeyKind, Ownership, Pins, Tpm as _, TpmError, Usage};
use whfb::entra::{Database, Options, Rules, Snapshot};
use whfb::link::{Direct as Tenant, Halt, drive};

use crate::liar::{Liar, Script};
use crate::stock::{Stock, Stocked, first_auth};

pub(crate) const ALICE: &str = "alice@contoso.example";
pub(crate) const PIN: &str = "271828";
const PASSWORD: &str = "Passw0rd!";
const STATE: &str = "tpm2-00.permall";
const TENANT: &str = "entra.sqlite";

/// What a case does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Create,
    SignIn,
}

impl Operation {
    fn run(self, machine: &mut Machine<'_>, tenant: &Tenant) -> Result<(), Halt> {
        let clock = ManualClock::new(now());
        match self {
            Self::Create => {
                let pin = PinRules::of(&machine.policy).accept(PIN.into()).unwrap();
                let flow = begin_by_user(machine, ALICE, now())?.with_pin(pin);
                drive(flow, machine, tenant, &clock).map(drop)
            }
            Self::SignIn => drive(SignIn::new(ALICE, PIN.into()), machine, tenant, &clock).map(drop),
        }
    }
}

/// A TPM, a tenant and a device's record as they lie on disk.
pub(crate) struct Stage {
    folder: TempDir,
    state: DeviceState,
}

pub(crate) struct World {
    /// Before the key is made, and after.
    joined: Stage,
    provisioned: Stage,
    pins: Pins,
    pub(crate) lockout_auth: Secret32,
    vendor: Vec<u8>,
    stock: Stock,
}

/// A copy of a stage, running.
pub(crate) struct Case<'w> {
    world: &'w World,
    pub(crate) tenant: Tenant,
    pub(crate) device: Device,
    pub(crate) stock: Stock,
    folder: TempDir,
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn vendor() -> Authority {
    let name = Name::common_name("TPM vendor", Text::Utf8).unwrap();
    Authority::root(name, SigningKey::generate_rsa().unwrap(), Validity::days_from(now(), 3650), &mut OsRng).unwrap()
}

fn open_tenant(folder: &Path, vendor: &[u8]) -> Tenant {
    Tenant::open(Options {
        database: Database::File(folder.join(TENANT)),
        rules: Rules::entra(),
        clock: Arc::new(ManualClock::new(now())),
        vendor_roots: vec![vendor.to_vec()],
        approve_device_codes: None,
    })
    .unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("tpm")).unwrap();
    std::fs::copy(from.join("tpm").join(STATE), to.join("tpm").join(STATE)).unwrap();
    std::fs::copy(from.join(TENANT), to.join(TENANT)).unwrap();
}

impl World {
    pub(crate) fn new() -> Self {
        let (authority, folder) = (vendor(), tempfile::tempdir().unwrap());
        let issue = |_: KeyKind, ek: &PublicKey, facts: &Facts| -> Result<Option<Vec<u8>>, TpmError> {
            let (manufacturer, version) = (facts.manufacturer_id, facts.firmware_version);
            let identity = TpmIdentity { manufacturer, model: facts.vendor.clone(), version };
            let validity = Validity::days_from(now(), 3650);
            Ok(Some(ek_certificate(&authority, ek, &identity, validity, &mut OsRng).unwrap().der().to_vec()))
        };
        let mut swtpm = Swtpm::start(&folder.path().join("tpm"), Path::new(PROGRAM)).unwrap();
        let owned = manufacture(&mut swtpm, &mut OsRng, &issue).unwrap();
        let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap();
        let mut make = |usage, auth: Option<&Secret32>| tpm.create_key(KeyKind::Rsa2048, usage, auth).unwrap();
        let stock = Stock {
            general: (0..2).map(|_| make(Usage::General, Some(&first_auth()))).collect(),
            attestation: (0..2).map(|_| make(Usage::Attestation, None)).collect(),
        };
        drop(tpm);
        let vendor = authority.certificate().der().to_vec();
        drop(open_tenant(folder.path(), &vendor));
        let description = Description { name: "pc".into(), tpm: TpmChoice::Swtpm, condition: Condition::Ready };
        let bare = |folder| Stage { folder, state: DeviceState::new(description.clone()) };
        let empty = bare(tempfile::tempdir().unwrap());
        let mut world = Self {
            joined: bare(folder),
            provisioned: empty,
            pins: owned.pins,
            lockout_auth: owned.lockout_auth,
            vendor,
            stock,
        };
        let mut case = world.case(Operation::Create);
        let clock = ManualClock::new(now());
        case.run(&quiet(), |machine, tenant| {
            drive(Join::new(ALICE, PASSWORD.into()), machine, tenant, &clock)?;
            drive(Logon::new(ALICE, PASSWORD.into()), machine, tenant, &clock)
        })
        .unwrap();
        let joined = case.end();
        world.joined = joined;
        let mut case = world.case(Operation::Create);
        case.attempt(&[Operation::Create], &quiet()).unwrap();
        let provisioned = case.end();
        world.provisioned = provisioned;
        world
    }

    /// A fresh copy of where `operation` starts.
    pub(crate) fn case(&self, operation: Operation) -> Case<'_> {
        let stage = if operation == Operation::Create { &self.joined } else { &self.provisioned };
        let folder = tempfile::tempdir().unwrap();
        copy(stage.folder.path(), folder.path());
        let mut device = Device::create(&folder.path().join("pc"), stage.state.description.clone()).unwrap();
        device.state = stage.state.clone();
        device.policy =
            Policy::default().with(Source::DeviceCsp, &[(Node::RequireSecurityDevice, Value::Bool(true))]).unwrap();
        let tenant = open_tenant(folder.path(), &self.vendor);
        Case { world: self, tenant, device, stock: self.stock.clone(), folder }
    }
}

/// A script without a lie.
pub(crate) fn quiet() -> Arc<Mutex<Script>> {
    Arc::default()
}

impl Case<'_> {
    fn end(self) -> Stage {
        let Case { tenant, device, folder, .. } = self;
        drop(tenant);
        Stage { folder, state: device.state.clone() }
    }

    fn open(&self, script: &Arc<Mutex<Script>>) -> Result<Direct, TpmError> {
        let inner = Swtpm::start(&self.folder.path().join("tpm"), Path::new(PROGRAM)).unwrap();
        let liar = Liar { inner, script: Arc::clone(script) };
        Direct::open(Box::new(liar), Ownership::Ours, Some(&self.world.pins), Box::new(OsRng))
    }

    /// Starts the TPM, runs `work` and ends the TPM in order.
    fn run<T>(
        &mut self,
        script: &Arc<Mutex<Script>>,
        work: impl FnOnce(&mut Machine<'_>, &Tenant) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        let inner = self.open(script).map_err(|error| Halt::Stop(error.into()))?;
        let stock = std::mem::take(&mut self.stock);
        let mut tpm = Stocked { inner, script: Arc::clone(script), stock };
        let mut rng = OsRng;
        let outcome = match self.device.machine(Some(&mut tpm), &mut rng, SystemClock.now()) {
            Ok(mut machine) => work(&mut machine, &self.tenant),
            Err(stop) => Err(stop.into()),
        };
        self.device.note_time(&mut tpm);
        self.stock = std::mem::take(&mut tpm.stock);
        script.lock().unwrap().aside = true;
        outcome
    }

    /// One operation after the other, while the TPM stays on.
    pub(crate) fn attempt(&mut self, operations: &[Operation], script: &Arc<Mutex<Script>>) -> Result<(), Halt> {
        self.run(script, |machine, tenant| operations.iter().try_for_each(|operation| operation.run(machine, tenant)))
    }

    /// Forgets the failures that a lockout left.
    pub(crate) fn reset_lockout(&self) {
        self.open(&quiet()).unwrap().reset_lockout(&self.world.lockout_auth).unwrap();
    }

    /// What the directory holds.
    pub(crate) fn directory(&self) -> Snapshot {
        self.tenant.wait(self.tenant.entra().snapshot()).unwrap()
    }
}
