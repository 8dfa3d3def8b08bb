//! One TPM that vouches for the keys of two devices.

use serde_json::{Value, json};
use whfb::entra::{Attestation, KnownEk, Rules};
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::http::Reply;
use whfb::wire::lab::LabAttestation;
use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode as _, Encode as _};

use crate::client::*;
use crate::software_tpm::*;
use crate::theft;

/// A lab that trusts the vendor, and a device of Alice's in it.
async fn lab_with_device(rules: Rules) -> (Lab, Joined) {
    let lab = Lab::with_roots(rules, vec![vendor().certificate().der().to_vec()]).await;
    let device = lab.join(ALICE).await;
    (lab, device)
}

async fn token_of(lab: &Lab, device: &Joined, upn: &str) -> String {
    lab.ngcmfa(&lab.session(device, upn).await).await
}

async fn fresh(lab: &Lab, chain: &[String]) -> LabAttestation {
    statement(&drs_nonce(lab).await, chain)
}

async fn registers(lab: &Lab, token: &str, made: &LabAttestation) -> Value {
    let reply: Reply = lab.send(register(token, &attested(user_key(), made))).await;
    assert_eq!(reply.status, 200, "{}", text(&reply));
    reply.json().unwrap()
}

async fn refuses(lab: &Lab, token: &str, made: &LabAttestation) -> Value {
    lab.refuses(register(token, &attested(user_key(), made)), 400, "EkAlreadyKnown").await
}

async fn delete(lab: &Lab, device: &Joined) {
    assert!(lab.entra.delete_device(device.id.parse().unwrap()).await.unwrap());
}

#[test]
fn a_tpm_that_vouches_for_two_devices_is_reported_everywhere() {
    run(async {
        let (lab, first) = lab_with_device(Rules::entra()).await;
        let chain = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        let made = fresh(&lab, &chain).await;
        let reply = registers(&lab, &token_of(&lab, &first, ALICE).await, &made).await;
        assert_eq!(reply.get("attestationWarnings"), None, "{reply}");

        lab.wait(1);
        let second = lab.join(ALICE).await;
        let made = fresh(&lab, &chain).await;
        let reply = registers(&lab, &token_of(&lab, &second, ALICE).await, &made).await;
        assert_eq!(
            (&reply["attestationWarnings"], &reply["attestationLevel"]),
            (&json!(["EK_ALREADY_KNOWN"]), &json!("aik+ek"))
        );

        let keys = lab.snapshot().await.keys;
        assert_eq!(keys[0].attestation_report.get("warnings"), None);
        assert_eq!(keys[1].attestation_report["warnings"], json!(["EK_ALREADY_KNOWN"]));
        assert_eq!(keys[1].attestation_report["level"], "aik+ek");
        let told: Vec<_> =
            theft::audit(&lab).await.into_iter().filter(|(event, _)| event == "EK_ALREADY_KNOWN").collect();
        assert_eq!(told, [("EK_ALREADY_KNOWN".to_owned(), first.id)]);
    });
}

#[test]
fn strict_refuses_it_and_tells_nobody_of_the_other_device() {
    run(async {
        let (lab, first) = lab_with_device(Rules::strict()).await;
        let chain = certified_aik(&lab, None).await;
        let made = fresh(&lab, &chain).await;
        registers(&lab, &token_of(&lab, &first, ALICE).await, &made).await;
        let second = lab.join(BOB).await;
        let token = token_of(&lab, &second, BOB).await;
        let made = fresh(&lab, &chain).await;
        let body = refuses(&lab, &token, &made).await;
        assert_eq!(body["hresult"], "0x801C03EE");
        assert!(!body.to_string().contains(&first.id), "{body}");
        // A certificate of the same TPM that is new is no way around, and neither is another key of the TPM.
        let renewed = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        refuses(&lab, &token, &fresh(&lab, &renewed).await).await;

        // A device that is disabled still exists; one that is deleted frees its TPM. The refused statement spent no nonce.
        lab.entra.enable_device(first.id.parse().unwrap(), false).await.unwrap();
        refuses(&lab, &token, &made).await;
        delete(&lab, &first).await;
        assert_eq!(lab.snapshot().await.endorsements, []);
        registers(&lab, &token, &made).await;
        let endorsements = lab.snapshot().await.endorsements;
        assert_eq!(endorsements.iter().map(|each| each.device.to_string()).collect::<Vec<_>>(), [second.id]);
    });
}

#[test]
fn the_same_device_may_have_more_keys_users_and_certificates() {
    run(async {
        let (lab, device) =
            lab_with_device(Rules { attestation: Attestation::RequireEk, ..Rules::hardware_required() }).await;
        for upn in [ALICE, ALICE, BOB] {
            let chain = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
            let reply = registers(&lab, &token_of(&lab, &device, upn).await, &fresh(&lab, &chain).await).await;
            assert_eq!(reply.get("attestationWarnings"), None, "{reply}");
        }
        let snapshot = lab.snapshot().await;
        assert_eq!((snapshot.keys.len(), snapshot.endorsements.len()), (2, 1));
    });
}

#[test]
fn a_statement_that_is_refused_or_ignored_leaves_the_tpm_free() {
    run(async {
        let (lab, first) = lab_with_device(Rules { attestation: Attestation::RequireEk, ..Rules::strict() }).await;
        let chain = certified_aik(&lab, None).await;
        let token = token_of(&lab, &first, ALICE).await;
        let low = attested(user_key(), &fresh(&lab, &chain).await);
        lab.refuses(register(&token, &low), 400, "AttestationLevelTooLow").await;
        let mut forged = fresh(&lab, &chain).await;
        forged.signature[0] ^= 1;
        lab.refuses(register(&token, &attested(user_key(), &forged)), 400, "AttestationSignature").await;
        let good = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        let second = lab.join(ALICE).await;
        registers(&lab, &token_of(&lab, &second, ALICE).await, &fresh(&lab, &good).await).await;

        let ignoring = Rules { attestation: Attestation::Ignore, known_ek: KnownEk::Refuse, ..Rules::entra() };
        let (lab, device) = lab_with_device(ignoring).await;
        let chain = certified_aik(&lab, None).await;
        registers(&lab, &token_of(&lab, &device, ALICE).await, &fresh(&lab, &chain).await).await;
        assert_eq!(lab.snapshot().await.endorsements, []);
    });
}

#[test]
fn certifying_somebodys_attestation_key_under_software_neither_hides_nor_accuses_a_tpm() {
    run(async {
        let (lab, first) = lab_with_device(Rules::strict()).await;
        let good = certified_aik(&lab, Some(certified_ek(vendor(), 30))).await;
        let token = token_of(&lab, &first, ALICE).await;
        registers(&lab, &token, &fresh(&lab, &good).await).await;
        // The public area of an attestation key is no secret: whoever has it gets it certified under an endorsement key of theirs.
        let under_software = certified_under(&lab, stranger_key()).await;
        let second = lab.join(BOB).await;
        let others = token_of(&lab, &second, BOB).await;
        // The TPM's own certificate still counts as the TPM's: for its device, and for no other.
        registers(&lab, &token, &fresh(&lab, &good).await).await;
        refuses(&lab, &others, &fresh(&lab, &good).await).await;
        // Under the other certificate it is another endorsement key, of which nobody says that a TPM holds it.
        let reply = registers(&lab, &others, &fresh(&lab, &under_software).await).await;
        assert_eq!(reply["attestationLevel"], "aik");
    });
}

/// The same certificate with the other signature that ECDSA has for it: `r` and `n - s`.
fn signed_otherwise(certificate: &str) -> String {
    let mut read = x509_cert::Certificate::from_der(&from_base64(certificate).unwrap()).unwrap();
    let signature = p256::ecdsa::Signature::from_der(read.signature.as_bytes().unwrap()).unwrap();
    let (r, s) = signature.split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    read.signature = BitString::from_bytes(other.to_der().as_bytes()).unwrap();
    base64(&read.to_der().unwrap())
}

#[test]
fn a_certificate_signed_otherwise_is_still_that_certificate() {
    run(async {
        let (lab, first) = lab_with_device(Rules::strict()).await;
        let mut chain = certified_aik(&lab, None).await;
        registers(&lab, &token_of(&lab, &first, ALICE).await, &fresh(&lab, &chain).await).await;
        let second = lab.join(BOB).await;
        let token = token_of(&lab, &second, BOB).await;
        let genuine = chain[0].clone();
        chain[0] = signed_otherwise(&genuine);
        assert_ne!(chain[0], genuine);
        refuses(&lab, &token, &fresh(&lab, &chain).await).await;
    });
}
