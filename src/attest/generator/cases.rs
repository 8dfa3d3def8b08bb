//! One case for every fault, in which nothing else is wrong.

mod chains;
mod minted;

use super::*;
use crate::attest::fault::Fault;
use crate::attest::profile::{AikFault, EkFault};
use crate::attest::{ChainFault, Check};
use crate::crypto::cert::CertificateError;
use crate::crypto::{RsaPublic, roca_key};
use crate::wire::tpm::{Symmetric, TpmFormat, WINDOWS_POLICY};

/// A statement with exactly one thing wrong.
pub(crate) struct Case {
    /// What is done to it, in kebab case.
    pub(crate) name: &'static str,
    pub(crate) check: Check,
    pub(crate) fault: Fault,
    pub(crate) statement: Statement,
    pub(crate) terms: Terms,
}

/// Collects cases.
struct Cases<'a> {
    lab: &'a Lab,
    made: Vec<Case>,
}

impl Cases<'_> {
    fn add(&mut self, name: &'static str, check: Check, fault: Fault, statement: Statement, terms: Terms) {
        self.made.push(Case { name, check, fault, statement, terms });
    }

    /// What a TPM could be made to sign, or an authority to issue: breaks the recipe before the signatures are made.
    fn signed(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Recipe)) {
        let mut recipe = self.lab.recipe();
        change(&mut recipe);
        self.add(name, check, fault, self.lab.make(&recipe), self.lab.terms());
    }

    /// What the sender can do to a statement that is signed.
    fn sent(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Statement)) {
        let mut statement = self.lab.good();
        change(&mut statement);
        self.add(name, check, fault, statement, self.lab.terms());
    }

    /// A good statement, and a verifier who wants something else.
    fn wanted(&mut self, name: &'static str, check: Check, fault: Fault, change: impl FnOnce(&mut Terms)) {
        let mut terms = self.lab.terms();
        change(&mut terms);
        self.add(name, check, fault, self.lab.good(), terms);
    }
}

/// Every case, over an RSA lab.
pub(crate) fn cases(lab: &Lab) -> Vec<Case> {
    let mut cases = Cases { lab, made: Vec::new() };
    made(&mut cases);
    attributes(&mut cases);
    keys(&mut cases);
    signer(&mut cases);
    creation(&mut cases);
    aik(&mut cases);
    chains::add(&mut cases);
    minted::add(&mut cases);
    ek(&mut cases);
    tpms(&mut cases);
    cases.made
}

fn made(cases: &mut Cases<'_>) {
    use Check::*;
    let trailing = TpmFormat::TrailingBytes { count: 1 };
    cases.sent("public-area-longer", PublicArea, Fault::PublicMalformed(trailing), |made| made.public.push(0));
    cases.sent("public-area-empty", PublicArea, Fault::PublicMalformed(TpmFormat::Truncated), |made| {
        made.public.clear()
    });
    cases.signed("certify-info-longer", CertifyInfo, Fault::CertifyInfoMalformed(trailing), |recipe| {
        recipe.trailing.push(0)
    });
    cases.signed("magic", Magic, Fault::NotGeneratedByTpm, |recipe| recipe.attest.magic = 0xff54_4346);
    cases.signed("quote", Type, Fault::NotACertification, |recipe| {
        recipe.attest.kind = 0x8018;
        recipe.attest.attested = Attested::Other(vec![0; 8]);
    });
    cases.signed("creation-for-certification", Type, Fault::NotACertification, |recipe| {
        recipe.attest.kind = ATTEST_CREATION;
        recipe.attest.attested = Attested::Creation { object_name: vec![], creation_hash: vec![] };
    });
    cases.signed("another-nonce", Nonce, Fault::OtherNonce, |recipe| recipe.nonce = "another nonce".into());
    cases.signed("no-nonce", Nonce, Fault::OtherNonce, |recipe| recipe.nonce.clear());
    cases.sent("no-client-data", RelyingParty, Fault::OtherOperation, |made| made.client = None);
    cases.signed("webauthn-get", RelyingParty, Fault::OtherOperation, |recipe| {
        recipe.client.kind = "webauthn.get".into()
    });
    cases.signed("origin", RelyingParty, Fault::OtherOrigin, |recipe| recipe.client.origin.push('x'));
    cases.signed("relying-party", RelyingParty, Fault::OtherRelyingParty, |recipe| recipe.client.rp_id_hash[0] ^= 1);
    cases.signed("extra-data", ExtraData, Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data[31] ^= 1);
    cases.signed("extra-data-empty", ExtraData, Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data.clear());
    cases.signed("clock-not-safe", Clock, Fault::ClockNotSafe, |recipe| recipe.attest.clock.safe = false);
    cases.sent("name", Name, Fault::NameDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |name, _, _| name[33] ^= 1);
    cases.sent("qualified-name", QualifiedName, Fault::QualifiedNameDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |_, qualified, _| qualified[33] ^= 1);
    cases.sent("storage-name", QualifiedName, Fault::StorageNameMalformed, |made| {
        made.storage_name = Some(vec![0x00, 0x04, 1, 2]);
    });
    cases.sent("qualified-signer", QualifiedSigner, Fault::SignerDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |_, _, signer| signer[33] ^= 1);
}

/// A statement whose Names are changed after they were made: certified Name, its qualified Name, qualified signer. What is
/// derived from the certified Name follows it.
fn with_names(lab: &Lab, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut Vec<u8>)) -> Statement {
    let mut recipe = lab.recipe();
    let good = Attest::from_bytes(&lab.make(&recipe).certify_info).unwrap();
    let Attested::Certify { mut name, mut qualified_name } = good.attested else { panic!("a certification") };
    let (before, mut signer) = (name.clone(), good.qualified_signer);
    change(&mut name, &mut qualified_name, &mut signer);
    if name != before {
        let parent = owner_qualified_name(&recipe.storage_name);
        qualified_name = crate::wire::tpm::qualified_name(&parent, &name);
    }
    recipe.honest_name = false;
    recipe.attest.qualified_signer = signer;
    recipe.attest.attested = Attested::Certify { name, qualified_name };
    lab.make(&recipe)
}

/// Attributes matter each by itself, also where the template need not be exact.
fn attributes(cases: &mut Cases<'_>) {
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

fn keys(cases: &mut Cases<'_>) {
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

fn signer(cases: &mut Cases<'_>) {
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

fn creation(cases: &mut Cases<'_>) {
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

fn aik(cases: &mut Cases<'_>) {
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
    let weak = Lab { aik: SoftwareKey::Rsa(Box::new(long)), ..copy(lab) };
    let statement = Statement { aik_public: None, aik_creation: None, ..weak.good() };
    let mut terms = weak.terms();
    terms.policy.aik_public = false;
    cases.add("aik-3072", AikStrength, Fault::AikWeak, statement, terms);
    let roca = Lab { aik: roca_key(), ..copy(lab) };
    cases.add("aik-roca", AikStrength, Fault::AikRoca, roca.good(), roca.terms());
}

fn copy(lab: &Lab) -> Lab {
    Lab {
        root: lab.root.clone(),
        authority: lab.authority.clone(),
        vendor: lab.vendor.clone(),
        aik: lab.aik.clone(),
        ek: lab.ek.clone(),
        key: lab.key.clone(),
    }
}

fn ek(cases: &mut Cases<'_>) {
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
    let roca = Lab { ek: roca_key().public().unwrap(), ..copy(lab) };
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

/// A verifier who wants other TPMs than the one that both certificates name.
fn tpms(cases: &mut Cases<'_>) {
    use Check::*;
    let stm = VendorId::from_text("STM ").unwrap();
    cases.wanted("vendor", Vendor, Fault::OtherVendor, |terms| terms.policy.vendors = vec![stm]);
    cases.wanted("model", Model, Fault::OtherModel, |terms| terms.policy.models = vec!["SLB 9665".into()]);
    cases.wanted("firmware", Firmware, Fault::OldFirmware, |terms| terms.policy.firmware[0].minor = 21);
    let lab = cases.lab;
    for (name, vendor) in [("virtual-tpm", "IBM"), ("nobodys-tpm", "????")] {
        let named = TpmIdentity { manufacturer: VendorId::from_text(vendor).unwrap().0, ..tpm() };
        cases.signed(name, Virtual, Fault::VirtualTpm, |recipe| {
            recipe.extensions[0] = Extension::directory_name(&named.to_name().unwrap()).unwrap();
            recipe.ek_extensions = ek_extensions(&lab.ek, &named).unwrap();
        });
        cases.made.last_mut().unwrap().terms.policy.vendors.clear();
    }
    let nobody = lab.certificate(&lab.recipe());
    let quiet = Extension::opaque(oid::SUBJECT_ALT_NAME, nobody.extension(oid::SUBJECT_ALT_NAME).unwrap());
    let common = super::Name::common_name("swtpm", Text::Utf8).unwrap();
    for (name, extension) in [
        ("aik-no-name", None),
        ("aik-name-not-critical", Some(quiet)),
        ("aik-nameless", Some(Extension::directory_name(&common).unwrap())),
    ] {
        cases.signed(name, AikAlternativeName, Fault::AikNamesNoTpm, |recipe| match extension {
            None => drop(recipe.extensions.remove(0)),
            Some(extension) => recipe.extensions[0] = extension,
        });
    }
}
