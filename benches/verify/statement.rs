//! Statements as a TPM makes them, by keys in software, under authorities whose certificates have what real ones have.

use whfb::attest::{
    Algorithm, Client, CreationClaim, Expectation, Freshness, OldestFirmware, Policy, RelyingParty, Report, Statement,
    TpmIdentity, VendorId, extra_data, verify,
};
use whfb::base::{OsRng, Timestamp};
use whfb::crypto::cert::{Authority, Certificate, Extension, Leaf, Name, Text, Validity, oid};
use whfb::crypto::digest::sha256;
use whfb::crypto::{PublicKey, SignatureAlgorithm, SigningKey, SoftwareKey};
use whfb::wire::tpm::{
    ALG_SHA256, ATTEST_CERTIFY, ATTEST_CREATION, Attest, Attested, Attributes, ClockInfo, GENERATED, Public, Scheme,
    name_of, owner_qualified_name, qualified_name,
};
use x509_cert::der::{Decode as _, Encode as _};

use crate::Outcome;

const NONCE: &str = "a nonce of the server";
const KEY_BLOB: &[u8] = &[0x5a; 283];
const PARTY: RelyingParty<'_> =
    RelyingParty { id: "contoso.example", origin: "https://login.contoso.example", aaguid: b"an authenticator" };

/// One signature, and what it takes to verify it.
struct Signed {
    key: PublicKey,
    algorithm: SignatureAlgorithm,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// A good statement, and what its verifier knows.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) statement: Statement,
    /// The attestation key's certificate, its authority's, and the root's.
    pub(crate) path: [Vec<u8>; 3],
    signatures: Vec<Signed>,
    key: PublicKey,
    roots: [Certificate; 1],
    vendors: [Certificate; 1],
    at: Timestamp,
    policy: Policy,
}

/// Authorities with RSA-2048 keys: a root, one below it for attestation keys, a vendor of TPMs.
pub(crate) struct Authorities {
    root: Authority,
    below: Authority,
    vendor: Authority,
    at: Timestamp,
}

impl Authorities {
    pub(crate) fn new(at: Timestamp) -> Outcome<Self> {
        let root = |name: &str| -> Outcome<Authority> {
            let validity = Validity::days_from(at, 3650);
            Ok(Authority::root(named(name)?, SigningKey::generate_rsa()?, validity, &mut OsRng)?)
        };
        let (top, vendor) = (root("Bench root of attestation keys")?, root("Bench vendor of TPMs")?);
        let key = SigningKey::generate_rsa()?;
        let mut extensions = vec![Extension::basic_constraints(true)?, Extension::key_usage_authority()?];
        extensions.extend([Extension::subject_key_identifier(key.public())?, top.key_identifier()?]);
        let subject = named("Bench authority of attestation keys")?;
        let leaf = Leaf { subject, public: key.public(), validity: Validity::days_from(at, 365), extensions };
        let certificate = top.issue(&leaf, &mut OsRng)?;
        Ok(Self { root: top, below: Authority::from_parts(certificate.der(), key)?, vendor, at })
    }

    fn issue(&self, by: &Authority, key: &PublicKey, mut extensions: Vec<Extension>) -> Outcome<Certificate> {
        extensions.extend([Extension::subject_key_identifier(key)?, by.key_identifier()?]);
        let validity = Validity::days_from(self.at, 30);
        Ok(by.issue(&Leaf { subject: Name::empty(), public: key, validity, extensions }, &mut OsRng)?)
    }
}

impl Subject {
    /// A statement about `key` by an attestation key, with the TPM's word on that one's creation; every switch of the policy is at
    /// its tightest. With `ek`, the endorsement key's certificate comes along.
    pub(crate) fn make(
        name: &'static str,
        authorities: &Authorities,
        aik: &SoftwareKey,
        key: &PublicKey,
        ek: Option<&PublicKey>,
    ) -> Outcome<Self> {
        let aik_key = aik.public()?;
        let leaf = authorities.issue(&authorities.below, &aik_key, aik_extensions()?)?;
        let (below, root) = (authorities.below.certificate(), authorities.root.certificate());
        let vendor = authorities.vendor.certificate();
        let mut statement = certified(aik, key)?;
        statement.aik_chain = vec![leaf.der().to_vec(), below.der().to_vec()];
        let mut signatures = vec![
            Signed::by_aik(&aik_key, &statement.certify_info, &statement.signature),
            Signed::of(&leaf, below)?,
            Signed::of(below, root)?,
        ];
        if let Some(claim) = &statement.aik_creation {
            signatures.push(Signed::by_aik(&aik_key, &claim.attest, &claim.signature));
        }
        if let Some(ek) = ek {
            let certificate = authorities.issue(&authorities.vendor, ek, ek_extensions()?)?;
            statement.ek_chain = vec![certificate.der().to_vec()];
            signatures.push(Signed::of(&certificate, vendor)?);
        }
        Ok(Self {
            name,
            statement,
            path: [&leaf, below, root].map(|each| each.der().to_vec()),
            signatures,
            key: key.clone(),
            roots: [root.clone()],
            vendors: [vendor.clone()],
            at: authorities.at,
            policy: strict(ek.is_some()),
        })
    }

    /// Judges the statement as a whole.
    pub(crate) fn verify(&self) -> Report {
        let expectation = Expectation {
            freshness: Freshness::Bound { nonce: NONCE, key_blob: KEY_BLOB },
            relying_party: Some(PARTY),
            key: Some(&self.key),
            roots: &self.roots,
            vendors: &self.vendors,
            crls: &[],
            at: self.at,
            policy: &self.policy,
        };
        verify(&self.statement, &expectation)
    }

    /// Verifies exactly the signatures that are in it, over bytes that are at hand.
    pub(crate) fn signatures(&self) -> bool {
        self.signatures.iter().all(|each| each.key.verify(each.algorithm, &each.message, &each.signature).is_ok())
    }
}

impl Signed {
    fn by_aik(key: &PublicKey, message: &[u8], signature: &[u8]) -> Self {
        let algorithm = match key {
            PublicKey::Rsa(_) => SignatureAlgorithm::RsaSha256,
            PublicKey::P256(_) => SignatureAlgorithm::EcdsaSha256Fixed,
        };
        Self { key: key.clone(), algorithm, message: message.to_vec(), signature: signature.to_vec() }
    }

    /// A certificate's signature, by a reader that is not ours.
    fn of(certificate: &Certificate, issuer: &Certificate) -> Outcome<Self> {
        let read = x509_cert::Certificate::from_der(certificate.der())?;
        Ok(Self {
            key: issuer.public()?.clone(),
            algorithm: SignatureAlgorithm::RsaSha256,
            message: read.tbs_certificate.to_der()?,
            signature: read.signature.raw_bytes().to_vec(),
        })
    }
}

fn named(common_name: &str) -> Outcome<Name> {
    Ok(Name::common_name(common_name, Text::Utf8)?)
}

fn tpm() -> TpmIdentity {
    TpmIdentity { manufacturer: 0x4946_5800, model: "SLB 9672".into(), version: 0x0010_0014 }
}

fn aik_extensions() -> Outcome<Vec<Extension>> {
    Ok(vec![
        Extension::directory_name(&tpm().to_name()?)?,
        Extension::basic_constraints(false)?,
        Extension::key_usage_signature()?,
        Extension::extended_key_usage(false, &[oid::AIK_CERTIFICATE])?,
        Extension::policy(oid::POLICY_EK_CERTIFICATE)?,
        Extension::opaque(oid::AAGUID, &[&[4, 16], PARTY.aaguid].concat()),
    ])
}

fn ek_extensions() -> Outcome<Vec<Extension>> {
    Ok(vec![
        Extension::directory_name(&tpm().to_name()?)?,
        Extension::basic_constraints(false)?,
        Extension::key_usage_encipherment()?,
        Extension::extended_key_usage(false, &[oid::EK_CERTIFICATE])?,
        Extension::tpm_specification(0, 164)?,
    ])
}

/// Everything but the certificates.
fn certified(aik: &SoftwareKey, key: &PublicKey) -> Outcome<Statement> {
    let public = Public::windows(key, Attributes::WINDOWS_KEY)?.to_bytes()?;
    let mut aik_area = Public::windows(&aik.public()?, Attributes::WINDOWS_AIK)?;
    let (scheme, algorithm) = match aik {
        SoftwareKey::Rsa(_) => (Scheme::Rsassa(ALG_SHA256), Algorithm::Rs256),
        SoftwareKey::P256(_) => (Scheme::Ecdsa(ALG_SHA256), Algorithm::Es256),
    };
    aik_area.scheme = scheme;
    let (aik_public, storage_name) = (aik_area.to_bytes()?, name_of(b"storage root key"));
    let parent = owner_qualified_name(&storage_name);
    let signer = qualified_name(&parent, &name_of(&aik_public));
    let name = name_of(&public);
    let certify = Attested::Certify { qualified_name: qualified_name(&parent, &name), name };
    let certify_info = attest(ATTEST_CERTIFY, &signer, &extra_data(NONCE.as_bytes(), KEY_BLOB), certify).to_bytes()?;
    let data = b"creation data".to_vec();
    let created = Attested::Creation { object_name: name_of(&aik_public), creation_hash: sha256(&data).to_vec() };
    let created = attest(ATTEST_CREATION, &signer, b"", created).to_bytes()?;
    let sign = |message: &[u8]| aik.sign(&sha256(message), &mut OsRng);
    Ok(Statement {
        public,
        signature: sign(&certify_info)?,
        certify_info,
        nonce: NONCE.into(),
        algorithm: Some(algorithm),
        aik_public: Some(aik_public),
        storage_name: Some(storage_name),
        aik_creation: Some(CreationClaim { data, signature: sign(&created)?, attest: created }),
        client: Some(Client {
            kind: "webauthn.create".into(),
            origin: PARTY.origin.into(),
            rp_id_hash: sha256(PARTY.id.as_bytes()).to_vec(),
            aaguid: PARTY.aaguid.to_vec(),
        }),
        ..Statement::default()
    })
}

fn attest(kind: u16, signer: &[u8], extra_data: &[u8], attested: Attested) -> Attest {
    Attest {
        magic: GENERATED,
        kind,
        qualified_signer: signer.to_vec(),
        extra_data: extra_data.to_vec(),
        clock: ClockInfo { clock: 1000, reset_count: 1, restart_count: 0, safe: true },
        firmware_version: 0x2019_1023_0016_3636,
        attested,
    }
}

fn strict(ek_certificate: bool) -> Policy {
    let vendor = VendorId(tpm().manufacturer);
    Policy {
        windows_policy: true,
        exact_template: true,
        safe_clock: true,
        sha1: false,
        assurance: true,
        aik_public: true,
        ek_certificate,
        vendors: vec![vendor],
        models: vec![tpm().model],
        firmware: vec![OldestFirmware { vendor, major: 16, minor: 20 }],
        virtual_tpm: false,
        refuse_roca: true,
    }
}
