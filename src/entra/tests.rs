//! What a client cannot send, since nobody else has the tenant's signing key.

use super::*;
use crate::base::ManualClock;
use crate::wire::encoding::base64;
use crate::wire::http::Request;
use crate::wire::token::{AccessClaims, DRS_AUDIENCE};
use crate::wire::{blob, host};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn open(vendor_roots: Vec<Vec<u8>>) -> Result<Entra, OpenError> {
    let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
    Entra::open(Options {
        database: Database::Memory,
        rules: Rules::entra(),
        clock,
        vendor_roots,
        approve_device_codes: None,
    })
    .await
}

fn claims(entra: &Entra, device: Uuid) -> AccessClaims {
    let now = entra.now().as_second();
    AccessClaims {
        aud: DRS_AUDIENCE.into(),
        iss: tokens::issuer(SEEDED_TENANT),
        iat: now,
        nbf: now,
        exp: now + 3600,
        amr: vec!["ngcmfa".into()],
        appid: "app".into(),
        deviceid: Some(device.to_string()),
        name: None,
        oid: "oid".into(),
        scp: String::new(),
        tid: SEEDED_TENANT.to_string(),
        upn: Some("alice@contoso.example".into()),
        ver: "1.0".into(),
        mfa_time: Some(now),
    }
}

async fn device(entra: &Entra) -> Uuid {
    let owner = entra.directory().user_by_upn("alice@contoso.example").await.unwrap().unwrap().id;
    let id = Uuid::from_u128(7);
    let device = directory::Device {
        id,
        owner,
        display_name: "LAB-01".into(),
        os: "Windows".into(),
        os_version: "10".into(),
        trust_type: "AzureAd".into(),
        enabled: true,
        thumbprint: "AA".into(),
        certificate: String::new(),
        transport_key: String::new(),
        created: 0,
    };
    entra.directory().add_device(entra.tenant().id, &device).await.unwrap();
    id
}

#[test]
fn refuses_genuine_tokens_of_other_tenants_issuers_users_and_devices() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let good = claims(&entra, device(&entra).await);
        let key = crate::crypto::SigningKey::generate_rsa().unwrap();
        let blob = blob::write(key.public().rsa().unwrap());
        let body = serde_json::json!({ "kngc": base64(&blob) });
        let other = Uuid::from_u128(1);
        let before = entra.snapshot().await.unwrap();
        let cases = [
            (
                AccessClaims { tid: other.to_string(), iss: tokens::issuer(other), ..good.clone() },
                Refusal::KeyTokenTenant,
            ),
            (AccessClaims { iss: "https://sts.windows.net/".into(), ..good.clone() }, Refusal::KeyTokenIssuer),
            (AccessClaims { nbf: good.nbf + 1, ..good.clone() }, Refusal::KeyTokenEarly),
            (AccessClaims { deviceid: Some("LAB-01".into()), ..good.clone() }, Refusal::KeyDeviceUnknown),
            (AccessClaims { deviceid: Some(other.to_string()), ..good.clone() }, Refusal::KeyDeviceUnknown),
            (AccessClaims { upn: None, ..good.clone() }, Refusal::KeyUpnMissing),
            (AccessClaims { upn: Some("mallory@contoso.example".into()), ..good.clone() }, Refusal::KeyUserUnknown),
        ];
        let request = |claims: &AccessClaims| {
            let token = tokens::sign(entra.keys(), claims).unwrap();
            Request::json(host::REGISTRATION, "/EnrollmentServer/key/?api-version=1.0", &body).bearer(&token)
        };
        for (claims, wanted) in cases {
            let failure = register::register(&entra, &request(&claims)).await.unwrap_err();
            assert!(matches!(failure, Failure::Refused(refusal) if refusal == wanted), "{failure:?}, not {wanted:?}");
            assert_eq!(entra.snapshot().await.unwrap(), before);
        }
        assert!(register::register(&entra, &request(&good)).await.is_ok());
    });
}

#[test]
fn join_refuses_genuine_tokens_of_other_tenants_issuers_and_users() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let good = claims(&entra, Uuid::nil());
        let other = Uuid::from_u128(1);
        let before = entra.snapshot().await.unwrap();
        for (claims, wanted) in [
            (AccessClaims { tid: other.to_string(), ..good.clone() }, Refusal::JoinTokenTenant),
            (AccessClaims { iss: tokens::issuer(other), ..good.clone() }, Refusal::JoinTokenIssuer),
            (AccessClaims { nbf: good.nbf + 1, ..good.clone() }, Refusal::JoinTokenEarly),
            (AccessClaims { upn: None, ..good.clone() }, Refusal::JoinUserUnknown),
        ] {
            let token = tokens::sign(entra.keys(), &claims).unwrap();
            let body = serde_json::json!({});
            let request = Request::json(host::REGISTRATION, "/?api-version=2.0", &body).bearer(&token);
            let failure = join::join(&entra, &request).await.unwrap_err();
            assert!(matches!(failure, Failure::Refused(refusal) if refusal == wanted), "{failure:?}, not {wanted:?}");
            assert_eq!(entra.snapshot().await.unwrap(), before);
        }
    });
}

#[test]
fn graph_refuses_genuine_tokens_of_other_tenants_issuers_and_users() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let alice = entra.directory().user_by_upn("alice@contoso.example").await.unwrap().unwrap();
        let aud = crate::wire::token::GRAPH_AUDIENCE.to_owned();
        let good = AccessClaims { aud, oid: alice.id.to_string(), ..claims(&entra, Uuid::nil()) };
        let other = Uuid::from_u128(1);
        let request = |claims: &AccessClaims| {
            let token = tokens::sign(entra.keys(), claims).unwrap();
            Request::new(crate::wire::http::Method::Get, host::GRAPH, "/v1.0/me").bearer(&token)
        };
        for (claims, wanted) in [
            (AccessClaims { tid: other.to_string(), ..good.clone() }, Refusal::GraphTokenTenant),
            (AccessClaims { iss: tokens::issuer(other), ..good.clone() }, Refusal::GraphTokenIssuer),
            (AccessClaims { nbf: good.nbf + 1, ..good.clone() }, Refusal::GraphTokenEarly),
            (AccessClaims { oid: "alice".into(), ..good.clone() }, Refusal::GraphTokenUserUnknown),
            (AccessClaims { oid: other.to_string(), ..good.clone() }, Refusal::GraphTokenUserUnknown),
        ] {
            let failure = graph::admit(&entra, "v1.0", &request(&claims)).await.err().unwrap();
            assert!(matches!(failure, Failure::Refused(refusal) if refusal == wanted), "{failure:?}, not {wanted:?}");
        }
        assert!(graph::admit(&entra, "v1.0", &request(&good)).await.is_ok());
    });
}

#[test]
fn refuses_a_prt_to_a_device_without_a_usable_transport_key() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let id = device(&entra).await;
        let device = entra.directory().device(id).await.unwrap().unwrap();
        let user = entra.directory().user(device.owner).await.unwrap().unwrap();
        let failure = signin::issue(&entra, &user, &device, grant::Proof::default(), "app").await.err().unwrap();
        assert!(matches!(failure, Failure::Refused(Refusal::TransportKeyMissing)), "{failure:?}");
        assert_eq!(entra.snapshot().await.unwrap().grants, 0);
    });
}

#[test]
fn a_closed_directory_breaks_requests_and_panics_none() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let good = claims(&entra, device(&entra).await);
        entra.close().await;
        let token = tokens::sign(entra.keys(), &good).unwrap();
        let request = Request::json(host::REGISTRATION, "/?api-version=2.0", &serde_json::json!({})).bearer(&token);
        assert!(matches!(join::join(&entra, &request).await, Err(Failure::Broken(Broken::Directory(_)))));
    });
}

#[test]
fn names_the_vendor_root_that_is_no_certificate() {
    run(async {
        let root = TenantKeys::shared().tls.certificate().der().to_vec();
        let fault = open(vec![root, b"no certificate".to_vec()]).await.unwrap_err();
        assert!(matches!(fault, OpenError::VendorRoot(1)), "{fault:?}");
    });
}
