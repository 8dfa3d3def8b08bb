//! The checks on what the TPM signed and on the key that it signed for.

use super::{Evidence, Freshness, Judgement, hex};
use crate::attest::check::Fault;
use crate::attest::profile::is_strong;
use crate::attest::statement;
use crate::crypto::PublicKey;
use crate::wire::tpm::{ATTEST_CERTIFY, Attest, Attested, Attributes, GENERATED, Public, WINDOWS_POLICY, name_of};
use crate::wire::tpm::{Scheme, Symmetric};

pub(super) fn public_area(evidence: &Evidence<'_>) -> Judgement {
    let expected = "a TPMT_PUBLIC of an RSA or P-256 key";
    match &evidence.subject {
        Ok((_, key)) => Judgement::of(true, Fault::OtherKey, expected, describe(key)),
        Err(why) => Judgement::of(false, Fault::PublicMalformed(*why), expected, why.to_string()),
    }
}

pub(super) fn certify_info(evidence: &Evidence<'_>) -> Judgement {
    let expected = "a TPMS_ATTEST";
    match &evidence.attest {
        Ok(_) => Judgement::of(true, Fault::NotACertification, expected, expected),
        Err(why) => Judgement::of(false, Fault::CertifyInfoMalformed(*why), expected, why.to_string()),
    }
}

pub(super) fn magic(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| {
        let shown = |magic: u32| format!("{magic:#010x}");
        Judgement::of(attest.magic == GENERATED, Fault::NotGeneratedByTpm, shown(GENERATED), shown(attest.magic))
    })
}

pub(super) fn type_(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| {
        let shown = |kind: u16| format!("{kind:#06x}");
        Judgement::of(
            attest.kind == ATTEST_CERTIFY,
            Fault::NotACertification,
            shown(ATTEST_CERTIFY),
            shown(attest.kind),
        )
    })
}

pub(super) fn nonce(evidence: &Evidence<'_>) -> Judgement {
    let found = &evidence.statement.nonce;
    match evidence.expectation.freshness {
        Freshness::Off => Judgement::waived(found),
        Freshness::Bound { nonce, .. } => Judgement::of(found == nonce, Fault::OtherNonce, nonce, found),
    }
}

pub(super) fn extra_data(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| match evidence.expectation.freshness {
        Freshness::Off => Judgement::waived(hex(&attest.extra_data)),
        Freshness::Bound { nonce, key_blob } => {
            let expected = statement::extra_data(nonce.as_bytes(), key_blob);
            let found = &attest.extra_data;
            Judgement::of(*found == expected, Fault::ExtraDataDiffers, hex(&expected), hex(found))
        }
    })
}

pub(super) fn name(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| match &attest.attested {
        Attested::Certify { name, .. } if evidence.subject.is_ok() => {
            let expected = name_of(&evidence.statement.public);
            Judgement::of(*name == expected, Fault::NameDiffers, hex(&expected), hex(name))
        }
        _ => Judgement::blocked(),
    })
}

pub(super) fn subject_key(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |_, key| {
        let expected = evidence.expectation.key;
        Judgement::of(key == expected, Fault::OtherKey, describe(expected), describe(key))
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
        Judgement::of(!restricted, Fault::Restricted, "no restricted", public.attributes.to_string())
    })
}

pub(super) fn auth_policy(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let found = &public.auth_policy;
        Judgement::of(*found == WINDOWS_POLICY, Fault::OtherPolicy, hex(&WINDOWS_POLICY), hex(found))
    })
}

pub(super) fn attributes(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let (expected, found) = (Attributes::WINDOWS_KEY, public.attributes);
        if !evidence.expectation.exact_template {
            return Judgement::waived(found.to_string());
        }
        Judgement::of(found == expected, Fault::OtherAttributes, expected.to_string(), found.to_string())
    })
}

pub(super) fn scheme(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |public, _| {
        let found = format!("symmetric {:?}, scheme {:?}", public.symmetric, public.scheme);
        if !evidence.expectation.exact_template {
            return Judgement::waived(found);
        }
        let holds = public.symmetric == Symmetric::Null && public.scheme == Scheme::Null;
        Judgement::of(holds, Fault::OtherScheme, "symmetric Null, scheme Null", found)
    })
}

pub(super) fn strength(evidence: &Evidence<'_>) -> Judgement {
    on_subject(evidence, |_, key| {
        let found = match key {
            PublicKey::Rsa(rsa) => format!("RSA-{} with exponent {}", rsa.bits(), hex(rsa.exponent())),
            PublicKey::P256(_) => "P-256".into(),
        };
        Judgement::of(is_strong(key), Fault::WrongStrength, "RSA-2048 with exponent 010001, or P-256", found)
    })
}

fn attribute(evidence: &Evidence<'_>, wanted: Attributes, name: &str, fault: Fault) -> Judgement {
    on_subject(evidence, |public, _| {
        Judgement::of(public.attributes.contains(wanted), fault, name, public.attributes.to_string())
    })
}

fn on_attest(evidence: &Evidence<'_>, judge: impl FnOnce(&Attest) -> Judgement) -> Judgement {
    evidence.attest.as_ref().map_or_else(|_| Judgement::blocked(), judge)
}

fn on_subject(evidence: &Evidence<'_>, judge: impl FnOnce(&Public, &PublicKey) -> Judgement) -> Judgement {
    evidence.subject.as_ref().map_or_else(|_| Judgement::blocked(), |(public, key)| judge(public, key))
}

/// Kind and the first bytes of the public value: enough to tell two keys apart.
fn describe(key: &PublicKey) -> String {
    match key {
        PublicKey::Rsa(rsa) => format!("RSA-{} {}...", rsa.bits(), hex(rsa.modulus().get(..8).unwrap_or_default())),
        PublicKey::P256(ec) => format!("P-256 {}...", hex(&ec.x[..8])),
    }
}
