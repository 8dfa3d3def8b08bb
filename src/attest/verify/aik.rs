//! The checks on the attestation key's certificate: its profile and the path to a root.

use super::words::{AIK_CERTIFICATE, ASSURANCES, describe_strength, listed};
use super::{Evidence, Judgement, is_roca};
use crate::attest::chain::{Anchors, build_path};
use crate::attest::fault::Fault;
use crate::attest::profile::is_strong;
use crate::crypto::cert::{Certificate, oid};
use crate::wire::encoding::hex;

pub(super) fn certificates(evidence: &Evidence<'_>) -> Judgement {
    let expected = "the certificate of an attestation key and its issuers";
    match &evidence.chain {
        Ok((_, issuers)) => Judgement::passed(expected, format!("{} certificates", issuers.len() + 1)),
        Err(fault) => Judgement::failed(fault.clone(), expected, fault.to_string()),
    }
}

pub(super) fn version(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let found = if aik.is_v3() { "version 3" } else { "an older version" };
        Judgement::of(aik.is_v3(), Fault::AikNotVersion3, "version 3", found)
    })
}

pub(super) fn subject(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let found = aik.subject();
        Judgement::of(found.is_empty(), Fault::AikSubjectNotEmpty, "(empty)", found.to_string())
    })
}

pub(super) fn alternative_name(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |_| {
        let expected = "manufacturer, model and version in a critical subjectAltName";
        match &evidence.tpm {
            Some(tpm) => Judgement::passed(expected, tpm.to_string()),
            None => Judgement::failed(Fault::AikNamesNoTpm, expected, "no such name"),
        }
    })
}

pub(super) fn extended_key_usage(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let usages = aik.extended_key_usage().unwrap_or_default();
        let holds = usages.contains(&oid::AIK_CERTIFICATE);
        Judgement::of(holds, Fault::AikWrongUsage, AIK_CERTIFICATE, listed(&usages))
    })
}

pub(super) fn authority(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let found = match aik.is_authority() {
            Ok(Some(false)) => "CA:FALSE",
            Ok(Some(true)) => "CA:TRUE",
            Ok(None) => "no basicConstraints",
            Err(_) => "basicConstraints that cannot be read",
        };
        Judgement::of(found == "CA:FALSE", Fault::AikIsAuthority, "CA:FALSE", found)
    })
}

/// The extension holds the AAGUID as an OCTET STRING (WebAuthn section 8.2.1).
pub(super) fn aaguid(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let Some(value) = aik.extension(oid::AAGUID) else { return Judgement::absent() };
        let found = value.strip_prefix(&[4, 16]).unwrap_or(value);
        match evidence.expectation.relying_party {
            None => Judgement::waived(hex(found)),
            Some(party) => Judgement::of(found == party.aaguid, Fault::OtherAaguid, hex(party.aaguid), hex(found)),
        }
    })
}

pub(super) fn strength(evidence: &Evidence<'_>) -> Judgement {
    let Some(key) = evidence.aik_key() else { return Judgement::blocked() };
    let expected = "RSA-2048 with exponent 010001, or P-256; not of CVE-2017-15361";
    if !is_strong(key) {
        return Judgement::failed(Fault::AikWeak, expected, describe_strength(key));
    }
    if is_roca(key) && evidence.policy().refuse_roca {
        return Judgement::failed(Fault::AikRoca, expected, "the fingerprint of CVE-2017-15361");
    }
    Judgement::passed(expected, describe_strength(key))
}

pub(super) fn chain(evidence: &Evidence<'_>) -> Judgement {
    let Ok((aik, issuers)) = &evidence.chain else { return Judgement::blocked() };
    let expectation = evidence.expectation;
    let expected = format!("a path to one of {} roots at {}", expectation.roots.len(), expectation.at);
    let anchors = Anchors { roots: expectation.roots, crls: expectation.crls };
    match build_path(aik, issuers, &anchors, expectation.at) {
        Ok(path) => match stray(issuers, &path) {
            None => Judgement::passed(expected, path_in_words(&path)),
            Some(index) => {
                let fault = Fault::StrayCertificate { index };
                Judgement::failed(fault, expected, path_in_words(&path))
            }
        },
        Err(fault) => {
            let found = fault.to_string();
            Judgement::failed(Fault::Untrusted(fault), expected, found)
        }
    }
}

/// Which certificate that came along is not part of the path: nobody vouches for what is in it.
pub(super) fn stray(issuers: &[Certificate], path: &[&Certificate]) -> Option<usize> {
    issuers.iter().position(|each| !path.contains(&each)).map(|index| index + 1)
}

/// How long it is, and where it ends.
pub(super) fn path_in_words(path: &[&Certificate]) -> String {
    let root = path.last().map_or_else(String::new, |root| root.subject().to_string());
    format!("{} certificates up to {root}", path.len())
}

pub(super) fn assurance(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let found = listed(&aik.policies().unwrap_or_default());
        if !evidence.policy().assurance {
            return Judgement::waived(found);
        }
        Judgement::of(evidence.ek_was_verified.is_some(), Fault::NoAssurance, ASSURANCES, found)
    })
}

fn on_aik(evidence: &Evidence<'_>, judge: impl FnOnce(&Certificate) -> Judgement) -> Judgement {
    evidence.aik().map_or_else(Judgement::blocked, judge)
}
