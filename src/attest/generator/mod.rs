//! Makes statements of a software attestation key under a test CA: good ones, in which every check passes, and ones with
//! exactly one thing wrong ([`cases`]).

mod cases;
mod der;
mod vectors;

use std::sync::LazyLock;

use super::profile::{aik_extensions, ek_extensions};
use super::vendor::VendorId;
use super::{
    Algorithm, Client, CreationClaim, Expectation, Freshness, OldestFirmware, Policy, RelyingParty, Statement,
    TpmIdentity, extra_data,
};
use crate::base::{OsRng, Timestamp};
use crate::crypto::cert::{Authority, Certificate, Extension, Leaf, Name, RevocationList, Text, Validity, oid};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SigningKey, SoftwareKey};
use crate::wire::tpm::{
    ALG_SHA256, ATTEST_CERTIFY, ATTEST_CREATION, Attest, Attested, Attributes, ClockInfo, GENERATED, Public, Scheme,
    name_of, owner_qualified_name, qualified_name,
};

pub(crate) use cases::{Case, cases};
pub(crate) use der::as_version_1;

pub(crate) const NONCE: &str = "a nonce of the server";
pub(crate) const KEY_BLOB: &[u8] = b"the key as it is registered";
const ORIGIN: &str = "https://login.contoso.example";
const RP_ID: &str = "contoso.example";
const AAGUID: [u8; 16] = *b"an authenticator";

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A chip, which every policy takes.
pub(crate) fn tpm() -> TpmIdentity {
    TpmIdentity { manufacturer: 0x4946_5800, model: "SLB 9672".into(), version: 0x0010_0014 }
}

pub(crate) fn root(common_name: &str) -> Authority {
    let name = Name::common_name(common_name, Text::Utf8).unwrap();
    Authority::root(name, SigningKey::generate_p256().unwrap(), Validity::days_from(now(), 3650), &mut OsRng).unwrap()
}

/// An authority that another one vouches for.
pub(crate) fn below(issuer: &Authority, common_name: &str) -> Authority {
    let ca = Extension::basic_constraints(true).unwrap();
    below_with(issuer, common_name, vec![ca, Extension::key_usage_authority().unwrap()])
}

/// The same with other extensions.
pub(crate) fn below_with(issuer: &Authority, common_name: &str, extensions: Vec<Extension>) -> Authority {
    let key = SigningKey::generate_p256().unwrap();
    let leaf = Leaf {
        subject: Name::common_name(common_name, Text::Utf8).unwrap(),
        public: key.public(),
        validity: Validity::days_from(now(), 365),
        extensions,
    };
    Authority::from_parts(issuer.issue(&leaf, &mut OsRng).unwrap().der(), key).unwrap()
}

/// A test CA below a root, a TPM vendor, an attestation key in software, an endorsement key, and the key that is to be registered.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) root: Authority,
    pub(crate) authority: Authority,
    pub(crate) vendor: Authority,
    pub(crate) aik: SoftwareKey,
    pub(crate) ek: PublicKey,
    pub(crate) key: PublicKey,
}

/// Everything that goes into a statement, before it is signed. Break a field, then [`Lab::make`] signs it.
pub(crate) struct Recipe {
    pub(crate) public: Public,
    pub(crate) attest: Attest,
    /// Whether the Names in the attestation follow the public areas, as a TPM makes them.
    pub(crate) honest_name: bool,
    /// Bytes behind the attestation, signed along.
    pub(crate) trailing: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) subject: Name,
    /// SAN, basicConstraints, keyUsage, extKeyUsage, certificatePolicies, AAGUID.
    pub(crate) extensions: Vec<Extension>,
    pub(crate) validity: Validity,
    pub(crate) aik_public: Public,
    pub(crate) storage_name: Vec<u8>,
    pub(crate) creation: Creation,
    /// SAN, basicConstraints, keyUsage, extKeyUsage, TPM specification.
    pub(crate) ek_extensions: Vec<Extension>,
    pub(crate) ek_validity: Validity,
    pub(crate) client: Client,
}

/// The attestation of the attestation key's creation.
pub(crate) struct Creation {
    pub(crate) data: Vec<u8>,
    pub(crate) attest: Attest,
    /// Whether Name and hash follow key and data.
    pub(crate) honest: bool,
}

/// What the verifier knows and wants, owned.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) key: PublicKey,
    pub(crate) roots: Vec<Certificate>,
    pub(crate) vendors: Vec<Certificate>,
    pub(crate) crls: Vec<RevocationList>,
    pub(crate) at: Timestamp,
    pub(crate) policy: Policy,
}

impl Terms {
    pub(crate) fn expectation(&self) -> Expectation<'_> {
        Expectation {
            freshness: Freshness::Bound { nonce: NONCE, key_blob: KEY_BLOB },
            relying_party: Some(RelyingParty { id: RP_ID, origin: ORIGIN, aaguid: &AAGUID }),
            key: Some(&self.key),
            roots: &self.roots,
            vendors: &self.vendors,
            crls: &self.crls,
            at: self.at,
            policy: &self.policy,
        }
    }
}

/// Every switch at its tightest.
fn strict() -> Policy {
    let vendor = VendorId(tpm().manufacturer);
    Policy {
        windows_policy: true,
        exact_template: true,
        safe_clock: true,
        sha1: false,
        assurance: true,
        aik_public: true,
        ek_certificate: true,
        vendors: vec![vendor],
        models: vec![tpm().model],
        firmware: vec![OldestFirmware { vendor, major: 16, minor: 20 }],
        virtual_tpm: false,
        refuse_roca: true,
    }
}

fn attest(kind: u16, extra_data: &[u8], attested: Attested) -> Attest {
    Attest {
        magic: GENERATED,
        kind,
        qualified_signer: Vec::new(),
        extra_data: extra_data.to_vec(),
        clock: ClockInfo { clock: 1000, reset_count: 1, restart_count: 0, safe: true },
        firmware_version: 0x2019_1023_0016_3636,
        attested,
    }
}

impl Lab {
    /// The same for every test of a run: it is its keys that take time.
    pub(crate) fn rsa() -> Self {
        static LAB: LazyLock<Lab> = LazyLock::new(|| {
            let key = SigningKey::generate_rsa().unwrap();
            let ek = SigningKey::generate_rsa().unwrap();
            Lab::of(SoftwareKey::generate_rsa(&mut OsRng).unwrap(), ek.public(), key.public())
        });
        LAB.clone()
    }

    pub(crate) fn p256() -> Self {
        static LAB: LazyLock<Lab> = LazyLock::new(|| {
            let key = SigningKey::generate_p256().unwrap();
            let ek = SigningKey::generate_p256().unwrap();
            Lab::of(SoftwareKey::generate_p256(&mut OsRng), ek.public(), key.public())
        });
        LAB.clone()
    }

    pub(crate) fn of(aik: SoftwareKey, ek: &PublicKey, key: &PublicKey) -> Self {
        let (root, vendor) = (root("Test root of attestation keys"), root("Test vendor of TPMs"));
        let authority = below(&root, "Test authority of attestation keys");
        Self { root, authority, vendor, aik, ek: ek.clone(), key: key.clone() }
    }

    pub(crate) fn recipe(&self) -> Recipe {
        let certify = Attested::Certify { name: Vec::new(), qualified_name: Vec::new() };
        let created = Attested::Creation { object_name: Vec::new(), creation_hash: Vec::new() };
        let bound = extra_data(NONCE.as_bytes(), KEY_BLOB);
        let mut extensions = aik_extensions(&tpm(), true).unwrap();
        extensions.push(Extension::opaque(oid::AAGUID, &[&[4, 16], AAGUID.as_slice()].concat()));
        Recipe {
            public: Public::windows(&self.key, Attributes::WINDOWS_KEY).unwrap(),
            attest: attest(ATTEST_CERTIFY, &bound, certify),
            honest_name: true,
            trailing: Vec::new(),
            nonce: NONCE.into(),
            subject: Name::empty(),
            extensions,
            validity: Validity::days_from(now(), 30),
            aik_public: self.aik_template(),
            storage_name: name_of(b"storage root key"),
            creation: Creation {
                data: b"creation data".to_vec(),
                attest: attest(ATTEST_CREATION, b"", created),
                honest: true,
            },
            ek_extensions: ek_extensions(&self.ek, &tpm()).unwrap(),
            ek_validity: Validity::days_from(now(), 3650),
            client: Client {
                kind: "webauthn.create".into(),
                origin: ORIGIN.into(),
                rp_id_hash: sha256(RP_ID.as_bytes()).to_vec(),
                aaguid: AAGUID.to_vec(),
            },
        }
    }

    fn aik_template(&self) -> Public {
        let mut public = Public::windows(&self.aik.public().unwrap(), Attributes::WINDOWS_AIK).unwrap();
        public.scheme = match self.aik {
            SoftwareKey::Rsa(_) => Scheme::Rsassa(ALG_SHA256),
            SoftwareKey::P256(_) => Scheme::Ecdsa(ALG_SHA256),
        };
        public
    }

    pub(crate) fn make(&self, recipe: &Recipe) -> Statement {
        let (public, aik_public) = (recipe.public.to_bytes().unwrap(), recipe.aik_public.to_bytes().unwrap());
        let parent = owner_qualified_name(&recipe.storage_name);
        let mut attest = recipe.attest.clone();
        if recipe.honest_name {
            attest.qualified_signer = qualified_name(&parent, &name_of(&aik_public));
            if let Attested::Certify { name, qualified_name: qualified } = &mut attest.attested {
                *name = name_of(&public);
                *qualified = qualified_name(&parent, name);
            }
        }
        let mut certify_info = attest.to_bytes().unwrap();
        certify_info.extend_from_slice(&recipe.trailing);
        Statement {
            signature: self.sign(&certify_info),
            public,
            certify_info,
            aik_chain: [self.certificate(recipe).der(), self.authority.certificate().der()]
                .map(<[u8]>::to_vec)
                .to_vec(),
            nonce: recipe.nonce.clone(),
            algorithm: Some(match self.aik {
                SoftwareKey::Rsa(_) => Algorithm::Rs256,
                SoftwareKey::P256(_) => Algorithm::Es256,
            }),
            aik_creation: Some(self.creation(&recipe.creation, &aik_public)),
            aik_public: Some(aik_public),
            storage_name: Some(recipe.storage_name.clone()),
            ek_chain: vec![self.ek_certificate(recipe).der().to_vec()],
            client: Some(recipe.client.clone()),
        }
    }

    fn creation(&self, creation: &Creation, aik_public: &[u8]) -> CreationClaim {
        let mut attest = creation.attest.clone();
        if let (true, Attested::Creation { object_name, creation_hash }) = (creation.honest, &mut attest.attested) {
            *object_name = name_of(aik_public);
            *creation_hash = sha256(&creation.data).to_vec();
        }
        let attest = attest.to_bytes().unwrap();
        CreationClaim { data: creation.data.clone(), signature: self.sign(&attest), attest }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.aik.sign(&sha256(message), &mut OsRng).unwrap()
    }

    pub(crate) fn certificate(&self, recipe: &Recipe) -> Certificate {
        let leaf = Leaf {
            subject: recipe.subject.clone(),
            public: &self.aik.public().unwrap(),
            validity: recipe.validity,
            extensions: recipe.extensions.clone(),
        };
        self.authority.issue(&leaf, &mut OsRng).unwrap()
    }

    pub(crate) fn ek_certificate(&self, recipe: &Recipe) -> Certificate {
        let leaf = Leaf {
            subject: Name::empty(),
            public: &self.ek,
            validity: recipe.ek_validity,
            extensions: recipe.ek_extensions.clone(),
        };
        self.vendor.issue(&leaf, &mut OsRng).unwrap()
    }

    pub(crate) fn good(&self) -> Statement {
        self.make(&self.recipe())
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            key: self.key.clone(),
            roots: vec![self.root.certificate().clone()],
            vendors: vec![self.vendor.certificate().clone()],
            crls: vec![],
            at: now(),
            policy: strict(),
        }
    }
}
