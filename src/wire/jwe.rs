//! JWE as Entra writes it: `session_key_jwe`, which hands a session key to a device (RFC 7516 with two departures), and replies
//! under a session key.
//!
//! Of the first the content key *is* the session key, and the content is the single byte 32, encrypted without the additional data
//! that the standard asks for. Both were recomputed on public samples.

use serde::Deserialize;

use super::encoding::{base64, base64url, from_base64, from_base64url};
use super::json;
use crate::base::{Random, Secret32, SecretSlice, random_bytes};
use crate::crypto::cipher::{cbc_decrypt, cbc_encrypt, gcm_decrypt, gcm_encrypt};
use crate::crypto::kdf::{SessionKdf, session_derived_key};
use crate::crypto::{InvalidKey, RsaPublic};
use secrecy::ExposeSecret as _;

const HEADER: &str = r#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#;

/// The byte that the content decrypts to: the session key's length.
const CONTENT: u8 = 32;

/// What is wrong with a session key's wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweFault {
    /// Not five parts of base64url.
    #[error("the session key is not a JWE of five parts")]
    Parts,
    /// Another algorithm than RSA-OAEP with A256GCM.
    #[error("the session key's JWE names another algorithm than RSA-OAEP and A256GCM")]
    Algorithm,
    /// The unwrapped key is not 32 bytes.
    #[error("the session key is not 32 bytes long")]
    KeyLength,
    /// The content does not decrypt under the unwrapped key.
    #[error("the session key's JWE does not decrypt under its own key")]
    Content,
}

/// Wraps a session key to a device's transport key.
pub fn wrap_session_key(key: &Secret32, transport: &RsaPublic, rng: &mut dyn Random) -> Result<String, InvalidKey> {
    let wrapped = transport.encrypt_oaep_sha1(key.expose_secret())?;
    let iv: [u8; 12] = random_bytes(rng);
    let sealed = gcm_encrypt(key, &iv, &[], &[CONTENT]);
    let (content, tag) = sealed.split_at(1);
    let parts = [HEADER.as_bytes(), &wrapped, &iv, content, tag];
    Ok(parts.map(base64url).join("."))
}

/// A wrapped session key whose form was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedSessionKey {
    /// The OAEP ciphertext, which the transport key decrypts.
    pub wrapped: Vec<u8>,
    iv: [u8; 12],
    sealed: Vec<u8>,
}

impl WrappedSessionKey {
    /// Takes the compact form apart.
    pub fn parse(compact: &str) -> Result<Self, JweFault> {
        let parts: Vec<Vec<u8>> = compact
            .split('.')
            .map(|part| from_base64url(part).map_err(|_| JweFault::Parts))
            .collect::<Result<_, _>>()?;
        let [header, wrapped, iv, content, tag] = <[Vec<u8>; 5]>::try_from(parts).map_err(|_| JweFault::Parts)?;
        #[derive(Deserialize)]
        struct Names {
            enc: String,
            alg: String,
        }
        let names: Names = json::object(&header).map_err(|_| JweFault::Algorithm)?;
        if names.enc != "A256GCM" || names.alg != "RSA-OAEP" {
            return Err(JweFault::Algorithm);
        }
        let iv = iv.try_into().map_err(|_| JweFault::Parts)?;
        Ok(Self { wrapped, iv, sealed: [content, tag].concat() })
    }

    /// Checks the decrypted `wrapped` against the content and returns the session key.
    pub fn confirm(&self, unwrapped: &SecretSlice<u8>) -> Result<Secret32, JweFault> {
        let bytes: &[u8; 32] = unwrapped.expose_secret().try_into().map_err(|_| JweFault::KeyLength)?;
        let key = Secret32::new(Box::new(*bytes));
        let content = gcm_decrypt(&key, &self.iv, &[], &self.sealed).map_err(|_| JweFault::Content)?;
        if content.expose_secret() == [CONTENT] { Ok(key) } else { Err(JweFault::Content) }
    }
}

/// Encrypts a reply under a session key, as Entra does: the header says A256GCM, the content is AES-256-CBC with an initialization
/// vector of 16 bytes and *no tag*, under the key that version 1 of the derivation makes of `ctx` (recomputed on a public
/// sample; MS-OAPXBC section 3.2.5.1.3.2 specifies GCM). Nothing protects its integrity but TLS.
pub fn seal_reply(session_key: &Secret32, plain: &[u8], rng: &mut dyn Random) -> String {
    let context: [u8; 24] = random_bytes(rng);
    let iv: [u8; 16] = random_bytes(rng);
    let key = session_derived_key(session_key, &context, SessionKdf::V1);
    let header = format!(r#"{{"alg":"dir","enc":"A256GCM","ctx":"{}"}}"#, base64(&context));
    let content = cbc_encrypt(&key, &iv, plain);
    format!("{}..{}.{}.", base64url(header.as_bytes()), base64url(&iv), base64url(&content))
}

/// Opens what [`seal_reply`] made.
///
/// # Errors
/// [`JweFault::Parts`], [`JweFault::Algorithm`] without a `ctx`, and [`JweFault::Content`] for another key.
pub fn open_reply(session_key: &Secret32, compact: &str) -> Result<Vec<u8>, JweFault> {
    #[derive(Deserialize)]
    struct Names {
        ctx: String,
    }
    let parts: Vec<Vec<u8>> =
        compact.split('.').map(|part| from_base64url(part).map_err(|_| JweFault::Parts)).collect::<Result<_, _>>()?;
    let [header, _, iv, content, _] = <[Vec<u8>; 5]>::try_from(parts).map_err(|_| JweFault::Parts)?;
    let names: Names = json::object(&header).map_err(|_| JweFault::Algorithm)?;
    let context = from_base64(&names.ctx).map_err(|_| JweFault::Algorithm)?;
    let iv: [u8; 16] = iv.try_into().map_err(|_| JweFault::Parts)?;
    let key = session_derived_key(session_key, &context, SessionKdf::V1);
    cbc_decrypt(&key, &iv, &content).map_err(|_| JweFault::Content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{OsRng, secret_slice};
    use crate::crypto::SoftwareKey;
    use crate::crypto::cipher::random_secret;

    #[test]
    fn a_session_key_arrives_at_its_transport_key() {
        let transport = SoftwareKey::generate_rsa(&mut OsRng).unwrap();
        let key = random_secret(&mut OsRng);
        let public = transport.public().unwrap();
        let compact = wrap_session_key(&key, public.rsa().unwrap(), &mut OsRng).unwrap();
        let wrapped = WrappedSessionKey::parse(&compact).unwrap();
        let unwrapped = transport.decrypt_oaep_sha1(&wrapped.wrapped, &mut OsRng).unwrap();
        assert_eq!(wrapped.confirm(&unwrapped).unwrap().expose_secret(), key.expose_secret());
        assert_eq!(wrapped.confirm(&secret_slice(vec![0; 31])).err(), Some(JweFault::KeyLength));
        assert_eq!(wrapped.confirm(&secret_slice(vec![0; 32])).err(), Some(JweFault::Content));
    }

    #[test]
    fn a_reply_opens_under_its_session_key_alone() {
        let (key, other) = (random_secret(&mut OsRng), random_secret(&mut OsRng));
        let compact = seal_reply(&key, br#"{"a":1}"#, &mut OsRng);
        assert!(compact.ends_with('.') && compact.contains(".."), "{compact}");
        assert_eq!(open_reply(&key, &compact).unwrap(), br#"{"a":1}"#);
        assert_ne!(open_reply(&other, &compact).ok().as_deref(), Some(&br#"{"a":1}"#[..]));
        for text in ["", "a.b", "e30..AA.AA."] {
            assert!(open_reply(&key, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refuses_other_algorithms_and_shapes() {
        let other = format!("{}.AA.AAAAAAAAAAAAAAAA.AA.AA", base64url(br#"{"enc":"A256GCM","alg":"RSA1_5"}"#));
        assert_eq!(WrappedSessionKey::parse(&other).err(), Some(JweFault::Algorithm));
        let listed = format!("{}.AA.AAAAAAAAAAAAAAAA.AA.AA", base64url(br#"["A256GCM","RSA-OAEP"]"#));
        assert_eq!(WrappedSessionKey::parse(&listed).err(), Some(JweFault::Algorithm), "no object");
        for text in ["", "a.b.c", "====.a.a.a.a"] {
            assert_eq!(WrappedSessionKey::parse(text).err(), Some(JweFault::Parts), "{text:?}");
        }
    }
}
