//! What a device knows, and its directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::base::ExposeSecret as _;
use crate::base::{Random, Secret32, Timestamp, Uuid};
use crate::crypto::cert::Certificate;
use crate::device::container::Container;
use crate::device::events::{Event, EventLog};
use crate::device::flow::{Machine, Stop, Switches};
use crate::device::hardware::{HardwareState, TpmVersion};
use crate::device::keys::{KeyStore, StoredKey, secret32};
use crate::device::policy::Policy;
use crate::device::prt::StoredPrt;
use crate::device::store::{Store, StoreError};
use crate::device::tpm::{KeyBlob, Pins, Tpm, TpmError};

/// Version of `device.json`.
const VERSION: u64 = 1;
const RECORD: &str = "device.json";
const POLICY: &str = "policy.json";
const EVENTS: &str = "events.json";
const MACHINE_KEY: &str = "machine.key";

/// Which TPM a virtual device has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", from = "String")]
pub enum TpmChoice {
    /// A swtpm of its own, whose state lies in the device directory.
    Swtpm,
    /// None.
    None,
    /// A TPM 1.2: it counts in the hardware decision, and the lab has none to make a key in.
    V12,
    /// A TPM that is there already, by device path or TCTI string.
    Guest(String),
}

impl From<String> for TpmChoice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "swtpm" => Self::Swtpm,
            "none" => Self::None,
            "1.2" => Self::V12,
            _ => Self::Guest(text),
        }
    }
}

impl fmt::Display for TpmChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Swtpm => "swtpm",
            Self::None => "none",
            Self::V12 => "1.2",
            Self::Guest(text) => text,
        })
    }
}

impl From<TpmChoice> for String {
    fn from(choice: TpmChoice) -> Self {
        choice.to_string()
    }
}

/// A condition that is laid over what the TPM says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it is.
    #[default]
    Ready,
    /// Disabled, not owned, or waiting for a restart.
    NotReady,
    /// In FIPS mode.
    Fips,
    /// Locked out.
    LockedOut,
}

/// What a virtual device is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// Name shown in the directory.
    pub name: String,
    /// Its TPM.
    pub tpm: TpmChoice,
    /// Laid over what the TPM says.
    #[serde(default)]
    pub condition: Condition,
}

/// The device's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Registration {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Tenant's display name.
    pub tenant_name: String,
    /// Device id.
    pub device_id: Uuid,
    /// Who joined it.
    pub upn: String,
    /// When, by the device's clock.
    pub joined: Timestamp,
    /// Key registration endpoint, as discovery told it.
    pub key_service: String,
    /// Nonce endpoint for attestation, as discovery told it.
    pub nonce_service: String,
    /// The device certificate, DER.
    #[serde(with = "crate::wire::base64_bytes")]
    pub certificate: Vec<u8>,
    /// Signs for the device.
    pub device_key: StoredKey,
    /// Unwraps session keys.
    pub transport_key: StoredKey,
}

/// The attestation key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Aik {
    /// The key.
    pub key: KeyBlob,
    /// Its certificate, then the issuers, each base64 DER.
    pub chain: Vec<String>,
}

impl Aik {
    /// Whether the certificate is valid at `now`.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        let der = self.chain.first().and_then(|leaf| crate::wire::encoding::from_base64(leaf).ok());
        let validity = der.and_then(|der| Certificate::from_der(&der).ok()?.validity().ok());
        validity.is_some_and(|validity| validity.from <= now && now <= validity.to)
    }
}

/// What a device keeps of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserState {
    /// The primary refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prt: Option<StoredPrt>,
    /// The Hello container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// Everything that one record holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceState {
    version: u64,
    /// What the device is.
    pub description: Description,
    /// The TPM it met first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// Its place in a tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Its attestation key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aik: Option<Aik>,
    /// Its users, by UPN in lower case.
    #[serde(default)]
    pub users: BTreeMap<String, UserState>,
}

impl DeviceState {
    /// A device that has not done anything.
    pub fn new(description: Description) -> Self {
        Self { version: VERSION, description, pins: None, registration: None, aik: None, users: BTreeMap::new() }
    }

    /// What is kept of a user.
    pub fn user(&self, upn: &str) -> Option<&UserState> {
        self.users.get(&upn.to_lowercase())
    }

    pub(crate) fn user_mut(&mut self, upn: &str) -> &mut UserState {
        self.users.entry(upn.to_lowercase()).or_default()
    }
}

/// An open device directory. Flows change what it holds in memory; [`Device::save`] writes it.
#[derive(Debug)]
pub struct Device {
    store: Store,
    /// The record.
    pub state: DeviceState,
    /// What an administrator set.
    pub policy: Policy,
    /// Undocumented outcomes.
    pub switches: Switches,
    /// Events since the last [`Device::save`].
    pub events: EventLog,
    machine_key: Option<Secret32>,
    machine_key_is_stored: bool,
}

impl Device {
    /// Makes a device in a directory that is absent or empty.
    pub fn create(dir: &Path, description: Description) -> Result<Self, StoreError> {
        let store = Store::create(dir)?;
        let device = Self::assemble(store, DeviceState::new(description), Policy::default(), None);
        device.store.write(RECORD, &device.state)?;
        Ok(device)
    }

    /// Opens a device that was made before; one process at a time.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        if !dir.join(RECORD).is_file() {
            return Err(StoreError::NoDevice(dir.to_owned()));
        }
        let store = Store::open(dir)?;
        let state = store.read_versioned(RECORD, VERSION)?;
        let policy = store.read(POLICY)?.unwrap_or_default();
        let damaged = || StoreError::Damaged { path: store.path(MACHINE_KEY), reason: "not 32 bytes".to_owned() };
        let machine_key = match store.read_bytes(MACHINE_KEY)? {
            Some(bytes) => Some(secret32(&zeroize::Zeroizing::new(bytes)).ok_or_else(damaged)?),
            None => None,
        };
        Ok(Self::assemble(store, state, policy, machine_key))
    }

    fn assemble(store: Store, state: DeviceState, policy: Policy, machine_key: Option<Secret32>) -> Self {
        let machine_key_is_stored = machine_key.is_some();
        let (switches, events) = (Switches::default(), EventLog::default());
        Self { store, state, policy, switches, events, machine_key, machine_key_is_stored }
    }

    /// What flows work on. Looks at the TPM first: one that was cleared or swapped is refused before any secret is
    /// sent, and a TPM that is met for the first time is pinned.
    pub fn machine<'a>(
        &'a mut self,
        mut tpm: Option<&'a mut (dyn Tpm + 'static)>,
        rng: &'a mut (dyn Random + 'static),
    ) -> Result<Machine<'a>, Stop> {
        let hardware = match tpm.as_deref_mut() {
            Some(tpm) => {
                check_pins(&mut self.state, tpm, &self.switches)?;
                HardwareState::of(&tpm.facts()?)
            }
            None if self.state.description.tpm == TpmChoice::V12 => HardwareState::of_tpm12(),
            None => HardwareState::absent(),
        };
        Ok(Machine {
            keys: KeyStore { tpm, machine_key: &mut self.machine_key, rng },
            hardware: hardware.under(self.state.description.condition),
            policy: &self.policy,
            switches: &self.switches,
            state: &mut self.state,
            events: &mut self.events,
        })
    }

    /// Writes what changed, the machine key before the record that needs it. Call it after a flow, stopped or not:
    /// a flow that stopped has changed nothing but the log and what was already true.
    pub fn save(&mut self) -> Result<(), StoreError> {
        if let Some(key) = self.machine_key.as_ref().filter(|_| !self.machine_key_is_stored) {
            self.store.write_bytes(MACHINE_KEY, key.expose_secret())?;
            self.machine_key_is_stored = true;
        }
        self.store.write(RECORD, &self.state)?;
        self.store.write(POLICY, &self.policy)?;
        let fresh = self.events.take();
        if !fresh.is_empty() {
            let mut events = self.logged_events()?;
            events.extend(fresh);
            self.store.write(EVENTS, &events)?;
        }
        Ok(())
    }

    /// Every event that was saved, oldest first.
    pub fn logged_events(&self) -> Result<Vec<Event>, StoreError> {
        Ok(self.store.read(EVENTS)?.unwrap_or_default())
    }
}

fn check_pins(state: &mut DeviceState, tpm: &mut dyn Tpm, switches: &Switches) -> Result<(), Stop> {
    let found = tpm.pins()?;
    let other = |error| Err(Stop::OtherTpm { error, code: switches.hardware.cleared });
    match &state.pins {
        Some(pinned) if pinned.ek_name != found.ek_name => other(TpmError::Swapped),
        Some(pinned) if pinned.srk_name != found.srk_name => other(TpmError::Cleared),
        Some(_) => Ok(()),
        None => {
            state.pins = Some(found);
            Ok(())
        }
    }
}

impl HardwareState {
    /// What `condition` makes of it.
    pub(crate) fn under(self, condition: Condition) -> Self {
        match condition {
            Condition::Ready => self,
            Condition::NotReady => Self { ready: false, ..self },
            Condition::Fips => Self { fips: self.version != TpmVersion::None, ..self },
            Condition::LockedOut => Self { locked_out: self.version != TpmVersion::None, ..self },
        }
    }
}
