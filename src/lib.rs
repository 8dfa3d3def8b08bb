//! Emulates the Windows Hello for Business key-creation core: a PIN-gated key pair in a real TPM, attested, registered with a
//! strict mock of Entra ID, and used to sign in, the way a cloud-only (Entra joined) Windows device does.
//!
//! The command line of the same name shows it at once: `whfb demo`. As a library, a key of its own swtpm, whose use costs a
//! secret and whose origin the TPM vouches for:
//!
//! ```
//! use whfb::base::{OsRng, Secret32};
//! use whfb::device::tpm::manufacture::manufacture;
//! use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
//! use whfb::device::tpm::{Direct, KeyKind, Ownership, Tpm, TpmError, Usage, with_key};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let mut swtpm = Swtpm::start(directory.path(), PROGRAM.as_ref())?;
//! let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_kind, _key, _facts| Ok(None))?;
//! let mut tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng))?;
//!
//! let secret = Secret32::new(Box::new([7; 32]));
//! let key = tpm.create(KeyKind::P256, Usage::General, Some(&secret))?;
//! let digest = whfb::crypto::digest::sha256(b"a nonce of Entra");
//! let signature = with_key(&mut tpm, &key, |tpm, key| tpm.sign(key, Some(&secret), &digest))?;
//! # let _ = signature;
//! # Ok(())
//! # }
//! ```
//!
//! # The shape
//!
//! ```text
//!    bin/whfb                command line
//!         |
//!       link                 how a device reaches an Entra; link::drive runs a flow over a link
//!      /    \
//!  device    entra           the wings; they never import each other
//!      \    /
//!      attest                statements: assemble, judge, challenge (no TPM, no network)
//!       wire                 bytes and JSON, both directions; decides nothing
//!      crypto                our names over the crypto crates
//!       base                 ids, time, randomness, secrets, codes
//! ```
//!
//! Imports point down; `tests/floors.rs` holds the crate to it. `ARCHITECTURE.md` has the walkthroughs and the threat table.
//!
//! # Features
//!
//! `entra` (default): the mock's server and directory, and the links to one. `cli` (default): the binary. Without either the
//! crate makes, uses and attests keys on swtpm and `/dev/tpmrm0`, with no C TPM library.

pub mod attest;
pub mod base;
pub mod crypto;
pub mod device;
#[cfg(feature = "entra")]
pub mod entra;
#[cfg(feature = "entra")]
pub mod link;
pub mod wire;
