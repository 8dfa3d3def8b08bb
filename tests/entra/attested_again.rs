//! Keys that say they are in software where hardware is required, and keys that are registered again with more or less proof.

use serde_json::{Value, json};
use whfb::entra::{Attestation, Rules};
use whfb::wire::lab::SOFTWARE_MEMBER;

use crate::client::*;
use crate::software_tpm::*;
use crate::theft;

fn declared_software() -> Value {
    let mut body = kngc(user_key());
    body[SOFTWARE_MEMBER] = true.into();
    body
}

#[test]
fn a_key_in_software_is_refused_where_hardware_is_required_whatever_becomes_of_statements() {
    run(async {
        for attestation in [Attestation::Ignore, Attestation::Record, Attestation::RequireAik, Attestation::RequireEk] {
            let (lab, token) = lab_of(Rules { attestation, require_hardware: true, ..Rules::entra() }).await;
            let body = lab.refuses(register(&token, &declared_software()), 400, "KeyInSoftware").await;
            assert_eq!(body["hresult"], "0x801C03EE");
            // One that says nothing is for the other rule to judge.
            let silent = register(&token, &kngc(user_key()));
            if attestation >= Attestation::RequireAik {
                lab.refuses(silent, 400, "AttestationMissing").await;
            } else {
                assert_eq!(lab.send(silent).await.status, 200);
            }
        }
    });
}

#[test]
fn hardware_required_names_the_software_and_entra_takes_it() {
    run(async {
        let (lab, token) = lab_of(Rules::hardware_required()).await;
        lab.refuses(register(&token, &declared_software()), 400, "KeyInSoftware").await;
        let (lab, token) = lab_of(Rules::entra()).await;
        let reply: Value = lab.send(register(&token, &declared_software())).await.json().unwrap();
        assert_eq!(reply["attestationLevel"], "software");
        let (_, unset) = Rules::from_toml("").unwrap();
        assert_eq!(Rules::from_toml("require-hardware = false").unwrap().1, unset);
    });
}

/// Registers the user key and answers the level in the reply, and that in the directory with the level in its report.
async fn again(lab: &Lab, token: &str, body: &Value) -> (Value, String, Value) {
    let reply = lab.send(register(token, body)).await;
    assert_eq!(reply.status, 200, "{}", text(&reply));
    let keys = lab.snapshot().await.keys;
    assert_eq!(keys.len(), 1, "the same key is no second one");
    let reply: Value = reply.json().unwrap();
    assert_eq!(reply["kid"], keys[0].kid.to_string());
    (reply["attestationLevel"].clone(), keys[0].attestation_level.clone(), keys[0].attestation_report["level"].clone())
}

#[test]
fn a_level_rises_with_a_later_statement_and_never_falls() {
    run(async {
        let (lab, token) = lab_of(Rules::entra()).await;
        let low = certified_aik(&lab, None).await;
        let high = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        let made = async |chain| attested(user_key(), &statement(&drs_nonce(&lab).await, chain));
        let levels = |told: Value, stored: &str, reported: Value| (told, stored.to_owned(), reported);
        let (aik, both) = (json!("aik"), json!("aik+ek"));
        for (body, expected) in [
            (kngc(user_key()), levels(Value::Null, "none", Value::Null)),
            (declared_software(), levels(json!("software"), "software", Value::Null)),
            (kngc(user_key()), levels(Value::Null, "software", Value::Null)),
            (made(&low).await, levels(aik.clone(), "aik", aik)),
            (made(&high).await, levels(both.clone(), "aik+ek", both.clone())),
            (made(&low).await, levels(both.clone(), "aik+ek", both.clone())),
            (declared_software(), levels(both.clone(), "aik+ek", both.clone())),
            (kngc(user_key()), levels(Value::Null, "aik+ek", both)),
        ] {
            assert_eq!(again(&lab, &token, &body).await, expected, "{body}");
        }
        let told: Vec<_> =
            theft::audit(&lab).await.into_iter().filter(|(event, _)| !event.starts_with("grant")).collect();
        let lines = told.iter().map(|(event, detail)| format!("{event}: {detail}")).collect::<Vec<_>>();
        assert_eq!(
            lines[1..],
            [
                "key registered: none",
                "key attested again: software",
                "key attested again: aik",
                "key attested again: aik+ek",
                "lower level not taken: aik below aik+ek",
                "lower level not taken: software below aik+ek",
            ]
        );
    });
}

#[test]
fn a_renewed_statement_of_the_same_level_brings_its_report() {
    run(async {
        let (lab, token) = lab_of(Rules::hardware_required()).await;
        let chain = certified_aik(&lab, None).await;
        let report = async || {
            let made = statement(&drs_nonce(&lab).await, &chain);
            assert_eq!(lab.send(register(&token, &attested(user_key(), &made))).await.status, 200);
            lab.snapshot().await.keys[0].attestation_report.to_string()
        };
        let first = report().await;
        assert_ne!(report().await, first, "another nonce stands in it");
        // A refused one takes nothing away.
        let mut forged = statement(&drs_nonce(&lab).await, &chain);
        forged.signature[0] ^= 1;
        lab.refuses(register(&token, &attested(user_key(), &forged)), 400, "AttestationSignature").await;
    });
}
