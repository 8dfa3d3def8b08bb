//! PRT requests.

use serde_json::{Value, json};
use whfb::base::OsRng;
use whfb::crypto::SigningKey;
use whfb::crypto::cert::{Authority, Certificate, Extension, Leaf, Validity};
use whfb::entra::Rules;
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::jws::{CertificateChain, Header, Unsigned};

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

        // The same names, signed by somebody else's key.
        let genuine = Certificate::from_der(&from_base64(&device.certificate).unwrap()).unwrap();
        let validity = Validity::days_from(whfb::base::Clock::now(&*lab.clock), 30);
        let stranger =
            Authority::root(genuine.issuer(), SigningKey::generate_rsa().unwrap(), validity, &mut OsRng).unwrap();
        let public = public(device_key());
        let extensions = vec![Extension::basic_constraints(false).unwrap()];
        let leaf = Leaf { subject: genuine.subject(), public: &public, validity, extensions };
        let foreign = stranger.issue(&leaf, &mut OsRng).unwrap();
        lab.refuses(with(single(base64(foreign.der()))), 400, "CertificateForeign").await;

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
            ("grant_type", json!("device_auth"), "GrantTypeUnsupported"),
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
