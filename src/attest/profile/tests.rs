use super::ek::ek_extensions;
use super::*;
use crate::attest::ChainFault;
use crate::attest::generator::{now, root, tpm};
use crate::base::OsRng;
use crate::crypto::SigningKey;
use crate::crypto::cert::{Authority, Certificate, Extension, Leaf, Validity};
use crate::wire::encoding::hex;
use crate::wire::tpm::{ALG_NULL, ALG_SHA256, Attributes, Public, PublicKind, Scheme, Symmetric, TpmFormat};

fn keys() -> [PublicKey; 2] {
    [SigningKey::generate_rsa().unwrap(), SigningKey::generate_p256().unwrap()].map(|key| key.public().clone())
}

fn year() -> Validity {
    Validity::days_from(now(), 365)
}

fn judged(vendor: &Authority, certificate: &Certificate, ek: &PublicKey) -> Result<TpmIdentity, EkFault> {
    judge_ek(certificate, &[], ek, &[vendor.certificate().clone()], now())
}

#[test]
fn the_judge_takes_what_the_maker_makes() {
    let vendor = root("TPM vendor");
    for ek in keys() {
        let certificate = ek_certificate(&vendor, &ek, &tpm(), year(), &mut OsRng).unwrap();
        assert_eq!(judged(&vendor, &certificate, &ek), Ok(tpm()));
        assert!(certificate.subject().is_empty());
        for verified in [true, false] {
            let certificate = aik_certificate(&vendor, &ek, &tpm(), verified, year(), &mut OsRng).unwrap();
            assert_eq!(ek_was_verified(&certificate), Some(verified));
            assert_eq!(tpm_of(&certificate), Some(tpm()));
        }
    }
}

#[test]
fn an_ek_certificate_with_one_thing_wrong_is_refused_by_name() {
    let vendor = root("TPM vendor");
    let [rsa, p256] = keys();
    let issue = |subject: Name, extensions: Vec<Extension>| {
        vendor.issue(&Leaf { subject, public: &rsa, validity: year(), extensions }, &mut OsRng).unwrap()
    };
    let changed = |change: &dyn Fn(&mut Vec<Extension>)| {
        let mut extensions = ek_extensions(&rsa, &tpm()).unwrap();
        change(&mut extensions);
        judged(&vendor, &issue(Name::empty(), extensions), &rsa).unwrap_err()
    };
    let other_name = Name::common_name("swtpm", Text::Utf8).unwrap();
    let good = issue(Name::empty(), ek_extensions(&rsa, &tpm()).unwrap());
    let quiet = Extension::opaque(oid::SUBJECT_ALT_NAME, good.extension(oid::SUBJECT_ALT_NAME).unwrap());

    assert_eq!(judged(&vendor, &good, &p256), Err(EkFault::Key));
    assert_eq!(changed(&|each| drop(each.remove(0))), EkFault::AlternativeName);
    assert_eq!(changed(&|each| each[0] = quiet.clone()), EkFault::AlternativeName, "not critical beside no subject");
    assert_eq!(changed(&|each| each[0] = Extension::directory_name(&other_name).unwrap()), EkFault::Identity);
    assert_eq!(changed(&|each| drop(each.remove(1))), EkFault::Authority);
    assert_eq!(changed(&|each| each[1] = Extension::basic_constraints(true).unwrap()), EkFault::Authority);
    assert_eq!(changed(&|each| drop(each.remove(2))), EkFault::KeyUsage);
    assert_eq!(changed(&|each| each[2] = Extension::key_usage_agreement().unwrap()), EkFault::KeyUsage);
    assert_eq!(changed(&|each| drop(each.remove(3))), EkFault::ExtendedKeyUsage);
    let aik_usage = Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE]).unwrap();
    assert_eq!(changed(&|each| each[3] = aik_usage.clone()), EkFault::ExtendedKeyUsage);

    let mut named = ek_extensions(&rsa, &tpm()).unwrap();
    named[0] = quiet;
    assert_eq!(judged(&vendor, &issue(other_name, named), &rsa), Ok(tpm()), "beside a subject it need not be critical");
    let old = Certificate::from_der(&crate::attest::generator::as_version_1(&vendor, &good)).unwrap();
    assert_eq!(judged(&vendor, &old, &rsa), Err(EkFault::Version));
}

#[test]
fn an_ek_certificate_of_an_unknown_vendor_or_out_of_date_is_refused() {
    let (vendor, other) = (root("TPM vendor"), root("Other vendor"));
    let [_, ek] = keys();
    let certificate = ek_certificate(&other, &ek, &tpm(), year(), &mut OsRng).unwrap();
    let key_id = other.certificate().subject_key_id().map(hex);
    let missing = ChainFault::IssuerNotFound { issuer: "CN=Other vendor".into(), key_id };
    assert_eq!(judged(&vendor, &certificate, &ek), Err(EkFault::Chain(missing)));
    let over = Validity::days_from(now(), -1);
    let certificate = ek_certificate(&vendor, &ek, &tpm(), over, &mut OsRng).unwrap();
    assert!(matches!(judged(&vendor, &certificate, &ek), Err(EkFault::Chain(ChainFault::Expired { .. }))));
}

#[test]
fn an_identity_survives_its_name_and_odd_numbers_are_refused() {
    assert_eq!(TpmIdentity::from_name(&tpm().to_name().unwrap()), Some(tpm()));
    let with_version = |version: &str| {
        TpmIdentity::from_name(
            &Name::from_rdns(&[
                &[(oid::TPM_MANUFACTURER, Text::Utf8, "id:53544D20")],
                &[(oid::TPM_MODEL, Text::Utf8, "ST33")],
                &[(oid::TPM_VERSION, Text::Utf8, version)],
            ])
            .unwrap(),
        )
    };
    assert_eq!(with_version("id:00010102").map(|tpm| tpm.version), Some(0x0001_0102));
    for odd in ["00010102", "id:0001010", "id:000101020", "id:+0010102", "id:0001010g", ""] {
        assert_eq!(with_version(odd), None, "{odd}");
    }
}

#[test]
fn an_attestation_key_must_be_restricted_bound_and_of_a_known_scheme() {
    let [rsa, p256] = keys();
    let good = |key: &PublicKey, scheme| {
        let mut public = Public::windows(key, Attributes::WINDOWS_AIK).unwrap();
        public.scheme = scheme;
        public
    };
    let (rsassa, ecdsa) = (Scheme::Rsassa(ALG_SHA256), Scheme::Ecdsa(ALG_SHA256));
    assert_eq!(judge_aik(&good(&rsa, rsassa)), Ok(rsa.clone()));
    assert_eq!(judge_aik(&good(&p256, ecdsa)), Ok(p256.clone()));
    let changed = |change: &dyn Fn(&mut Public)| {
        let mut public = good(&rsa, rsassa);
        change(&mut public);
        judge_aik(&public).unwrap_err()
    };
    for bound in [Attributes::FIXED_TPM, Attributes::FIXED_PARENT, Attributes::SENSITIVE_DATA_ORIGIN] {
        assert_eq!(changed(&|public| public.attributes.0 ^= bound.0), AikFault::NotBoundToTpm);
    }
    assert_eq!(changed(&|public| public.attributes.0 ^= Attributes::RESTRICTED.0), AikFault::NotRestricted);
    assert_eq!(changed(&|public| public.attributes.0 ^= Attributes::SIGN.0), AikFault::NotSigning);
    assert_eq!(changed(&|public| public.attributes.0 ^= Attributes::DECRYPT.0), AikFault::NotSigning);
    for scheme in [Scheme::Null, Scheme::Rsapss(ALG_SHA256), Scheme::Rsassa(ALG_NULL), ecdsa] {
        assert_eq!(changed(&|public| public.scheme = scheme), AikFault::Scheme);
    }
    assert_eq!(changed(&|public| public.symmetric = Symmetric::AesCfb { bits: 128 }), AikFault::Scheme);
    let modulus = rsa.rsa().unwrap().modulus();
    let kind = |exponent, bits| PublicKind::Rsa { bits, exponent, modulus: modulus.to_vec() };
    assert_eq!(changed(&|public| public.kind = kind(3, 2048)), AikFault::Strength);
    assert_eq!(changed(&|public| public.kind = kind(0, 1024)), AikFault::Public(TpmFormat::NotAKey));
}
