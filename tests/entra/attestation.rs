//! The AIK service and the judgement of statements, with a TPM of software keys.

use serde_json::{Value, json};
use whfb::attest::{TpmIdentity, ek_certificate};
use whfb::base::{Clock as _, OsRng};
use whfb::crypto::cert::Validity;
use whfb::entra::{Attestation, Freshness, Rules};
use whfb::wire::encoding::base64;
use whfb::wire::host;
use whfb::wire::http::Request;
use whfb::wire::lab::{AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, AikChallenge};
use whfb::wire::tpm::{ALG_SHA256, Attributes, Scheme};

use crate::client::*;
use crate::software_tpm::*;

#[test]
fn a_statement_over_a_verified_ek_is_of_the_highest_level() {
    run(async {
        let (lab, token) = lab_of(Rules { attestation: Attestation::RequireEk, ..Rules::hardware_required() }).await;
        let chain = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        let made = statement(&drs_nonce(&lab).await, &chain);
        let reply: Value = lab.send(register(&token, &attested(user_key(), &made))).await.json().unwrap();
        assert_eq!(reply["attestationLevel"], "aik+ek", "{reply}");
        let snapshot = lab.snapshot().await;
        assert_eq!(snapshot.keys[0].attestation_level, "aik+ek");
        assert_eq!(snapshot.keys[0].attestation_report["level"], "aik+ek");
    });
}

#[test]
fn without_an_ek_certificate_the_level_is_lower_and_require_ek_refuses_it() {
    run(async {
        for (attestation, accepted) in [(Attestation::RequireAik, true), (Attestation::RequireEk, false)] {
            let (lab, token) = lab_of(Rules { attestation, ..Rules::hardware_required() }).await;
            let made = statement(&drs_nonce(&lab).await, &certified_aik(&lab, None).await);
            let request = register(&token, &attested(user_key(), &made));
            if accepted {
                assert_eq!(lab.send(request).await.json::<Value>().unwrap()["attestationLevel"], "aik");
            } else {
                lab.refuses(request, 400, "AttestationLevelTooLow").await;
            }
        }
    });
}

#[test]
fn hardware_required_refuses_a_key_without_a_statement() {
    run(async {
        let (lab, token) = lab_of(Rules::hardware_required()).await;
        let body = lab.refuses(register(&token, &kngc(user_key())), 400, "AttestationMissing").await;
        assert_eq!(body["hresult"], "0x801C03EE");
    });
}

#[test]
fn refuses_statements_about_other_keys_by_other_keys_or_of_software_by_name() {
    run(async {
        // A statement that is sent must hold even where none is needed.
        let (lab, token) = lab_of(Rules::entra()).await;
        let chain = certified_aik(&lab, None).await;
        let nonce = drs_nonce(&lab).await;
        let good = statement(&nonce, &chain);
        let foreign_chain = {
            let other = root("Another attestation authority");
            let validity = Validity::days_from(lab.clock.now(), 30);
            let tpm = TpmIdentity { manufacturer: 0, model: "x".into(), version: 0 };
            let issued =
                whfb::attest::aik_certificate(&other, &public(aik_key()), &tpm, true, validity, &mut OsRng).unwrap();
            vec![base64(issued.der())]
        };
        let mut forged = good.clone();
        forged.signature[0] ^= 1;
        let mut exported = Recipe::good(&nonce);
        exported.public.attributes.0 ^= Attributes::FIXED_TPM.0;
        let exported = exported.make(&nonce, &chain);
        let mut unreadable = good.clone();
        unreadable.aik_chain[0].push('!');
        for (key, statement, name, hresult) in [
            (stranger_key(), good.clone(), "AttestationExtraData", "0x801C03EE"),
            (user_key(), forged, "AttestationSignature", "0x801C03EE"),
            (user_key(), statement(&nonce, &foreign_chain), "AttestationChain", "0x801C0010"),
            (user_key(), exported, "AttestationFixedTpm", "0x801C03EE"),
            (user_key(), statement(&nonce, &[]), "AttestationCertificates", "0x801C03EE"),
            (user_key(), unreadable, "KeyAttestationMalformed", "0x801C03EE"),
        ] {
            let body = lab.refuses(register(&token, &attested(key, &statement)), 400, name).await;
            assert_eq!(body["hresult"], hresult, "{name}");
        }
        // None of these spent the nonce; the good one does.
        assert_eq!(lab.send(register(&token, &attested(user_key(), &good))).await.status, 200);
        lab.refuses(register(&token, &attested(user_key(), &good)), 400, "AttestationNonceReplayed").await;
    });
}

#[test]
fn refuses_statements_over_no_foreign_or_old_nonces() {
    run(async {
        let (lab, _) = lab_of(Rules::entra()).await;
        let chain = certified_aik(&lab, None).await;
        let old = drs_nonce(&lab).await;
        lab.wait(601);
        let device = lab.join(ALICE).await;
        let token = lab.ngcmfa(&lab.session(&device, ALICE).await).await;
        for (nonce, name) in [
            (String::new(), "AttestationNonceMissing"),
            (lab.nonce().await, "AttestationNonceForeign"),
            (old, "AttestationNonceExpired"),
        ] {
            let made = statement(&nonce, &chain);
            lab.refuses(register(&token, &attested(user_key(), &made)), 400, name).await;
        }
    });
}

#[test]
fn refuses_statements_of_an_attestation_key_whose_certificate_has_expired() {
    run(async {
        let (lab, _) = lab_of(Rules::entra()).await;
        let chain = certified_aik(&lab, None).await;
        lab.wait(366 * 86_400);
        let device = lab.join(ALICE).await;
        let token = lab.ngcmfa(&lab.session(&device, ALICE).await).await;
        let made = statement(&drs_nonce(&lab).await, &chain);
        let body = lab.refuses(register(&token, &attested(user_key(), &made)), 400, "AttestationAikExpired").await;
        assert_eq!(body["hresult"], "0x801C03EF");
    });
}

#[test]
fn rules_may_take_old_statements_or_none_at_all() {
    run(async {
        let (lab, token) = lab_of(Rules { attestation_freshness: Freshness::None, ..Rules::entra() }).await;
        let made = statement("", &certified_aik(&lab, None).await);
        let reply: Value = lab.send(register(&token, &attested(user_key(), &made))).await.json().unwrap();
        assert_eq!(reply["attestationLevel"], "aik");

        let (lab, token) = lab_of(Rules { attestation: Attestation::Ignore, ..Rules::entra() }).await;
        let mut wrong = made;
        wrong.signature.clear();
        let reply: Value = lab.send(register(&token, &attested(user_key(), &wrong))).await.json().unwrap();
        assert_eq!(reply["attestationLevel"], "none");
    });
}

#[test]
fn refuses_ek_certificates_that_prove_nothing() {
    run(async {
        let (lab, _) = lab_of(Rules::strict()).await;
        let stranger = root("Another TPM vendor");
        let other_key = {
            let tpm = TpmIdentity { manufacturer: 1, model: "x".into(), version: 1 };
            let validity = Validity::days_from(start(), 30);
            base64(ek_certificate(vendor(), &public(aik_key()), &tpm, validity, &mut OsRng).unwrap().der())
        };
        for (certificate, name) in [
            ("!".to_owned(), "EkCertificateMalformed"),
            (base64(b"no certificate"), "EkCertificateMalformed"),
            (other_key, "EkCertificateOtherKey"),
            (base64(vendor().certificate().der()), "EkCertificateOtherKey"),
            (certified_ek(&stranger, 30), "EkCertificateUntrusted"),
        ] {
            lab.refuses(challenge(Some(certificate), aik_area()), 400, name).await;
        }
        let short = certified_ek(vendor(), 1);
        lab.wait(2 * 86_400);
        lab.refuses(challenge(Some(short), aik_area()), 400, "EkCertificateExpired").await;
    });
}

#[test]
fn an_ek_certificate_of_an_unknown_vendor_counts_as_none_where_the_rules_say_so() {
    run(async {
        let (lab, _) = lab_of(Rules::entra()).await;
        let stranger = root("Another TPM vendor");
        let reply = lab.send(challenge(Some(certified_ek(&stranger, 30)), aik_area())).await;
        assert_eq!(reply.status, 200);
        // One that is for another key is refused all the same, whoever issued it.
        let other = base64(stranger.certificate().der());
        lab.refuses(challenge(Some(other), aik_area()), 400, "EkCertificateOtherKey").await;
    });
}

#[test]
fn refuses_keys_that_are_no_attestation_keys() {
    run(async {
        let (lab, _) = lab_of(Rules::entra()).await;
        for (public, name) in [
            (Vec::new(), "AikPublicMalformed"),
            (area(aik_key(), Attributes::WINDOWS_KEY, Scheme::Null), "AikNotRestricted"),
            (area(aik_key(), Attributes::WINDOWS_AIK, Scheme::Null), "AikScheme"),
            (area(aik_key(), Attributes(0x0005_0040), Scheme::Rsassa(ALG_SHA256)), "AikNotBoundToTpm"),
            (area(aik_key(), Attributes::STORAGE_ROOT, Scheme::Null), "AikNotSigning"),
        ] {
            lab.refuses(challenge(None, public), 400, name).await;
        }
        let body = json!({ "ekPublic": "AAAA", "aikPublic": base64(&aik_area()) });
        lab.refuses(Request::json(host::AIK, AIK_CHALLENGE_PATH, &body), 400, "AikEkPublicMalformed").await;
        lab.refuses(Request::json(host::AIK, AIK_CHALLENGE_PATH, &json!({})), 400, "AikBodyMalformed").await;
        lab.refuses(Request::json(host::AIK, AIK_CERTIFICATE_PATH, &json!([])), 400, "AikBodyMalformed").await;
    });
}

#[test]
fn a_ticket_is_good_for_one_answer_in_its_time() {
    run(async {
        let (lab, _) = lab_of(Rules::entra()).await;
        let challenges = async || lab.send(challenge(None, aik_area())).await.json::<AikChallenge>().unwrap();
        let wrong = challenges().await;
        lab.refuses(answer(&wrong.ticket, &[7; 32]), 403, "AikSecretWrong").await;
        lab.refuses(answer(&wrong.ticket, &activate(&wrong)), 400, "AikTicketReplayed").await;
        lab.refuses(answer("1.AAAA", &[]), 400, "AikTicketForeign").await;
        let late = challenges().await;
        lab.wait(301);
        lab.refuses(answer(&late.ticket, &activate(&late)), 400, "AikTicketExpired").await;
    });
}
