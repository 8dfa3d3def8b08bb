//! Authenticator data (WebAuthn section 6.1).

use super::cbor;
use super::cose::CoseKey;
use super::fault::{CborFormat, Map};
use super::{WINDOWS_HELLO_HARDWARE, WebauthnFormat};
use crate::base::Uuid;
use crate::crypto::PublicKey;
use crate::crypto::digest::sha256;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENDED: u8 = 0x80;
const RESERVED: u8 = 0x22;

/// The longest identifier of a credential (section 6.5.1).
const LONGEST_ID: usize = 1023;

/// What an authenticator says of itself: `rpIdHash`, flags, `signCount`, then what the flags AT and ED announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData {
    /// SHA-256 of the relying party's identifier.
    pub rp_id_hash: [u8; 32],
    /// UP: a person was there.
    pub user_present: bool,
    /// UV: the person was verified, by PIN or biometrics.
    pub user_verified: bool,
    /// BE: the credential may be backed up.
    pub backup_eligible: bool,
    /// BS: it is backed up.
    pub backed_up: bool,
    /// Signatures counted; 0 if the authenticator counts none.
    pub sign_count: u32,
    /// The credential; the flag AT says that it is there. A registration has one.
    pub credential: Option<AttestedCredential>,
    /// The outputs of extensions, one CBOR map, unread; the flag ED says that they are there.
    pub extensions: Option<Vec<u8>>,
}

/// Attested credential data (section 6.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedCredential {
    /// The model of the authenticator, such as [`WINDOWS_HELLO_HARDWARE`].
    pub aaguid: Uuid,
    /// The credential's identifier, at most 1023 bytes.
    pub id: Vec<u8>,
    /// Its public key.
    pub key: CoseKey,
}

impl AuthenticatorData {
    /// What the Windows Hello hardware authenticator says of a new key: present and verified, no counter, no extensions.
    pub fn of_windows_hello(rp_id: &str, credential_id: &[u8], key: &PublicKey) -> Self {
        Self {
            rp_id_hash: sha256(rp_id.as_bytes()),
            user_present: true,
            user_verified: true,
            backup_eligible: false,
            backed_up: false,
            sign_count: 0,
            credential: Some(AttestedCredential {
                aaguid: WINDOWS_HELLO_HARDWARE,
                id: credential_id.to_vec(),
                key: CoseKey::of(key),
            }),
            extensions: None,
        }
    }

    /// Reads whole authenticator data; writes back to the same bytes.
    ///
    /// # Errors
    /// The first fault, from the front.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WebauthnFormat> {
        let (rp_id_hash, rest) = chunk::<32>(bytes)?;
        let ([flags], rest) = chunk(rest)?;
        if flags & RESERVED != 0 {
            return Err(WebauthnFormat::ReservedFlags(flags & RESERVED));
        }
        let (sign_count, mut rest) = chunk(rest)?;
        let mut credential = None;
        if flags & ATTESTED != 0 {
            let (attested, behind) = AttestedCredential::first(rest)?;
            (credential, rest) = (Some(attested), behind);
        }
        Ok(Self {
            rp_id_hash,
            user_present: flags & USER_PRESENT != 0,
            user_verified: flags & USER_VERIFIED != 0,
            backup_eligible: flags & BACKUP_ELIGIBLE != 0,
            backed_up: flags & BACKED_UP != 0,
            sign_count: u32::from_be_bytes(sign_count),
            credential,
            extensions: read_extensions(flags & EXTENDED != 0, rest)?,
        })
    }

    /// Writes the authenticator data; AT and ED as there is something.
    ///
    /// # Errors
    /// [`WebauthnFormat::CredentialIdTooLong`], or the fault of the extensions.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WebauthnFormat> {
        let mut out = self.rp_id_hash.to_vec();
        out.push(self.flags());
        out.extend_from_slice(&self.sign_count.to_be_bytes());
        if let Some(credential) = &self.credential {
            credential.write(&mut out)?;
        }
        if let Some(extensions) = read_extensions(self.extensions.is_some(), self.extensions.as_deref().unwrap_or(&[]))?
        {
            out.extend_from_slice(&extensions);
        }
        Ok(out)
    }

    fn flags(&self) -> u8 {
        let flags = [
            (self.user_present, USER_PRESENT),
            (self.user_verified, USER_VERIFIED),
            (self.backup_eligible, BACKUP_ELIGIBLE),
            (self.backed_up, BACKED_UP),
            (self.credential.is_some(), ATTESTED),
            (self.extensions.is_some(), EXTENDED),
        ];
        flags.into_iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit)
    }
}

impl AttestedCredential {
    fn first(bytes: &[u8]) -> Result<(Self, &[u8]), WebauthnFormat> {
        let (aaguid, rest) = chunk(bytes)?;
        let (length, rest) = chunk(rest)?;
        let length = usize::from(u16::from_be_bytes(length));
        if length > LONGEST_ID {
            return Err(WebauthnFormat::CredentialIdTooLong(length));
        }
        let (id, rest) = rest.split_at_checked(length).ok_or(WebauthnFormat::AuthDataTruncated)?;
        let (key, rest) = CoseKey::first(rest)?;
        Ok((Self { aaguid: Uuid::from_bytes(aaguid), id: id.to_vec(), key }, rest))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WebauthnFormat> {
        let too_long = WebauthnFormat::CredentialIdTooLong(self.id.len());
        let length = u16::try_from(self.id.len()).ok().filter(|length| usize::from(*length) <= LONGEST_ID);
        out.extend_from_slice(self.aaguid.as_bytes());
        out.extend_from_slice(&length.ok_or(too_long)?.to_be_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.key.to_bytes());
        Ok(())
    }
}

fn chunk<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), WebauthnFormat> {
    let (chunk, rest) = bytes.split_first_chunk::<N>().ok_or(WebauthnFormat::AuthDataTruncated)?;
    Ok((*chunk, rest))
}

/// One map if it was announced, nothing otherwise.
fn read_extensions(announced: bool, rest: &[u8]) -> Result<Option<Vec<u8>>, WebauthnFormat> {
    if !announced {
        let none = rest.is_empty();
        return if none { Ok(None) } else { Err(WebauthnFormat::ExtensionsUnannounced(rest.len())) };
    }
    let fault = |fault: CborFormat| WebauthnFormat::Cbor { map: Map::Extensions, fault };
    let value = cbor::whole(rest).map_err(fault)?;
    if value.is_map() { Ok(Some(rest.to_vec())) } else { Err(WebauthnFormat::NotAMap(Map::Extensions)) }
}
