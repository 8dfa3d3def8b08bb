//! The signature, and what the TPM says of the key that made it.

use super::*;

pub(super) fn signer(cases: &mut Cases<'_>) {
    use Check::*;
    cases.sent("no-certificate", Certificates, Fault::NoCertificate, |made| made.aik_chain.clear());
    let stranger = root("Stranger").certificate().der().to_vec();
    cases.sent("nine-certificates", Certificates, Fault::TooManyCertificates { count: 9 }, |made| {
        made.aik_chain.extend(std::iter::repeat_n(stranger, 7));
    });
    let why = CertificateError::Truncated;
    cases.sent("issuer-garbage", Certificates, Fault::CertificateMalformed { index: 2, why }, |made| {
        made.aik_chain.push(vec![0x30, 0]);
    });
    cases.sent("es256-of-rsa", Algorithm, Fault::AlgorithmOfOtherKind, |_| ());
    cases.made.last_mut().unwrap().statement.algorithm = Some(super::Algorithm::Es256);
    cases.sent("sha1", Algorithm, Fault::AlgorithmWeak, |_| ());
    let lab = cases.lab;
    let last = cases.made.last_mut().unwrap();
    last.statement.algorithm = Some(super::Algorithm::Rs1);
    last.statement.signature = sign_sha1(lab, &last.statement.certify_info);
    let other = SoftwareKey::generate_rsa(&mut OsRng).unwrap();
    cases.sent("another-signer", Signature, Fault::SignatureInvalid, |made| {
        made.signature = other.sign(&sha256(&made.certify_info), &mut OsRng).unwrap();
    });
    cases.sent("no-signature", Signature, Fault::SignatureInvalid, |made| made.signature.clear());
    cases.sent("no-aik-public", AikTemplate, Fault::AikPublicMissing, |made| {
        made.aik_public = None;
        made.aik_creation = None;
    });
    cases.sent("aik-public-garbage", AikTemplate, Fault::AikPublicMalformed(TpmFormat::Truncated), |made| {
        made.aik_public = Some(vec![0]);
        (made.aik_creation, made.storage_name) = (None, None);
    });
    let stranger = Lab::of(SoftwareKey::generate_rsa(&mut OsRng).unwrap(), &lab.ek, &lab.key).aik_template();
    cases.signed("aik-public-of-another", AikTemplate, Fault::AikPublicOfOtherKey, |recipe| {
        recipe.aik_public = stranger
    });
    for (name, fault, change) in aik_breaks() {
        cases.signed(name, AikTemplate, Fault::AikUnfit(fault), |recipe| change(&mut recipe.aik_public));
    }
}

type Break = fn(&mut Public);

/// Every way in which a public area is not that of an attestation key.
fn aik_breaks() -> [(&'static str, AikFault, Break); 6] {
    use crate::wire::tpm::Attributes;
    [
        ("aik-not-bound", AikFault::NotBoundToTpm, |public| public.attributes.0 ^= Attributes::FIXED_TPM.0),
        ("aik-not-restricted", AikFault::NotRestricted, |public| public.attributes.0 ^= Attributes::RESTRICTED.0),
        ("aik-not-signing", AikFault::NotSigning, |public| public.attributes.0 ^= Attributes::DECRYPT.0),
        ("aik-scheme", AikFault::Scheme, |public| public.scheme = Scheme::Null),
        ("aik-exponent", AikFault::Strength, |public| {
            let crate::wire::tpm::PublicKind::Rsa { exponent, .. } = &mut public.kind else { panic!("RSA") };
            *exponent = 3;
        }),
        ("aik-no-key", AikFault::Public(TpmFormat::NotAKey), |public| {
            let crate::wire::tpm::PublicKind::Rsa { bits, .. } = &mut public.kind else { panic!("RSA") };
            *bits = 3072;
        }),
    ]
}

fn sign_sha1(lab: &Lab, message: &[u8]) -> Vec<u8> {
    let SoftwareKey::Rsa(key) = &lab.aik else { panic!("RSA") };
    key.sign(rsa::Pkcs1v15Sign::new::<sha1::Sha1>(), &crate::crypto::digest::sha1(message)).unwrap()
}

pub(super) fn creation(cases: &mut Cases<'_>) {
    let check = Check::AikCreation;
    let malformed = Fault::CreationMalformed(TpmFormat::Truncated);
    cases.sent("creation-garbage", check, malformed, |made| made.aik_creation.as_mut().unwrap().attest.clear());
    cases.signed("creation-magic", check, Fault::CreationNotGeneratedByTpm, |recipe| recipe.creation.attest.magic = 1);
    cases.signed("creation-type", check, Fault::NotACreation, |recipe| {
        recipe.creation.attest.kind = ATTEST_CERTIFY;
        recipe.creation.attest.attested = Attested::Certify { name: vec![], qualified_name: vec![] };
    });
    cases.signed("creation-of-another", check, Fault::CreationOfOtherKey, |recipe| {
        recipe.creation.honest = false;
        let creation_hash = sha256(&recipe.creation.data).to_vec();
        recipe.creation.attest.attested = Attested::Creation { object_name: name_of(b"another"), creation_hash };
    });
    cases.sent("creation-data", check, Fault::CreationDataDiffers, |made| {
        made.aik_creation.as_mut().unwrap().data.push(0)
    });
    cases.sent("creation-signature", check, Fault::CreationSignatureInvalid, |made| {
        made.aik_creation.as_mut().unwrap().signature[0] ^= 1;
    });
}
