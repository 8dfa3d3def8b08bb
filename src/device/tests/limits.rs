//! What a statement does not tell: ARCHITECTURE.md, "What attestation proves and what it does not", has a line for each of these.

use super::hardware::{Bench, PIN};
use super::scripted::{UPN, now};
use crate::attest::{Expectation, Freshness, Level, Policy, verify};
use crate::base::{ManualClock, OsRng, SecretString};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::device::attest::{Consent, KeyStatement, Over, statement};
use crate::device::container::Container;
use crate::device::container::pool::KeyPool;
use crate::device::flow::Machine;
use crate::device::keys::signature_bytes;
use crate::device::state::Aik;
use crate::device::stop::Stop;
use crate::device::tpm::{CertifyAuthority, KeyBlob, KeyKind, Tpm as _, Usage, condition, with_key};
use crate::wire::tpm::{Attest, Public};

impl Bench {
    fn work<T>(&mut self, work: impl FnOnce(&mut Machine<'_>) -> Result<T, Stop>) -> Result<T, Stop> {
        work(&mut self.device.machine(Some(&mut self.tpm), &mut OsRng, now())?)
    }

    fn container(&self) -> Container {
        self.device.state.user(UPN).unwrap().container.clone().unwrap()
    }

    fn key(&self) -> PublicKey {
        PublicKey::Rsa(self.container().user_key.key.public().unwrap())
    }

    fn attested(&mut self, consent: &Consent) -> KeyStatement {
        self.work(|machine| statement(machine, UPN, Over::Bytes(b"asked"), consent, now())).unwrap()
    }

    /// What somebody makes of it who wants all that a verifier can want.
    fn level(&self, made: &KeyStatement) -> Level {
        let (roots, key) = ([self.server.root()], Public::from_bytes(&made.public).unwrap().to_public_key().unwrap());
        let policy = Policy { exact_template: true, safe_clock: true, aik_public: true, ..Policy::default() };
        let expectation = Expectation {
            freshness: Freshness::Exactly { nonce: "", extra_data: b"asked" },
            relying_party: None,
            key: Some(&key),
            roots: &roots,
            vendors: &[],
            crls: &[],
            at: now(),
            policy: &policy,
        };
        let report = verify(&made.to_statement(""), &expectation);
        assert!(report.level().attested(), "{report}");
        report.level()
    }
}

/// A statement without what differs between any two of them: the TPM's clock, and the signature over it.
fn timeless(made: &KeyStatement) -> (Vec<u8>, Attest) {
    let mut attest = Attest::from_bytes(&made.certify_info).unwrap();
    attest.clock.clock = 0;
    (made.public.clone(), attest)
}

fn verifies(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.verify(SignatureAlgorithm::RsaSha256, message, signature).is_ok()
}

#[test]
fn an_open_container_signs_for_whoever_asks_and_no_statement_tells() {
    let mut bench = Bench::provisioned();
    let (container, key) = (bench.container(), bench.key());
    let before = bench.attested(&Consent::Policy);
    let opened = bench.work(|machine| Ok(container.unlock(&mut machine.keys, &SecretString::from(PIN))?)).unwrap();
    // The PIN was asked for once. What comes now is signed, whoever sends it.
    for message in ["the user's", "a thief's", "another thief's"] {
        let signature = bench.work(|machine| Ok(opened.sign(&mut machine.keys, &sha256(message.as_bytes()))?)).unwrap();
        assert!(verifies(&key, message.as_bytes(), &signature));
    }
    let after = bench.attested(&Consent::Policy);
    assert_eq!(timeless(&after), timeless(&before), "uses leave no trace in a statement");
    assert_eq!((bench.level(&before), bench.level(&after)), (Level::Aik, Level::Aik));
}

#[test]
fn a_lockout_stops_neither_an_open_container_nor_a_statement() {
    let mut bench = Bench::provisioned();
    let (container, key) = (bench.container(), bench.key());
    let opened = bench.work(|machine| Ok(container.unlock(&mut machine.keys, &SecretString::from(PIN))?)).unwrap();
    condition::lock_out(&mut bench.tpm).unwrap();
    assert!(matches!(bench.sign_in(PIN), Err(Stop::LockedOut(_))));
    let signature = bench.work(|machine| Ok(opened.sign(&mut machine.keys, &sha256(b"m"))?)).unwrap();
    assert!(verifies(&key, b"m", &signature));
    let made = bench.attested(&Consent::Policy);
    assert_eq!(bench.level(&made), Level::Aik);
}

#[test]
fn a_statement_is_made_without_the_user_and_is_the_same_as_with_the_pin() {
    let mut bench = Bench::provisioned();
    let [without, with] =
        [Consent::Policy, Consent::Pin(SecretString::from(PIN))].map(|consent| bench.attested(&consent));
    assert_eq!(timeless(&without), timeless(&with));
    assert_eq!((bench.level(&without), bench.level(&with)), (Level::Aik, Level::Aik));
}

/// The attestation key's word for a key that is in no container.
fn certified(bench: &mut Bench, key: &KeyBlob) -> KeyStatement {
    let aik: Aik = bench.device.state.aik.clone().unwrap();
    let made = with_key(&mut bench.tpm, key, |tpm: &mut dyn crate::device::tpm::Tpm, key| {
        with_key(tpm, &aik.key, |tpm, aik| tpm.certify(key, aik, CertifyAuthority::Policy, b"asked"))
    })
    .unwrap();
    KeyStatement {
        public: key.public.clone(),
        private: key.private.clone(),
        certify_info: made.attest,
        signature: signature_bytes(made.signature),
        aik_public: aik.key.public.clone(),
        aik_chain: aik.certificates().unwrap_or_default(),
        storage_name: bench.tpm.pins().unwrap().srk_name,
    }
}

#[test]
fn a_key_without_any_authorization_is_attested_like_one_behind_a_pin() {
    let mut bench = Bench::provisioned();
    let open = bench.tpm.create(KeyKind::Rsa2048, Usage::General, None).unwrap();
    let made = certified(&mut bench, &open);
    assert_eq!(bench.level(&made), Level::Aik);
    let signature =
        with_key(&mut bench.tpm, &open, |tpm, key| tpm.sign(key, None, &sha256(b"nobody was asked"))).unwrap();
    assert!(verifies(&open.public_key().unwrap(), b"nobody was asked", &signature_bytes(signature)));
}

#[test]
fn a_key_of_the_pool_is_attested_like_any_other_and_signs_under_its_first_authorization() {
    let mut bench = Bench::new();
    bench.device.pool = KeyPool::of(1);
    bench.device.pool.make_one(&mut bench.tpm, &mut OsRng, &ManualClock::new(now())).unwrap();
    let kept = bench.device.pool.first().unwrap();
    bench.provision().unwrap();
    let made = bench.attested(&Consent::Policy);
    assert_eq!((&made.public, bench.level(&made)), (&kept.blob.public, Level::Aik), "it is the key of the pool");
    let first = certified(&mut bench, &kept.blob);
    assert_eq!(timeless(&first), timeless(&made), "the blob from before the claim has the same Name");
    let signature =
        with_key(&mut bench.tpm, &kept.blob, |tpm, key| tpm.sign(key, Some(&kept.auth), &sha256(b"m"))).unwrap();
    assert!(verifies(&bench.key(), b"m", &signature_bytes(signature)));
}

#[test]
fn an_old_protector_opens_with_the_old_pin_after_a_change_and_no_statement_tells() {
    let mut bench = Bench::provisioned();
    let (old, key) = (bench.container(), bench.key());
    let before = bench.attested(&Consent::Policy);
    let new = bench.work(|machine| Ok(old.with_pin(&mut machine.keys, PIN, "918273")?)).unwrap();
    bench.device.state.users.get_mut(UPN).unwrap().container = Some(new);
    assert!(matches!(bench.sign_in(PIN), Err(Stop::WrongPin(_))));
    bench.sign_in("918273").unwrap();
    let after = bench.attested(&Consent::Policy);
    assert_eq!(timeless(&after), timeless(&before));
    let signature = bench
        .work(|machine| {
            let opened = old.unlock(&mut machine.keys, &SecretString::from(PIN))?;
            Ok(opened.sign(&mut machine.keys, &sha256(b"m"))?)
        })
        .unwrap();
    assert!(verifies(&key, b"m", &signature), "who kept the old record needs the old PIN alone");
}
