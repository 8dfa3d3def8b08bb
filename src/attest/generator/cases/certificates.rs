//! Profiles of the two certificates.

use super::*;

pub(super) fn aik(cases: &mut Cases<'_>) {
    use Check::*;
    let lab = cases.lab;
    let version_1 = as_version_1(&lab.authority, &lab.certificate(&lab.recipe()));
    // A certificate of version 1 with the extensions of version 3.
    cases.sent("aik-version-1", AikVersion, Fault::AikNotVersion3, |made| made.aik_chain[0] = version_1);
    cases.signed("aik-subject", AikSubject, Fault::AikSubjectNotEmpty, |recipe| {
        recipe.subject = super::Name::common_name("TPM", Text::Utf8).unwrap();
    });
    let usage = |usage| Extension::extended_key_usage(false, &[usage]).unwrap();
    cases.signed("aik-usage", AikExtendedKeyUsage, Fault::AikWrongUsage, |recipe| {
        recipe.extensions[3] = usage(oid::EK_CERTIFICATE);
    });
    cases.signed("aik-no-usage", AikExtendedKeyUsage, Fault::AikWrongUsage, |recipe| drop(recipe.extensions.remove(3)));
    let authority = |ca| Extension::basic_constraints(ca).unwrap();
    cases.signed("aik-ca", AikAuthority, Fault::AikIsAuthority, |recipe| recipe.extensions[1] = authority(true));
    cases.signed("aik-no-constraints", AikAuthority, Fault::AikIsAuthority, |recipe| drop(recipe.extensions.remove(1)));
    cases.signed("aik-aaguid", AikAaguid, Fault::OtherAaguid, |recipe| {
        recipe.extensions[5] = Extension::opaque(oid::AAGUID, &[&[4, 16], [0; 16].as_slice()].concat());
    });
    cases.signed("no-assurance", Assurance, Fault::NoAssurance, |recipe| drop(recipe.extensions.remove(4)));
    cases.signed("other-policy", Assurance, Fault::NoAssurance, |recipe| {
        recipe.extensions[4] = Extension::policy(oid::CLIENT_AUTH).unwrap();
    });
    // Where its public area came along, that would be found wrong too.
    let long = rsa::RsaPrivateKey::new(&mut OsRng, 3072).unwrap();
    let weak = Lab { aik: SoftwareKey::Rsa(Box::new(long)), ..lab.clone() };
    let statement = Statement { aik_public: None, aik_creation: None, ..weak.good() };
    let mut terms = weak.terms();
    terms.policy.aik_public = false;
    cases.add("aik-3072", AikStrength, Fault::AikWeak, statement, terms);
    let roca = Lab { aik: roca_key(), ..lab.clone() };
    cases.add("aik-roca", AikStrength, Fault::AikRoca, roca.good(), roca.terms());
}

pub(super) fn ek(cases: &mut Cases<'_>) {
    use Check::*;
    cases.sent("no-ek", EkCertificates, Fault::EkCertificateMissing, |made| made.ek_chain.clear());
    let stranger = root("Stranger").certificate().der().to_vec();
    cases.sent("nine-ek-certificates", EkCertificates, Fault::TooManyEkCertificates { count: 9 }, |made| {
        made.ek_chain.extend(std::iter::repeat_n(stranger, 8));
    });
    let why = CertificateError::Truncated;
    cases.sent("ek-garbage", EkCertificates, Fault::EkCertificateMalformed { index: 0, why }, |made| {
        made.ek_chain[0] = vec![0x30, 0];
    });
    let lab = cases.lab;
    let version_1 = as_version_1(&lab.vendor, &lab.ek_certificate(&lab.recipe()));
    cases.sent("ek-version-1", EkProfile, Fault::EkUnfit(EkFault::Version), |made| made.ek_chain[0] = version_1);
    let aik_usage = Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE]).unwrap();
    let ca = Extension::basic_constraints(true).unwrap();
    let usage = Extension::key_usage_agreement().unwrap();
    cases.signed("ek-ca", EkProfile, Fault::EkUnfit(EkFault::Authority), |recipe| recipe.ek_extensions[1] = ca);
    cases
        .signed("ek-key-usage", EkProfile, Fault::EkUnfit(EkFault::KeyUsage), |recipe| recipe.ek_extensions[2] = usage);
    cases.signed("ek-usage", EkProfile, Fault::EkUnfit(EkFault::ExtendedKeyUsage), |recipe| {
        recipe.ek_extensions[3] = aik_usage;
    });
    let nameless = super::Name::common_name("swtpm", Text::Utf8).unwrap();
    cases.signed("ek-no-name", EkProfile, Fault::EkUnfit(EkFault::AlternativeName), |recipe| {
        drop(recipe.ek_extensions.remove(0));
    });
    cases.signed("ek-nameless", EkProfile, Fault::EkUnfit(EkFault::Identity), |recipe| {
        recipe.ek_extensions[0] = Extension::directory_name(&nameless).unwrap();
    });
    let roca = Lab { ek: roca_key().public().unwrap(), ..lab.clone() };
    cases.add("ek-roca", EkRoca, Fault::EkRoca, roca.good(), roca.terms());
    let other = TpmIdentity { model: "another".into(), ..tpm() };
    cases.signed("another-tpm", SameTpm, Fault::OtherTpm, |recipe| {
        recipe.ek_extensions = ek_extensions(&lab.ek, &other).unwrap();
    });
    cases.sent("ek-unknown-vendor", EkChain, Fault::EkUntrusted(missing("CN=Test vendor of TPMs")), |_| ());
    cases.made.last_mut().unwrap().terms.vendors.clear();
    cases.sent("aik-unknown-root", Chain, Fault::Untrusted(missing("CN=Test root of attestation keys")), |_| ());
    cases.made.last_mut().unwrap().terms.roots.clear();
}

fn missing(issuer: &str) -> ChainFault {
    ChainFault::IssuerNotFound { issuer: issuer.into(), key_id: None }
}
