//! Policy digests (TPM 2.0 Part 3, chapter 23; SHA-256).
//!
//! Every key that the Windows provider makes carries one policy: a choice between five branches. The last one lets anybody
//! certify the key without knowing its authorization, which is how a claim needs no PIN. A sixth slot, for duplication, is
//! empty since these keys never leave their TPM; being empty it adds nothing to the digest.

use tpm2_protocol::data::{TpmCc, TpmRh};

use crate::crypto::digest::sha256_of;

/// A SHA-256 policy digest.
pub(super) type Digest = [u8; 32];

/// The digest of a policy session that nothing was asked of yet.
const START: Digest = [0; 32];

/// `TPM2_PolicyAuthValue` on top of `before`.
fn with_auth_value(before: Digest) -> Digest {
    sha256_of(&[&before, &TpmCc::PolicyAuthValue.value().to_be_bytes()])
}

/// `TPM2_PolicyCommandCode(command)` on a fresh session.
fn only_for(command: TpmCc) -> Digest {
    sha256_of(&[&START, &TpmCc::PolicyCommandCode.value().to_be_bytes(), &command.value().to_be_bytes()])
}

/// `TPM2_PolicyOR`: the digest of a choice does not depend on the branch that was taken.
fn any_of(branches: &[Digest]) -> Digest {
    sha256_of(&[&START, &TpmCc::PolicyOr.value().to_be_bytes(), branches.as_flattened()])
}

/// The branches of the Windows provider (protocol.md 6.3), in its order.
pub(super) fn branches() -> [Digest; 5] {
    [
        with_auth_value(START),
        with_auth_value(only_for(TpmCc::ObjectChangeAuth)),
        with_auth_value(only_for(TpmCc::Certify)),
        with_auth_value(only_for(TpmCc::ActivateCredential)),
        only_for(TpmCc::Certify),
    ]
}

/// The policy of every key made by the Windows provider: `9dffcbf3..22ae`.
pub(super) fn key_policy() -> Digest {
    any_of(&branches())
}

/// The policy of an endorsement key: `TPM2_PolicySecret` with the endorsement hierarchy and no reference
/// (TCG EK Credential Profile, Policy A).
pub(super) fn endorsement_policy() -> Digest {
    let secret = TpmCc::PolicySecret.value().to_be_bytes();
    let referred = sha256_of(&[&START, &secret, &TpmRh::Endorsement.value().to_be_bytes()]);
    sha256_of(&[&referred])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encoding::hex;

    #[test]
    fn the_branches_are_those_of_the_windows_provider() {
        let expected = [
            "8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e",
            "e529f5d6112872954e8ed6605117b757e237c6e19513a949fee1f204c458023a",
            "af2ca569699c436a21006f1cb8a2756c98bc1c765a3559c5fe1c3f5e7228a7e7",
            "c413a847b11112b1cbddd4eca4daaa15a1852c1c3bba57461d257605f3d5af53",
            "048e9a3ace08583f79f344ff785bbea9f07ac7fa3325b3d49a21dd5194c65850",
        ];
        assert_eq!(branches().map(|branch| hex(&branch)), expected);
        assert_eq!(hex(&key_policy()), "9dffcbf36c383ae699fb9868dc6dcb89d7153884be2803922c124158bfad22ae");
    }

    #[test]
    fn the_endorsement_policy_is_policy_a() {
        assert_eq!(hex(&endorsement_policy()), "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa");
    }
}
