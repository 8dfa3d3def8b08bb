//! The checks on what the TPM signed: what it is, what it was made for, and which object it names.

use super::{Evidence, Freshness, Judgement};
use crate::attest::fault::Fault;
use crate::attest::statement;
use crate::crypto::digest::sha256;
use crate::wire::encoding::hex;
use crate::wire::tpm::{
    ATTEST_CERTIFY, Attest, Attested, GENERATED, name_of, owner_qualified_name, qualified_name as below,
};

pub(super) fn certify_info(evidence: &Evidence<'_>) -> Judgement {
    let expected = "a TPMS_ATTEST";
    match &evidence.attest {
        Ok(_) => Judgement::passed(expected, expected),
        Err(why) => Judgement::failed(Fault::CertifyInfoMalformed(*why), expected, why.to_string()),
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
        let (expected, found) = (shown(ATTEST_CERTIFY), shown(attest.kind));
        Judgement::of(attest.kind == ATTEST_CERTIFY, Fault::NotACertification, expected, found)
    })
}

pub(super) fn nonce(evidence: &Evidence<'_>) -> Judgement {
    let found = &evidence.statement.nonce;
    match evidence.expectation.freshness {
        Freshness::Off => Judgement::waived(found.clone()),
        Freshness::Bound { nonce, .. } | Freshness::Exactly { nonce, .. } => {
            Judgement::of(found == nonce, Fault::OtherNonce, nonce.to_owned(), found.clone())
        }
    }
}

/// WebAuthn section 7.1, the steps on type, origin and rpIdHash.
pub(super) fn relying_party(evidence: &Evidence<'_>) -> Judgement {
    let Some(party) = evidence.expectation.relying_party else { return Judgement::waived("no relying party asked") };
    let Some(client) = &evidence.statement.client else {
        return Judgement::failed(Fault::OtherOperation, "client data of webauthn.create", "none");
    };
    if client.kind != "webauthn.create" {
        return Judgement::failed(Fault::OtherOperation, "webauthn.create", client.kind.clone());
    }
    if client.origin != party.origin {
        return Judgement::failed(Fault::OtherOrigin, party.origin.to_owned(), client.origin.clone());
    }
    let expected = sha256(party.id.as_bytes());
    let fault = Fault::OtherRelyingParty;
    let shown = format!("{} (SHA-256 of {})", hex(&expected), party.id);
    Judgement::of(client.rp_id_hash == expected, fault, shown, hex(&client.rp_id_hash))
}

pub(super) fn extra_data(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| {
        let found = &attest.extra_data;
        match evidence.expectation.freshness {
            Freshness::Off => Judgement::waived(hex(found)),
            Freshness::Bound { nonce, key_blob } => {
                let expected = statement::extra_data(nonce.as_bytes(), key_blob);
                Judgement::of(*found == expected, Fault::ExtraDataDiffers, hex(&expected), hex(found))
            }
            Freshness::Exactly { extra_data, .. } => {
                Judgement::of(found == extra_data, Fault::ExtraDataDiffers, hex(extra_data), hex(found))
            }
        }
    })
}

/// The counters of resets and the firmware are obfuscated where the attestation key is in the owner hierarchy (TPM 2.0 Part 1,
/// section 36.7); the clock and its flag are not.
pub(super) fn clock(evidence: &Evidence<'_>) -> Judgement {
    on_attest(evidence, |attest| {
        let clock = &attest.clock;
        let found = format!("{} ms, {}", clock.clock, if clock.safe { "safe" } else { "not safe" });
        if evidence.policy().safe_clock {
            Judgement::of(clock.safe, Fault::ClockNotSafe, "a safe clock", found)
        } else {
            Judgement::waived(found)
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

/// That both keys are children of the same storage key follows from this and [`super::signer::qualified_signer`].
pub(super) fn qualified_name(evidence: &Evidence<'_>) -> Judgement {
    let Some(storage) = &evidence.statement.storage_name else { return Judgement::absent() };
    if !is_name(storage) {
        let expected = "000b and a SHA-256";
        return Judgement::failed(Fault::StorageNameMalformed, expected, hex(storage));
    }
    on_attest(evidence, |attest| match &attest.attested {
        Attested::Certify { name, qualified_name } => {
            let expected = below(&owner_qualified_name(storage), name);
            let fault = Fault::QualifiedNameDiffers;
            Judgement::of(*qualified_name == expected, fault, hex(&expected), hex(qualified_name))
        }
        _ => Judgement::blocked(),
    })
}

/// Whether the bytes are a Name by SHA-256.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    bytes.len() == 34 && bytes.starts_with(&[0x00, 0x0b])
}

pub(super) fn on_attest(evidence: &Evidence<'_>, judge: impl FnOnce(&Attest) -> Judgement) -> Judgement {
    evidence.attest.as_ref().map_or_else(|_| Judgement::blocked(), judge)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_has_its_algorithm_and_a_whole_digest() {
        let mut name = [[0x00, 0x0b].as_slice(), &[7; 32]].concat();
        assert!(is_name(&name));
        assert!(!is_name(&name[..33]) && !is_name(&[name.as_slice(), &[7]].concat()));
        name[1] = 0x0c;
        assert!(!is_name(&name));
    }
}
