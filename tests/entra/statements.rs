//! Statements with exactly one thing wrong, each refused by the name of that thing.

use whfb::attest::TpmIdentity;
use whfb::base::{Clock as _, OsRng};
use whfb::crypto::cert::{Authority, Certificate, Extension, Leaf, Name, Text, Validity, oid};
use whfb::crypto::{PublicKey, RsaPublic, SoftwareKey};
use whfb::entra::Rules;
use whfb::wire::blob;
use whfb::wire::encoding::base64;
use whfb::wire::lab::{ATTESTATION_MEMBER, LabAttestation};
use whfb::wire::tpm::{
    ALG_SHA256, ATTEST_CREATION, Attested, Attributes, Public, Scheme, name_of, owner_qualified_name, qualified_name,
};

use crate::client::*;
use crate::software_tpm::*;
use crate::theft;

const ATTESTATION_FAILED: &str = "0x801C03EE";
const AIK_CERTIFICATE_INVALID: &str = "0x801C0010";

/// Sends statements over one nonce, of one attestation key.
struct Registrar {
    lab: Lab,
    token: String,
    nonce: String,
    chain: Vec<String>,
}

impl Registrar {
    async fn new() -> Self {
        let (lab, token) = lab_of(Rules::strict()).await;
        let chain = certified_aik(&lab, None).await;
        Self { nonce: drs_nonce(&lab).await, lab, token, chain }
    }

    async fn refuses(&self, statement: &LabAttestation, name: &str, hresult: &str) {
        let request = register(&self.token, &attested(user_key(), statement));
        let body = self.lab.refuses(request, 400, name).await;
        assert_eq!(body["hresult"], hresult, "{name}");
    }

    /// That nothing but the one thing was wrong, and that none of the refused statements spent the nonce.
    async fn accepts(&self, statement: &LabAttestation) {
        let reply = self.lab.send(register(&self.token, &attested(user_key(), statement))).await;
        assert_eq!(reply.status, 200, "{}", text(&reply));
    }
}

#[test]
fn refuses_what_a_tpm_could_be_made_to_sign_by_name() {
    type Break = fn(&mut Recipe);
    let cases: [(&str, Break); 13] = [
        ("AttestationCertifyInfo", |recipe| recipe.trailing.push(0)),
        ("AttestationMagic", |recipe| recipe.attest.magic = 0xff54_4346),
        ("AttestationType", |recipe| {
            recipe.attest.kind = ATTEST_CREATION;
            recipe.attest.attested = Attested::Creation { object_name: vec![], creation_hash: vec![] };
        }),
        ("AttestationExtraData", |recipe| recipe.attest.extra_data.clear()),
        ("AttestationName", |recipe| {
            recipe.honest_name = false;
            recipe.attest.attested = Attested::Certify { name: name_of(b"other"), qualified_name: vec![] };
        }),
        ("AttestationSubjectKey", |recipe| {
            recipe.public = Public::windows(&public(stranger_key()), Attributes::WINDOWS_KEY).unwrap();
        }),
        ("AttestationFixedTpm", |recipe| recipe.public.attributes.0 ^= Attributes::FIXED_TPM.0),
        ("AttestationFixedParent", |recipe| recipe.public.attributes.0 ^= Attributes::FIXED_PARENT.0),
        ("AttestationSensitiveDataOrigin", |recipe| recipe.public.attributes.0 ^= Attributes::SENSITIVE_DATA_ORIGIN.0),
        ("AttestationNotRestricted", |recipe| recipe.public.attributes.0 ^= Attributes::RESTRICTED.0),
        ("AttestationAuthPolicy", |recipe| recipe.public.auth_policy.clear()),
        ("AttestationAttributes", |recipe| recipe.public.attributes.0 ^= Attributes::USER_WITH_AUTH.0),
        ("AttestationScheme", |recipe| recipe.public.scheme = Scheme::Rsassa(ALG_SHA256)),
    ];
    run(async {
        let registrar = Registrar::new().await;
        for (name, change) in cases {
            let mut recipe = Recipe::good(&registrar.nonce);
            change(&mut recipe);
            registrar.refuses(&recipe.make(&registrar.nonce, &registrar.chain), name, ATTESTATION_FAILED).await;
        }
        registrar.accepts(&statement(&registrar.nonce, &registrar.chain)).await;
    });
}

#[test]
fn refuses_what_a_sender_does_to_a_signed_statement_by_name() {
    type Break = fn(&mut LabAttestation);
    let cases: [(&str, Break); 7] = [
        ("AttestationPublicArea", |made| made.public.push(0)),
        ("AttestationPublicArea", |made| made.public.clear()),
        ("AttestationCertifyInfo", |made| made.certify_info.clear()),
        ("AttestationSignature", |made| made.signature.clear()),
        ("AttestationCertificates", |made| made.aik_chain = vec![made.aik_chain[0].clone(); 10_000]),
        ("AttestationCertificates", |made| made.aik_chain[0] = base64(b"no certificate")),
        ("AttestationNonceForeign", |made| made.nonce.push('x')),
    ];
    run(async {
        let registrar = Registrar::new().await;
        let good = statement(&registrar.nonce, &registrar.chain);
        for (name, change) in cases {
            let mut made = good.clone();
            change(&mut made);
            // Ten thousand certificates would be refused as a body that is too large, so they are short ones.
            if made.aik_chain.len() > 8 {
                made.aik_chain.fill(base64(&[0x30, 0]));
            }
            registrar.refuses(&made, name, ATTESTATION_FAILED).await;
        }
        registrar.accepts(&good).await;
    });
}

#[test]
fn refuses_keys_that_are_not_where_the_statement_says_by_name() {
    run(async {
        let registrar = Registrar::new().await;
        let (storage, elsewhere) = (name_of(b"storage root key"), name_of(b"another"));
        let below = |area: &[u8]| qualified_name(&owner_qualified_name(&storage), &name_of(area));
        let mut recipe = Recipe::good(&registrar.nonce);
        let qualified_name = below(&recipe.public.to_bytes().unwrap());
        recipe.attest.attested = Attested::Certify { name: Vec::new(), qualified_name };
        recipe.attest.qualified_signer = below(&aik_area());
        let placed = |recipe: &Recipe| LabAttestation {
            aik_public: Some(aik_area()),
            storage_name: Some(storage.clone()),
            ..recipe.make(&registrar.nonce, &registrar.chain)
        };
        let good = placed(&recipe);
        let other_storage = LabAttestation { storage_name: Some(elsewhere.clone()), ..good.clone() };
        let other_aik = LabAttestation {
            aik_public: Some(area(stranger_key(), Attributes::WINDOWS_AIK, Scheme::Rsassa(ALG_SHA256))),
            ..good.clone()
        };
        recipe.attest.qualified_signer = qualified_signer_of(&elsewhere);
        for (made, name) in [
            (other_storage, "AttestationQualifiedName"),
            (other_aik, "AttestationAikTemplate"),
            (placed(&recipe), "AttestationQualifiedSigner"),
        ] {
            registrar.refuses(&made, name, ATTESTATION_FAILED).await;
        }
        registrar.accepts(&good).await;
    });
}

/// The attestation key below another storage key.
fn qualified_signer_of(storage: &[u8]) -> Vec<u8> {
    qualified_name(&owner_qualified_name(storage), &name_of(&aik_area()))
}

/// What the tenant's attestation authority never issues.
pub(crate) struct AikLeaf {
    pub(crate) subject: Name,
    /// SAN, basicConstraints, keyUsage, extKeyUsage, certificatePolicies.
    pub(crate) extensions: Vec<Extension>,
}

impl AikLeaf {
    pub(crate) fn good() -> Self {
        let tpm = TpmIdentity { manufacturer: 0x4942_4d00, model: "swtpm".into(), version: 0x2019_1023 };
        let extensions = vec![
            Extension::directory_name(&tpm.to_name().unwrap()).unwrap(),
            Extension::basic_constraints(false).unwrap(),
            Extension::key_usage_signature().unwrap(),
            Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE]).unwrap(),
            Extension::policy(oid::POLICY_EK_UNVERIFIED).unwrap(),
        ];
        Self { subject: Name::empty(), extensions }
    }

    pub(crate) fn issued(self, authority: &Authority, lab: &Lab) -> Certificate {
        self.issued_for(aik_key(), authority, lab)
    }

    pub(crate) fn issued_for(self, key: &SoftwareKey, authority: &Authority, lab: &Lab) -> Certificate {
        let validity = Validity::days_from(lab.clock.now(), 30);
        let public = &public(key);
        let leaf = Leaf { subject: self.subject, public, validity, extensions: self.extensions };
        authority.issue(&leaf, &mut OsRng).unwrap()
    }
}

#[test]
fn refuses_certificates_of_attestation_keys_with_one_thing_wrong_by_name() {
    type Break = fn(&mut AikLeaf);
    let cases: [(&str, Break); 6] = [
        ("AttestationAikSubject", |leaf| leaf.subject = Name::common_name("TPM", Text::Utf8).unwrap()),
        ("AttestationAikAlternativeName", |leaf| drop(leaf.extensions.remove(0))),
        ("AttestationAikAuthority", |leaf| leaf.extensions[1] = Extension::basic_constraints(true).unwrap()),
        ("AttestationAikAuthority", |leaf| drop(leaf.extensions.remove(1))),
        ("AttestationAikExtendedKeyUsage", |leaf| drop(leaf.extensions.remove(3))),
        ("AttestationAssurance", |leaf| drop(leaf.extensions.remove(4))),
    ];
    run(async {
        let registrar = Registrar::new().await;
        let authority = theft::authority(&registrar.lab, "aik-ca").await;
        let made = |der: &[u8]| statement(&registrar.nonce, &[base64(der)]);
        for (name, change) in cases {
            let mut leaf = AikLeaf::good();
            change(&mut leaf);
            let certificate = leaf.issued(&authority, &registrar.lab);
            registrar.refuses(&made(certificate.der()), name, AIK_CERTIFICATE_INVALID).await;
        }
        let good = AikLeaf::good().issued(&authority, &registrar.lab);
        let old = as_version_1(&authority, &good);
        registrar.refuses(&made(&old), "AttestationAikVersion", AIK_CERTIFICATE_INVALID).await;
        registrar.accepts(&made(good.der())).await;
    });
}

#[test]
fn refuses_a_statement_about_a_key_with_a_small_exponent() {
    run(async {
        let registrar = Registrar::new().await;
        let weak = RsaPublic::new(public(user_key()).rsa().unwrap().modulus(), &[3]).unwrap();
        let key_blob = blob::write(&weak);
        let mut recipe = Recipe::good(&registrar.nonce);
        recipe.public = Public::windows(&PublicKey::Rsa(weak), Attributes::WINDOWS_KEY).unwrap();
        recipe.attest.extra_data = whfb::attest::extra_data(registrar.nonce.as_bytes(), &key_blob).to_vec();
        let made = recipe.make(&registrar.nonce, &registrar.chain);
        let body = serde_json::json!({ "kngc": base64(&key_blob), ATTESTATION_MEMBER: made });
        registrar.lab.refuses(register(&registrar.token, &body), 400, "AttestationStrength").await;
    });
}
