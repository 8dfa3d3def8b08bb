//! Compact JWS (RFC 7515) in the dialects of Entra and its clients.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoding::{base64url, from_base64url};
use super::object;

/// The header members in use. Members that are not listed are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `RS256`, `HS256`, `ES256`, `none`.
    pub alg: String,
    /// `JWT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// Which key signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `ngc` on a Hello assertion (MS-OAPXBC section 3.2.5.1.2.1.2).
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The signer's certificate; one string or a list, as clients differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<CertificateChain>,
    /// Context of the derived key, standard base64, on an HS256 request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctx: Option<String>,
    /// Version of the key derivation; absent means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kdf_ver: Option<u32>,
}

/// `x5c`: the standard is a list of base64 DER; roadtx and AADInternals send a bare string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CertificateChain {
    /// A list, leaf first.
    List(Vec<String>),
    /// The leaf alone.
    Single(String),
}

impl CertificateChain {
    /// The leaf's base64 DER.
    pub fn leaf(&self) -> Option<&str> {
        match self {
            Self::List(list) => list.first().map(String::as_str),
            Self::Single(text) => Some(text),
        }
    }
}

/// What is wrong with a token's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsFault {
    /// Not three parts.
    #[error("the token does not have three parts")]
    Parts,
    /// A part is not unpadded base64url.
    #[error("a part of the token is not base64url")]
    Encoding,
    /// The header is not the JSON object that it should be.
    #[error("the token's header is not JSON of the right shape")]
    Header,
    /// The payload is not a JSON object of the right shape.
    #[error("the token's payload is not JSON of the right shape")]
    Payload,
}

/// A token that was taken apart. Nothing in it is proven.
#[derive(Clone, PartialEq, Eq)]
pub struct Jws {
    /// The header.
    pub header: Header,
    /// The payload's bytes, as transmitted.
    pub payload: Vec<u8>,
    /// What the signature is over.
    pub signing_input: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Jws {
    /// Takes a compact token apart.
    pub fn parse(compact: &str) -> Result<Self, JwsFault> {
        let mut parts = compact.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsFault::Parts);
        };
        let decode = |part: &str| from_base64url(part).map_err(|_| JwsFault::Encoding);
        let header_bytes = decode(header)?;
        Ok(Self {
            header: object::read(&header_bytes).ok_or(JwsFault::Header)?,
            payload: decode(payload)?,
            signing_input: format!("{header}.{payload}"),
            signature: decode(signature)?,
        })
    }

    /// The payload as a type.
    pub fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, JwsFault> {
        object::read(&self.payload).ok_or(JwsFault::Payload)
    }
}

impl std::fmt::Debug for Jws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A token that still needs its signature: the signer may be a TPM.
#[derive(Clone)]
pub struct Unsigned {
    signing_input: String,
}

impl Unsigned {
    /// Encodes header and payload.
    pub fn new(header: &Header, payload: &impl Serialize) -> Result<Self, JwsFault> {
        let header = serde_json::to_vec(header).map_err(|_| JwsFault::Header)?;
        let payload = serde_json::to_vec(payload).map_err(|_| JwsFault::Payload)?;
        Ok(Self::from_bytes(&header, &payload))
    }

    /// Encodes header and payload that are bytes already; a key derivation may be bound to them.
    pub fn from_bytes(header: &[u8], payload: &[u8]) -> Self {
        Self { signing_input: format!("{}.{}", base64url(header), base64url(payload)) }
    }

    /// What is to be signed.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The compact token.
    pub fn signed(self, signature: &[u8]) -> String {
        format!("{}.{}", self.signing_input, base64url(signature))
    }
}

/// A number that some clients write as text: `iat`, `exp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub i64);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        seconds.map(Self).ok_or_else(|| serde::de::Error::custom("not a number of seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { alg: "RS256".into(), usage: Some("ngc".into()), ..Header::default() }
    }

    #[test]
    fn a_token_survives() {
        let unsigned = Unsigned::new(&header(), &serde_json::json!({"iss": "alice"})).unwrap();
        let input = unsigned.signing_input().to_vec();
        let token = Jws::parse(&unsigned.signed(b"signature")).unwrap();
        assert_eq!(token.header, header());
        assert_eq!(token.signing_input.as_bytes(), input);
        assert_eq!(
            (token.payload.as_slice(), token.signature.as_slice()),
            (&br#"{"iss":"alice"}"#[..], &b"signature"[..])
        );
    }

    #[test]
    fn x5c_is_a_list_or_a_string() {
        for (text, leaf) in
            [(r#"{"alg":"RS256","x5c":["QQ==","Qg=="]}"#, "QQ=="), (r#"{"alg":"RS256","x5c":"QQ=="}"#, "QQ==")]
        {
            let header: Header = serde_json::from_str(text).unwrap();
            assert_eq!(header.x5c.as_ref().and_then(CertificateChain::leaf), Some(leaf));
        }
    }

    #[test]
    fn names_each_fault() {
        for (text, fault) in [
            ("", JwsFault::Parts),
            ("a.b", JwsFault::Parts),
            ("a.b.c.d", JwsFault::Parts),
            ("e30=.e30.", JwsFault::Encoding),
            ("e30.e30.", JwsFault::Header),
            ("bm8.e30.", JwsFault::Header),
        ] {
            assert_eq!(Jws::parse(text).err(), Some(fault), "{text:?}");
        }
    }

    #[test]
    fn seconds_are_numbers_or_text() {
        for text in ["1700000000", "\"1700000000\""] {
            assert_eq!(serde_json::from_str::<Seconds>(text).unwrap(), Seconds(1_700_000_000));
        }
        for text in ["1.5", "true", "\"now\"", "null"] {
            assert!(serde_json::from_str::<Seconds>(text).is_err(), "{text}");
        }
    }
}
