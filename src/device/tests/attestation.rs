//! Attestation apart from provisioning: the attestation key, statements either way, and what becomes of an attempt when a service is
//! away.

use serde_json::json;

use super::hardware::{Bench, PIN};
use super::scripted::{UPN, now, reply};
use crate::attest::{Expectation, Freshness, Level, Policy, verify};
use crate::base::{OsRng, SecretString};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::device::attest::{
    Attempts, AttestationStatus, Consent, CreationClaim, Enrol, Enrolled, KeyStatement, Over, Prepare, Renewal,
    Renewed, identity, statement,
};
use crate::device::flow::{Machine, Miss};
use crate::device::keys::KeyError;
use crate::device::state::Aik;
use crate::device::stop::Stop;
use crate::device::tpm::Tpm as _;
use crate::wire::blob;
use crate::wire::tpm::{ATTEST_CREATION, Attest, Attested};

fn pin(text: &str) -> Consent {
    Consent::Pin(SecretString::from(text))
}

impl Bench {
    fn on_machine<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> Result<T, Stop>) -> Result<T, Stop> {
        work(&mut self.device.machine(Some(&mut self.tpm), &mut OsRng, now())?)
    }

    fn statement(&mut self, over: Over<'_>, consent: &Consent) -> Result<KeyStatement, Stop> {
        self.on_machine(|machine| statement(machine, UPN, over, consent, now()))
    }

    fn enrol(&mut self, flow: Enrol) -> Result<Enrolled, Stop> {
        self.server.run(flow, &mut self.device, Some(&mut self.tpm))
    }

    fn renew(&mut self, consent: Consent) -> Result<Renewed, Stop> {
        self.server.run(Renewal::new(UPN, consent, now()), &mut self.device, Some(&mut self.tpm))
    }

    fn attempts(&self) -> Attempts {
        self.device.state.user(UPN).unwrap().attestation.unwrap()
    }

    fn public(&self) -> PublicKey {
        let container = self.device.state.user(UPN).unwrap().container.as_ref().unwrap();
        PublicKey::Rsa(container.user_key.key.public().unwrap())
    }

    /// A key that was registered while the AIK service was away.
    fn unattested() -> Self {
        let mut bench = Self::new();
        bench.device.switches.register_unattested = true;
        bench.server.instead.push_back(("/aik/challenge", reply(503, json!({}))));
        assert_eq!(bench.provision().unwrap().attestation.as_deref(), Some("none"));
        bench
    }
}

fn check_claim(claim: &CreationClaim, aik: &Aik, extra: &[u8]) {
    let key = aik.key.public_key().unwrap();
    assert_eq!(key.verify(SignatureAlgorithm::RsaSha256, &claim.certify_info, &claim.signature), Ok(()));
    let attest = Attest::from_bytes(&claim.certify_info).unwrap();
    assert_eq!((attest.kind, attest.extra_data.as_slice()), (ATTEST_CREATION, extra));
    let (object_name, creation_hash) = (aik.key.name().unwrap(), sha256(&claim.creation.data).to_vec());
    assert_eq!(attest.attested, Attested::Creation { object_name, creation_hash });
}

#[test]
fn an_attestation_key_keeps_the_tpms_word_that_it_made_it() {
    let mut bench = Bench::provisioned();
    let aik = bench.device.state.aik.clone().unwrap();
    check_claim(aik.creation.as_ref().unwrap(), &aik, b"");
    let anew = bench.on_machine(|machine| identity(machine, b"a server's nonce", now())).unwrap();
    check_claim(&anew, &aik, b"a server's nonce");
    let refused = bench.on_machine(|machine| identity(machine, &[1; 33], now()));
    assert!(matches!(refused, Err(Stop::Key(KeyError::ExtraData(33)))), "{refused:?}");

    // A record of an earlier version has none; what it has still opens.
    let mut record = serde_json::to_value(&aik).unwrap();
    record.as_object_mut().unwrap().remove("creation").unwrap();
    let old: Aik = serde_json::from_value(record).unwrap();
    assert_eq!((&old.key, &old.chain, &old.creation), (&aik.key, &aik.chain, &None));
    bench.device.state.aik = Some(old);
    let missing = bench.on_machine(|machine| identity(machine, b"", now()));
    assert!(matches!(missing, Err(Stop::NoCreationClaim)), "{missing:?}");
    assert_eq!(bench.enrol(Enrol::anew()).unwrap(), Enrolled { anew: true });
    let anew = bench.device.state.aik.clone().unwrap();
    assert_ne!(anew.key, aik.key);
    check_claim(anew.creation.as_ref().unwrap(), &anew, b"");
    assert!(bench.tpm.leftovers().unwrap().is_empty());
}

#[test]
fn a_key_is_certified_without_the_pin_and_with_it_and_not_with_a_wrong_one() {
    let mut bench = Bench::provisioned();
    let (public, roots) = (bench.public(), [bench.server.root()]);
    let key_blob = blob::write(public.rsa().unwrap());
    let freshness = Freshness::Bound { nonce: "a nonce", key_blob: &key_blob };
    let policy = Policy { exact_template: true, aik_public: true, ..Policy::default() };
    let (key, relying_party) = (Some(&public), None);
    let expectation = Expectation {
        freshness,
        relying_party,
        key,
        roots: &roots,
        vendors: &[],
        crls: &[],
        at: now(),
        policy: &policy,
    };
    let before = bench.device.state.clone();
    for consent in [Consent::Policy, pin(PIN)] {
        let made = bench.statement(Over::Nonce("a nonce"), &consent).unwrap();
        let report = verify(&made.to_statement("a nonce"), &expectation);
        assert_eq!(report.level(), Level::Aik, "{report}");
        assert_eq!(made.storage_name, bench.tpm.pins().unwrap().srk_name);
        assert_eq!(made.aik_public, before.aik.as_ref().unwrap().key.public);

        let bytes = bench.statement(Over::Bytes(b"whatever"), &consent).unwrap();
        assert_eq!(Attest::from_bytes(&bytes.certify_info).unwrap().extra_data, b"whatever");
    }
    let wrong = bench.statement(Over::Nonce("a nonce"), &pin("187247"));
    assert!(matches!(wrong, Err(Stop::WrongPin(Some(counter))) if counter.count == 1), "{wrong:?}");
    // What cannot be certified costs no try.
    let long = bench.statement(Over::Bytes(&[0; 33]), &pin("187247"));
    assert!(matches!(long, Err(Stop::Key(KeyError::ExtraData(33)))), "{long:?}");
    assert_eq!(bench.tpm.facts().unwrap().lockout.count, 1);
    assert_eq!(bench.device.state, before);
    assert!(bench.tpm.leftovers().unwrap().is_empty());
}

#[test]
fn the_qualified_name_follows_from_the_name_of_the_storage_root_key() {
    let mut bench = Bench::provisioned();
    let made = bench.statement(Over::Bytes(b""), &Consent::Policy).unwrap();
    // TPM 2.0 Part 1, section 26.5: of a primary, below its hierarchy's handle.
    let below = |parent: &[u8], name: &[u8]| [&[0, 0x0B][..], &sha256(&[parent, name].concat())].concat();
    let storage = below(&0x4000_0001_u32.to_be_bytes(), &made.storage_name);
    let Attest { qualified_signer, attested, .. } = Attest::from_bytes(&made.certify_info).unwrap();
    let Attested::Certify { name, qualified_name } = attested else { panic!("{attested:?}") };
    assert_eq!(qualified_name, below(&storage, &name));
    assert_eq!(qualified_signer, below(&storage, &crate::wire::tpm::name_of(&made.aik_public)));
}

#[test]
fn an_attestation_key_is_enrolled_when_it_is_not_current_and_only_then() {
    let mut bench = Bench::new();
    let absent = bench.on_machine(|machine| identity(machine, b"", now()));
    assert!(matches!(absent, Err(Stop::NoAik)), "{absent:?}");
    bench.server.seen.clear();
    assert_eq!(bench.enrol(Enrol::new()).unwrap(), Enrolled { anew: true });
    assert_eq!(bench.server.seen, ["POST /aik/challenge", "POST /aik/certificate"]);
    assert_eq!(bench.enrol(Enrol::new()).unwrap(), Enrolled { anew: false });
    assert_eq!(bench.server.seen.len(), 2);

    let nonce = bench.server.run(Prepare::new(), &mut bench.device, Some(&mut bench.tpm)).unwrap();
    assert_eq!((nonce.as_str(), bench.server.seen.len()), ("drs-nonce", 3));
    // The one that is kept stays until there is another.
    let kept = bench.device.state.aik.clone();
    for (part, status) in [("/aik/challenge", 403), ("/aik/certificate", 503)] {
        bench.server.instead.push_back((part, reply(status, json!({}))));
        assert!(matches!(bench.enrol(Enrol::anew()), Err(Stop::Server(_))), "{part}");
        assert_eq!(bench.device.state.aik, kept, "{part}");
    }
    let without = bench.server.run(Enrol::anew(), &mut bench.device, None).unwrap_err();
    assert_eq!(AttestationStatus::of(&without), AttestationStatus::NotSupported, "{without}");
    assert_eq!(bench.device.state.aik, kept);
}

#[test]
fn a_service_that_is_away_is_a_temporary_failure_and_leaves_nothing_of_the_key() {
    let mut bench = Bench::new();
    let before = bench.device.state.users.clone();
    for part in ["/aik/challenge", "/aik/certificate", "/nonce/"] {
        for answers in [true, false] {
            match answers {
                true => bench.server.instead.push_back((part, reply(503, json!({"message": "tomorrow"})))),
                false => bench.server.lost.push_back((part, Miss::Away)),
            }
            let stop = bench.provision().unwrap_err();
            let expected = if answers { AttestationStatus::TemporaryFailure } else { AttestationStatus::UnknownError };
            assert_eq!(AttestationStatus::of(&stop), expected, "{part}: {stop}");
            assert_eq!(bench.device.state.users, before, "{part}");
            assert!(bench.server.keys.is_empty(), "{part}");
            let told = bench.device.events.take().into_iter().find(|event| event.id == 354).unwrap();
            let words = told.field("ServerMessage").unwrap();
            assert!(words.starts_with("TemporaryFailure: "), "{part}: {words}");
            assert_eq!(told.field("HttpStatus"), Some(if answers { "503" } else { "0" }));
            assert!(bench.tpm.leftovers().unwrap().is_empty());
        }
    }
}

#[test]
fn by_switch_a_key_is_registered_while_a_service_is_away() {
    for part in ["/aik/challenge", "/nonce/"] {
        let mut bench = Bench::new();
        bench.device.switches.register_unattested = true;
        // Somebody else in the place of the service is not the service being away.
        bench.server.lost.push_back((part, Miss::Broken));
        assert!(bench.provision().is_err());
        assert!(bench.server.keys.is_empty());

        bench.server.lost.push_back((part, Miss::Away));
        let registered = bench.provision().unwrap();
        assert_eq!(registered.attestation.as_deref(), Some("none"), "{part}");
        assert_eq!(bench.attempts(), Attempts { status: AttestationStatus::TemporaryFailure, retries: 0 });
        let kept = bench.device.events.events().iter().find(|event| event.id == 350).unwrap();
        assert_eq!((kept.field("AttLevel"), kept.field("AikStatus")), (Some("none"), Some("TemporaryFailure")));
        bench.sign_in(PIN).unwrap();
    }
}

#[test]
fn a_renewal_raises_the_level_and_keeps_the_key() {
    for consent in [Consent::Policy, pin(PIN)] {
        let mut bench = Bench::unattested();
        let before = bench.device.state.clone();
        let container = |bench: &Bench| bench.device.state.user(UPN).unwrap().container.clone().unwrap();
        let first = container(&bench);
        for (retries, part) in [(1, "/aik/challenge"), (2, "/nonce/"), (3, "/EnrollmentServer/key/")] {
            bench.server.lost.push_back((part, Miss::Away));
            assert!(bench.renew(consent.clone()).is_err());
            assert_eq!(bench.attempts(), Attempts { status: AttestationStatus::TemporaryFailure, retries }, "{part}");
            assert_eq!(container(&bench), first, "{part}");
        }
        bench.server.seen.clear();
        bench.device.events.take();
        let renewed = bench.renew(consent.clone()).unwrap();
        let levels = (renewed.before.as_deref(), renewed.attestation.as_deref());
        assert_eq!((levels, renewed.key_id), ((Some("none"), Some("aik")), first.user_key.key_id));
        assert_eq!(bench.server.seen.iter().filter(|line| line.contains("/aik/")).count(), 0, "it was enrolled before");
        assert_eq!(bench.device.events.ids(), [3510, 300, 350, 8510]);
        assert_eq!(bench.attempts(), Attempts { status: AttestationStatus::Success, retries: 0 });
        let mut expected = first;
        expected.user_key.attestation = Some("aik".into());
        assert_eq!(container(&bench), expected, "nothing but the level");
        assert_eq!(bench.device.state.registration, before.registration);
        let (unattested, attested) = (&bench.server.keys[0], &bench.server.keys[1]);
        assert_eq!((&unattested.blob, attested.software), (&attested.blob, false));
        assert!(bench.tpm.leftovers().unwrap().is_empty());
        bench.sign_in(PIN).unwrap();
    }
}

#[test]
fn a_renewal_that_is_refused_leaves_the_level_and_is_counted() {
    let mut bench = Bench::provisioned();
    let before = bench.device.state.user(UPN).unwrap().container.clone();
    let refused = json!({"code": "AttestationFailed", "message": "no", "hresult": "0x801C03EE"});
    bench.server.instead.push_back(("/EnrollmentServer/key/", reply(400, refused)));
    assert!(matches!(bench.renew(Consent::Policy), Err(Stop::Server(_))));
    let keys = bench.server.keys.len();
    assert!(matches!(bench.renew(pin("187247")), Err(Stop::WrongPin(_))));
    assert_eq!(bench.server.keys.len(), keys, "a wrong PIN registers nothing");
    assert_eq!(bench.attempts(), Attempts { status: AttestationStatus::UnknownError, retries: 2 });
    assert_eq!(bench.device.state.user(UPN).unwrap().container, before);
    let ids = bench.device.events.ids();
    assert!([301, 7510, 354].iter().all(|id| ids.contains(id)), "{ids:?}");
    assert_eq!(bench.renew(pin(PIN)).unwrap().attestation.as_deref(), Some("aik"));
}

#[test]
fn what_cannot_be_attested_is_refused_before_a_server_is_asked() {
    let mut bench = Bench::new();
    bench.server.seen.clear();
    let absent = bench.renew(Consent::Policy).unwrap_err();
    assert!(matches!(absent, Stop::NoContainer), "{absent}");
    bench.device.policy = Default::default();
    crate::device::tpm::condition::lock_out(&mut bench.tpm).unwrap();
    bench.provision().unwrap();
    assert_eq!(bench.attempts(), Attempts { status: AttestationStatus::NotSupported, retries: 0 });
    bench.server.seen.clear();
    let before = bench.device.state.clone();
    let software = bench.renew(Consent::Policy).unwrap_err();
    assert!(matches!(software, Stop::SoftwareKey), "{software}");
    let made = bench.statement(Over::Bytes(b""), &Consent::Policy);
    assert!(matches!(made, Err(Stop::SoftwareKey)), "{made:?}");
    assert!(bench.server.seen.is_empty());
    assert_eq!(bench.device.state, before);
}
