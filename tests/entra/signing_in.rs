//! PRT requests.

use serde_json::{Value, json};
use whfb::entra::Rules;
use whfb::wire::encoding::base64;
use whfb::wire::jws::{CertificateChain, Header, Unsigned};
use whfb::wire::oauth::TokenReply;
use whfb::wire::token::{CLIENT_AUTHENTICATION_BROKER, CLIENT_REGISTRATION, DRS_AUDIENCE};

use crate::client::*;

#[test]
fn a_prt_reply_has_the_types_that_clients_need() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        let reply: Value = lab.send(prt_request(&device, &claims)).await.json().unwrap();
        for name in ["expires_in", "ext_expires_in", "expires_on", "refresh_token", "session_key_jwe", "id_token"] {
            assert!(reply[name].is_string(), "{name}");
        }
        assert_eq!(reply["refresh_token_expires_in"], 1_209_599);
        assert!(reply["refresh_token"].as_str().unwrap().contains('.'));
        assert!(reply.get("access_token").is_none());
        let id = payload(reply["id_token"].as_str().unwrap());
        for name in ["name", "oid", "tid", "preferred_username"] {
            assert!(id[name].is_string(), "{name}");
        }
    });
}

#[test]
fn x5c_is_taken_as_a_list_too() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        let chain = CertificateChain::List(vec![device.certificate.clone()]);
        let request = signed_form(&sign(Unsigned::new(&header(Some(chain)), &claims).unwrap(), device_key()));
        assert_eq!(lab.send(request).await.status, 200);
    });
}

fn header(x5c: Option<CertificateChain>) -> Header {
    Header { alg: "RS256".into(), x5c, ..Header::default() }
}

#[test]
fn refuses_nonces_that_are_missing_foreign_replayed_or_old() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let mut claims = password_claims("", ALICE, PASSWORD);
        lab.refuses(prt_request(&device, &claims), 400, "NonceForeign").await;
        claims.as_object_mut().unwrap().remove("request_nonce");
        lab.refuses(prt_request(&device, &claims), 400, "NonceMissing").await;

        let stranger = Lab::stranger().await;
        let foreign = password_claims(&stranger.nonce().await, ALICE, PASSWORD);
        lab.refuses(prt_request(&device, &foreign), 400, "NonceForeign").await;

        let nonce = lab.nonce().await;
        let good = password_claims(&nonce, ALICE, PASSWORD);
        assert_eq!(lab.send(prt_request(&device, &good)).await.status, 200);
        let body = lab.refuses(prt_request(&device, &good), 400, "NonceReplayed").await;
        assert_eq!(body["error_codes"], json!([140_000]));
        let padded = password_claims(&format!("{nonce}="), ALICE, PASSWORD);
        lab.refuses(prt_request(&device, &padded), 400, "NonceReplayed").await;

        let old = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        lab.wait(601);
        lab.refuses(prt_request(&device, &old), 400, "NonceExpired").await;
    });
}

#[test]
fn refuses_certificates_that_are_missing_malformed_foreign_or_expired() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        let with = |x5c: Option<CertificateChain>| {
            signed_form(&sign(Unsigned::new(&header(x5c), &claims).unwrap(), device_key()))
        };
        let single = |text: String| Some(CertificateChain::Single(text));
        lab.refuses(with(None), 400, "CertificateMissing").await;
        lab.refuses(with(Some(CertificateChain::List(Vec::new()))), 400, "CertificateMissing").await;
        lab.refuses(with(single("!".into())), 400, "CertificateMalformed").await;
        lab.refuses(with(single(base64(b"no certificate"))), 400, "CertificateMalformed").await;

        let foreign = lab.forged(&device);
        lab.refuses(with(single(base64(&foreign))), 400, "CertificateForeign").await;

        lab.wait(3653 * 86_400);
        lab.refuses(prt_request(&device, &claims), 400, "CertificateExpired").await;
    });
}

#[test]
fn refuses_requests_not_signed_by_the_device_key() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
        let x5c = Some(CertificateChain::Single(device.certificate.clone()));
        let other = sign(Unsigned::new(&header(x5c.clone()), &claims).unwrap(), stranger_key());
        lab.refuses(signed_form(&other), 400, "SignedRequestSignature").await;
        for alg in ["none", "HS256", "ES256"] {
            let header = Header { alg: alg.into(), ..header(x5c.clone()) };
            let unsigned = sign(Unsigned::new(&header, &claims).unwrap(), device_key());
            lab.refuses(signed_form(&unsigned), 400, "SignedRequestUnsupported").await;
        }
        // The nonce is still good: nothing that was not signed spends it.
        assert_eq!(lab.send(prt_request(&device, &claims)).await.status, 200);
    });
}

#[test]
fn refuses_wrong_passwords_scopes_and_grants() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        for (field, value, name) in [
            ("password", json!("no"), "PasswordWrong"),
            ("username", json!("mallory@contoso.example"), "UserUnknown"),
            ("username", Value::Null, "ParameterMissing"),
            ("scope", json!("openid"), "ScopeWrong"),
            ("grant_type", json!("saml1_1-bearer"), "GrantTypeUnsupported"),
        ] {
            let mut claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
            claims[field] = value;
            lab.refuses(prt_request(&device, &claims), 400, name).await;
        }
    });
}

#[test]
fn refuses_devices_that_are_disabled_or_deleted() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::entra()).await;
        let id = device.id.parse().unwrap();
        lab.entra.enable_device(id, false).await.unwrap();
        for (by_password, by_hello, number) in
            [("DeviceDisabled", "HelloDeviceDisabled", 130_007), ("DeviceUnknown", "HelloDeviceNotFound", 130_008)]
        {
            let claims = password_claims(&lab.nonce().await, ALICE, PASSWORD);
            lab.refuses(prt_request(&device, &claims), 400, by_password).await;
            let made = assertion(&assertion_claims(&lab, &lab.nonce().await), user_key());
            let hello = prt_request(&device, &hello_claims(&lab.nonce().await, &made));
            let body = lab.refuses(hello, 400, by_hello).await;
            assert_eq!(body["error_codes"], json!([number]));
            lab.entra.delete_device(id).await.unwrap();
        }
    });
}

#[test]
fn a_key_whose_device_is_gone_signs_in_from_no_other_device() {
    run(async {
        let (lab, first, _) = Lab::provisioned(Rules::entra()).await;
        let second = lab.join(ALICE).await;
        let sign_in = async |name: Option<&str>| {
            let made = assertion(&assertion_claims(&lab, &lab.nonce().await), user_key());
            let request = prt_request(&second, &hello_claims(&lab.nonce().await, &made));
            match name {
                None => assert_eq!(lab.send(request).await.status, 200, "public tools use another device"),
                Some(name) => drop(lab.refuses(request, 400, name).await),
            }
        };
        sign_in(None).await;
        lab.entra.enable_device(first.id.parse().unwrap(), false).await.unwrap();
        sign_in(Some("HelloDeviceDisabled")).await;
        lab.entra.delete_device(first.id.parse().unwrap()).await.unwrap();
        sign_in(Some("HelloDeviceNotFound")).await;
    });
}

#[test]
fn refuses_stray_keys_wrong_signatures_and_other_users() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::entra()).await;
        let body = refuse_assertion(&lab, &device, |claims| assertion(claims, stranger_key()), "HelloKeyUnknown").await;
        assert_eq!(body["error_codes"], json!([130_004]));
        let wrong = |claims: &Value| {
            let header = Header {
                alg: "RS256".into(),
                kid: Some(key_id(user_key())),
                usage: Some("ngc".into()),
                ..Header::default()
            };
            sign(Unsigned::new(&header, claims).unwrap(), stranger_key())
        };
        let body = refuse_assertion(&lab, &device, wrong, "HelloSignatureWrong").await;
        assert_eq!(body["error_codes"], json!([130_005]));
        let of_bob = |claims: &Value| {
            let mut claims = claims.clone();
            claims["iss"] = json!(BOB);
            assertion(&claims, user_key())
        };
        refuse_assertion(&lab, &device, of_bob, "HelloKeyUnknown").await;
        let plain = |claims: &Value| {
            let header = Header { alg: "RS256".into(), kid: Some(key_id(user_key())), ..Header::default() };
            sign(Unsigned::new(&header, claims).unwrap(), user_key())
        };
        refuse_assertion(&lab, &device, plain, "AssertionNotForHello").await;
        refuse_assertion(&lab, &device, |_| "a.b".to_owned(), "AssertionMalformed").await;
        let mut none = hello_claims(&lab.nonce().await, "");
        none["assertion"] = Value::Null;
        lab.refuses(prt_request(&device, &none), 400, "AssertionMissing").await;
    });
}

async fn refuse_assertion(lab: &Lab, device: &Joined, make: impl Fn(&Value) -> String, name: &str) -> Value {
    let claims = assertion_claims(lab, &lab.nonce().await);
    lab.refuses(prt_request(device, &hello_claims(&lab.nonce().await, &make(&claims))), 400, name).await
}

#[test]
fn refuses_assertions_without_nonce_replayed_or_out_of_time() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::entra()).await;
        let with = |field: &'static str, value: Value| {
            move |claims: &Value| {
                let mut claims = claims.clone();
                claims[field] = value.clone();
                assertion(&claims, user_key())
            }
        };
        refuse_assertion(&lab, &device, with("request_nonce", Value::Null), "NonceMissing").await;
        refuse_assertion(&lab, &device, with("exp", json!(lab.now())), "AssertionExpired").await;
        refuse_assertion(&lab, &device, with("iat", json!(lab.now() + 1)), "AssertionNotYetValid").await;
        refuse_assertion(&lab, &device, with("exp", json!("soon")), "AssertionMalformed").await;

        let made = assertion(&assertion_claims(&lab, &lab.nonce().await), user_key());
        let once = prt_request(&device, &hello_claims(&lab.nonce().await, &made));
        assert_eq!(lab.send(once).await.status, 200);
        let again = prt_request(&device, &hello_claims(&lab.nonce().await, &made));
        lab.refuses(again, 400, "NonceReplayed").await;
    });
}

#[test]
fn strict_refuses_wide_windows_other_audiences_and_other_devices() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules::strict()).await;
        refuse_assertion(&lab, &device, |claims| assertion(claims, user_key()), "AssertionWindowTooWide").await;
        let narrow = |audience: &'static str| {
            let now = lab.now();
            move |claims: &Value| {
                let mut claims = claims.clone();
                (claims["iat"], claims["exp"], claims["aud"]) = (json!(now - 300), json!(now + 300), json!(audience));
                assertion(&claims, user_key())
            }
        };
        refuse_assertion(&lab, &device, narrow("https://example.org"), "AssertionAudienceWrong").await;
        let second = lab.join(ALICE).await;
        refuse_assertion(&lab, &second, narrow("common"), "HelloDeviceDiffers").await;
    });
}

fn refresh_claims(nonce: &str, token: &str) -> Value {
    json!({
        "client_id": CLIENT_AUTHENTICATION_BROKER, "request_nonce": nonce, "scope": "openid aza ugs",
        "grant_type": "refresh_token", "refresh_token": token,
    })
}

#[test]
fn a_refresh_token_becomes_a_prt_that_proves_no_more() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let token = lab.send(by_password(ALICE, PASSWORD, DRS_AUDIENCE)).await;
        let token = token.json::<TokenReply>().unwrap().refresh_token.unwrap();
        let mfa_time = lab.now();
        lab.wait(700);
        let session = session(&lab.send(prt_request(&device, &refresh_claims(&lab.nonce().await, &token))).await);
        let code = lab.code(&session, &[]).await;
        let claims = payload(&lab.send(redeem(&code)).await.json::<TokenReply>().unwrap().access_token);
        assert_eq!((&claims["amr"], &claims["mfa_time"]), (&json!(["pwd", "mfa"]), &json!(mfa_time)));
        assert_eq!(claims["deviceid"], json!(device.id));

        // Without `kdf_ver`, at the other endpoint and with another scope: version 3 of the protocol.
        let mut claims = refresh_claims(&lab.nonce().await, &token);
        claims["scope"] = json!("openid aza");
        let x5c = Some(CertificateChain::Single(device.certificate.clone()));
        let mut v3 = signed_form(&sign(Unsigned::new(&header(x5c), &claims).unwrap(), device_key()));
        v3.target = "/common/oauth2/v2.0/token".into();
        assert_eq!(lab.send(v3).await.status, 200);
    });
}

#[test]
fn refuses_refresh_tokens_of_others() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let (device, other) = (lab.join(ALICE).await, lab.join(ALICE).await);
        let bound = redeem(&lab.code(&lab.session(&other, ALICE).await, &[]).await);
        let bound = lab.send(bound).await.json::<TokenReply>().unwrap().refresh_token.unwrap();
        let ask = async |name: &str, change: &dyn Fn(&mut Value)| {
            let mut claims = refresh_claims(&lab.nonce().await, &bound);
            change(&mut claims);
            lab.refuses(prt_request(&device, &claims), 400, name).await;
        };
        ask("RefreshTokenOfAnotherClient", &|_| {}).await;
        ask("RefreshTokenOfAnotherDevice", &|claims| claims["client_id"] = json!(CLIENT_REGISTRATION)).await;
        ask("RefreshTokenMalformed", &|claims| claims["refresh_token"] = json!(&bound[1..])).await;
        ask("ParameterMissing", &|claims| claims["refresh_token"] = Value::Null).await;
        lab.entra.delete_device(other.id.parse().unwrap()).await.unwrap();
        let mut claims = refresh_claims(&lab.nonce().await, &bound);
        claims["client_id"] = json!(CLIENT_REGISTRATION);
        lab.refuses(prt_request(&device, &claims), 400, "RefreshTokenOfAnotherDevice").await;
        let own = lab.send(redeem(&lab.code(&lab.session(&device, ALICE).await, &[]).await)).await;
        let own = own.json::<TokenReply>().unwrap().refresh_token.unwrap();
        lab.wait(1_209_600);
        let mut claims = refresh_claims(&lab.nonce().await, &own);
        claims["client_id"] = json!(CLIENT_REGISTRATION);
        lab.refuses(prt_request(&device, &claims), 400, "RefreshTokenExpired").await;
    });
}

#[test]
fn a_device_gets_tokens_for_itself_alone() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = lab.join(ALICE).await;
        let claims = |nonce: String, resource: &str| {
            json!({
                "resource": resource, "client_id": CLIENT_AUTHENTICATION_BROKER, "request_nonce": nonce,
                "win_ver": "10.0.22621.608", "grant_type": "device_token", "iss": "aad:brokerplugin",
            })
        };
        let reply = lab.send(prt_request(&device, &claims(lab.nonce().await, DRS_AUDIENCE))).await;
        let token = reply.json::<TokenReply>().unwrap();
        assert!(token.refresh_token.is_none() && token.id_token.is_none());
        let read = payload(&token.access_token);
        assert_eq!((&read["deviceid"], &read["oid"]), (&json!(device.id), &json!(device.id)));
        assert!(read.get("upn").is_none());
        // There is no user in it for whom a key or a device could be registered.
        lab.refuses(register(&token.access_token, &kngc(user_key())), 401, "KeyUpnMissing").await;
        lab.refuses(join(&token.access_token, &join_body()), 400, "JoinUserUnknown").await;
        let graph = claims(lab.nonce().await, "https://graph.microsoft.com");
        lab.refuses(prt_request(&device, &graph), 400, "DeviceTokenUnsupported").await;
        let other = claims(lab.nonce().await, "urn:other");
        lab.refuses(prt_request(&device, &other), 400, "ResourceUnknown").await;
    });
}
