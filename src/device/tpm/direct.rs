//! The backend of our own: sessions, marshalling and nothing in between.

use std::collections::BTreeMap;

use super::channel::Channel;
use super::commands::{Scheme, scheme_of};
use super::frame::{Auth, Entity};
use super::primary::{ENDORSEMENT, Held, LOCKOUT};
use super::template::{self, Primary};
use super::transport::Transport;
use super::{
    Certification, CertifyAuthority, Credential, Endorsement, Facts, Gate, KeyBlob, KeyHandle, KeyKind, Pins,
    RawSignature, SealedBlob, Tpm, TpmError, Usage, policy,
};
use crate::base::{ExposeSecret as _, OsRng, Random, Secret32, SecretSlice};
use crate::crypto::PublicKey;
use crate::crypto::digest::equal;
use tpm2_protocol::data::TpmCc;

/// Whose TPM it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// We made and started it: it is shut down with us.
    Ours,
    /// Somebody else's: no lockout reset, no shutdown, and its handles are afterwards what they were before.
    Guest,
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
    storage: Held,
    pins: Pins,
    loaded: BTreeMap<u32, Loaded>,
    ended: bool,
}

/// A key in a slot.
struct Loaded {
    entity: Entity,
    scheme: Scheme,
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
        let storage = channel.primary(Primary::Storage, pins.map(|pins| pins.srk_name.as_slice()))?;
        match recognize(&mut channel, &storage, pins) {
            Ok(pins) => Ok(Self { channel, ownership, storage, pins, loaded: BTreeMap::new(), ended: false }),
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

    /// Sends the bytes of a command below the session and returns the bytes of its answer. For measurements; what it loads
    /// is the caller's to flush.
    #[doc(hidden)]
    pub fn transmit_raw(&mut self, command: &[u8]) -> Result<Vec<u8>, TpmError> {
        self.channel.transmit(command)
    }

    /// Handles of loaded transient objects and of loaded sessions other than our own, for leak checks.
    ///
    /// # Errors
    /// Those of every command.
    pub fn leftovers(&mut self) -> Result<Vec<u32>, TpmError> {
        let mut handles = self.channel.handles(super::facts::TRANSIENT)?;
        handles.extend(self.channel.handles(super::facts::SESSIONS)?);
        let own = self.channel.session_handle();
        let storage = self.storage.transient.then_some(self.storage.entity.handle);
        handles.retain(|handle| Some(*handle) != own && Some(*handle) != storage);
        Ok(handles)
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
    match template::public_key(&storage.public) {
        Ok(PublicKey::Rsa(key)) => channel.anchor(storage.entity.clone(), key),
        _ => return Err(super::frame::malformed("TPM2_ReadPublic")),
    }
    Ok(found)
}

/// The bytes of an authorization value that may be none.
fn bytes(auth: Option<&Secret32>) -> &[u8] {
    auth.map_or(&[], |auth| auth.expose_secret())
}

fn unbuildable(_: super::marshal::Malformed) -> TpmError {
    TpmError::NotReady("a template cannot be built")
}

impl Tpm for Direct {
    fn facts(&mut self) -> Result<Facts, TpmError> {
        self.channel.facts()
    }

    fn pins(&mut self) -> Result<Pins, TpmError> {
        Ok(self.pins.clone())
    }

    fn endorsement(&mut self, kind: KeyKind) -> Result<Endorsement, TpmError> {
        let held = self.channel.primary(Primary::Endorsement(kind), None)?;
        self.channel.release(&held)?;
        let certificate = self.channel.certificate(kind)?;
        Ok(Endorsement { public: held.public, certificate })
    }

    fn create(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<KeyBlob, TpmError> {
        let template = template::key(kind, usage).map_err(unbuildable)?;
        self.channel.create(&self.storage.entity, &template, bytes(auth), &[])
    }

    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError> {
        let scheme = scheme_of(&blob.public).map_err(|_| super::frame::malformed("TPM2_Load"))?;
        let entity = self.channel.load(&self.storage.entity, blob, "key")?;
        let handle = entity.handle;
        self.loaded.insert(handle, Loaded { entity, scheme });
        Ok(KeyHandle(handle))
    }

    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError> {
        self.entity(&key, "TPM2_FlushContext")?;
        self.loaded.remove(&key.0);
        self.channel.flush(key.0)
    }

    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError> {
        let Loaded { entity, scheme } = self.entity(key, "TPM2_Sign")?;
        let (entity, scheme) = (entity.clone(), *scheme);
        self.channel.sign(&entity, bytes(auth), scheme, digest)
    }

    fn decrypt(
        &mut self,
        key: &KeyHandle,
        auth: Option<&Secret32>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError> {
        let entity = self.entity(key, "TPM2_RSA_Decrypt")?.entity.clone();
        self.channel.decrypt(&entity, bytes(auth), ciphertext)
    }

    fn seal(&mut self, data: &SecretSlice<u8>, gate: Gate<'_>) -> Result<SealedBlob, TpmError> {
        let (counted, auth) = match gate {
            Gate::Open => (false, None),
            Gate::Counted(auth) => (true, Some(auth)),
        };
        let template = template::sealed(counted).map_err(unbuildable)?;
        self.channel.create(&self.storage.entity, &template, bytes(auth), data.expose_secret()).map(SealedBlob)
    }

    fn unseal(&mut self, blob: &SealedBlob, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError> {
        let auth = match gate {
            Gate::Open => None,
            Gate::Counted(auth) => Some(auth),
        };
        let object = self.channel.load(&self.storage.entity, &blob.0, "sealed data")?;
        let outcome = self.channel.unseal(&object, bytes(auth));
        let flushed = self.channel.flush(object.handle);
        let data = outcome?;
        flushed?;
        Ok(data)
    }

    fn certify(
        &mut self,
        key: &KeyHandle,
        aik: &KeyHandle,
        authority: CertifyAuthority<'_>,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError> {
        let subject = self.entity(key, "TPM2_Certify")?.entity.clone();
        let signer = self.entity(aik, "TPM2_Certify")?.entity.clone();
        match authority {
            CertifyAuthority::Value(auth) => {
                let subject = (&subject, Auth::Session(auth.expose_secret()));
                self.channel.certify(subject, (&signer, Auth::Empty), extra_data)
            }
            CertifyAuthority::Policy => self.with_policy(|tpm, policy| {
                tpm.channel.policy_command_code(policy, TpmCc::Certify.value())?;
                tpm.channel.policy_or(policy, &policy::branches())?;
                tpm.channel.certify((&subject, Auth::Policy(policy)), (&signer, Auth::Session(&[])), extra_data)
            }),
        }
    }

    fn change_auth(
        &mut self,
        key: &KeyHandle,
        public: &[u8],
        old: &Secret32,
        new: &Secret32,
    ) -> Result<KeyBlob, TpmError> {
        let entity = self.entity(key, "TPM2_ObjectChangeAuth")?.entity.clone();
        let (old, new) = (old.expose_secret(), new.expose_secret());
        let private = self.channel.change_auth(&entity, &self.storage.entity, old, new)?;
        Ok(KeyBlob { public: public.to_vec(), private })
    }

    fn activate(
        &mut self,
        aik: &KeyHandle,
        kind: KeyKind,
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError> {
        let aik = self.entity(aik, "TPM2_ActivateCredential")?.entity.clone();
        let held = self.channel.primary(Primary::Endorsement(kind), None)?;
        let outcome = self.with_policy(|tpm, policy| {
            let hierarchy = Entity::permanent(ENDORSEMENT, "endorsement hierarchy");
            tpm.channel.policy_secret(&hierarchy, policy)?;
            tpm.channel.activate(&aik, (&held.entity, policy), credential)
        });
        let released = self.channel.release(&held);
        let secret = outcome?;
        released?;
        Ok(secret)
    }

    fn reset_lockout(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        if self.ownership == Ownership::Guest {
            return Err(TpmError::Guest("resetting the lockout"));
        }
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        self.channel.reset_lockout(&lockout, lockout_auth)
    }

    fn shutdown(&mut self) -> Result<(), TpmError> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let keys = std::mem::take(&mut self.loaded);
        // Every step is tried; the first error is told.
        let mut outcome = Ok(());
        for handle in keys.into_keys() {
            outcome = outcome.and(self.channel.flush(handle));
        }
        outcome = outcome.and(self.channel.end_session());
        outcome = outcome.and(self.channel.release(&self.storage));
        if self.ownership == Ownership::Ours {
            outcome = outcome.and(self.channel.shut_down());
        }
        outcome
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // There is nobody left to tell.
        drop(self.shutdown());
    }
}
