//! The checks on the attestation key: its signature, its certificate's profile and the path to a root.

use super::{Evidence, Judgement};
use crate::attest::chain::{Anchors, build_path};
use crate::attest::check::Fault;
use crate::attest::profile::{ek_was_verified, tpm_of};
use crate::crypto::cert::{Certificate, oid};
use crate::crypto::{PublicKey, SignatureAlgorithm};

pub(super) fn certificates(evidence: &Evidence<'_>) -> Judgement {
    let expected = "the certificate of an attestation key and its issuers";
    match &evidence.chain {
        Ok((_, issuers)) => {
            Judgement::of(true, Fault::NoCertificate, expected, format!("{} certificates", issuers.len() + 1))
        }
        Err(fault) => Judgement::of(false, fault.clone(), expected, fault.to_string()),
    }
}

pub(super) fn signature(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let Ok(key) = aik.public() else { return Judgement::blocked() };
        let (algorithm, shown) = match key {
            PublicKey::Rsa(_) => (SignatureAlgorithm::RsaSha256, "RSASSA with SHA-256"),
            PublicKey::P256(_) => (SignatureAlgorithm::EcdsaSha256Fixed, "ECDSA P-256 with SHA-256"),
        };
        let signature = &evidence.statement.signature;
        let verified = key.verify(algorithm, &evidence.statement.certify_info, signature).is_ok();
        let found = if verified { shown.into() } else { format!("{} bytes that do not verify", signature.len()) };
        Judgement::of(verified, Fault::SignatureInvalid, format!("{shown} by the attestation key"), found)
    })
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
    on_aik(evidence, |aik| {
        let found = match tpm_of(aik) {
            Some(tpm) => format!("id:{:08X} {} id:{:08X}", tpm.manufacturer, tpm.model, tpm.version),
            None => "no such name".into(),
        };
        let expected = "manufacturer, model and version in a critical subjectAltName";
        Judgement::of(tpm_of(aik).is_some(), Fault::AikNamesNoTpm, expected, found)
    })
}

pub(super) fn extended_key_usage(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let usages = aik.extended_key_usage().unwrap_or_default();
        let holds = usages.contains(&oid::AIK_CERTIFICATE);
        Judgement::of(holds, Fault::AikWrongUsage, oid::AIK_CERTIFICATE.to_string(), listed(&usages))
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

pub(super) fn chain(evidence: &Evidence<'_>) -> Judgement {
    let Ok((aik, issuers)) = &evidence.chain else { return Judgement::blocked() };
    let expectation = evidence.expectation;
    let expected = format!("a path to one of {} roots at {}", expectation.roots.len(), expectation.at);
    match build_path(aik, issuers, &Anchors { roots: expectation.roots, crls: &[] }, expectation.at) {
        Ok(path) => {
            let root = path.last().map_or_else(String::new, |root| root.subject().to_string());
            Judgement::of(true, Fault::NoCertificate, expected, format!("{} certificates up to {root}", path.len()))
        }
        Err(fault) => {
            let found = fault.to_string();
            Judgement::of(false, Fault::Untrusted(fault), expected, found)
        }
    }
}

pub(super) fn assurance(evidence: &Evidence<'_>) -> Judgement {
    on_aik(evidence, |aik| {
        let expected = format!("{} or {}", oid::POLICY_EK_CERTIFICATE, oid::POLICY_EK_UNVERIFIED);
        let found = listed(&aik.policies().unwrap_or_default());
        Judgement::of(ek_was_verified(aik).is_some(), Fault::NoAssurance, expected, found)
    })
}

fn on_aik(evidence: &Evidence<'_>, judge: impl FnOnce(&Certificate) -> Judgement) -> Judgement {
    evidence.aik().map_or_else(Judgement::blocked, judge)
}

fn listed(ids: &[oid::ObjectIdentifier]) -> String {
    if ids.is_empty() {
        return "none".into();
    }
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
