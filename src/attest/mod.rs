//! Attestation: the statement that prover and verifier share, its judgement, and the challenge that ties an attestation
//! key to an endorsement key. Needs no TPM and no network.
//!
//! A verifier calls [`verify()`] and reads the [`Report`]. A certificate service for attestation keys calls [`judge_ek`] and
//! [`judge_aik`], sends what [`make_credential`] makes, and issues [`aik_certificate`] once the secret came back.

mod chain;
mod challenge;
mod check;
mod fault;
pub mod form;
#[cfg(test)]
pub(crate) mod generator;
mod policy;
mod profile;
mod report;
mod statement;
mod vendor;
mod verify;

pub use chain::{Anchors, ChainFault, LONGEST_PATH, build_path};
pub use challenge::{ChallengeError, SECRET_LIMIT, make_credential};
pub use check::Check;
pub use fault::Fault;
pub use policy::{OldestFirmware, Policy};
pub use profile::{AikFault, EkFault, TpmIdentity, aik_certificate, ek_certificate, judge_aik, judge_ek};
pub use report::{Finding, KeyStrength, Level, Outcome, Report, printable};
pub use statement::{Algorithm, Client, CreationClaim, Statement, extra_data};
pub use vendor::VendorId;
pub use verify::{Expectation, Freshness, RelyingParty, verify};
