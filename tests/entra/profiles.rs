//! What the profiles take and refuse that `entra` does not, switch by switch.

use std::sync::OnceLock;

use rsa::BigUint;
use serde_json::{Value, json};
use whfb::base::SignedDuration;
use whfb::crypto::cert::Certificate;
use whfb::crypto::{SoftwareKey, has_roca_fingerprint};
use whfb::entra::rules::{RegistrationAmr, WeakKey};
use whfb::entra::{Profile, Rules};
use whfb::wire::encoding::from_base64;
use whfb::wire::http::Request;
use whfb::wire::oauth::TokenReply;

use crate::client::*;
use crate::support::missing;

/// A token by PRT without fresh MFA: what somebody has who stole the PRT of a morning's sign-in.
async fn stale_token(lab: &Lab, upn: &str) -> String {
    let device = lab.join(upn).await;
    let session = lab.session(&device, upn).await;
    lab.wait(3 * 3600);
    lab.send(redeem(&lab.code(&session, &[]).await)).await.json::<TokenReply>().unwrap().access_token
}

#[test]
fn sso_data_registered_a_key_before_2023_and_does_not_now() {
    run(async {
        for profile in Profile::ALL {
            let lab = Lab::new(profile.rules()).await;
            let request = register(&stale_token(&lab, ALICE).await, &kngc(user_key()));
            match profile {
                Profile::Adfs | Profile::Entra2022 => assert_eq!(lab.send(request).await.status, 200, "{profile}"),
                _ => drop(lab.refuses(request, 401, "KeyNgcmfaMissing").await),
            }
        }
    });
}

#[test]
fn whoever_never_proved_a_second_factor_registers_nowhere() {
    run(async {
        for profile in [Profile::Adfs, Profile::Entra2022] {
            let lab = Lab::new(profile.rules()).await;
            let token = stale_token(&lab, CAROL).await;
            let body = lab.refuses(register(&token, &kngc(user_key())), 401, "KeyMfaMissing").await;
            assert_eq!(body["hresult"], "0x801C03ED");
        }
    });
}

#[test]
fn any_mfa_can_be_asked_to_be_fresh() {
    run(async {
        let lab = Lab::new(Rules { registration_amr: RegistrationAmr::AnyMfa, ..Rules::entra() }).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let token: TokenReply = lab.send(redeem(&lab.code(&session, &[]).await)).await.json().unwrap();
        assert_eq!(lab.send(register(&token.access_token, &kngc(user_key()))).await.status, 200);
        lab.wait(601);
        lab.refuses(register(&token.access_token, &kngc(stranger_key())), 401, "KeyMfaStale").await;
    });
}

/// A prime as the affected library makes them: `k * M + (65537^a mod M)`, `M` the product of the first 126 primes.
fn roca_prime(exponent: u32) -> BigUint {
    let one = BigUint::from(1u32);
    let is_prime = |number: &u32| (2..*number).take_while(|d| d * d <= *number).all(|d| !number.is_multiple_of(d));
    let product = (2u32..).filter(is_prime).take(126).fold(one.clone(), |product, prime| product * prime);
    let low = BigUint::from(65_537u32).modpow(&BigUint::from(exponent), &product);
    let mut candidate = ((BigUint::from(7u32) << 1021) / &product) * &product + low;
    // Fermat's test to base 2 errs for no number that a test meets.
    while BigUint::from(2u32).modpow(&(&candidate - &one), &candidate) != one {
        candidate += &product;
    }
    candidate
}

/// A key with the fingerprint of CVE-2017-15361, which signs as any other.
pub(crate) fn roca_key() -> &'static SoftwareKey {
    static KEY: OnceLock<SoftwareKey> = OnceLock::new();
    let make = || {
        let (p, q) = (roca_prime(1_000_003), roca_prime(777_777));
        let key = rsa::RsaPrivateKey::from_p_q(p, q, BigUint::from(65_537u32)).unwrap();
        SoftwareKey::Rsa(Box::new(key))
    };
    KEY.get_or_init(make)
}

#[test]
fn a_roca_key_is_stored_as_weak_or_refused() {
    assert!(has_roca_fingerprint(public(roca_key()).rsa().unwrap()));
    run(async {
        for profile in Profile::ALL {
            let rules = profile.rules();
            let refuses = rules.weak_key == WeakKey::Refuse;
            assert_eq!(refuses, !matches!(profile, Profile::Entra | Profile::Entra2022), "{profile}");
            let lab = Lab::new(rules).await;
            let device = lab.join(ALICE).await;
            let session = lab.session(&device, ALICE).await;
            let request = register(&lab.ngcmfa(&session).await, &kngc(roca_key()));
            if refuses {
                assert_eq!(lab.refuses(request, 400, "KeyWeak").await["hresult"], "0x801C03F2", "{profile}");
            } else {
                assert_eq!(lab.send(request).await.status, 200, "{profile}");
                let snapshot = lab.snapshot().await;
                assert_eq!(
                    (snapshot.keys[0].strength.as_str(), &snapshot.keys[0].key_id),
                    ("weak", &key_id(roca_key()))
                );
                let made = assertion(&assertion_claims(&lab, &lab.nonce().await), roca_key());
                assert_eq!(lab.send(prt_request(&device, &hello_claims(&lab.nonce().await, &made))).await.status, 200);
            }
        }
    });
}

#[test]
fn an_ordinary_key_is_of_normal_strength() {
    run(async {
        let (lab, _, _) = Lab::provisioned(Rules::strict()).await;
        assert_eq!(lab.snapshot().await.keys[0].strength, "normal");
    });
}

#[test]
fn the_same_key_again_is_one_key_or_two() {
    run(async {
        for (profile, count) in [(Profile::Entra, 1), (Profile::Adfs, 2)] {
            let (lab, _, session) = Lab::provisioned(profile.rules()).await;
            let token = lab.ngcmfa(&session).await;
            let first = lab.snapshot().await.keys[0].kid.to_string();
            let reply: Value = lab.send(register(&token, &kngc(user_key()))).await.json().unwrap();
            assert_eq!(lab.snapshot().await.keys.len(), count, "{profile}");
            assert_eq!(reply["kid"] == first.as_str(), count == 1, "{profile}");
        }
    });
}

#[test]
fn a_refused_registration_is_flat_in_ad_fs_and_has_entras_form_beside_it_elsewhere() {
    run(async {
        for profile in Profile::ALL {
            let lab = Lab::new(profile.rules()).await;
            let body = lab.refuses(register("a.b.c", &kngc(user_key())), 401, "KeyTokenMalformed").await;
            assert_eq!((&body["code"], &body["response"]), (&json!("KeyTokenMalformed"), &json!("ERROR_FAIL")));
            assert_eq!(body.get("error").is_none(), profile == Profile::Adfs, "{profile}");
        }
    });
}

/// What OpenSSL makes of a SignedData, by a certificate authority in DER; `None` where there is no openssl.
fn opened_by_openssl(signed: &[u8], authority: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("signed"), signed).unwrap();
    std::fs::write(folder.path().join("ca.pem"), whfb::crypto::cert::pem(authority)).unwrap();
    let arguments = "cms -verify -inform DER -in signed -CAfile ca.pem -purpose any -attime";
    let mut command = std::process::Command::new("openssl");
    command.current_dir(folder.path()).args(arguments.split(' ')).arg(start().as_second().to_string());
    let output = command.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_context_of_ad_fs_is_signed_by_the_issuer_of_device_certificates() {
    run(async {
        for profile in Profile::ALL {
            let lab = Lab::new(Rules { pctx: profile.rules().pctx, ..Rules::entra() }).await;
            let device = lab.join(ALICE).await;
            let session = lab.session(&device, ALICE).await;
            let request = register(&lab.ngcmfa(&session).await, &kngc(user_key()));
            let reply: Value = lab.send(request).await.json().unwrap();
            assert_eq!(reply.get("pctx").is_some(), profile == Profile::Adfs, "{profile}: {reply}");
            let Some(pctx) = reply["pctx"].as_str() else { continue };
            let signed = from_base64(pctx).unwrap();
            let authority = certificate_in(&signed);
            let issued = Certificate::from_der(&from_base64(&device.certificate).unwrap()).unwrap();
            assert_eq!(issued.verify_issued_by(&authority), Ok(()));
            match opened_by_openssl(&signed, authority.der()) {
                Some(text) => assert_eq!(text, "{\"DomainControllerFqdn\":\"dc.contoso.example\"}"),
                None => drop(missing::<()>("a signed context as OpenSSL reads it", "openssl")),
            }
        }
    });
}

/// The only certificate in a SignedData: it is the longest run of bytes that is one.
fn certificate_in(signed: &[u8]) -> Certificate {
    let starts = (0..signed.len()).filter(|at| signed[*at..].starts_with(&[0x30, 0x82]));
    let runs = starts.filter_map(|at| {
        let length = 4 + usize::from(u16::from_be_bytes([signed[at + 2], signed[at + 3]]));
        Certificate::from_der(signed.get(at..at + length)?).ok()
    });
    runs.max_by_key(|certificate| certificate.der().len()).unwrap()
}

#[test]
fn a_prt_of_ad_fs_is_pop_and_lasts_a_week() {
    run(async {
        for (profile, kind, lifetime) in [(Profile::Adfs, "pop", 604_800), (Profile::Entra, "Bearer", 1_209_599)] {
            let lab = Lab::new(profile.rules()).await;
            let device = lab.join(ALICE).await;
            let session = lab.session(&device, ALICE).await;
            assert_eq!(session.reply.token_type, kind);
            assert_eq!(session.reply.refresh_token_expires_in, lifetime);
            lab.wait(604_799);
            assert!(!lab.code(&session, &[]).await.is_empty());
            lab.wait(1);
            let late = authorize(&credential(&session, &lab.nonce().await, Kdf::V2), &[]);
            match profile {
                Profile::Adfs => drop(lab.refuses(late, 400, "PrtExpired").await),
                _ => assert_eq!(lab.send(late).await.status, 302),
            }
        }
    });
}

/// A PRT request by an assertion whose nonce is `inner` and whose audience is `audience`.
fn by_assertion(lab: &Lab, device: &Joined, inner: Option<&str>, audience: &str, outer: &str) -> Request {
    let mut claims = assertion_claims(lab, "");
    claims["aud"] = audience.into();
    claims["request_nonce"] = inner.into();
    prt_request(device, &hello_claims(outer, &assertion(&claims, user_key())))
}

#[test]
fn ad_fs_wants_one_nonce_in_both_places_and_its_issuer_as_audience() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Profile::Adfs.rules()).await;
        let tenant = lab.snapshot().await.tenant;
        let issuer = format!("https://sts.windows.net/{tenant}/");
        let (inner, outer) = (lab.nonce().await, lab.nonce().await);
        lab.refuses(by_assertion(&lab, &device, Some(&inner), &issuer, &outer), 400, "AssertionNonceDiffers").await;
        let outer = lab.nonce().await;
        lab.refuses(by_assertion(&lab, &device, None, &issuer, &outer), 400, "NonceMissing").await;
        for audience in ["common", tenant.to_string().as_str(), issuer.trim_end_matches('/'), ""] {
            let nonce = lab.nonce().await;
            let request = by_assertion(&lab, &device, Some(&nonce), audience, &nonce);
            lab.refuses(request, 400, "AssertionAudienceWrong").await;
        }
        let nonce = lab.nonce().await;
        assert_eq!(lab.send(by_assertion(&lab, &device, Some(&nonce), &issuer, &nonce)).await.status, 200);
    });
}

#[test]
fn strict_takes_an_assertion_for_common_or_the_tenant() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Rules { assertion_window: None, ..Rules::strict() }).await;
        let tenant = lab.snapshot().await.tenant.to_string();
        for (audience, taken) in [("common", true), ("Common", true), (tenant.as_str(), true), ("organizations", false)]
        {
            let (inner, outer) = (lab.nonce().await, lab.nonce().await);
            let request = by_assertion(&lab, &device, Some(&inner), audience, &outer);
            match taken {
                true => assert_eq!(lab.send(request).await.status, 200, "{audience}"),
                false => drop(lab.refuses(request, 400, "AssertionAudienceWrong").await),
            }
        }
    });
}

#[test]
fn an_assertion_needed_no_nonce_before_cve_2023_35348_was_fixed() {
    run(async {
        let (lab, device, _) = Lab::provisioned(Profile::Entra2022.rules()).await;
        let outer = lab.nonce().await;
        assert_eq!(lab.send(by_assertion(&lab, &device, None, "common", &outer)).await.status, 200);
        let outer = lab.nonce().await;
        lab.refuses(by_assertion(&lab, &device, Some("1.AAAA"), "common", &outer), 400, "NonceForeign").await;
        let (now, _, _) = Lab::provisioned(Profile::Entra.rules()).await;
        let device = now.join(ALICE).await;
        let outer = now.nonce().await;
        now.refuses(by_assertion(&now, &device, None, "common", &outer), 400, "NonceMissing").await;
    });
}

#[test]
fn version_1_of_the_key_derivation_is_refused_by_the_strict_profiles_alone() {
    run(async {
        for profile in Profile::ALL {
            let lab = Lab::new(profile.rules()).await;
            let device = lab.join(ALICE).await;
            let session = lab.session(&device, ALICE).await;
            let v1 = authorize(&credential(&session, &lab.nonce().await, Kdf::V1), &[]);
            match profile {
                Profile::Strict | Profile::HardwareRequired => {
                    drop(lab.refuses(v1, 400, "KdfVersionRefused").await);
                }
                _ => assert_eq!(lab.send(v1).await.status, 302, "{profile}"),
            }
        }
    });
}

#[test]
fn every_lifetime_is_what_its_switch_says() {
    run(async {
        let short = SignedDuration::from_secs(30);
        let rules = Rules { code_lifetime: short, access_token_lifetime: short, ..Rules::entra() };
        let lab = Lab::new(rules).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let (code, token) = (lab.code(&session, &[]).await, lab.ngcmfa(&session).await);
        lab.wait(31);
        lab.refuses(redeem(&code), 400, "CodeExpired").await;
        lab.refuses(register(&token, &kngc(user_key())), 401, "KeyTokenExpired").await;

        let lab = Lab::new(Rules { nonce_lifetime: short, mfa_freshness: Some(short), ..Rules::entra() }).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let (nonce, token) = (lab.nonce().await, lab.ngcmfa(&session).await);
        lab.wait(30);
        assert_eq!(lab.send(register(&token, &kngc(user_key()))).await.status, 200);
        lab.wait(1);
        lab.refuses(register(&token, &kngc(stranger_key())), 401, "KeyMfaStale").await;
        lab.refuses(authorize(&credential(&session, &nonce, Kdf::V2), &[]), 400, "NonceExpired").await;
    });
}
