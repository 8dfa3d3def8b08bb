//! User keys made in advance, so that nobody waits for a TPM's search for primes.
//!
//! A key of the pool has a random authorization value that exists in this process alone. When a user gets the key, the
//! value is replaced by the container's sign secret (`TPM2_ObjectChangeAuth`) and wiped. That revokes nothing: whoever kept
//! the first blob and the first value signs for ever, without a PIN and without lockout. So the value is never written, not
//! even sealed, and the pool ends with its process.
//!
//! The owner of a TPM fills a pool while nobody uses the TPM, and a device takes from it:
//!
//! ```no_run
//! use std::time::Duration;
//! use whfb::base::{Clock as _, OsRng, SystemClock};
//! use whfb::device::container::pool::KeyPool;
//! use whfb::device::home::Device;
//! use whfb::device::tpm::owner::{Opener, Owner};
//!
//! # fn example(open: Opener, mut device: Device) -> Result<(), Box<dyn std::error::Error>> {
//! device.pool = KeyPool::of(2);
//! let pool = device.pool.clone();
//! let fill = Box::new(move |tpm: &mut dyn whfb::device::tpm::Tpm| pool.make_one(tpm, &mut OsRng, &SystemClock));
//! let owner = Owner::new(open, Some(fill), Some(Duration::from_secs(60)));
//! owner.with(|tpm| {
//!     let mut rng = OsRng;
//!     let machine = device.machine(Some(tpm), &mut rng, SystemClock.now())?;
//!     // Drive flows on the machine; provisioning claims a key of the pool.
//!     # drop(machine);
//!     Ok::<(), whfb::device::stop::Stop>(())
//! })??;
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::base::{Clock, ExposeSecret as _, Random, Secret32};
use crate::crypto::cipher;
use crate::device::events::{Activity, Event, EventLog};
use crate::device::keys::secret32;
use crate::device::tpm::{KeyBlob, KeyKind, Tpm, TpmError, Usage};

/// The most keys that a pool holds, whatever it was asked for.
pub const MOST: usize = 64;

/// More than a stored key takes, so that the text is never moved and leaves no copy behind.
const ROOM: usize = 2048;

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredPool<'a> {
    size: usize,
    #[serde(borrow)]
    keys: Vec<StoredPooled<'a>>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredPooled<'a> {
    blob: Cow<'a, KeyBlob>,
    auth: Zeroizing<[u8; 32]>,
}

impl<'a> StoredPooled<'a> {
    fn of(key: &'a PooledKey) -> Self {
        Self { blob: Cow::Borrowed(&key.blob), auth: Zeroizing::new(*key.auth.expose_secret()) }
    }

    fn into_key(self) -> Option<PooledKey> {
        Some(PooledKey { blob: self.blob.into_owned(), auth: secret32(&*self.auth)? })
    }
}

/// A key that nobody has yet. [`Tpm::claim`] makes it somebody's.
pub struct PooledKey {
    /// The key under its first authorization value.
    pub blob: KeyBlob,
    /// That value; wiped when this is dropped.
    pub auth: Secret32,
}

impl std::fmt::Debug for PooledKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PooledKey").finish_non_exhaustive()
    }
}

/// Keys made in advance, shared between whoever fills it and the flows that take from it.
#[derive(Debug, Clone)]
pub struct KeyPool(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    size: usize,
    keys: VecDeque<PooledKey>,
    events: EventLog,
}

impl Default for KeyPool {
    /// No pool: every key is made when it is needed.
    fn default() -> Self {
        Self::of(0)
    }
}

impl KeyPool {
    /// A pool for up to `size` keys, at most [`MOST`]; empty until it is [filled](Self::make_one).
    pub fn of(size: usize) -> Self {
        let size = size.min(MOST);
        Self(Arc::new(Mutex::new(Inner { size, keys: VecDeque::new(), events: EventLog::default() })))
    }

    /// How many keys are ready.
    pub fn available(&self) -> usize {
        self.inner().keys.len()
    }

    /// Whether there is room for another key.
    pub fn wants_more(&self) -> bool {
        let inner = self.inner();
        inner.keys.len() < inner.size
    }

    /// Makes one RSA-2048 key, if there is room: a single TPM command. Whether there is room for more afterwards.
    ///
    /// # Errors
    /// Those of [`Tpm::create`]; the pool stays as it was, and its log says so.
    pub fn make_one(&self, tpm: &mut dyn Tpm, rng: &mut dyn Random, clock: &dyn Clock) -> Result<bool, TpmError> {
        if !self.wants_more() {
            return Ok(false);
        }
        let started = clock.now();
        self.inner().events.record(Event::started(started, Activity::PoolGeneration));
        let auth = cipher::random_secret(rng);
        // Nobody waits for the pool while the TPM looks for primes.
        let made = tpm.create(KeyKind::Rsa2048, Usage::General, Some(&auth));
        let ended = clock.now();
        let mut inner = self.inner();
        let outcome = made.map(|blob| inner.keys.push_back(PooledKey { blob, auth }));
        let code = outcome.as_ref().copied().map_err(TpmError::hresult);
        let available = inner.keys.len();
        inner.events.record(Event::pool_filled(ended, code, available, ended.duration_since(started)));
        inner.events.record(Event::ended(ended, Activity::PoolGeneration, started, code));
        outcome.map(|()| available < inner.size)
    }

    /// The key that is ready longest. It leaves the pool, whatever becomes of it.
    pub fn take(&self) -> Option<PooledKey> {
        self.inner().keys.pop_front()
    }

    /// What happened since the last call, oldest first.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.inner().events.take()
    }

    /// The bytes of a pool that outlives its process. They hold the authorization values.
    pub(crate) fn to_stored(&self) -> Zeroizing<Vec<u8>> {
        let inner = self.inner();
        let mut text = Zeroizing::new(Vec::with_capacity(ROOM + inner.keys.len() * ROOM));
        let keys: Vec<StoredPooled<'_>> = inner.keys.iter().map(StoredPooled::of).collect();
        // Writing to memory does not fail, and neither do these types.
        drop(serde_json::to_writer(&mut *text, &StoredPool { size: inner.size, keys }));
        text
    }

    /// Undoes [`Self::to_stored`]; `None` for bytes of another form.
    pub(crate) fn from_stored(bytes: &[u8]) -> Option<Self> {
        let StoredPool { size, keys } = serde_json::from_slice(bytes).ok()?;
        let pool = Self::of(size);
        let keys: Option<VecDeque<PooledKey>> = keys.into_iter().take(MOST).map(StoredPooled::into_key).collect();
        pool.inner().keys = keys?;
        Some(pool)
    }

    /// A copy of the key that is handed out next.
    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<PooledKey> {
        let copy =
            |key: &PooledKey| Some(PooledKey { blob: key.blob.clone(), auth: secret32(key.auth.expose_secret())? });
        self.inner().keys.front().and_then(copy)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_bounded_and_shows_no_authorization() {
        assert_eq!(KeyPool::of(usize::MAX).inner().size, MOST);
        assert!(!KeyPool::default().wants_more(), "no pool is one that wants nothing");
        let pool = KeyPool::of(1);
        let blob = KeyBlob { public: vec![1], private: vec![2] };
        pool.inner().keys.push_back(PooledKey { blob, auth: Secret32::new(Box::new([0xA5; 32])) });
        assert!(!pool.wants_more());
        let shown = format!("{pool:?}");
        assert!(!shown.contains("165") && !shown.to_lowercase().contains("a5"), "{shown}");
    }

    #[test]
    fn more_keys_than_a_pool_may_hold_are_not_read() {
        let pool = KeyPool::of(MOST);
        for _ in 0..MOST {
            let blob = KeyBlob { public: vec![1; 300], private: vec![2; 300] };
            pool.inner().keys.push_back(PooledKey { blob, auth: Secret32::new(Box::new([0xFF; 32])) });
        }
        let stored = pool.to_stored();
        assert!(stored.capacity() >= stored.len() && stored.len() <= ROOM * (MOST + 1), "it was never moved");
        let mut text: serde_json::Value = serde_json::from_slice(&stored).unwrap();
        let more = text["keys"][0].clone();
        text["keys"].as_array_mut().unwrap().push(more);
        text["size"] = usize::MAX.into();
        let read = KeyPool::from_stored(text.to_string().as_bytes()).unwrap();
        assert_eq!((read.available(), read.inner().size), (MOST, MOST));
    }
}
