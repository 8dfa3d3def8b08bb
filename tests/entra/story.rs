//! The whole way, as a client without a TPM goes it.

use serde_json::{Value, json};
use whfb::entra::{Database, Entra, Options, Rules};
use whfb::wire::discovery::{Discovery, DrsNonceReply};
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::kpp::KeyReply;
use whfb::wire::oauth::TokenReply;
use whfb::wire::token::DRS_AUDIENCE;

use crate::client::*;

#[test]
fn password_join_prt_ngcmfa_key_and_prt_by_the_key() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        assert_eq!(payload(&session.reply.id_token)["amr"], json!(["pwd", "mfa"]));

        let token = lab.ngcmfa(&session).await;
        let claims = payload(&token);
        assert_eq!(claims["deviceid"], device.id.as_str());
        assert_eq!(claims["amr"], json!(["pwd", "mfa", "ngcmfa"]));
        assert_eq!(claims["aud"], DRS_AUDIENCE);

        let reply = lab.send(register(&token, &kngc(user_key()))).await;
        assert_eq!(reply.status, 200);
        let body: Value = reply.json().unwrap();
        assert_eq!(body.as_object().unwrap().len(), 2, "a plain request has a plain answer: {body}");
        let key: KeyReply = reply.json().unwrap();
        assert_eq!(key.upn, ALICE);

        let snapshot = lab.snapshot().await;
        let [stored] = snapshot.keys.as_slice() else { panic!("{snapshot:?}") };
        assert_eq!((stored.kid.to_string(), stored.device_id.to_string()), (key.kid, device.id.clone()));
        assert_eq!((stored.key_id.as_str(), stored.attestation_level.as_str()), (key_id(user_key()).as_str(), "none"));

        let made = assertion(&assertion_claims(&lab, &lab.nonce().await), user_key());
        let session = session_of(&lab, &device, &made).await;
        assert_eq!(payload(&session.reply.id_token)["amr"], json!(["rsa", "mfa"]));
        let token = lab.send(redeem(&lab.code(&session, &[]).await)).await.json::<TokenReply>().unwrap();
        assert_eq!(
            payload(&token.access_token)["amr"],
            json!(["rsa", "mfa"]),
            "ngcmfa comes only where it is asked for"
        );
    });
}

async fn session_of(lab: &Lab, device: &Joined, assertion: &str) -> Session {
    session(&lab.send(prt_request(device, &hello_claims(&lab.nonce().await, assertion))).await)
}

#[test]
fn one_nonce_serves_the_request_and_its_assertion() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::strict()).await;
        let nonce = lab.nonce().await;
        let mut claims = assertion_claims(&lab, &nonce);
        claims["iat"] = json!((lab.now() - 300).to_string());
        claims["exp"] = json!((lab.now() + 300).to_string());
        let request = prt_request(&device, &hello_claims(&nonce, &assertion(&claims, user_key())));
        assert_eq!(lab.send(request).await.status, 200, "times may be text");
    });
}

#[test]
fn discovery_leads_to_services_that_answer() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        for tenant in ["contoso.example", "6D1F4CD0-1B2F-4A43-9A36-7C7A5F0E2B11", "common"] {
            let target = format!("/{tenant}/Discover?api-version=1.9&managed=True");
            let found: Discovery =
                lab.send(Request::new(Method::Get, host::REGISTRATION, target)).await.json().unwrap();
            let target =
                found.nonce_service.endpoint.strip_prefix("https://enterpriseregistration.windows.net").unwrap();
            let reply =
                lab.send(Request::new(Method::Get, host::REGISTRATION, format!("{target}?api-version=1.0"))).await;
            assert!(reply.json::<DrsNonceReply>().is_ok());
        }
        let stranger = Request::new(Method::Get, host::REGISTRATION, "/fabrikam.example/Discover?api-version=1.9");
        lab.refuses(stranger, 400, "DiscoveryTenantUnknown").await;
    });
}

#[test]
fn the_same_key_twice_is_one_key_and_another_is_added() {
    run(async {
        let (lab, _, session) = Lab::provisioned(Rules::entra()).await;
        let first = lab.snapshot().await.keys[0].kid;
        let token = lab.ngcmfa(&session).await;
        let again: KeyReply = lab.send(register(&token, &kngc(user_key()))).await.json().unwrap();
        assert_eq!(again.kid, first.to_string());
        assert_eq!(lab.snapshot().await.keys.len(), 1);
        let other: KeyReply = lab.send(register(&token, &kngc(stranger_key()))).await.json().unwrap();
        assert_ne!(other.kid, first.to_string());
        assert_eq!(lab.snapshot().await.keys.len(), 2);
    });
}

#[test]
fn a_second_start_finds_what_is_there() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let open = || async {
            let options = Options {
                database: Database::File(folder.path().join("entra.sqlite")),
                rules: Rules::entra(),
                clock: std::sync::Arc::new(whfb::base::SystemClock),
                vendor_roots: Vec::new(),
                approve_device_codes: None,
            };
            Entra::open(options).await.unwrap()
        };
        let first = open().await;
        let (snapshot, ca) = (first.snapshot().await.unwrap(), first.ca_pem());
        first.close().await;
        let second = open().await;
        assert_eq!(second.snapshot().await.unwrap(), snapshot);
        assert_eq!(second.ca_pem(), ca);
        let names: Vec<_> = snapshot.users.iter().map(|user| (user.upn.as_str(), user.mfa_method)).collect();
        assert_eq!(names, [(ALICE, true), (BOB, true), (CAROL, false)]);
        second.close().await;
    });
}

#[test]
fn the_database_holds_no_password_prt_or_session_key() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let token = lab.ngcmfa(&session).await;
        lab.entra.close().await;
        let mut stored = Vec::new();
        for entry in std::fs::read_dir(lab.folder.path()).unwrap() {
            stored.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        let holds = |needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
        assert!(holds(ALICE.as_bytes()) && holds(device.id.as_bytes()), "the search itself works");
        let key = whfb::base::ExposeSecret::expose_secret(&session.key);
        for secret in [PASSWORD.as_bytes(), &session.prt.as_bytes()[2..], key, token.as_bytes()] {
            assert!(!holds(secret));
        }
        for text in
            [whfb::wire::encoding::base64(key), whfb::wire::encoding::base64url(key), whfb::wire::encoding::hex(key)]
        {
            assert!(!holds(text.as_bytes()));
        }
    });
}
