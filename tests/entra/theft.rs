//! What nobody has but the server, and whoever steals its database: the tenant's keys.
//!
//! A token of another issuer, or an attestation key's certificate with one thing wrong, is refused long before that thing is
//! looked at unless it is signed as the tenant signs. So these tests read the keys where the server keeps them, and where a row
//! itself has to be wrong they write it.

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};
use whfb::crypto::SigningKey;
use whfb::crypto::cert::Authority;
use whfb::entra::SEEDED_TENANT;
use whfb::wire::encoding::from_base64;
use whfb::wire::jws::{Header, Unsigned};
use whfb::wire::token::{AccessClaims, CLIENT_REGISTRATION, DRS_AUDIENCE};

use crate::client::*;

async fn database(lab: &Lab) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(lab.folder.path().join("entra.sqlite"));
    options.connect().await.unwrap()
}

async fn key(lab: &Lab, purpose: &str) -> (SigningKey, Option<Vec<u8>>) {
    let query = sqlx::query("SELECT material, certificate FROM tenant_keys WHERE purpose = $1").bind(purpose);
    let row = query.fetch_one(&mut database(lab).await).await.unwrap();
    let certificate: Option<String> = row.get(1);
    let material = from_base64(row.get::<&str, _>(0)).unwrap();
    (SigningKey::from_pkcs8(&material).unwrap(), certificate.map(|text| from_base64(&text).unwrap()))
}

/// One of the tenant's authorities: `device-ca`, `aik-ca`.
pub(crate) async fn authority(lab: &Lab, purpose: &str) -> Authority {
    let (key, certificate) = key(lab, purpose).await;
    Authority::from_parts(&certificate.unwrap(), key).unwrap()
}

/// Signs tokens as the tenant does.
pub(crate) struct Mint(SigningKey);

impl Mint {
    pub(crate) async fn of(lab: &Lab) -> Self {
        Self(key(lab, "token-signing").await.0)
    }

    /// What everybody knows of it: SubjectPublicKeyInfo.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.0.public().to_spki()
    }

    pub(crate) fn token(&self, claims: &impl Serialize) -> String {
        let header = Header { alg: "RS256".into(), typ: Some("JWT".into()), ..Header::default() };
        let unsigned = Unsigned::new(&header, claims).unwrap();
        let signature = self.0.sign(unsigned.signing_input()).unwrap();
        unsigned.signed(&signature)
    }
}

/// The claims of a token that registers a key from this device.
pub(crate) fn claims(lab: &Lab, device: &Joined) -> AccessClaims {
    AccessClaims {
        aud: DRS_AUDIENCE.into(),
        iss: issuer(SEEDED_TENANT),
        iat: lab.now(),
        nbf: lab.now(),
        exp: lab.now() + 3600,
        amr: vec!["ngcmfa".into()],
        appid: CLIENT_REGISTRATION.into(),
        deviceid: Some(device.id.clone()),
        name: None,
        oid: "00000000-0000-0000-0000-000000000001".into(),
        scp: String::new(),
        tid: SEEDED_TENANT.to_string(),
        upn: Some(ALICE.into()),
        ver: "1.0".into(),
        mfa_time: Some(lab.now()),
    }
}

pub(crate) fn issuer(tenant: impl std::fmt::Display) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// Damages the transport keys of all devices.
pub(crate) async fn damage_transport_keys(lab: &Lab) {
    sqlx::query("UPDATE devices SET transport_key = 'AAAA'").execute(&mut database(lab).await).await.unwrap();
}

/// The tables of the directory.
pub(crate) async fn tables(lab: &Lab) -> Vec<String> {
    let query = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    let rows = query.fetch_all(&mut database(lab).await).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The audit, oldest first: event and detail.
pub(crate) async fn audit(lab: &Lab) -> Vec<(String, String)> {
    let query = sqlx::query_as("SELECT event, detail FROM audit ORDER BY at, rowid");
    query.fetch_all(&mut database(lab).await).await.unwrap()
}
