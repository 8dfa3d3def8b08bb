//! What no client can provoke: faults of the server's own.

use super::*;
use crate::base::ManualClock;
use crate::wire::host;
use crate::wire::http::Request;
use crate::wire::token::{AccessClaims, DRS_AUDIENCE};

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

fn claims(entra: &Entra) -> AccessClaims {
    let now = entra.now().as_second();
    AccessClaims {
        aud: DRS_AUDIENCE.into(),
        iss: tokens::issuer(SEEDED_TENANT),
        iat: now,
        nbf: now,
        exp: now + 3600,
        amr: vec!["pwd".into()],
        appid: "app".into(),
        deviceid: None,
        name: None,
        oid: "oid".into(),
        scp: String::new(),
        tid: SEEDED_TENANT.to_string(),
        upn: Some("alice@contoso.example".into()),
        ver: "1.0".into(),
        mfa_time: None,
    }
}

#[test]
fn a_closed_directory_breaks_requests_and_panics_none() {
    run(async {
        let entra = open(Vec::new()).await.unwrap();
        let token = tokens::sign(entra.keys(), &claims(&entra)).unwrap();
        entra.close().await;
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
