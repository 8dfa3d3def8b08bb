//! Many TPMs, of which as many run as memory allows; the others sleep until they are used.
//!
//! A running emulator is a process, a thread and a few descriptors; a sleeping one is a name and what opens it. So a fleet
//! is as large as memory is, and needs no ports.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::owner::Owner;
use super::{Tpm, TpmError};

/// What a running TPM takes at most: swtpm 0.7 with libtpms 0.9 has 6.6 MB resident, of which it shares 1.2 (measured), and
/// its owner's thread is small.
pub const AWAKE: usize = 8 << 20;

/// How long a user waits for another TPM to become idle.
const PATIENCE: Duration = Duration::from_secs(300);

/// TPMs by name.
#[derive(Debug)]
pub struct Fleet {
    owners: RwLock<BTreeMap<String, Arc<Owner>>>,
    /// How many may run at a time.
    room: usize,
    /// Names of those that may be awake, the one used longest ago first.
    awake: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Fleet {
    /// A fleet whose running TPMs take no more than `memory` bytes, [`AWAKE`] each; one may always run.
    pub fn within(memory: usize) -> Self {
        let room = (memory / AWAKE).max(1);
        Self { owners: RwLock::default(), room, awake: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a TPM, asleep. One of the same name is replaced, and ends when its users are done.
    pub fn add(&self, name: String, owner: Owner) {
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = owners.insert(name, Arc::new(owner));
        drop(owners);
        // Its end may take a while.
        drop(replaced);
    }

    fn owner(&self, name: &str) -> Option<Arc<Owner>> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.owners.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many run now.
    pub fn awake(&self) -> usize {
        // Under the lock none takes another's room while they are counted.
        let _list = self.list();
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.values().filter(|owner| owner.is_awake()).count()
    }

    /// Works with a TPM. Where there is no room for it, the one that is idle longest is put to sleep first.
    ///
    /// # Errors
    /// [`TpmError::Unavailable`] for an unknown name, and when no other becomes idle for five minutes; those of opening it.
    pub fn with<T>(&self, name: &str, work: impl FnOnce(&mut (dyn Tpm + 'static)) -> T) -> Result<T, TpmError> {
        let unknown = || TpmError::Unavailable(format!("there is no TPM {name:?} in the fleet"));
        let owner = self.owner(name).ok_or_else(unknown)?;
        let deadline = Instant::now() + PATIENCE;
        let mut awake = self.list();
        loop {
            awake.retain(|each| each != name);
            if awake.len() < self.room || self.make_room(&mut awake) {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (next, late) = self.changed.wait_timeout(awake, left).unwrap_or_else(PoisonError::into_inner);
            if late.timed_out() {
                return Err(TpmError::Unavailable("all others have been in use for five minutes on end".to_owned()));
            }
            awake = next;
        }
        // In the queue before anybody else can put it to sleep.
        let place = owner.queue();
        awake.push(name.to_owned());
        drop(awake);
        let _bell = Bell(self);
        place.with(work)
    }

    fn list(&self) -> MutexGuard<'_, Vec<String>> {
        // Nothing that runs under the lock leaves it half done.
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one TPM to sleep, the one used longest ago that nobody uses now. Whether there was one.
    fn make_room(&self, awake: &mut Vec<String>) -> bool {
        let idle = awake.iter().position(|name| self.owner(name).is_none_or(|owner| owner.sleep()));
        idle.map(|index| awake.remove(index)).is_some()
    }

    /// Puts every TPM to sleep that nobody uses.
    pub fn sleep(&self) {
        let mut awake = self.list();
        awake.retain(|name| !self.owner(name).is_none_or(|owner| owner.sleep()));
    }
}

/// Tells those who wait for room that a TPM has become idle, however its user ended.
struct Bell<'f>(&'f Fleet);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        // Under the lock: whoever found no room just now waits already.
        let _list = self.0.list();
        self.0.changed.notify_all();
    }
}
