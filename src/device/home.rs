//! The directory of a device: its record, its policy, its event log and, without a TPM, its machine key.

use std::path::Path;

use crate::base::{ExposeSecret as _, Random, Secret32};
use crate::device::events::{Event, EventLog};
use crate::device::flow::{Machine, Switches};
use crate::device::hardware::HardwareState;
use crate::device::keys::{KeyStore, secret32};
use crate::device::policy::Policy;
use crate::device::state::{Description, DeviceState, TpmChoice, VERSION};
use crate::device::stop::Stop;
use crate::device::store::{Store, StoreError};
use crate::device::tpm::{Tpm, TpmError};

const RECORD: &str = "device.json";
const POLICY: &str = "policy.json";
const EVENTS: &str = "events.json";
const MACHINE_KEY: &str = "machine.key";
const LOCKOUT_AUTH: &str = "lockout.auth";

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

    /// Keeps the lockout authorization of a TPM of ours: 32 bytes, readable by the owner of the directory alone.
    ///
    /// # Errors
    /// Those of writing a file.
    pub fn keep_lockout_auth(&self, authorization: &Secret32) -> Result<(), StoreError> {
        self.store.write_bytes(LOCKOUT_AUTH, authorization.expose_secret())
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
