//! What is wrong with a WebAuthn registration.

use std::fmt;

/// A CBOR structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Map {
    /// The attestation object.
    Object,
    /// `attStmt` in it.
    Statement,
    /// The credential's public key.
    CoseKey,
    /// The extensions' outputs behind it.
    Extensions,
}

/// A JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Document {
    /// `clientDataJSON`.
    ClientData,
    /// The registration response.
    Registration,
    /// The export around it.
    Export,
}

/// What a member has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An integer.
    Integer,
    /// A byte string.
    Bytes,
    /// A text string.
    Text,
    /// A map.
    Map,
    /// A list of byte strings.
    ListOfBytes,
}

/// Why bytes are no CBOR that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CborFormat {
    /// Longer than 64 KiB.
    #[error("{0} bytes are more than 65536")]
    TooLong(usize),
    /// The input ends inside an item, or a length says more than there is.
    #[error("the CBOR ends too early")]
    Truncated,
    /// Bytes that begin no item; where.
    #[error("no CBOR at byte {0}")]
    Syntax(usize),
    /// Maps, lists and tags in one another, more than four deep.
    #[error("the CBOR is nested too deeply")]
    TooDeep,
    /// An item that CTAP2 has no use for: an unassigned simple value, a break without beginning.
    #[error("a CBOR item that is none of CTAP2's")]
    Unsupported,
    /// A number or length that is not in its shortest form, or a length that is left open (CTAP2 section 8).
    #[error("the CBOR is not in its shortest form")]
    NotShortest,
    /// Bytes follow the item.
    #[error("{0} bytes follow the CBOR")]
    TrailingBytes(usize),
}

/// Why something is no `tpm` registration, or cannot be written as one. Names and texts out of the input are cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WebauthnFormat {
    /// A structure is no CBOR.
    #[error("{map}: {fault}")]
    Cbor {
        /// Which structure.
        map: Map,
        /// What is wrong.
        fault: CborFormat,
    },
    /// A structure is something else than a map.
    #[error("{0} is no map")]
    NotAMap(Map),
    /// A member is there twice.
    #[error("{map} has {member} twice")]
    Repeated {
        /// In which structure.
        map: Map,
        /// Which member.
        member: &'static str,
    },
    /// A member that the structure does not have.
    #[error("{map} has no member {name:?}")]
    Unknown {
        /// Which structure.
        map: Map,
        /// The key that is there.
        name: String,
    },
    /// A member is missing.
    #[error("{map} lacks {member}")]
    Missing {
        /// Which structure.
        map: Map,
        /// Which member.
        member: &'static str,
    },
    /// A member is of another type.
    #[error("{member} of {map} is no {wanted}")]
    WrongType {
        /// In which structure.
        map: Map,
        /// Which member.
        member: &'static str,
        /// What it has to be.
        wanted: Kind,
    },
    /// `fmt` is not `tpm`.
    #[error("the attestation is of format {0:?}, not tpm")]
    Format(String),
    /// `ver` is not `2.0`.
    #[error("the statement is of version {0:?}, not 2.0")]
    Version(String),
    /// `alg` is none of RS256, ES256 and RS1.
    #[error("algorithm {0} is none of -257 (RS256), -7 (ES256) and -65535 (RS1)")]
    Algorithm(i128),
    /// `x5c` is empty.
    #[error("x5c has no certificate")]
    NoCertificate,
    /// An ECDSA signature is not `r || s` of P-256.
    #[error("an ECDSA signature of {0} bytes where r || s has 64")]
    EcdsaLength(usize),
    /// An ECDSA signature is not two numbers of P-256 in DER.
    #[error("the ECDSA signature is not two numbers in DER")]
    EcdsaDer,
    /// The authenticator data ends inside a field.
    #[error("the authenticator data ends too early")]
    AuthDataTruncated,
    /// Flags that have no meaning are set.
    #[error("reserved flags {0:#04x} are set in the authenticator data")]
    ReservedFlags(u8),
    /// The credential's identifier is longer than 1023 bytes.
    #[error("a credential id of {0} bytes where at most 1023 are possible")]
    CredentialIdTooLong(usize),
    /// Something follows where the flag ED says that nothing does.
    #[error("{0} bytes follow in the authenticator data, and its flag ED is not set")]
    ExtensionsUnannounced(usize),
    /// `kty` is neither EC2 nor RSA.
    #[error("key type {0} is neither 2 (EC2) nor 3 (RSA)")]
    KeyType(i128),
    /// The algorithm of a key is none of its type.
    #[error("algorithm {0} is none of a key of this type")]
    KeyAlgorithm(i64),
    /// The curve is not P-256.
    #[error("curve {0} is not 1 (P-256)")]
    Curve(i128),
    /// A coordinate is not 32 bytes long.
    #[error("{member} of the credential's key has {length} bytes, not 32")]
    Coordinate {
        /// `x` or `y`.
        member: &'static str,
        /// Its length.
        length: usize,
    },
    /// The numbers are no RSA key, or the point is not on the curve.
    #[error("the credential's key is no key")]
    NotAKey,
    /// The members of the key are not in CTAP2's order.
    #[error("the members of the credential's key are not in CTAP2's order")]
    KeyOrder,
    /// A text is no JSON object of its shape.
    #[error("{document} is no such object: {why}")]
    Json {
        /// Which text.
        document: Document,
        /// What serde says, cut.
        why: String,
    },
    /// A text is longer than 64 KiB.
    #[error("{document} has {length} bytes, more than 65536")]
    TextTooLong {
        /// Which text.
        document: Document,
        /// Its length.
        length: usize,
    },
    /// A member is not base64url without padding.
    #[error("{member} of {document} is not base64url without padding")]
    NotBase64Url {
        /// In which text.
        document: Document,
        /// Which member.
        member: &'static str,
    },
    /// The client data is of something else than a registration.
    #[error("the client data is of type {0:?}, not webauthn.create")]
    ClientDataType(String),
    /// The credential is of another type.
    #[error("the credential is of type {0:?}, not public-key")]
    CredentialType(String),
    /// `id` and `rawId` are two identifiers.
    #[error("id and rawId differ")]
    IdDiffers,
}

/// A text out of the input, short enough for a message.
pub(super) fn cut(text: &str) -> String {
    const MOST: usize = 80;
    text.chars().take(MOST).collect()
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "the attestation object",
            Self::Statement => "attStmt",
            Self::CoseKey => "the credential's key",
            Self::Extensions => "the extensions' map",
        })
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientData => "clientDataJSON",
            Self::Registration => "the registration response",
            Self::Export => "the export",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Bytes => "byte string",
            Self::Text => "text",
            Self::Map => "map",
            Self::ListOfBytes => "list of byte strings",
        })
    }
}
