//! The key that the TPM vouches for.

use super::*;

/// Attributes matter each by itself, also where the template need not be exact.
pub(super) fn attributes(cases: &mut Cases<'_>) {
    for (name, check, fault, attribute) in [
        ("not-fixed-tpm", Check::FixedTpm, Fault::NotFixedTpm, Attributes::FIXED_TPM),
        ("not-fixed-parent", Check::FixedParent, Fault::NotFixedParent, Attributes::FIXED_PARENT),
        ("imported", Check::SensitiveDataOrigin, Fault::NotMadeByTpm, Attributes::SENSITIVE_DATA_ORIGIN),
        ("restricted", Check::NotRestricted, Fault::Restricted, Attributes::RESTRICTED),
    ] {
        cases.signed(name, check, fault, |recipe| recipe.public.attributes.0 ^= attribute.0);
        cases.made.last_mut().unwrap().terms.policy.exact_template = false;
    }
}

pub(super) fn keys(cases: &mut Cases<'_>) {
    use Check::*;
    cases.signed("no-policy", AuthPolicy, Fault::OtherPolicy, |recipe| recipe.public.auth_policy.clear());
    cases.signed("short-policy", AuthPolicy, Fault::OtherPolicy, |recipe| {
        recipe.public.auth_policy = WINDOWS_POLICY[..31].to_vec();
    });
    cases.signed("no-authorization", Attributes, Fault::OtherAttributes, |recipe| {
        recipe.public.attributes.0 &= !crate::wire::tpm::Attributes::USER_WITH_AUTH.0;
    });
    cases.signed("x509-sign", Attributes, Fault::OtherAttributes, |recipe| {
        recipe.public.attributes.0 |= crate::wire::tpm::Attributes::X509_SIGN.0;
    });
    cases.signed("scheme", Scheme, Fault::OtherScheme, |recipe| {
        recipe.public.scheme = crate::wire::tpm::Scheme::Rsassa(ALG_SHA256);
    });
    cases.signed("symmetric", Scheme, Fault::OtherScheme, |recipe| {
        recipe.public.symmetric = Symmetric::AesCfb { bits: 128 };
    });
    let other = SigningKey::generate_rsa().unwrap();
    cases.wanted("another-key", SubjectKey, Fault::OtherKey, |terms| terms.key = other.public().clone());
    let modulus = cases.lab.key.rsa().unwrap().modulus().to_vec();
    let half: Vec<u8> = modulus[128..].iter().map(|byte| byte | 0x80).collect();
    let roca = roca_key().public().unwrap();
    for (name, check, fault, key) in [
        ("exponent-3", Strength, Fault::WrongStrength, PublicKey::Rsa(RsaPublic::new(&modulus, &[3]).unwrap())),
        ("rsa-1024", Strength, Fault::WrongStrength, PublicKey::Rsa(RsaPublic::new(&half, &[1, 0, 1]).unwrap())),
        ("roca", Roca, Fault::Roca, roca),
    ] {
        let mut recipe = cases.lab.recipe();
        recipe.public = Public::windows(&key, crate::wire::tpm::Attributes::WINDOWS_KEY).unwrap();
        let terms = Terms { key, ..cases.lab.terms() };
        cases.add(name, check, fault, cases.lab.make(&recipe), terms);
    }
}
