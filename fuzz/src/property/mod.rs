//! What holds for whatever bytes a stranger may send, a module for each kind of reader.
//!
//! The fuzz targets look for bytes for which it does not hold; `tests/fuzz_corpus.rs` tries the committed ones again. Common to
//! all: nothing panics, a refusal is short, what is taken can be written so that it reads as the same, and nothing that comes
//! out is longer than a small multiple of what went in.

mod cert;
mod credential;
mod kast;
mod key;
mod policy;
mod reply;
#[cfg(feature = "entra")]
mod router;
mod text;
mod token;
mod tpm;
mod webauthn;

use std::fmt::{Debug, Display};

use whfb::device::policy::FileFormat;

/// Most bytes of a message.
const LONGEST_MESSAGE: usize = 4095;

/// What is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A policy importer.
    Policy(FileFormat),
    /// Signed tokens and their claims.
    Jws,
    /// Wrapped session keys and replies under one.
    Jwe,
    /// RSA key blobs.
    Blob,
    /// Key registrations.
    Kpp,
    /// Device joins.
    Join,
    /// Forms, queries, segments of paths, both alphabets of base64.
    Form,
    /// Keys as a directory keeps them: blob, attribute, JSON.
    Credential,
    /// Public areas and attestations of a TPM.
    Tpm,
    /// KeyAttestationStatements.
    Kast,
    /// WebAuthn registrations.
    Webauthn,
    /// Certificates and certification requests.
    Cert,
    /// Revocation lists.
    Crl,
    /// Files of certificates and revocation lists.
    Bundle,
    /// What the services answer.
    Reply,
    /// The server, by requests.
    #[cfg(feature = "entra")]
    Router,
}

impl Target {
    /// Every target of this build.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = FileFormat::ALL.into_iter().map(Self::Policy).collect();
        all.extend([Self::Jws, Self::Jwe, Self::Blob, Self::Kpp, Self::Join, Self::Form, Self::Credential]);
        all.extend([Self::Tpm, Self::Kast, Self::Webauthn, Self::Cert, Self::Crl, Self::Bundle, Self::Reply]);
        #[cfg(feature = "entra")]
        all.push(Self::Router);
        all
    }

    /// The name of its program and of its corpus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy(format) => format.name(),
            Self::Jws => "jws",
            Self::Jwe => "jwe",
            Self::Blob => "blob",
            Self::Kpp => "kpp",
            Self::Join => "join",
            Self::Form => "form",
            Self::Credential => "credential",
            Self::Tpm => "tpm",
            Self::Kast => "kast",
            Self::Webauthn => "webauthn",
            Self::Cert => "cert",
            Self::Crl => "crl",
            Self::Bundle => "bundle",
            Self::Reply => "reply",
            #[cfg(feature = "entra")]
            Self::Router => "router",
        }
    }

    /// Whether the bytes are taken; what does not hold is the error.
    ///
    /// # Errors
    /// A sentence for the first thing that does not hold.
    pub fn judge(self, bytes: &[u8]) -> Result<bool, String> {
        match self {
            Self::Policy(format) => policy::judge(format, bytes),
            Self::Jws => token::jws(bytes),
            Self::Jwe => token::jwe(bytes),
            Self::Blob => key::blob(bytes),
            Self::Kpp => key::kpp(bytes),
            Self::Join => key::join(bytes),
            Self::Form => text::form(bytes),
            Self::Credential => credential::judge(bytes),
            Self::Tpm => tpm::judge(bytes),
            Self::Kast => kast::judge(bytes),
            Self::Webauthn => webauthn::judge(bytes),
            Self::Cert => cert::judge(bytes),
            Self::Crl => cert::list(bytes),
            Self::Bundle => cert::bundle(bytes),
            Self::Reply => reply::judge(bytes),
            #[cfg(feature = "entra")]
            Self::Router => router::judge(bytes),
        }
    }
}

fn must<T, E: Display>(result: Result<T, E>, what: &str) -> Result<T, String> {
    result.map_err(|fault| format!("{what}: {fault}"))
}

fn same<T: PartialEq + Debug + ?Sized>(found: &T, expected: &T, what: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:#?}\nis not {expected:#?}")) }
}

fn check_short(fault: &impl Display) -> Result<(), String> {
    let length = fault.to_string().len();
    if length <= LONGEST_MESSAGE { Ok(()) } else { Err(format!("a message of {length} bytes: {fault:.200}")) }
}

/// Whether `written` bytes are at most `times` as many as were read, and a few around them.
fn check_growth(written: usize, read: usize, times: usize, what: &str) -> Result<(), String> {
    /// Names of members that the writer gives and the reader does without.
    const AROUND: usize = 512;
    if written <= read * times + AROUND { Ok(()) } else { Err(format!("{what}: {read} bytes became {written}")) }
}

/// Reads, and tells a short refusal from a long one.
fn taken<T, E: Display>(read: Result<T, E>) -> Result<Option<T>, String> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(fault) => check_short(&fault).map(|()| None),
    }
}

/// What was read from JSON is the same once written and read again.
fn check_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T, read: usize) -> Result<(), String> {
    let text = must(serde_json::to_vec(value), "writing JSON")?;
    check_growth(text.len(), read, 2, "JSON")?;
    let again: T = must(serde_json::from_slice(&text), "reading what was written")?;
    let again = must(serde_json::to_vec(&again), "writing JSON again")?;
    same(&String::from_utf8_lossy(&again), &String::from_utf8_lossy(&text), "JSON written and read")
}
