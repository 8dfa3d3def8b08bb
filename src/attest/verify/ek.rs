//! The checks on the endorsement key's certificate, where it comes along. That the attestation key lives beside that endorsement
//! key is not in it: that is what the issuer of the attestation key's certificate saw (`Check::Assurance`).

use super::aik::{path_in_words, stray};
use super::{Chain, Evidence, Judgement};
use crate::attest::chain::{Anchors, build_path};
use crate::attest::fault::Fault;

pub(super) fn certificates(evidence: &Evidence<'_>) -> Judgement {
    let expected = "the certificate of an endorsement key and its issuers";
    match &evidence.ek {
        None if evidence.policy().ek_certificate => Judgement::failed(Fault::EkCertificateMissing, expected, "none"),
        None => Judgement::absent(),
        Some(Ok((_, issuers))) => Judgement::passed(expected, format!("{} certificates", issuers.len() + 1)),
        Some(Err(fault)) => Judgement::failed(fault.clone(), expected, fault.to_string()),
    }
}

pub(super) fn profile(evidence: &Evidence<'_>) -> Judgement {
    on_ek(evidence, |_| {
        let expected = "the profile of an EK certificate";
        match &evidence.ek_tpm {
            Some(Ok(tpm)) => Judgement::passed(expected, tpm.to_string()),
            Some(Err(fault)) => Judgement::failed(Fault::EkUnfit(fault.clone()), expected, fault.to_string()),
            None => Judgement::blocked(),
        }
    })
}

pub(super) fn roca(evidence: &Evidence<'_>) -> Judgement {
    on_ek(evidence, |(ek, _)| evidence.judge_roca(ek.public().ok(), Fault::EkRoca))
}

pub(super) fn chain(evidence: &Evidence<'_>) -> Judgement {
    on_ek(evidence, |(ek, issuers)| {
        let expectation = evidence.expectation;
        let expected = format!("a path to one of {} vendors at {}", expectation.vendors.len(), expectation.at);
        let anchors = Anchors { roots: expectation.vendors, crls: expectation.crls };
        match build_path(ek, issuers, &anchors, expectation.at) {
            Ok(path) => match stray(issuers, &path) {
                None => Judgement::passed(expected, path_in_words(&path)),
                Some(index) => {
                    let fault = Fault::StrayEkCertificate { index };
                    Judgement::failed(fault, expected, path_in_words(&path))
                }
            },
            Err(fault) => {
                let found = fault.to_string();
                Judgement::failed(Fault::EkUntrusted(fault), expected, found)
            }
        }
    })
}

/// An attestation key's certificate that names no TPM at all is a fault of its own, and one that names another is this.
pub(super) fn same_tpm(evidence: &Evidence<'_>) -> Judgement {
    on_ek(evidence, |_| match (&evidence.tpm, &evidence.ek_tpm) {
        (Some(aik), Some(Ok(ek))) => Judgement::of(aik == ek, Fault::OtherTpm, ek.to_string(), aik.to_string()),
        _ => Judgement::blocked(),
    })
}

fn on_ek(evidence: &Evidence<'_>, judge: impl FnOnce(&Chain) -> Judgement) -> Judgement {
    match &evidence.ek {
        None => Judgement::absent(),
        Some(Ok(chain)) => judge(chain),
        Some(Err(_)) => Judgement::blocked(),
    }
}
