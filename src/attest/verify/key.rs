//! The checks on the key that the TPM vouches for.

use super::words::{self, Words, describe, describe_strength};
use super::{Evidence, Judgement};
use crate::attest::fault::Fault;
use crate::attest::profile::is_strong;
use crate::crypto::PublicKey;
use crate::wire::encoding::hex;
use crate::wire::tpm::{Attributes, Public, Scheme, Symmetric, WINDOWS_POLICY};

pub(super) fn public_area(evidence: &Evidence<'_>) -> Judgement {
    let expected = "a TPMT_PUBLIC of an RSA or P-256 key";
    match &evidence.subject {
        Ok((_, key)) => Judgement::passed(expected, describe(key)),
        Err(why) => Judgement::failed(Fault::PublicMalformed(*why), expected, why.to_string()),
    }
}

pub(super) fn subject_key(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |_, key| match evidence.expectation.key {
        None => Judgement::waived(describe(key)),
        Some(expected) => Judgement::of(key == expected, Fault::OtherKey, describe(expected), describe(key)),
    })
}

pub(super) fn fixed_tpm(evidence: &Evidence<'_>) -> Judgement {
    attribute(evidence, Attributes::FIXED_TPM, "fixedTPM", Fault::NotFixedTpm)
}

pub(super) fn fixed_parent(evidence: &Evidence<'_>) -> Judgement {
    attribute(evidence, Attributes::FIXED_PARENT, "fixedParent", Fault::NotFixedParent)
}

pub(super) fn sensitive_data_origin(evidence: &Evidence<'_>) -> Judgement {
    attribute(evidence, Attributes::SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin", Fault::NotMadeByTpm)
}

pub(super) fn not_restricted(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let restricted = public.attributes.contains(Attributes::RESTRICTED);
        Judgement::of(!restricted, Fault::Restricted, "no restricted", words::attributes(public.attributes))
    })
}

pub(super) fn auth_policy(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let found = &public.auth_policy;
        if !evidence.policy().windows_policy {
            return Judgement::waived(hex(found));
        }
        Judgement::of(*found == WINDOWS_POLICY, Fault::OtherPolicy, hex(&WINDOWS_POLICY), hex(found))
    })
}

pub(super) fn attributes(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let (expected, found) = (Attributes::WINDOWS_KEY, public.attributes);
        if !evidence.policy().exact_template {
            return Judgement::waived(words::attributes(found));
        }
        let (fault, expected_in_words) = (Fault::OtherAttributes, words::attributes(expected));
        Judgement::of(found == expected, fault, expected_in_words, words::attributes(found))
    })
}

pub(super) fn scheme(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let expected = "symmetric Null, scheme Null";
        let found: Words = match (public.symmetric, public.scheme) {
            (Symmetric::Null, Scheme::Null) => expected.into(),
            (symmetric, scheme) => format!("symmetric {symmetric:?}, scheme {scheme:?}").into(),
        };
        if !evidence.policy().exact_template {
            return Judgement::waived(found);
        }
        Judgement::of(found == expected, Fault::OtherScheme, expected, found)
    })
}

pub(super) fn strength(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |_, key| {
        let expected = "RSA-2048 with exponent 010001, or P-256";
        Judgement::of(is_strong(key), Fault::WrongStrength, expected, describe_strength(key))
    })
}

pub(super) fn roca(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |_, key| evidence.judge_roca(Some(key), Fault::Roca))
}

fn attribute(evidence: &Evidence<'_>, wanted: Attributes, name: &'static str, fault: Fault) -> Judgement {
    on_subject(evidence, |public, _| {
        Judgement::of(public.attributes.contains(wanted), fault, name, words::attributes(public.attributes))
    })
}

fn on_subject(evidence: &Evidence<'_>, judge: impl FnOnce(&Public, &PublicKey) -> Judgement) -> Judgement {
    evidence.subject.as_ref().map_or_else(|_| Judgement::blocked(), |(public, key)| judge(public, key))
}
