//! Tokens by PRT and its renewal, under the session key.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::jwe::open_reply;

use crate::client::*;

/// What roadtx asks by PRT.
fn session_claims(session: &Session, nonce: &str, scope: &str, resource: Option<&str>) -> Value {
    let mut claims = json!({
        "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "scope": scope, "grant_type": "refresh_token",
        "refresh_token": session.prt, "request_nonce": nonce, "iss": "aad:brokerplugin",
        "aud": "login.microsoftonline.com", "iat": "1", "exp": "2",
    });
    if let Some(resource) = resource {
        claims["resource"] = resource.into();
    }
    claims
}

#[test]
fn a_prt_gets_tokens_and_is_renewed_under_its_session_key() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let mut session = lab.session(&device, ALICE).await;
        for kdf in [Kdf::V1, Kdf::V2] {
            let claims = session_claims(&session, &lab.nonce().await, "openid", Some("https://graph.microsoft.com"));
            let reply = lab.send(signed_form(&under_session(&session, &claims, kdf))).await;
            let text = String::from_utf8(reply.body.to_vec()).unwrap();
            let reply: Value = serde_json::from_slice(&open_reply(&session.key, &text).unwrap()).unwrap();
            let token = payload(reply["access_token"].as_str().unwrap());
            assert_eq!((&token["aud"], &token["deviceid"]), (&json!("https://graph.microsoft.com"), &json!(device.id)));
        }
        lab.wait(3600);
        let claims = session_claims(&session, &lab.nonce().await, "openid aza ugs", None);
        let reply = lab.send(signed_form(&under_session(&session, &claims, Kdf::V2))).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let reply: Value = serde_json::from_slice(&open_reply(&session.key, &text).unwrap()).unwrap();
        assert!(reply.get("session_key_jwe").is_none(), "the session key stays");
        assert_eq!(reply["expires_on"], (lab.now() + 1_209_599).to_string());
        session.prt = reply["refresh_token"].as_str().unwrap().to_owned();
        assert!(!lab.code(&session, &[]).await.is_empty(), "the renewed PRT is one, under the same session key");
    });
}

#[test]
fn refuses_requests_under_a_session_key_by_name() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let graph = Some("https://graph.microsoft.com");
        let send = |claims: &Value| signed_form(&under_session(&session, claims, Kdf::V2));
        let good = session_claims(&session, &lab.nonce().await, "openid", graph);
        for (member, value, name) in [
            ("refresh_token", json!("1.AAAA"), "PrtMalformed"),
            ("refresh_token", Value::Null, "SignedRequestMalformed"),
            ("request_nonce", Value::Null, "NonceMissing"),
            ("request_nonce", json!("1.AAAA"), "NonceForeign"),
        ] {
            let mut claims = good.clone();
            claims[member] = value;
            lab.refuses(send(&claims), 400, name).await;
        }
        for (member, value, name) in [
            ("grant_type", json!("password"), "GrantTypeUnsupported"),
            ("scope", json!("profile"), "ScopeWrong"),
            ("resource", json!("urn:other"), "ResourceUnknown"),
            ("resource", Value::Null, "ParameterMissing"),
        ] {
            let mut claims = session_claims(&session, &lab.nonce().await, "openid", graph);
            claims[member] = value;
            lab.refuses(send(&claims), 400, name).await;
        }
        let other = lab.session(&device, BOB).await;
        let mixed = Session { prt: session.prt.clone(), key: other.key, reply: other.reply };
        let claims = session_claims(&mixed, &lab.nonce().await, "openid", graph);
        lab.refuses(signed_form(&under_session(&mixed, &claims, Kdf::V2)), 400, "SessionKeyWrong").await;
        let claims = session_claims(&session, &lab.nonce().await, "openid", graph);
        assert_eq!(lab.send(send(&claims)).await.status, 200);
        lab.refuses(send(&claims), 400, "NonceReplayed").await;
        lab.entra.delete_device(device.id.parse().unwrap()).await.unwrap();
        let claims = session_claims(&session, &lab.nonce().await, "openid", graph);
        lab.refuses(send(&claims), 400, "PrtRevoked").await;
    });
}
