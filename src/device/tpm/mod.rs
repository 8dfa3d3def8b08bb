//! The only door to a TPM.
//!
//! [`Tpm`] says in words of the job what the rest of the device asks of a TPM. A backend implements it: which sessions
//! it opens, how it marshals and which transport it uses is its own business, and no `TPM2B` type crosses this line.
//!
//! [`Direct`] is the backend of our own. From top to bottom it is `direct` (the verbs), `commands` and `facts` (one TPM command
//! each), `primary` and `template` (what the objects look like), `channel` (session, repetition, log), `frame`, `session` and
//! `marshal` (bytes), and [`transport`] (how they travel), which [`trace`] can record. `Esapi` goes by libtss2. An [`Address`]
//! says where a TPM is, and [`open`] takes the backend that knows the way. [`swtpm`] runs the emulator, [`manufacture`] makes a
//! TPM of it, and [`condition`] makes one that is not as it should be:
//!
//! ```no_run
//! use std::path::Path;
//! use whfb::base::OsRng;
//! use whfb::device::tpm::manufacture::manufacture;
//! use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
//! use whfb::device::tpm::{Direct, KeyKind, Ownership, Tpm as _, TpmError, Usage};
//!
//! let mut swtpm = Swtpm::start(Path::new("state"), Path::new(PROGRAM))?;
//! let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_kind, _key, _facts| Ok(None))?;
//! let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng))?;
//! let key = tpm.create(KeyKind::Rsa2048, Usage::General, None)?;
//! # Ok::<(), TpmError>(())
//! ```

mod address;
mod channel;
mod commands;
pub mod condition;
mod creation;
mod direct;
mod error;
#[cfg(feature = "esapi")]
mod esapi;
mod facts;
pub mod fleet;
mod frame;
pub mod get_tpm;
pub mod manufacture;
mod marshal;
pub mod measure;
mod open;
pub mod owner;
mod policy;
mod primary;
mod response;
mod session;
pub mod swtpm;
mod tcti;
mod template;
pub mod trace;
pub mod transport;
mod verb;

pub use address::{Address, AddressError, Reason};
pub use condition::{Condition, Found};
pub use creation::{Created, Creation};
pub use direct::{Direct, Ownership};
pub use error::TpmError;
#[cfg(feature = "esapi")]
pub use esapi::{Esapi, GAPS};
pub use open::{connect, find, open};
pub use tcti::{Tcti, TctiFault};
pub use transport::DeviceNode;

pub use crate::wire::tpm::Credential;

use crate::base::{ExposeSecret as _, Secret32, SecretSlice};
use crate::crypto::PublicKey;

/// The kind of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// RSA with a 2048-bit modulus and exponent 65537: what Windows makes and Entra takes.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// NIST P-256, the lab's second kind.
    #[serde(rename = "p-256")]
    P256,
}

/// What a key below the storage root key is for; decides its object attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Usage {
    /// An attestation identity key: restricted, signs only what the TPM itself vouches for (0x00050472, RSASSA-SHA256 or
    /// ECDSA-SHA256).
    Attestation,
    /// A device, transport or user key: signs and decrypts (0x00060472; scheme and symmetric NULL).
    General,
}

/// A key that lives outside the TPM, wrapped by its storage root key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyBlob {
    /// The `TPMT_PUBLIC` (no size prefix).
    #[serde(with = "crate::wire::base64_bytes")]
    pub public: Vec<u8>,
    /// The contents of the `TPM2B_PRIVATE`: opaque, encrypted by the TPM.
    #[serde(with = "crate::wire::base64_bytes")]
    pub private: Vec<u8>,
}

impl KeyBlob {
    /// The public key.
    ///
    /// # Errors
    /// [`TpmError::Untrusted`] when the public area is none of a key.
    pub fn public_key(&self) -> Result<PublicKey, TpmError> {
        template::public_key(&self.public).map_err(|_| frame::malformed("TPM2_Create"))
    }

    /// The Name: name algorithm (SHA-256), then the digest of the public area (TPM 2.0 Part 1, chapter 16); 34 bytes.
    ///
    /// # Errors
    /// [`TpmError::Untrusted`] for another name algorithm.
    pub fn name(&self) -> Result<Vec<u8>, TpmError> {
        commands::object_name(&self.public).map_err(|_| frame::malformed("TPM2_Create"))
    }
}

/// Data that only this TPM gives back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SealedBlob(pub KeyBlob);

/// What stands between a caller and sealed data.
#[derive(Debug, Clone, Copy)]
pub enum Gate<'a> {
    /// Nothing but being on this TPM: no authorization, no dictionary-attack protection.
    Open,
    /// An authorization value under dictionary-attack protection: a wrong one costs a try.
    Counted(&'a Secret32),
}

impl<'a> Gate<'a> {
    /// The authorization value; empty where there is none.
    pub(crate) fn value(&self) -> &'a [u8] {
        match *self {
            Self::Open => &[],
            Self::Counted(auth) => auth.expose_secret(),
        }
    }
}

/// A key inside the TPM. Give it back with [`Tpm::unload`]; [`with_key`] does so on every path.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyHandle(pub(crate) u32);

/// A signature as the TPM gives it, without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawSignature {
    /// RSASSA-PKCS1-v1_5 over SHA-256: 256 bytes, big-endian.
    Rsa(Vec<u8>),
    /// ECDSA over SHA-256: `r || s`, 32 bytes each, big-endian.
    P256([u8; 64]),
}

/// What a certify of a key rests on.
#[derive(Debug, Clone, Copy)]
pub enum CertifyAuthority<'a> {
    /// The key's own authorization value.
    Value(&'a Secret32),
    /// The policy branch of the Windows provider that needs none: PolicyCommandCode(Certify), then the PolicyOR.
    Policy,
    /// The ticket of the key's creation: then the TPM vouches that it made the key, not only that the key is here.
    Creation(&'a Creation),
}

/// The answer of `TPM2_Certify` or `TPM2_CertifyCreation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certification {
    /// The `TPMS_ATTEST`.
    pub attest: Vec<u8>,
    /// The AIK's signature over it.
    pub signature: RawSignature,
}

/// The endorsement key of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// Its `TPMT_PUBLIC`, from the TCG default template (L-1 or L-2).
    pub public: Vec<u8>,
    /// Its certificate (DER), as found in NV.
    pub certificate: Option<Vec<u8>>,
}

impl Endorsement {
    /// The public key.
    ///
    /// # Errors
    /// [`TpmError::Untrusted`] when the public area is none of a key.
    pub fn public_key(&self) -> Result<PublicKey, TpmError> {
        template::public_key(&self.public).map_err(|_| frame::malformed("TPM2_CreatePrimary"))
    }
}

/// The Names that a device pins when it first meets its TPM.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pins {
    /// Name of the RSA-2048 endorsement key: another one means another TPM.
    #[serde(with = "crate::wire::base64_bytes")]
    pub ek_name: Vec<u8>,
    /// Name of the storage root key: another one under the same endorsement key means that the TPM was cleared.
    #[serde(with = "crate::wire::base64_bytes")]
    pub srk_name: Vec<u8>,
}

/// Dictionary-attack state of a TPM (TPM 2.0 Part 1, section 19.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Lockout {
    /// Failures counted so far.
    pub count: u32,
    /// Failures at which the TPM locks.
    pub max: u32,
    /// Seconds after which one failure is forgotten.
    pub heal_seconds: u32,
    /// Seconds that a wrong lockout authorization blocks a reset.
    pub recovery_seconds: u32,
    /// Whether the TPM refuses every counted authorization now.
    pub locked_out: bool,
    /// Whether a lockout authorization is set.
    pub reset_protected: bool,
}

/// How a TPM counts wrong authorizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutLimits {
    /// Failures at which it locks.
    pub max_tries: u32,
    /// Seconds after which it forgets one failure.
    pub heal_seconds: u32,
    /// Seconds that a wrong lockout authorization blocks the next reset.
    pub recovery_seconds: u32,
}

impl LockoutLimits {
    /// What Windows sets on a TPM 2.0: 32 tries, ten minutes, a day.
    pub const WINDOWS: Self = Self { max_tries: 32, heal_seconds: 600, recovery_seconds: 86_400 };
}

/// Where a TPM stands in time (`TPMS_CLOCK_INFO`, TPM 2.0 Part 2, section 10.11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TpmClock {
    /// Milliseconds that it was powered, over its whole life or since it was cleared.
    pub clock_ms: u64,
    /// How often it was started anew since it was cleared.
    pub reset_count: u32,
    /// How often it was resumed since it was started anew.
    pub restart_count: u32,
    /// Whether no greater value of the clock was ever reported: no, after an end without `TPM2_Shutdown`.
    pub safe: bool,
}

impl TpmClock {
    /// Whether a TPM that was here `before` cannot be here now, except by an older state put back (or by a clear, which
    /// the Name of the storage root key tells). Starts are only ever counted up, and between two starts time passes.
    pub fn went_back_since(&self, before: &Self) -> bool {
        let starts = |clock: &Self| (clock.reset_count, clock.restart_count);
        starts(self) < starts(before) || (starts(self) == starts(before) && self.clock_ms < before.clock_ms)
    }
}

/// What a TPM says about itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Facts {
    /// Four characters of TPM_PT_MANUFACTURER, such as `IBM`, trailing blanks and NULs removed.
    pub manufacturer: String,
    /// TPM_PT_MANUFACTURER as a number.
    pub manufacturer_id: u32,
    /// The vendor strings, joined.
    pub vendor: String,
    /// TPM_PT_FIRMWARE_VERSION_1 and _2 as `major.minor.build.revision`.
    pub firmware: String,
    /// TPM_PT_FIRMWARE_VERSION_1 as a number: major and minor in 16 bits each, as EK certificates carry it.
    pub firmware_version: u32,
    /// `2.0`.
    pub specification: String,
    /// Whether TPM_PT_MODES says FIPS 140-2.
    pub fips: bool,
    /// Whether storage and endorsement hierarchies are enabled.
    pub ready: bool,
    /// Dictionary-attack state.
    pub lockout: Lockout,
    /// Handles of persistent objects, ascending.
    pub persistent: Vec<u32>,
    /// Handles of loaded transient objects, ascending.
    pub loaded: Vec<u32>,
    /// Handles of loaded sessions, ascending; our own is among them.
    pub sessions: Vec<u32>,
    /// Algorithm identifiers of the TCG Algorithm Registry, ascending.
    pub algorithms: Vec<u16>,
    /// Whether the last self-test passed (TPM2_GetTestResult).
    pub self_test: bool,
    /// Whether a clear by the lockout authorization is disabled (TPM2_ClearControl).
    pub clear_disabled: bool,
    /// What of all this was laid over the TPM's own answers, by the name of the property.
    pub injected: Vec<&'static str>,
}

/// A TPM 2.0, in words of the job.
///
/// Every call is bounded in time. A call that fails leaves nothing loaded. Secrets that a call returns wipe themselves.
/// What is "not for guests" answers [`TpmError::Guest`] on a TPM that we did not start, unless its owner allowed it
/// ([`Ownership`]). What a backend cannot do answers [`TpmError::Gap`].
pub trait Tpm: Send {
    /// Reads what the TPM says about itself. Costs no authorization.
    fn facts(&mut self) -> Result<Facts, TpmError>;

    /// The Names of the endorsement and the storage root key.
    fn pins(&mut self) -> Result<Pins, TpmError>;

    /// The endorsement key of `kind` and its certificate, if the TPM carries one.
    fn endorsement(&mut self, kind: KeyKind) -> Result<Endorsement, TpmError>;

    /// Makes a key below the storage root key, with `auth` as its authorization value or none. Nothing stays loaded.
    fn create_key(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<Created, TpmError>;

    /// [`create_key`](Self::create_key) for whoever has no use for how the key was made: most. No verb of its own.
    fn create(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<KeyBlob, TpmError> {
        self.create_key(kind, usage, auth).map(|made| made.key)
    }

    /// Loads a key of this TPM.
    fn load(&mut self, blob: &KeyBlob) -> Result<KeyHandle, TpmError>;

    /// Gives a loaded key back.
    fn unload(&mut self, key: KeyHandle) -> Result<(), TpmError>;

    /// Signs a SHA-256 digest with a general key: RSASSA for RSA, ECDSA for P-256.
    fn sign(&mut self, key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> Result<RawSignature, TpmError>;

    /// RSA-OAEP decryption with SHA-1 and no label: how Entra wraps a session key.
    fn decrypt(
        &mut self,
        key: &KeyHandle,
        auth: Option<&Secret32>,
        ciphertext: &[u8],
    ) -> Result<SecretSlice<u8>, TpmError>;

    /// Seals up to 128 bytes.
    fn seal(&mut self, data: &SecretSlice<u8>, gate: Gate<'_>) -> Result<SealedBlob, TpmError>;

    /// Opens sealed data.
    fn unseal(&mut self, blob: &SealedBlob, gate: Gate<'_>) -> Result<SecretSlice<u8>, TpmError>;

    /// Lets the attestation key `aik` vouch for `key`, over `extra_data` (at most 32 bytes).
    fn certify(
        &mut self,
        key: &KeyHandle,
        aik: &KeyHandle,
        authority: CertifyAuthority<'_>,
        extra_data: &[u8],
    ) -> Result<Certification, TpmError>;

    /// Replaces the authorization value of a loaded key and returns the new blob. The loaded key keeps the old value,
    /// and so does every copy of the old blob: nothing is revoked.
    fn change_auth(
        &mut self,
        key: &KeyHandle,
        public: &[u8],
        old: &Secret32,
        new: &Secret32,
    ) -> Result<KeyBlob, TpmError>;

    /// Takes over a key that was made in advance with the authorization value `old`: answers its blob under `new`, loaded.
    /// Whoever kept the old blob and the old value can still use the key: nothing is revoked.
    fn claim(&mut self, blob: &KeyBlob, old: &Secret32, new: &Secret32) -> Result<(KeyBlob, KeyHandle), TpmError>;

    /// Lets the TPM itself wrap `secret` (at most 32 bytes) for its endorsement key of `kind` and the object of that Name:
    /// the counterpart of [`attest::make_credential`](crate::attest::make_credential), which needs no TPM.
    fn make_credential(&mut self, kind: KeyKind, name: &[u8], secret: &SecretSlice<u8>)
    -> Result<Credential, TpmError>;

    /// Recovers the secret of a credential that was made for this endorsement key and the Name of `aik`.
    fn activate(
        &mut self,
        aik: &KeyHandle,
        kind: KeyKind,
        credential: &Credential,
    ) -> Result<SecretSlice<u8>, TpmError>;

    /// The contents of an NV index that its own (empty) or the owner's authorization reads; `None` if there is none.
    fn nv_read(&mut self, index: u32) -> Result<Option<Vec<u8>>, TpmError>;

    /// Defines an NV index (of the owner, readable by everybody) and writes it; at most 2048 bytes. Not for guests.
    fn nv_store(&mut self, index: u32, contents: &[u8]) -> Result<(), TpmError>;

    /// Removes an NV index of the owner. Not for guests.
    fn nv_remove(&mut self, index: u32) -> Result<(), TpmError>;

    /// Keeps a loaded key in the TPM at a persistent handle that is free. Not for guests.
    fn persist(&mut self, key: &KeyHandle, handle: u32) -> Result<(), TpmError>;

    /// Removes a persistent key. Not for guests.
    fn evict(&mut self, handle: u32) -> Result<(), TpmError>;

    /// Where the TPM stands in time.
    fn clock(&mut self) -> Result<TpmClock, TpmError>;

    /// Sets how wrong authorizations are counted; needs the lockout authorization. Not for guests.
    fn limit_lockout(&mut self, lockout_auth: &Secret32, limits: LockoutLimits) -> Result<(), TpmError>;

    /// Forgets all counted failures; needs the lockout authorization. Not for guests.
    fn reset_lockout(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError>;

    /// Clears the TPM: every key below its storage root key is lost, and lockout limits and authorization are a new TPM's.
    /// Afterwards everything below the storage root key answers [`TpmError::Cleared`]. Not for guests.
    fn clear(&mut self, lockout_auth: &Secret32) -> Result<(), TpmError>;

    /// Ends the use of the TPM in order: flushes what is ours and, on a TPM of ours, sends `TPM2_Shutdown(CLEAR)`.
    fn shutdown(&mut self) -> Result<(), TpmError>;
}

/// Loads `blob`, runs `work` with it and unloads it on every path.
pub fn with_key<T, E: From<TpmError>>(
    tpm: &mut dyn Tpm,
    blob: &KeyBlob,
    work: impl FnOnce(&mut dyn Tpm, &KeyHandle) -> Result<T, E>,
) -> Result<T, E> {
    let key = tpm.load(blob)?;
    let outcome = work(tpm, &key);
    let unloaded = tpm.unload(key);
    let value = outcome?;
    unloaded?;
    Ok(value)
}
