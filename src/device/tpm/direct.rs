//! The backend of our own: sessions, marshalling and nothing in between.

mod verbs;

use std::collections::BTreeMap;

use super::channel::Channel;
use super::commands::Scheme;
use super::frame::Entity;
use super::primary::Held;
use super::template::Primary;
use super::transport::Transport;
use super::{Facts, Gate, KeyHandle, KeyKind, Pins, SealedBlob, Tpm as _, TpmError};
use crate::base::{OsRng, Random, SecretSlice};
use crate::crypto::digest::equal;

/// Whose TPM it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// We made and started it: it is shut down with us.
    Ours,
    /// Somebody else's: nothing that outlasts us is changed, and its handles are afterwards what they were before.
    Guest,
    /// Somebody else's, whose owner allows everything but starting and stopping it.
    Allowed,
}

/// A TPM behind a [`Transport`].
///
/// One salted session is kept as long as this lives; parameters that can be secret are encrypted in it and every answer's
/// HMAC is checked. A TPM of ours has three object slots, and a persistent key in use takes one: load at most two keys at a
/// time, and create, unseal or activate with at most one loaded.
///
/// Dropping it flushes what it loaded, shuts a TPM of ours down, and then drops the transport.
pub struct Direct {
    channel: Channel<'static>,
    ownership: Ownership,
    /// The storage root key; none after a clear.
    storage: Option<Held>,
    pins: Pins,
    loaded: BTreeMap<u32, Loaded>,
    /// Whether FIPS mode is laid over the TPM's own answer.
    fips: bool,
    ended: bool,
}

/// A key in a slot.
struct Loaded {
    entity: Entity,
    /// What it signs with, if it is a key.
    scheme: Option<Scheme>,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct")
            .field("ownership", &self.ownership)
            .field("loaded", &self.loaded.len())
            .finish_non_exhaustive()
    }
}

impl Direct {
    /// Meets a TPM: finds its storage root key (persistent, or made in memory where there is none of our template) and its
    /// RSA endorsement key, and compares both with `pins` where there are some. Nothing secret is sent before.
    ///
    /// # Errors
    /// [`TpmError::Swapped`] for another endorsement key, [`TpmError::Cleared`] for another storage root key only,
    /// [`TpmError::NotReady`] when a hierarchy is disabled, [`TpmError::Gone`] when nothing answers.
    pub fn open(
        transport: Box<dyn Transport>,
        ownership: Ownership,
        pins: Option<&Pins>,
        rng: Box<dyn Random>,
    ) -> Result<Self, TpmError> {
        let mut channel = Channel::new(transport, rng);
        let storage = channel.storage(pins.map(|pins| pins.srk_name.as_slice()))?;
        match recognize(&mut channel, &storage, pins) {
            Ok(pins) => Ok(Self {
                channel,
                ownership,
                storage: Some(storage),
                pins,
                loaded: BTreeMap::new(),
                fips: false,
                ended: false,
            }),
            Err(error) => {
                drop(channel.release(&storage));
                Err(error)
            }
        }
    }

    /// What a TPM says about itself before it is met. Works on one that is not ready, which [`Direct::open`] refuses, and
    /// sends no authorization.
    ///
    /// # Errors
    /// [`TpmError::Gone`] when nothing answers, [`TpmError::Untrusted`] when the answer has another form.
    pub fn look(transport: &mut dyn Transport) -> Result<Facts, TpmError> {
        // These questions need no nonce, so nothing is drawn.
        Channel::new(Box::new(transport), Box::new(OsRng)).facts()
    }

    /// Reports FIPS mode from now on, whatever TPM_PT_MODES says: no emulator can be switched to it. [`Facts::injected`] tells.
    ///
    /// It is laid over the answer after its HMAC was checked; on the transport it would be found out.
    pub fn inject_fips(&mut self) {
        self.fips = true;
    }

    /// Sends the bytes of a command below the session and returns the bytes of its answer. For measurements; what it loads
    /// is the caller's to flush.
    #[doc(hidden)]
    pub fn transmit_raw(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.channel.transmit(command)
    }

    /// Loads sealed data, for whoever opens it often. It takes a slot as a key does; give it back with [`unload`](super::Tpm::unload).
    ///
    /// # Errors
    /// Those of `TPM2_Load`.
    pub fn load_sealed(&mut self, blob: &SealedBlob) -> Result<KeyHandle, TpmError> {
        let entity = self.channel.load(&self.storage()?, &blob.0, "sealed data")?;
        Ok(self.hold(entity, None))
    }

    /// Opens sealed data that is [loaded](Self::load_sealed).
    ///
    /// # Errors
    /// Those of [`unseal`](super::Tpm::unseal).
    pub fn unseal_loaded(&mut self, object: &KeyHandle, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let entity = self.entity(object, "TPM2_Unseal")?.entity.clone();
        self.channel.unseal(&entity, gate.value())
    }

    fn hold(&mut self, entity: Entity, scheme: Option<Scheme>) -> KeyHandle {
        let handle = entity.handle;
        self.loaded.insert(handle, Loaded { entity, scheme });
        KeyHandle(handle)
    }

    /// Ends the session and starts the next one at once. For measurements.
    pub(super) fn renew_session(&mut self) -> Result<(), TpmError> {
        self.channel.renew_session()
    }

    /// Handles of loaded transient objects and of loaded sessions other than our own, for leak checks.
    ///
    /// # Errors
    /// Those of every command.
    pub fn leftovers(&mut self) -> Result<Vec<u32>, TpmError> {
        let mut handles = self.channel.handles(super::facts::TRANSIENT)?;
        handles.extend(self.channel.handles(super::facts::SESSIONS)?);
        let own = self.channel.session_handle();
        let transient = self.storage.as_ref().filter(|storage| storage.transient);
        let storage = transient.map(|storage| storage.entity.handle);
        handles.retain(|handle| Some(*handle) != own && Some(*handle) != storage);
        Ok(handles)
    }

    pub(super) fn storage(&self) -> Result<Entity, TpmError> {
        self.storage.as_ref().map(|storage| storage.entity.clone()).ok_or(TpmError::Cleared)
    }

    /// Refuses what a guest does not do.
    fn allow(&self, what: &'static str) -> Result<(), TpmError> {
        if self.ownership == Ownership::Guest { Err(TpmError::Guest(what)) } else { Ok(()) }
    }

    fn entity(&self, key: &KeyHandle, command: &'static str) -> Result<&Loaded, TpmError> {
        const RC_HANDLE: u32 = 0x08B;
        let absent = || TpmError::Refused { command, code: RC_HANDLE, words: "the key is not loaded here".to_owned() };
        self.loaded.get(&key.0).ok_or_else(absent)
    }

    /// Runs `work` with a policy session, which is gone afterwards: the TPM ends it with the command that it authorizes, we
    /// do if the command was never reached or refused.
    fn with_policy<T>(&mut self, work: impl FnOnce(&mut Self, u32) -> Result<T, TpmError>) -> Result<T, TpmError> {
        let policy = self.channel.start_policy()?;
        let outcome = work(self, policy);
        if outcome.is_err() {
            // The error that matters is the first.
            drop(self.channel.flush(policy));
        }
        outcome
    }
}

/// Compares both Names with the pins and salts sessions to the storage root key from then on.
fn recognize(channel: &mut Channel<'_>, storage: &Held, pins: Option<&Pins>) -> Result<Pins, TpmError> {
    let endorsement =
        channel.primary(Primary::Endorsement(KeyKind::Rsa2048), pins.map(|pins| pins.ek_name.as_slice()))?;
    channel.release(&endorsement)?;
    let found = Pins { ek_name: endorsement.entity.name, srk_name: storage.entity.name.clone() };
    if let Some(pins) = pins {
        if !equal(&pins.ek_name, &found.ek_name) {
            return Err(TpmError::Swapped);
        }
        if !equal(&pins.srk_name, &found.srk_name) {
            return Err(TpmError::Cleared);
        }
    }
    channel.anchor(storage)?;
    Ok(found)
}

impl Drop for Direct {
    fn drop(&mut self) {
        // There is nobody left to tell.
        drop(self.shutdown());
    }
}
