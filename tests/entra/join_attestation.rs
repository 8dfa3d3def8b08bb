//! What a device says of its TPM when it joins.

use serde_json::{Value, json};
use whfb::attest::form::{KastParts, write_kast};
use whfb::attest::{Statement, VendorId};
use whfb::crypto::SoftwareKey;
use whfb::crypto::cert::{Certificate, Extension, Name, Text};
use whfb::crypto::digest::sha256;
use whfb::entra::rules::JoinAttestation;
use whfb::entra::{Profile, Rules, VirtualTpm};
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::http::Request;
use whfb::wire::token::DRS_AUDIENCE;
use whfb::wire::tpm::{Attributes, Public};

use crate::client::*;
use crate::profiles::roca_key;
use crate::software_tpm::*;
use crate::statements::AikLeaf;
use crate::theft;

const CERTIFICATE_INVALID: &str = "0x801C0010";
const STATEMENT_INVALID: &str = "0x801C0011";

struct Joiner {
    lab: Lab,
    token: String,
}

impl Joiner {
    async fn new(rules: Rules) -> Self {
        let lab = Lab::new(rules).await;
        Self { token: lab.token(ALICE, DRS_AUDIENCE).await, lab }
    }

    fn request(&self, certificate: &str, data: &str) -> Request {
        let mut body = join_body();
        (body.aik_certificate, body.attestation_data) = (Some(certificate.to_owned()), Some(data.to_owned()));
        join(&self.token, &body)
    }

    async fn refuses(&self, certificate: &str, data: &str, name: &str, hresult: &str) {
        let body = self.lab.refuses(self.request(certificate, data), 400, name).await;
        assert_eq!(body["hresult"], hresult, "{name}");
    }

    async fn accepts(&self, certificate: &str, data: &str) {
        let reply = self.lab.send(self.request(certificate, data)).await;
        assert_eq!(reply.status, 200, "{}", text(&reply));
    }
}

#[test]
fn a_device_that_says_nothing_joins_as_ever() {
    run(async {
        for profile in Profile::ALL {
            let joiner = Joiner::new(profile.rules()).await;
            joiner.accepts("", "").await;
            let mut body = serde_json::to_value(join_body()).unwrap();
            assert!(body.get("AikCertificate").is_none() && body.get("AttestationData").is_none());
            (body["AikCertificate"], body["AttestationData"]) = (Value::Null, json!(""));
            let request =
                Request::json(whfb::wire::host::REGISTRATION, "/EnrollmentServer/device/?api-version=2.0", &body);
            assert_eq!(joiner.lab.send(request.bearer(&joiner.token)).await.status, 200, "{profile}");
        }
    });
}

#[test]
fn refuses_certificates_of_attestation_keys_at_the_join_by_name() {
    type Break = fn(&mut AikLeaf);
    let cases: [(&str, Break); 6] = [
        ("JoinAikSubject", |leaf| leaf.subject = Name::common_name("TPM", Text::Utf8).unwrap()),
        ("JoinAikAlternativeName", |leaf| drop(leaf.extensions.remove(0))),
        ("JoinAikAuthority", |leaf| leaf.extensions[1] = Extension::basic_constraints(true).unwrap()),
        ("JoinAikAuthority", |leaf| drop(leaf.extensions.remove(1))),
        ("JoinAikExtendedKeyUsage", |leaf| drop(leaf.extensions.remove(3))),
        ("JoinAikAssurance", |leaf| drop(leaf.extensions.remove(4))),
    ];
    run(async {
        let joiner = Joiner::new(Rules::strict()).await;
        let authority = theft::authority(&joiner.lab, "aik-ca").await;
        let shown = |certificate: &Certificate| base64(certificate.der());
        for (name, change) in cases {
            let mut leaf = AikLeaf::good();
            change(&mut leaf);
            joiner.refuses(&shown(&leaf.issued(&authority, &joiner.lab)), "", name, CERTIFICATE_INVALID).await;
        }
        let good = AikLeaf::good().issued(&authority, &joiner.lab);
        let old = base64(&as_version_1(&authority, &good));
        let foreign = shown(&AikLeaf::good().issued(&root("whfb lab AIK CA"), &joiner.lab));
        for (certificate, name) in [
            ("!", "JoinAikCertificateMalformed"),
            (&base64(b"no certificate"), "JoinAikCertificateMalformed"),
            (&old, "JoinAikVersion"),
            (&foreign, "JoinAikChain"),
        ] {
            joiner.refuses(certificate, "", name, CERTIFICATE_INVALID).await;
        }
        let weak = shown(&AikLeaf::good().issued_for(roca_key(), &authority, &joiner.lab));
        joiner.refuses(&weak, "", "JoinAikStrength", CERTIFICATE_INVALID).await;
        joiner.accepts(&shown(&good), "").await;
    });
}

#[test]
fn a_tenant_that_takes_some_tpms_alone_looks_at_the_join_too() {
    run(async {
        let ifx = VendorId::from_text("IFX").unwrap();
        for (rules, name) in [
            (Rules { vendors: vec![ifx], ..Rules::entra() }, "JoinAikVendor"),
            (Rules { virtual_tpm: VirtualTpm::Refuse, ..Rules::entra() }, "JoinAikVirtual"),
        ] {
            let joiner = Joiner::new(rules).await;
            let certificate = certified_aik(&joiner.lab, None).await[0].clone();
            joiner.refuses(&certificate, "", name, CERTIFICATE_INVALID).await;
            joiner.accepts("", "").await;
        }
    });
}

#[test]
fn refuses_attestation_without_a_certificate_or_that_cannot_be_read() {
    run(async {
        let joiner = Joiner::new(Rules::entra()).await;
        let certificate = certified_aik(&joiner.lab, None).await[0].clone();
        joiner.refuses("", "S0FTVA==", "JoinAttestationAlone", STATEMENT_INVALID).await;
        joiner.refuses(&certificate, "S0FTVA", "JoinAttestationMalformed", STATEMENT_INVALID).await;
        joiner.refuses("!", "!", "JoinAikCertificateMalformed", CERTIFICATE_INVALID).await;
        joiner.accepts(&certificate, "").await;
        assert_eq!(joiner.lab.snapshot().await.endorsements, [], "a certificate alone proves nothing about the device");
    });
}

/// A TPM's word for a key, over these bytes, as KAST in base64.
fn vouched(key: &SoftwareKey, over: &[u8], change: impl FnOnce(&mut Recipe)) -> String {
    let mut recipe = Recipe::good("");
    recipe.public = Public::windows(&public(key), Attributes::WINDOWS_KEY).unwrap();
    recipe.attest.extra_data = sha256(over).to_vec();
    change(&mut recipe);
    let statement = Statement::try_from(&recipe.make("", &[])).unwrap();
    let parts = KastParts { private: &[7; 64], with_authority: false };
    base64(&write_kast(&statement, parts).unwrap())
}

#[test]
fn a_tpm_vouches_for_the_transport_key_of_one_certification_request() {
    run(async {
        let joiner = Joiner::new(Rules::strict()).await;
        let certificate = certified_aik(&joiner.lab, None).await[0].clone();
        let request = from_base64(&join_body().certificate_request.data).unwrap();
        let good = vouched(transport_key(), &request, |_| {});
        let mut forged = from_base64(&good).unwrap();
        // The signature stands before the key blob, which ends in the policy's branches.
        let place = forged.len() - 700;
        forged[place] ^= 1;
        let exported =
            vouched(transport_key(), &request, |recipe| recipe.public.attributes.0 ^= Attributes::FIXED_TPM.0);
        let longer = base64(&[from_base64(&good).unwrap(), vec![0]].concat());
        for (data, name) in [
            (&vouched(transport_key(), b"another request", |_| {}), "JoinAttestationExtraData"),
            (&vouched(stranger_key(), &request, |_| {}), "JoinAttestationSubjectKey"),
            (&base64(&forged), "JoinAttestationSignature"),
            (&exported, "JoinAttestationInvalid"),
            (&longer, "JoinAttestationMalformed"),
        ] {
            joiner.refuses(&certificate, data, name, STATEMENT_INVALID).await;
        }
        joiner.accepts(&certificate, &good).await;
    });
}

#[test]
fn refuses_a_certificate_that_has_expired_at_the_join() {
    run(async {
        let mut joiner = Joiner::new(Rules::entra()).await;
        let certificate = certified_aik(&joiner.lab, None).await[0].clone();
        joiner.lab.wait(366 * 86_400);
        joiner.token = joiner.lab.token(ALICE, DRS_AUDIENCE).await;
        joiner.refuses(&certificate, "", "JoinAikExpired", CERTIFICATE_INVALID).await;
    });
}

#[test]
fn rules_may_look_away_as_ad_fs_does() {
    run(async {
        for rules in [Rules { join_attestation: JoinAttestation::Ignore, ..Rules::strict() }, Profile::Adfs.rules()] {
            Joiner::new(rules).await.accepts("!", "!").await;
        }
    });
}
