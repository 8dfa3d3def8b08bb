//! The checks on the key that signed: the signature, its algorithm, and what the TPM says about that key itself.

use super::made::{is_name, on_attest};
use super::words::{self, describe};
use super::{Evidence, Judgement};
use crate::attest::fault::Fault;
use crate::attest::profile::judge_aik;
use crate::attest::statement::{Algorithm, CreationClaim};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::wire::encoding::hex;
use crate::wire::tpm::{
    ATTEST_CREATION, Attest, Attested, GENERATED, Public, TpmFormat, name_of, owner_qualified_name, qualified_name,
};

impl Algorithm {
    fn words(self) -> &'static str {
        match self {
            Self::Rs256 => "RSASSA with SHA-256",
            Self::Es256 => "ECDSA P-256 with SHA-256",
            Self::Rs1 => "RSASSA with SHA-1",
        }
    }

    fn fits(self, key: &PublicKey) -> bool {
        (self == Self::Es256) == matches!(key, PublicKey::P256(_))
    }

    fn verifies(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match self {
            Self::Rs256 => SignatureAlgorithm::RsaSha256,
            Self::Es256 => SignatureAlgorithm::EcdsaSha256Fixed,
            Self::Rs1 => SignatureAlgorithm::RsaSha1,
        };
        key.verify(algorithm, message, signature).is_ok()
    }
}

/// What a key of this kind signs with.
fn usual(key: &PublicKey) -> Algorithm {
    match key {
        PublicKey::Rsa(_) => Algorithm::Rs256,
        PublicKey::P256(_) => Algorithm::Es256,
    }
}

pub(super) fn algorithm(evidence: &Evidence<'_>) -> Judgement {
    let Some(aik) = evidence.aik_key() else { return Judgement::blocked() };
    let Some(found) = evidence.statement.algorithm else { return Judgement::absent() };
    let expected = usual(aik).words();
    if !found.fits(aik) {
        return Judgement::failed(Fault::AlgorithmOfOtherKind, expected, found.words());
    }
    let strong = found != Algorithm::Rs1 || evidence.policy().sha1;
    Judgement::of(strong, Fault::AlgorithmWeak, expected, found.words())
}

/// Where the statement does not say, it is SHA-256; where SHA-1 is taken, that is tried too.
pub(super) fn signature(evidence: &Evidence<'_>) -> Judgement {
    let Some(aik) = evidence.aik_key() else { return Judgement::blocked() };
    let (message, signature) = (&evidence.statement.certify_info, &evidence.statement.signature);
    let first = evidence.statement.algorithm.unwrap_or(usual(aik));
    if !first.fits(aik) {
        return Judgement::blocked();
    }
    let undeclared = evidence.statement.algorithm.is_none() && evidence.policy().sha1;
    let second = (undeclared && first == Algorithm::Rs256).then_some(Algorithm::Rs1);
    let verified = [Some(first), second].into_iter().flatten().find(|each| each.verifies(aik, message, signature));
    let expected = format!("{} by the attestation key", first.words());
    match verified {
        Some(algorithm) => Judgement::passed(expected, algorithm.words()),
        None => {
            let found = format!("{} bytes that do not verify", signature.len());
            Judgement::failed(Fault::SignatureInvalid, expected, found)
        }
    }
}

pub(super) fn template(evidence: &Evidence<'_>) -> Judgement {
    let expected = "a restricted signing key, fixed to its TPM";
    let Some(bytes) = &evidence.statement.aik_public else {
        let wanted = evidence.policy().aik_public;
        return if wanted { Judgement::failed(Fault::AikPublicMissing, expected, "none") } else { Judgement::absent() };
    };
    let Some(certified) = evidence.aik_key() else { return Judgement::blocked() };
    let public = match Public::from_bytes(bytes) {
        Ok(public) => public,
        Err(why) => return Judgement::failed(Fault::AikPublicMalformed(why), "a TPMT_PUBLIC", why.to_string()),
    };
    match judge_aik(&public) {
        Err(fault) => Judgement::failed(Fault::AikUnfit(fault), expected, words::attributes(public.attributes)),
        Ok(key) if key != *certified => {
            Judgement::failed(Fault::AikPublicOfOtherKey, describe(certified), describe(&key))
        }
        Ok(_) => Judgement::passed(expected, words::attributes(public.attributes)),
    }
}

pub(super) fn qualified_signer(evidence: &Evidence<'_>) -> Judgement {
    let (Some(aik), Some(storage)) = (&evidence.statement.aik_public, &evidence.statement.storage_name) else {
        return Judgement::absent();
    };
    if !is_name(storage) {
        return Judgement::blocked();
    }
    on_attest(evidence, |attest| {
        let expected = qualified_name(&owner_qualified_name(storage), &name_of(aik));
        let found = &attest.qualified_signer;
        Judgement::of(*found == expected, Fault::SignerDiffers, hex(&expected), hex(found))
    })
}

pub(super) fn creation(evidence: &Evidence<'_>) -> Judgement {
    let Some(claim) = &evidence.statement.aik_creation else { return Judgement::absent() };
    let Some(key) = evidence.aik_key() else { return Judgement::blocked() };
    let expected = "TPM2_CertifyCreation of the attestation key, by itself";
    let Some(aik) = &evidence.statement.aik_public else {
        return Judgement::failed(Fault::AikPublicMissing, expected, "no public area beside it");
    };
    match judge_creation(claim, aik, key) {
        Ok(()) => Judgement::passed(expected, expected),
        Err((fault, found)) => Judgement::failed(fault, expected, found),
    }
}

/// Magic, type, object, creation data, signature, in this order.
fn judge_creation(claim: &CreationClaim, aik: &[u8], key: &PublicKey) -> Result<(), (Fault, String)> {
    let malformed = |why: TpmFormat| (Fault::CreationMalformed(why), why.to_string());
    let attest = Attest::from_bytes(&claim.attest).map_err(malformed)?;
    if attest.magic != GENERATED {
        return Err((Fault::CreationNotGeneratedByTpm, format!("{:#010x}", attest.magic)));
    }
    let Attested::Creation { object_name, creation_hash } = &attest.attested else {
        return Err((Fault::NotACreation, format!("{:#06x} in place of {ATTEST_CREATION:#06x}", attest.kind)));
    };
    if *object_name != name_of(aik) {
        return Err((Fault::CreationOfOtherKey, hex(object_name)));
    }
    if *creation_hash != sha256(&claim.data) {
        return Err((Fault::CreationDataDiffers, hex(creation_hash)));
    }
    if usual(key).verifies(key, &claim.attest, &claim.signature) {
        Ok(())
    } else {
        Err((Fault::CreationSignatureInvalid, format!("{} bytes that do not verify", claim.signature.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_algorithm_name_its_kind_and_its_digest() {
        assert_eq!(Algorithm::Rs256.words(), "RSASSA with SHA-256");
        assert_eq!(Algorithm::Es256.words(), "ECDSA P-256 with SHA-256");
        assert_eq!(Algorithm::Rs1.words(), "RSASSA with SHA-1");
    }
}
