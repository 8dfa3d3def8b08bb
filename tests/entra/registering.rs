//! Key registration, in the order of MS-KPP: 400, 401, 400.

use serde_json::{Value, json};
use whfb::base::OsRng;
use whfb::crypto::SoftwareKey;
use whfb::entra::Rules;
use whfb::wire::encoding::{base64, base64url};
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::oauth::TokenReply;
use whfb::wire::token::DRS_AUDIENCE;

use crate::client::*;

async fn lab_with_token() -> (Lab, Joined, Session, String) {
    let lab = Lab::new(Rules::entra()).await;
    let device = lab.join(ALICE).await;
    let session = lab.session(&device, ALICE).await;
    let token = lab.ngcmfa(&session).await;
    (lab, device, session, token)
}

#[test]
fn ngcmfa_is_good_for_ten_minutes() {
    run(async {
        let (lab, _, _, token) = lab_with_token().await;
        lab.wait(599);
        assert_eq!(lab.send(register(&token, &kngc(user_key()))).await.status, 200);
        lab.wait(2);
        let body = lab.refuses(register(&token, &kngc(stranger_key())), 401, "KeyMfaStale").await;
        assert_eq!(body["hresult"], "0x801C03ED");
        assert_eq!((&body["response"], &body["error"]["code"]), (&json!("ERROR_FAIL"), &json!("KeyMfaStale")));
    });
}

#[test]
fn a_code_does_not_make_its_mfa_younger() {
    run(async {
        let (lab, _, session, _) = lab_with_token().await;
        let code = lab.code(&session, &[("amr_values", "ngcmfa")]).await;
        lab.wait(590);
        let token: TokenReply = lab.send(redeem(&code)).await.json().unwrap();
        lab.wait(11);
        lab.refuses(register(&token.access_token, &kngc(user_key())), 401, "KeyMfaStale").await;
    });
}

#[test]
fn refuses_a_token_without_ngcmfa_or_without_a_device() {
    run(async {
        let (lab, _, session, _) = lab_with_token().await;
        let token: TokenReply = lab.send(redeem(&lab.code(&session, &[]).await)).await.json().unwrap();
        lab.refuses(register(&token.access_token, &kngc(user_key())), 401, "KeyNgcmfaMissing").await;
        let deviceless = lab.token(ALICE, DRS_AUDIENCE).await;
        let body = lab.refuses(register(&deviceless, &kngc(user_key())), 401, "KeyDeviceIdMissing").await;
        assert_eq!(body["hresult"], "0x801C044D");
    });
}

#[test]
fn refuses_tokens_that_are_missing_malformed_forged_expired_or_for_another_audience() {
    run(async {
        let (lab, _, session, token) = lab_with_token().await;
        let body = kngc(user_key());
        let bare = Request::json(host::REGISTRATION, KEY_PATH, &body);
        lab.refuses(bare.clone(), 401, "KeyTokenMissing").await;
        lab.refuses(bare.header("Authorization", format!("Basic {token}")), 401, "KeyTokenMissing").await;
        lab.refuses(register("a.b.c", &body), 401, "KeyTokenMalformed").await;

        let (head, _) = token.rsplit_once('.').unwrap();
        lab.refuses(register(&format!("{head}.AAAA"), &body), 401, "KeyTokenSignature").await;
        let (header, _) = head.split_once('.').unwrap();
        let mut claims = payload(&token);
        claims["upn"] = json!(BOB);
        let forged =
            format!("{header}.{}.{}", base64url(claims.to_string().as_bytes()), token.rsplit('.').next().unwrap());
        lab.refuses(register(&forged, &body), 401, "KeyTokenSignature").await;

        let graph = [("resource", "https://graph.microsoft.com"), ("amr_values", "ngcmfa")];
        let other: TokenReply = lab.send(redeem(&lab.code(&session, &graph).await)).await.json().unwrap();
        lab.refuses(register(&other.access_token, &body), 401, "KeyTokenAudience").await;

        lab.wait(3600);
        lab.refuses(register(&token, &body), 401, "KeyTokenExpired").await;
    });
}

#[test]
fn refuses_the_device_of_the_token_once_it_is_disabled_or_deleted() {
    run(async {
        let (lab, device, _, token) = lab_with_token().await;
        let id = device.id.parse().unwrap();
        assert!(lab.entra.enable_device(id, false).await.unwrap());
        lab.refuses(register(&token, &kngc(user_key())), 401, "KeyDeviceDisabled").await;
        assert!(lab.entra.delete_device(id).await.unwrap());
        lab.refuses(register(&token, &kngc(user_key())), 401, "KeyDeviceUnknown").await;
        assert!(!lab.entra.delete_device(id).await.unwrap());
    });
}

#[test]
fn refuses_each_malformed_kngc_by_name_before_it_looks_at_the_token() {
    run(async {
        let (lab, _, _, token) = lab_with_token().await;
        let good = rsa1(user_key());
        let with = |at: usize, byte: u8| {
            let mut changed = good.clone();
            changed[at] = byte;
            json!({ "kngc": base64(&changed) })
        };
        let url_safe = (0u8..=255)
            .map(|byte| {
                let mut changed = good.clone();
                changed[60] = byte;
                base64url(&changed)
            })
            .find(|text| text.contains(['-', '_']))
            .unwrap();
        let small = SoftwareKey::Rsa(Box::new(rsa::RsaPrivateKey::new(&mut OsRng, 1024).unwrap()));
        let cases: Vec<(Value, &str)> = vec![
            (json!([]), "KeyBodyNotJson"),
            (json!({}), "KngcAbsent"),
            (json!({ "kngc": 7 }), "KngcNotString"),
            (json!({ "kngc": { "KeyMaterial": "" } }), "KngcNotString"),
            (json!({ "kngc": url_safe }), "KngcBase64Url"),
            (json!({ "kngc": "!" }), "KngcNotBase64"),
            (json!({ "kngc": base64(&good).trim_end_matches('=') }), "KngcNotBase64"),
            (json!({ "kngc": "" }), "KngcEmpty"),
            (json!({ "kngc": base64(&good[..20]) }), "KngcTruncated"),
            (with(3, b'2'), "KngcMagic"),
            (with(16, 128), "KngcPrimes"),
            (with(8, 4), "KngcLengths"),
            (json!({ "kngc": base64(&[&good[..], &[0]].concat()) }), "KngcLengths"),
            (with(4, 1), "KngcBitLength"),
            (with(282, 2), "KngcNumbers"),
            (with(26, 2), "KngcNumbers"),
            (kngc(&small), "KngcKeySize"),
            (json!({ "kngc": base64(&good), "labAttestation": 1 }), "KeyAttestationMalformed"),
        ];
        for (body, name) in cases {
            lab.refuses(register(&token, &body), 400, name).await;
            lab.refuses(register("no token", &body), 400, name).await;
        }
    });
}

#[test]
fn refuses_requests_without_version_or_accept_before_anything_else() {
    run(async {
        let (lab, _, _, token) = lab_with_token().await;
        let request = |target: &str| {
            let mut request = Request::new(Method::Post, host::REGISTRATION, target).bearer(&token);
            request.body = kngc(user_key()).to_string().into_bytes().into();
            request
        };
        lab.refuses(request("/EnrollmentServer/key/"), 400, "KeyApiVersionMissing").await;
        lab.refuses(request("/EnrollmentServer/key?api-version=1.1"), 400, "KeyApiVersionUnsupported").await;
        let twice = request(KEY_PATH).header("api-version", "1.0");
        lab.refuses(twice, 400, "KeyApiVersionTwice").await;
        lab.refuses(request(KEY_PATH), 400, "KeyAcceptMissing").await;
        lab.refuses(request(KEY_PATH).header("Accept", "text/html"), 400, "KeyAcceptNotJson").await;
        let by_header =
            request("/enrollmentserver/key").header("api-version", "1.0").header("Accept", "application/json");
        assert_eq!(
            lab.send(by_header).await.status,
            200,
            "the header form works, and so does the path without a slash"
        );
    });
}
