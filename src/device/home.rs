//! The directory of a device: its record, its policy, its event log and, without a TPM, its machine key.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::{ExposeSecret as _, Random, Secret32, Timestamp};
use crate::device::container::pool::KeyPool;
use crate::device::events::{Event, EventLog};
use crate::device::flow::Machine;
use crate::device::hardware::HardwareState;
use crate::device::keys::{KeyStore, secret32};
use crate::device::policy::Policy;
use crate::device::state::{Description, DeviceState, TimeMark, TpmChoice, VERSION};
use crate::device::stop::Stop;
use crate::device::store::{Store, StoreError};
use crate::device::switches::{SwitchFault, Switches};
use crate::device::tpm::{Facts, Tpm, TpmError};

const RECORD: &str = "device.json";
const POLICY: &str = "policy.json";
const SWITCHES: &str = "switches.json";
const EVENTS: &str = "events.json";
const TIME: &str = "time.json";
const MACHINE_KEY: &str = "machine.key";
const POOL: &str = "pool.json";

/// How many events are kept.
const MOST_EVENTS: usize = 2000;

/// An open device directory. Flows change what it holds in memory; [`Device::save`] writes it.
#[derive(Debug)]
pub struct Device {
    store: Store,
    /// The record.
    pub state: DeviceState,
    /// What administrators set, by source.
    pub policy: Policy,
    /// Undocumented outcomes.
    pub switches: Switches,
    /// Events since the last [`Device::save`].
    pub events: EventLog,
    /// Keys made in advance; none unless somebody [fills](KeyPool::make_one) it.
    pub pool: KeyPool,
    /// Where the TPM stood in time when it was used last.
    pub time: Option<TimeMark>,
    /// What a TPM that is not ready says about itself; such a TPM is not handed to [`Device::machine`].
    pub not_ready: Option<Box<Facts>>,
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
        let policy = read_policy(&store)?;
        let switches = read_switches(&store)?;
        let machine_key = read_secret(&store, MACHINE_KEY)?;
        let time = store.read(TIME)?;
        let pool = read_pool(&store)?;
        Ok(Self { time, pool, switches, ..Self::assemble(store, state, policy, machine_key) })
    }

    fn assemble(store: Store, state: DeviceState, policy: Policy, machine_key: Option<Secret32>) -> Self {
        let machine_key_is_stored = machine_key.is_some();
        let (switches, events) = (Switches::default(), EventLog::default());
        Self {
            store,
            state,
            policy,
            switches,
            events,
            pool: KeyPool::default(),
            time: None,
            not_ready: None,
            machine_key,
            machine_key_is_stored,
        }
    }

    /// What flows work on. Looks at the TPM first: one that was cleared or swapped is refused before any secret is
    /// sent, and a TPM that is met for the first time is pinned. The policy is the one in force at `now`.
    pub fn machine<'a>(
        &'a mut self,
        mut tpm: Option<&'a mut (dyn Tpm + 'static)>,
        rng: &'a mut (dyn Random + 'static),
        now: Timestamp,
    ) -> Result<Machine<'a>, Stop> {
        let hardware = match tpm.as_deref_mut() {
            Some(tpm) => {
                check_pins(&mut self.state, tpm, &self.switches)?;
                check_time(&mut self.time, tpm, &self.switches)?;
                HardwareState::of(&tpm.facts()?)
            }
            None if self.state.description.tpm == TpmChoice::V12 => {
                HardwareState::of_tpm12_in(self.state.description.condition)
            }
            None => self.not_ready.as_deref().map_or_else(HardwareState::absent, HardwareState::of),
        };
        Ok(Machine {
            keys: KeyStore { tpm, not_ready: self.not_ready.is_some(), machine_key: &mut self.machine_key, rng },
            hardware,
            pool: &self.pool,
            policy: self.policy.effective(now, &self.switches.policy),
            managed_by_intune: self.policy.has_intune(),
            switches: &self.switches,
            state: &mut self.state,
            events: &mut self.events,
        })
    }

    /// Remembers where the TPM stands in time, as late as possible: what an older state lacks is what happened since.
    pub fn note_time(&mut self, tpm: &mut dyn Tpm) {
        // A TPM that has just gone says nothing any more, and what was noted before stays true.
        if let (Ok(clock), Some(mark)) = (tpm.clock(), &mut self.time) {
            mark.clock = clock;
        }
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
        self.save_switches()?;
        self.save_time()?;
        self.save_pool()?;
        let mut fresh = self.events.take();
        fresh.extend(self.pool.take_events());
        // The pool is filled beside the flows; within one instant the order of each stays.
        fresh.sort_by_key(|event| event.at);
        if !fresh.is_empty() {
            let mut events = self.logged_events()?;
            events.extend(fresh);
            // Windows' logs have a largest size too, and drop the oldest.
            events.drain(..events.len().saturating_sub(MOST_EVENTS));
            self.store.write(EVENTS, &events)?;
        }
        Ok(())
    }

    /// Writes where the TPM stands in time, and nothing else: what a device does that refuses its TPM.
    pub fn save_time(&self) -> Result<(), StoreError> {
        self.time.as_ref().map_or(Ok(()), |mark| self.store.write(TIME, mark))
    }

    /// Keeps the switches that were turned, by name.
    fn save_switches(&self) -> Result<(), StoreError> {
        let turned = self.switches.turned();
        if turned.is_empty() { self.store.remove(SWITCHES) } else { self.store.write(SWITCHES, &turned) }
    }

    /// Keeps the pool's authorization values on disk only where [`Switches::pool_persist`] says so, and removes them otherwise.
    fn save_pool(&self) -> Result<(), StoreError> {
        if self.switches.pool_persist {
            self.store.write_bytes(POOL, &self.pool.to_stored())
        } else {
            self.store.remove(POOL)
        }
    }

    /// Whether authorization values of keys made in advance are on disk: whoever reads them signs with those keys for ever,
    /// without a PIN and without lockout.
    pub fn pool_auth_on_disk(&self) -> bool {
        self.store.path(POOL).exists()
    }

    /// Every event that was saved, oldest first.
    pub fn logged_events(&self) -> Result<Vec<Event>, StoreError> {
        Ok(self.store.read(EVENTS)?.unwrap_or_default())
    }
}

/// The pool that an earlier process wrote down on purpose.
fn read_pool(store: &Store) -> Result<KeyPool, StoreError> {
    let Some(bytes) = store.read_bytes(POOL)?.map(zeroize::Zeroizing::new) else { return Ok(KeyPool::default()) };
    let damaged = || StoreError::Damaged { path: store.path(POOL), reason: "not a pool of keys".to_owned() };
    KeyPool::from_stored(&bytes).ok_or_else(damaged)
}

/// What was set, if every layer holds what its channel takes.
fn read_policy(store: &Store) -> Result<Policy, StoreError> {
    let policy: Policy = store.read(POLICY)?.unwrap_or_default();
    match policy.fault() {
        None => Ok(policy),
        Some(fault) => Err(StoreError::Damaged { path: store.path(POLICY), reason: fault.to_string() }),
    }
}

/// The switches that were turned.
fn read_switches(store: &Store) -> Result<Switches, StoreError> {
    let turned: BTreeMap<String, String> = store.read(SWITCHES)?.unwrap_or_default();
    let mut switches = Switches::default();
    for (name, value) in &turned {
        let damaged =
            |fault: SwitchFault| StoreError::Damaged { path: store.path(SWITCHES), reason: fault.to_string() };
        switches.turn(name, value).map_err(damaged)?;
    }
    Ok(switches)
}

/// A file of 32 bytes.
fn read_secret(store: &Store, name: &str) -> Result<Option<Secret32>, StoreError> {
    let Some(bytes) = store.read_bytes(name)?.map(zeroize::Zeroizing::new) else { return Ok(None) };
    let damaged = || StoreError::Damaged { path: store.path(name), reason: "not 32 bytes".to_owned() };
    secret32(&bytes).map(Some).ok_or_else(damaged)
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

/// Refuses a TPM whose time went back, and marks where it stands. A backend that cannot read the clock cannot tell.
fn check_time(time: &mut Option<TimeMark>, tpm: &mut dyn Tpm, switches: &Switches) -> Result<(), Stop> {
    let clock = match tpm.clock() {
        Ok(clock) => clock,
        Err(TpmError::Gap { .. }) => {
            tracing::info!("whether the TPM was rolled back is not known: the backend cannot read its clock");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let rolled_back = time.is_some_and(|before| before.rolled_back || clock.went_back_since(&before.clock));
    if rolled_back {
        *time = time.map(|before| TimeMark { rolled_back, ..before });
        return Err(Stop::OtherTpm { error: TpmError::RolledBack, code: switches.hardware.rolled_back });
    }
    *time = Some(TimeMark { clock, rolled_back });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;
    use crate::device::events::Activity;
    use crate::device::hardware::Provider;
    use crate::device::keys::{Lock, Role};
    use crate::device::policy::{Node, Source, Value};

    fn description() -> Description {
        Description { name: "LAB-1".into(), tpm: TpmChoice::None, condition: Default::default() }
    }

    fn required() -> Policy {
        Policy::default().with(Source::DeviceCsp, &[(Node::RequireSecurityDevice, Value::Bool(true))]).unwrap()
    }

    fn files(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap())).collect();
        files.sort();
        files
    }

    #[test]
    fn a_record_of_another_version_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(Device::create(dir.path(), description()).unwrap());
        let path = dir.path().join(RECORD);
        let text = std::fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
        std::fs::write(&path, text).unwrap();
        let before = files(dir.path());
        let error = Device::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::OtherVersion { found: 2, expected: 1, .. }), "{error}");
        assert_eq!(files(dir.path()), before);
    }

    #[test]
    fn a_directory_without_a_device_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("notes.txt"), b"mine").unwrap();
        assert!(matches!(Device::open(dir.path()), Err(StoreError::NoDevice(_))));
        assert!(matches!(Device::create(dir.path(), description()), Err(StoreError::NotEmpty(_))));
        assert_eq!(files(dir.path()), vec![("notes.txt".into(), b"mine".to_vec())]);
    }

    #[test]
    fn one_command_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let device = Device::create(dir.path(), description()).unwrap();
        assert!(matches!(Device::open(dir.path()), Err(StoreError::Busy(_))));
        drop(device);
        assert!(Device::open(dir.path()).is_ok());
    }

    #[test]
    fn the_machine_key_is_drawn_when_needed_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut device = Device::create(dir.path(), description()).unwrap();
        device.save().unwrap();
        assert!(!dir.path().join(MACHINE_KEY).exists());
        let mut rng = OsRng;
        let keys = &mut device.machine(None, &mut rng, Timestamp::UNIX_EPOCH).unwrap().keys;
        let key = keys.create(Provider::Software, Role::Device, Lock::Device).unwrap();
        device.save().unwrap();
        drop(device);

        let mut device = Device::open(dir.path()).unwrap();
        device.save().unwrap();
        device.machine(None, &mut rng, Timestamp::UNIX_EPOCH).unwrap().keys.sign(&key, Lock::Device, &[0; 32]).unwrap();
        drop(device);
        std::fs::write(dir.path().join(MACHINE_KEY), [0; 31]).unwrap();
        assert!(matches!(Device::open(dir.path()), Err(StoreError::Damaged { .. })));
        std::fs::write(dir.path().join(MACHINE_KEY), [0; 32]).unwrap();
        let mut device = Device::open(dir.path()).unwrap();
        let error = device
            .machine(None, &mut rng, Timestamp::UNIX_EPOCH)
            .unwrap()
            .keys
            .sign(&key, Lock::Device, &[0; 32])
            .unwrap_err();
        assert!(matches!(error, crate::device::keys::KeyError::Sealed), "{error}");
    }

    #[test]
    fn events_add_up_and_policy_survives() {
        let dir = tempfile::tempdir().unwrap();
        let mut device = Device::create(dir.path(), description()).unwrap();
        device.policy = required();
        for _ in 0..2 {
            device.events.record(Event::started(Timestamp::UNIX_EPOCH, Activity::Processing));
            device.save().unwrap();
        }
        drop(device);
        let device = Device::open(dir.path()).unwrap();
        assert_eq!(device.logged_events().unwrap().len(), 2);
        assert_eq!(device.policy, required());
    }
}
