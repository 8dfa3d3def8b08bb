//! The tenant's keys and authorities, and how the seeded tenant is made.

use std::num::NonZeroU32;

use crate::base::{ExposeSecret as _, OsRng, Secret32, Timestamp, Uuid, random_bytes, random_guid};
use crate::crypto::cert::{Authority, CertificateError, Name, Text, Validity, oid};
use crate::crypto::cipher::random_secret;
use crate::crypto::digest::{equal, sha256};
use crate::crypto::kdf::pbkdf2;
use crate::crypto::{KeyFailure, SigningKey};
use crate::wire::encoding::{base64, base64url, from_base64};

use super::directory::{Seed, Tenant, TenantKey, User};

/// Id of the seeded tenant.
pub const SEEDED_TENANT: Uuid = Uuid::from_u128(0x6d1f_4cd0_1b2f_4a43_9a36_7c7a_5f0e_2b11);
/// Domain of the seeded tenant.
pub const SEEDED_DOMAIN: &str = "contoso.example";
/// Password of every seeded user.
pub const SEEDED_PASSWORD: &str = "Passw0rd!";
/// Secret of every seeded user's one-time passwords (RFC 6238); base32, as authenticator apps take it:
/// `O5UGMYRNNRQWELLPORYC243FMNZGK5BB`.
pub const SEEDED_OTP_SECRET: &[u8; 20] = b"whfb-lab-otp-secret!";
/// The seeded users and whether each has a method of multi-factor authentication.
const SEEDED_USERS: &[(&str, &str, bool)] =
    &[("alice", "Alice", true), ("bob", "Bob", true), ("carol", "Carol", false)];

/// Rounds of PBKDF2 over a password. Ours: low, as every password of the lab is printed in its manual.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);
/// How long the lab's authorities live: ten years, as Entra's device certificates.
const AUTHORITY_DAYS: i64 = 3653;

/// What is wrong with a tenant's stored keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantFault {
    /// One of the tenant's keys is absent.
    #[error("the tenant has no key for {0}")]
    Absent(&'static str),
    /// One of the tenant's keys is damaged.
    #[error("the tenant's key for {0} is damaged")]
    Damaged(&'static str),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyFailure),
    /// An authority could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The tenant's keys, ready for use.
#[derive(Debug)]
pub(crate) struct TenantKeys {
    /// Signs access tokens (RS256).
    pub(crate) signing: SigningKey,
    /// `kid` of [`Self::signing`].
    pub(crate) kid: String,
    /// Issues device certificates.
    pub(crate) devices: Authority,
    /// Issues AIK certificates.
    pub(crate) aik: Authority,
    /// Issues peer-to-peer certificates.
    pub(crate) peers: Authority,
    /// Issues the listener's certificate.
    pub(crate) tls: Authority,
    /// Seals PRTs, codes, refresh tokens and tickets.
    pub(crate) sealing: Secret32,
    /// Authenticates nonces.
    pub(crate) nonce: Secret32,
}

impl TenantKeys {
    /// Makes all keys of a tenant; takes the time of two RSA-2048 keys.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, TenantFault> {
        let validity = Validity::days_from(now, AUTHORITY_DAYS);
        let aik = Name::common_name("whfb lab AIK CA", Text::Utf8)?;
        let tls = Name::common_name("whfb lab TLS CA", Text::Utf8)?;
        let signing = SigningKey::generate_rsa()?;
        Ok(Self {
            kid: key_name(&signing),
            signing,
            devices: Authority::root(device_issuer()?, SigningKey::generate_rsa()?, validity, &mut OsRng)?,
            aik: Authority::root(aik, SigningKey::generate_p256()?, validity, &mut OsRng)?,
            peers: peer_authority(now)?,
            tls: Authority::root(tls, SigningKey::generate_p256()?, validity, &mut OsRng)?,
            sealing: random_secret(&mut OsRng),
            nonce: random_secret(&mut OsRng),
        })
    }

    /// Keys that all tests of this process share.
    #[cfg(test)]
    pub(crate) fn shared() -> &'static Self {
        static KEYS: std::sync::OnceLock<TenantKeys> = std::sync::OnceLock::new();
        KEYS.get_or_init(|| Self::generate("2026-01-01T00:00:00Z".parse().unwrap()).unwrap())
    }

    /// Puts stored keys together again.
    pub(crate) fn from_rows(rows: &[TenantKey]) -> Result<Self, TenantFault> {
        let signing = signing(find(rows, "token-signing")?, "token-signing")?;
        Ok(Self {
            kid: key_name(&signing),
            signing,
            devices: authority(rows, "device-ca")?,
            aik: authority(rows, "aik-ca")?,
            peers: authority(rows, PEERS)?,
            tls: authority(rows, "tls-ca")?,
            sealing: symmetric(rows, "sealing")?,
            nonce: symmetric(rows, "nonce")?,
        })
    }

    /// The key that a tenant of an older version lacks, new.
    pub(crate) fn missing(rows: &[TenantKey], now: Timestamp) -> Result<Option<TenantKey>, TenantFault> {
        if rows.iter().any(|row| row.purpose == PEERS) {
            return Ok(None);
        }
        authority_row(PEERS, &peer_authority(now)?).map(Some)
    }

    /// What [`Self::from_rows`] reads.
    fn to_rows(&self) -> Result<Vec<TenantKey>, TenantFault> {
        let mut rows = vec![
            row("token-signing", self.signing.to_pkcs8()?.expose_secret(), None),
            row("sealing", self.sealing.expose_secret(), None),
            row("nonce", self.nonce.expose_secret(), None),
        ];
        let authorities =
            [("device-ca", &self.devices), ("aik-ca", &self.aik), (PEERS, &self.peers), ("tls-ca", &self.tls)];
        for (purpose, ca) in authorities {
            rows.push(authority_row(purpose, ca)?);
        }
        Ok(rows)
    }
}

const PEERS: &str = "p2p-ca";

fn row(purpose: &str, material: &[u8], certificate: Option<&[u8]>) -> TenantKey {
    TenantKey { purpose: purpose.to_owned(), material: base64(material), certificate: certificate.map(base64) }
}

fn authority_row(purpose: &str, ca: &Authority) -> Result<TenantKey, TenantFault> {
    Ok(row(purpose, ca.key().to_pkcs8()?.expose_secret(), Some(ca.certificate().der())))
}

/// The authority of peer-to-peer certificates: RSA, as Remote Desktop's other end may know nothing else. \[inferred\]
fn peer_authority(now: Timestamp) -> Result<Authority, TenantFault> {
    let name = Name::common_name("MS-Organization-P2P-Access [whfb lab]", Text::Utf8)?;
    let validity = Validity::days_from(now, AUTHORITY_DAYS);
    Ok(Authority::root(name, SigningKey::generate_rsa()?, validity, &mut OsRng)?)
}

/// The issuer of Entra's device certificates: one relative name of four attributes (protocol.md 3.6).
fn device_issuer() -> Result<Name, CertificateError> {
    Name::from_rdns(&[&[
        (oid::DOMAIN_COMPONENT, Text::Ia5, "net"),
        (oid::DOMAIN_COMPONENT, Text::Ia5, "windows"),
        (oid::COMMON_NAME, Text::Printable, "MS-Organization-Access"),
        (oid::ORGANIZATIONAL_UNIT, Text::Printable, "82dbaca4-3e81-46ca-9c73-0950c1eaca97"),
    ]])
}

fn key_name(key: &SigningKey) -> String {
    base64url(&sha256(&key.public().to_spki())[..20])
}

fn find<'a>(rows: &'a [TenantKey], purpose: &'static str) -> Result<&'a TenantKey, TenantFault> {
    rows.iter().find(|row| row.purpose == purpose).ok_or(TenantFault::Absent(purpose))
}

fn signing(row: &TenantKey, purpose: &'static str) -> Result<SigningKey, TenantFault> {
    let der = from_base64(&row.material).map_err(|_| TenantFault::Damaged(purpose))?;
    SigningKey::from_pkcs8(&der).map_err(|_| TenantFault::Damaged(purpose))
}

fn authority(rows: &[TenantKey], purpose: &'static str) -> Result<Authority, TenantFault> {
    let row = find(rows, purpose)?;
    let certificate = row.certificate.as_deref().and_then(|text| from_base64(text).ok());
    let certificate = certificate.ok_or(TenantFault::Damaged(purpose))?;
    Authority::from_parts(&certificate, signing(row, purpose)?).map_err(|_| TenantFault::Damaged(purpose))
}

fn symmetric(rows: &[TenantKey], purpose: &'static str) -> Result<Secret32, TenantFault> {
    let bytes = from_base64(&find(rows, purpose)?.material).map_err(|_| TenantFault::Damaged(purpose))?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| TenantFault::Damaged(purpose))?;
    Ok(Secret32::new(Box::new(bytes)))
}

/// The seeded tenant with these keys.
pub(crate) fn seed(keys: &TenantKeys) -> Result<Seed, TenantFault> {
    let tenant = Tenant {
        id: SEEDED_TENANT,
        domain: SEEDED_DOMAIN.to_owned(),
        display_name: "Contoso".to_owned(),
        region: "EU".to_owned(),
    };
    let users = SEEDED_USERS.iter().map(|(name, display, mfa)| seeded_user(name, display, *mfa)).collect();
    Ok(Seed { tenant, keys: keys.to_rows()?, users })
}

fn seeded_user(name: &str, display_name: &str, mfa_method: bool) -> User {
    let salt: [u8; 16] = random_bytes(&mut OsRng);
    User {
        id: random_guid(&mut OsRng),
        upn: format!("{name}@{SEEDED_DOMAIN}"),
        display_name: display_name.to_owned(),
        salt: base64(&salt),
        rounds: i64::from(ROUNDS.get()),
        verifier: base64(pbkdf2(SEEDED_PASSWORD.as_bytes(), &salt, ROUNDS).expose_secret()),
        mfa_method,
    }
}

impl User {
    /// Whether this is the user's password. A damaged row is nobody's.
    pub(crate) fn has_password(&self, password: &str) -> bool {
        let rounds = u32::try_from(self.rounds).ok().and_then(NonZeroU32::new);
        let (Some(rounds), Ok(salt), Ok(verifier)) = (rounds, from_base64(&self.salt), from_base64(&self.verifier))
        else {
            return false;
        };
        equal(pbkdf2(password.as_bytes(), &salt, rounds).expose_secret(), &verifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_keys_survive_their_rows() {
        let keys = TenantKeys::shared();
        let mut rows = keys.to_rows().unwrap();
        let again = TenantKeys::from_rows(&rows).unwrap();
        assert_eq!(again.signing.public(), keys.signing.public());
        assert_eq!(again.devices.certificate(), keys.devices.certificate());
        assert_eq!(again.nonce.expose_secret(), keys.nonce.expose_secret());
        rows.iter_mut().for_each(|row| row.material.truncate(8));
        assert!(matches!(TenantKeys::from_rows(&rows), Err(TenantFault::Damaged("token-signing"))));
        assert!(matches!(TenantKeys::from_rows(&[]), Err(TenantFault::Absent("token-signing"))));
    }

    #[test]
    fn a_tenant_of_an_older_version_gets_the_key_that_it_lacks() {
        let mut rows = TenantKeys::shared().to_rows().unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(TenantKeys::missing(&rows, now).unwrap().is_none());
        rows.retain(|row| row.purpose != PEERS);
        assert!(matches!(TenantKeys::from_rows(&rows), Err(TenantFault::Absent(PEERS))));
        rows.extend(TenantKeys::missing(&rows, now).unwrap());
        TenantKeys::from_rows(&rows).unwrap();
    }

    #[test]
    fn a_password_opens_its_own_user_and_is_not_kept() {
        let user = seeded_user("alice", "Alice", true);
        assert!(user.has_password(SEEDED_PASSWORD));
        assert!(!user.has_password("passw0rd!") && !user.has_password(""));
        let kept = [user.upn, user.salt, user.verifier].join(" ");
        assert!(!kept.contains(SEEDED_PASSWORD) && !kept.contains(&base64(SEEDED_PASSWORD.as_bytes())));
    }
}
