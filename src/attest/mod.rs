//! Attestation: the statement that prover and verifier share, its judgement, and the challenge that ties an attestation
//! key to an endorsement key. Needs no TPM and no network.

pub mod challenge;

pub use challenge::{ChallengeError, make_credential};
