//! The attestation object with a `tpm` statement (WebAuthn sections 6.5.4 and 8.3).

use ciborium::Value;

use super::auth_data::AuthenticatorData;
use super::cbor::{self, LONGEST, Members, text};
use super::cose::CoseAlgorithm;
use super::fault::{CborFormat, Map, cut};
use super::signature::StatementSignature;
use super::{WebauthnFormat, client_data_hash};

const FORMAT: &str = "tpm";
const VERSION: &str = "2.0";

/// `{fmt: "tpm", attStmt, authData}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationObject {
    /// `attStmt`.
    pub statement: TpmStatement,
    /// `authData` as it came, since it is signed; see [`Self::authenticator_data`].
    pub auth_data: Vec<u8>,
}

/// `attStmt`: `{ver: "2.0", alg, x5c, sig, certInfo, pubArea}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmStatement {
    /// `alg`: what the attestation key signed with.
    pub algorithm: CoseAlgorithm,
    /// `x5c`: certificates (DER), the attestation key's first; at least that one.
    pub chain: Vec<Vec<u8>>,
    /// `sig`: over `certInfo`.
    pub signature: StatementSignature,
    /// `certInfo`: a `TPMS_ATTEST`, whose `extraData` is [`extra_data`].
    pub certify_info: Vec<u8>,
    /// `pubArea`: the key's `TPMT_PUBLIC`, without size prefix.
    pub public: Vec<u8>,
}

/// What `extraData` of `certInfo` has to be (section 8.3): the digest, with the hash of `alg`, of the authenticator data and
/// of SHA-256 of the client data.
pub fn extra_data(algorithm: CoseAlgorithm, auth_data: &[u8], client_data_json: &[u8]) -> Vec<u8> {
    algorithm.digest(&[auth_data, &client_data_hash(client_data_json)].concat())
}

impl AttestationObject {
    /// Reads a whole attestation object; its members may be in any order, and whatever is in it is of its form, except for
    /// certificates, `certInfo` and `pubArea`, which are kept unread.
    ///
    /// # Errors
    /// The first fault: CBOR, members, `fmt`, `attStmt`, `authData`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WebauthnFormat> {
        let value = cbor::whole(bytes).map_err(|fault| WebauthnFormat::Cbor { map: Map::Object, fault })?;
        let mut members = Members::by_name(Map::Object, value, ["fmt", "attStmt", "authData"])?;
        let format = members.text("fmt")?;
        if format != FORMAT {
            return Err(WebauthnFormat::Format(cut(&format)));
        }
        let statement = TpmStatement::read(members.map("attStmt")?)?;
        let auth_data = members.bytes("authData")?;
        AuthenticatorData::from_bytes(&auth_data)?;
        Ok(Self { statement, auth_data })
    }

    /// Writes the attestation object in CTAP2's canonical form, `sig` bare.
    ///
    /// # Errors
    /// The fault of a member that is none, or [`CborFormat::TooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, WebauthnFormat> {
        AuthenticatorData::from_bytes(&self.auth_data)?;
        let members = vec![
            text("fmt", FORMAT.into()),
            text("attStmt", self.statement.write()?),
            text("authData", self.auth_data[..].into()),
        ];
        let bytes = cbor::write(&Value::Map(members));
        let too_long = WebauthnFormat::Cbor { map: Map::Object, fault: CborFormat::TooLong(bytes.len()) };
        if bytes.len() <= LONGEST { Ok(bytes) } else { Err(too_long) }
    }

    /// `authData`, read.
    ///
    /// # Errors
    /// Its fault; none for an object that was read.
    pub fn authenticator_data(&self) -> Result<AuthenticatorData, WebauthnFormat> {
        AuthenticatorData::from_bytes(&self.auth_data)
    }
}

impl TpmStatement {
    fn read(value: Value) -> Result<Self, WebauthnFormat> {
        const NAMES: [&str; 6] = ["alg", "sig", "ver", "x5c", "pubArea", "certInfo"];
        let mut members = Members::by_name(Map::Statement, value, NAMES)?;
        let version = members.text("ver")?;
        if version != VERSION {
            return Err(WebauthnFormat::Version(cut(&version)));
        }
        let algorithm = CoseAlgorithm::read(members.integer("alg")?)?;
        let chain = members.list_of_bytes("x5c")?;
        if chain.is_empty() {
            return Err(WebauthnFormat::NoCertificate);
        }
        Ok(Self {
            algorithm,
            chain,
            signature: StatementSignature::read(algorithm, members.bytes("sig")?),
            certify_info: members.bytes("certInfo")?,
            public: members.bytes("pubArea")?,
        })
    }

    /// Shorter names first, then by their bytes.
    fn write(&self) -> Result<Value, WebauthnFormat> {
        if self.chain.is_empty() {
            return Err(WebauthnFormat::NoCertificate);
        }
        let chain = self.chain.iter().map(|certificate| Value::from(&certificate[..])).collect();
        Ok(Value::Map(vec![
            text("alg", self.algorithm.id().into()),
            text("sig", self.signature.bare()?.into()),
            text("ver", VERSION.into()),
            text("x5c", Value::Array(chain)),
            text("pubArea", self.public[..].into()),
            text("certInfo", self.certify_info[..].into()),
        ]))
    }
}
