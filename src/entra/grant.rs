//! PRTs, authorization codes, refresh tokens and tickets: each describes itself, sealed under the tenant's key.
//!
//! A grant is `1.` and base64url of AES-256-GCM over JSON. The dot is needed: roadtx takes a PRT without one for base64.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::{ExposeSecret as _, OsRng, Secret32, Uuid};
use crate::crypto::cipher::{open, seal};
use crate::crypto::digest::sha256;
use crate::wire::encoding::{base64url, from_base64url, hex};

use super::refusal::Broken;

const PREFIX: &str = "1.";

/// Kinds of sealed texts; each opens as its own kind alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Primary refresh token.
    Prt,
    /// Authorization code.
    Code,
    /// Refresh token.
    Refresh,
    /// Ticket of the AIK service.
    Ticket,
    /// A sign-in on a page, between two of its steps.
    Login,
}

impl Kind {
    /// Its name, in the directory and in the sealing.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prt => "prt",
            Self::Code => "code",
            Self::Refresh => "refresh",
            Self::Ticket => "aik-ticket",
            Self::Login => "login",
        }
    }
}

/// The text is not a grant of this server and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOurs;

/// How a user was authenticated, and when more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    /// Authentication methods: `pwd`, `rsa`, `mfa`, `ngcmfa`.
    pub(crate) amr: Vec<String>,
    /// When multi-factor authentication was done, seconds.
    pub(crate) mfa_time: Option<i64>,
}

/// What a PRT says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Prt {
    pub(crate) user: Uuid,
    pub(crate) device: Uuid,
    #[serde(with = "session_key")]
    pub(crate) session_key: Secret32,
    pub(crate) proof: Proof,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: Uuid,
}

/// What an authorization code or a refresh token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) user: Uuid,
    /// The device, where the flow proved one.
    pub(crate) device: Option<Uuid>,
    pub(crate) client_id: String,
    /// Empty in a refresh token.
    pub(crate) redirect_uri: String,
    /// Audience of the token to come.
    pub(crate) resource: String,
    /// Of a code alone: what the verifier at its redemption must hash to (RFC 7636, method S256).
    #[serde(default)]
    pub(crate) challenge: Option<String>,
    pub(crate) proof: Proof,
    pub(crate) exp: i64,
    pub(crate) jti: Uuid,
}

impl Authorization {
    /// What a token is issued for at once, without a code or an earlier token: only those have a redirection, an end and an
    /// identity.
    pub(crate) fn at_once(user: Uuid, device: Option<Uuid>, client_id: String, resource: String, proof: Proof) -> Self {
        let (redirect_uri, challenge, exp, jti) = (String::new(), None, 0, Uuid::nil());
        Self { user, device, client_id, redirect_uri, resource, challenge, proof, exp, jti }
    }
}

/// Seals a grant.
pub(crate) fn write<T: Serialize>(sealing: &Secret32, kind: Kind, content: &T) -> Result<String, Broken> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(content).map_err(|_| Broken::Encoding)?);
    Ok(format!("{PREFIX}{}", base64url(&seal(sealing, kind.name(), &plain, &mut OsRng))))
}

/// Opens a grant. Whether it has expired or was revoked is not asked here.
pub(crate) fn read<T: DeserializeOwned>(sealing: &Secret32, kind: Kind, text: &str) -> Result<T, NotOurs> {
    let sealed = text.strip_prefix(PREFIX).and_then(|rest| from_base64url(rest).ok()).ok_or(NotOurs)?;
    let plain = open(sealing, kind.name(), &sealed).map_err(|_| NotOurs)?;
    serde_json::from_slice(plain.expose_secret()).map_err(|_| NotOurs)
}

/// What the directory keeps of a grant.
pub(crate) fn hash(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

mod session_key {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use zeroize::Zeroizing;

    use super::{Secret32, base64url, from_base64url};
    use crate::base::ExposeSecret as _;

    pub(super) fn serialize<S: Serializer>(key: &Secret32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(base64url(key.expose_secret())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret32, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = Zeroizing::new(from_base64url(&text).map_err(D::Error::custom)?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(D::Error::custom)?;
        Ok(Secret32::new(Box::new(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::cipher::random_secret;

    fn prt() -> Prt {
        Prt {
            user: Uuid::from_u128(1),
            device: Uuid::from_u128(2),
            session_key: random_secret(&mut OsRng),
            proof: Proof { amr: vec!["rsa".into(), "mfa".into()], mfa_time: Some(5) },
            iat: 1,
            exp: 2,
            jti: Uuid::from_u128(3),
        }
    }

    #[test]
    fn a_prt_has_a_dot_and_none_of_the_characters_that_break_clients() {
        let (sealing, prt) = (random_secret(&mut OsRng), prt());
        let text = write(&sealing, Kind::Prt, &prt).unwrap();
        assert!(text.contains('.') && !text.contains(['>', '?', '~', '+', '/', '=']));
        let again: Prt = read(&sealing, Kind::Prt, &text).unwrap();
        assert_eq!(again.session_key.expose_secret(), prt.session_key.expose_secret());
        assert_eq!((again.user, again.proof), (prt.user, prt.proof));
    }

    #[test]
    fn a_grant_opens_as_its_own_kind_under_its_own_key_alone() {
        let (sealing, other) = (random_secret(&mut OsRng), random_secret(&mut OsRng));
        let text = write(&sealing, Kind::Prt, &prt()).unwrap();
        assert!(read::<Prt>(&sealing, Kind::Refresh, &text).is_err());
        assert!(read::<Prt>(&other, Kind::Prt, &text).is_err());
        for length in 0..text.len() {
            assert!(read::<Prt>(&sealing, Kind::Prt, &text[..length]).is_err(), "{length}");
        }
    }
}
