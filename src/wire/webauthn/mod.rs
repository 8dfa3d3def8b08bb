//! WebAuthn registrations with `tpm` attestation (W3C Web Authentication Level 2 and 3, sections 5.8.1, 6.1, 6.5 and 8.3): what
//! Windows Hello shows a relying party, and what verifiers that others wrote take.
//!
//! ```text
//! RegistrationResponseJSON
//!   clientDataJSON      {"type":"webauthn.create","challenge":"..","origin":"..","crossOrigin":false}
//!   attestationObject   CBOR {fmt: "tpm", attStmt, authData}
//!     attStmt           {alg, sig, ver: "2.0", x5c, pubArea, certInfo}
//!     authData          rpIdHash 32, flags 1, signCount 4, AAGUID 16, length 2, id, COSE key, [extensions]
//! ```
//!
//! A reader takes a whole structure. CBOR is read strictly: shortest forms, no member twice, none that is not known, at most
//! 64 KiB and four levels. Nothing is verified: whether `certInfo` is about this registration ([`extra_data`]), is signed
//! and by whom, is the verifier's work.

mod auth_data;
mod cbor;
mod client_data;
mod cose;
mod fault;
mod object;
mod registration;
mod signature;

pub use auth_data::{AttestedCredential, AuthenticatorData};
pub use client_data::ClientData;
pub use cose::{CoseAlgorithm, CoseKey};
pub use fault::{CborFormat, Document, Kind, Map, WebauthnFormat};
pub use object::{AttestationObject, TpmStatement, extra_data};
pub use registration::{RegistrationResponse, WebauthnExport};
pub use signature::{StatementSignature, ecdsa_from_der, ecdsa_to_der};

use crate::base::Uuid;
use crate::crypto::digest::sha256;

/// The AAGUID of the "Windows Hello Hardware Authenticator" (Microsoft Learn, "Enable Microsoft Entra passkeys on Windows
/// devices", table of AAGUIDs; public captures have the same).
pub const WINDOWS_HELLO_HARDWARE: Uuid = Uuid::from_u128(0x0898_7058_cadc_4b81_b6e1_30de_50dc_be96);

/// The hash of the serialized client data (section 5.8.1): SHA-256, whatever `alg` is.
pub fn client_data_hash(client_data_json: &[u8]) -> [u8; 32] {
    sha256(client_data_json)
}

#[cfg(test)]
mod tests;
