//! What the device can have vouched for: that a TPM made its attestation key, and that a Hello key lives in the same TPM.
//!
//! [`Enrol`] makes the attestation key current, in two exchanges with the AIK service. [`statement`] is that key's word for the key
//! of a user's container, over bytes of the caller or over a server's nonce, and [`identity`] its word for itself. [`Renewal`]
//! registers a key once more with a new statement. [`AttestationStatus`] says in the words of Windows' KeyCredential what an attempt
//! came to.

mod enrol;
mod prepare;
mod renewal;
mod statement;
mod status;

pub use enrol::{Enrol, Enrolled};
pub use prepare::Prepare;
pub use renewal::{Renewal, Renewed};
pub use statement::{Consent, CreationClaim, EXTRA_DATA_LIMIT, KeyStatement, Over, identity, statement};
pub use status::{Attempts, AttestationStatus};

pub(crate) use statement::{for_join, for_registration};
