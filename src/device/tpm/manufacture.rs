//! Makes the lab's TPMs: what a chip's maker and then Windows do before a user sees the machine.
//!
//! The maker's part ([`manufacture`]) puts certificates of the endorsement keys into NV with platform authorization, where a
//! clear does not reach them. The owner's part ([`take_ownership`]) persists the primaries, sets the dictionary-attack
//! parameters of Windows and takes the lockout authorization; a clear undoes all of it, so it runs again after [`clear`].
//! All of it takes a [`Swtpm`] and nothing else: it cannot be turned against a TPM that somebody else started.

use super::channel::Channel;
use super::frame::{Auth, Entity};
use super::marshal::Writer;
use super::primary::{Held, LOCKOUT, OWNER, PLATFORM, certificate_index};
use super::swtpm::Swtpm;
use super::template::{self, Primary};
use super::{Facts, KeyKind, LockoutLimits, Pins, TpmError, verb};
use crate::base::{ExposeSecret as _, Random, Secret32};
use crate::crypto::PublicKey;
use crate::crypto::cipher::random_secret;

/// Answers the certificate (DER) of an endorsement key of the TPM with those facts, or `None` for a TPM that shall have
/// none of this kind.
pub type Issuer<'a, E> = &'a dyn Fn(KeyKind, &PublicKey, &Facts) -> Result<Option<Vec<u8>>, E>;

/// What its owner keeps of a TPM.
#[derive(Debug)]
pub struct Owned {
    /// The Names to recognize it by.
    pub pins: Pins,
    /// Resets the lockout and clears the TPM. Whoever loses it waits.
    pub lockout_auth: Secret32,
    /// What it says about itself.
    pub facts: Facts,
}

/// Manufactures a fresh TPM and takes it into ownership. Afterwards it can be given to
/// [`Direct::open`](super::Direct::open).
///
/// # Errors
/// The issuer's, or that of a command: [`TpmError::Refused`] with TPM_RC_NV_DEFINED for a TPM that was manufactured before.
pub fn manufacture<E: From<TpmError>>(
    tpm: &mut Swtpm,
    rng: &mut dyn Random,
    issuer: Issuer<'_, E>,
) -> Result<Owned, E> {
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        let mut channel = Channel::new(Box::new(&mut *tpm), Box::new(&mut *rng));
        // Kept at once: to make it again for its owner is another search for primes.
        let held = channel.persist(Primary::Endorsement(kind))?;
        let key = template::public_key(&held.public).map_err(|_| super::frame::malformed("TPM2_CreatePrimary"))?;
        let facts = channel.facts()?;
        if let Some(certificate) = issuer(kind, &key, &facts)? {
            channel.write_certificate(kind, &certificate)?;
        }
    }
    take_ownership(tpm, rng).map_err(E::from)
}

/// The owner's part, for a TPM whose lockout authorization is empty: a new one, or one that was cleared.
///
/// # Errors
/// That of the command that failed.
pub fn take_ownership(tpm: &mut Swtpm, rng: &mut dyn Random) -> Result<Owned, TpmError> {
    take_ownership_with(tpm, rng, KeyKind::Rsa2048)
}

/// [`take_ownership`] with a storage root key of the given kind: RSA-2048 is what Windows makes, P-256 what Linux often does.
///
/// # Errors
/// That of the command that failed.
pub fn take_ownership_with(tpm: &mut Swtpm, rng: &mut dyn Random, storage: KeyKind) -> Result<Owned, TpmError> {
    let lockout_auth = random_secret(rng);
    let mut channel = Channel::new(Box::new(tpm), Box::new(rng));
    let storage = channel.persist(Primary::Storage(storage))?;
    let endorsement = channel.persist(Primary::Endorsement(KeyKind::Rsa2048))?;
    channel.persist(Primary::Endorsement(KeyKind::P256))?;
    let pins = Pins { ek_name: endorsement.entity.name, srk_name: storage.entity.name.clone() };
    channel.anchor(&storage)?;
    let facts = channel.protect(&lockout_auth).and_then(|()| channel.facts());
    channel.weigh_anchor()?;
    let facts = facts?;
    Ok(Owned { pins, lockout_auth, facts })
}

/// Clears a TPM of ours: new storage root key, every key below the old one lost, endorsement keys and their certificates
/// kept. [`take_ownership`] has to follow.
///
/// # Errors
/// [`TpmError::WrongCounted`] for a wrong lockout authorization, which the TPM refuses for a day from then on.
pub fn clear(tpm: &mut Swtpm, rng: &mut dyn Random, lockout_auth: &Secret32) -> Result<(), TpmError> {
    let mut channel = Channel::new(Box::new(tpm), Box::new(rng));
    let storage = channel.storage(None)?;
    let cleared = channel.anchor(&storage).and_then(|()| channel.clear(lockout_auth));
    let ended = channel.weigh_anchor();
    if cleared.is_err() {
        // A clear that succeeded flushed it.
        drop(channel.release(&storage));
    }
    cleared.and(ended)
}

/// Makes a TPM of ours not ready: its storage hierarchy is disabled until the next start, and nothing below it can be made or
/// used.
///
/// # Errors
/// That of the command.
pub fn disable_storage(tpm: &mut Swtpm, rng: &mut dyn Random) -> Result<(), TpmError> {
    let mut channel = Channel::new(Box::new(tpm), Box::new(rng));
    let platform = Entity::permanent(PLATFORM, "platform hierarchy");
    let parameters = Writer::new().u32(OWNER).u8(0);
    channel.run(verb::HIERARCHY_CONTROL, &[&platform], &[Auth::Empty], parameters)?.read(|_| Ok(()))
}

impl Channel<'_> {
    /// Makes a primary that survives a restart. What is there already stays.
    fn persist(&mut self, primary: Primary) -> Result<Held, TpmError> {
        let held = self.primary(primary, None)?;
        if !held.transient {
            return Ok(held);
        }
        let owner = Entity::permanent(OWNER, "owner hierarchy");
        let parameters = Writer::new().u32(primary.persistent_handle());
        let kept = self.run(verb::EVICT_CONTROL, &[&owner, &held.entity], &[Auth::Empty], parameters);
        self.release(&held)?;
        kept?.read(|_| Ok(()))?;
        let entity = Entity { handle: primary.persistent_handle(), ..held.entity };
        Ok(Held { entity, transient: false, ..held })
    }

    /// Sets the parameters of Windows, then the authorization that may change them. The value travels encrypted.
    fn protect(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError> {
        let lockout = Entity::permanent(LOCKOUT, "lockout hierarchy");
        self.limit_lockout(&[], LockoutLimits::WINDOWS)?;
        let auth = Auth::Replacing { old: &[], new: lockout_auth.expose_secret() };
        let parameters = Writer::new().sized(lockout_auth.expose_secret());
        self.run(verb::HIERARCHY_CHANGE_AUTH, &[&lockout], &[auth], parameters)?.read(|_| Ok(()))
    }

    /// Writes the certificate of an endorsement key, as the maker of the platform does.
    fn write_certificate(&mut self, kind: KeyKind, certificate: &[u8]) -> Result<(), TpmError> {
        /// PPWRITE, PPREAD, OWNERREAD, AUTHREAD, NO_DA, PLATFORMCREATE (TCG EK Credential Profile).
        const ATTRIBUTES: u32 = 0x4207_0001;
        let platform = Entity::permanent(PLATFORM, "platform hierarchy");
        self.nv_write(&platform, certificate_index(kind), ATTRIBUTES, certificate)
    }
}
