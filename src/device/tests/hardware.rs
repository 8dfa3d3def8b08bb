//! The flows on a device with an emulated TPM, one per test, against the server that answers by script.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::scripted::{PRT, Server, UPN, kill, now, password, reply, set};
use crate::base::{ExposeSecret as _, Hresult, ManualClock, OsRng, Secret32, SecretString};
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::device::StoreError;
use crate::device::container::Counter;
use crate::device::container::pool::KeyPool;
use crate::device::flow::Machine;
use crate::device::hardware::Provider;
use crate::device::home::Device;
use crate::device::join::Join;
use crate::device::keys::{KeyError, signature_bytes};
use crate::device::pin::PinRules;
use crate::device::policy::{Node, Policy};
use crate::device::provision::{Provision, Registered, begin_by_user};
use crate::device::signin::{Logon, SignIn, SignedIn};
use crate::device::state::{Condition, Description, TimeMark, TpmChoice};
use crate::device::stop::{ReplyFault, Stop, StopClass};
use crate::device::tpm::TpmClock;
use crate::device::tpm::condition::lock_out;
use crate::device::tpm::manufacture::manufacture;
use crate::device::tpm::swtpm::{PROGRAM, Swtpm};
use crate::device::tpm::{Direct, Ownership, Tpm, TpmError, with_key};
use crate::wire::encoding::base64;

pub(super) const PIN: &str = "187246";

/// Fields drop in order: the emulator ends before its directory goes.
pub(super) struct Bench {
    pub(super) tpm: Direct,
    process: u32,
    lockout_auth: Secret32,
    pub(super) device: Device,
    pub(super) server: Server,
    dir: TempDir,
}

fn swtpm(dir: &Path) -> (Direct, u32, Secret32) {
    let mut emulator = Swtpm::start(dir, Path::new(PROGRAM)).unwrap();
    let process = emulator.process_id();
    let owned = manufacture::<TpmError>(&mut emulator, &mut OsRng, &|_, _, _| Ok(None)).unwrap();
    let tpm = Direct::open(Box::new(emulator), Ownership::Ours, Some(&owned.pins), Box::new(OsRng)).unwrap();
    (tpm, process, owned.lockout_auth)
}

impl Bench {
    /// Joined and signed in with the password.
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tpm, process, lockout_auth) = swtpm(&dir.path().join("tpm"));
        let description = Description { name: "LAB-1".into(), tpm: TpmChoice::Swtpm, condition: Condition::Ready };
        let mut device = Device::create(&dir.path().join("device"), description).unwrap();
        device.policy = set(Node::RequireSecurityDevice, true);
        let mut bench = Self { tpm, process, lockout_auth, device, server: Server::new(), dir };
        let joined = bench.server.run(Join::new(UPN, password()), &mut bench.device, Some(&mut bench.tpm)).unwrap();
        assert_eq!(joined.provider, Provider::Hardware);
        bench.server.run(Logon::new(UPN, password()), &mut bench.device, Some(&mut bench.tpm)).unwrap();
        bench
    }

    pub(super) fn provisioned() -> Self {
        let mut bench = Self::new();
        bench.provision().unwrap();
        bench
    }

    pub(super) fn provision(&mut self) -> Result<Registered, Stop> {
        let make = |machine: &mut Machine<'_>| -> Result<Provision, Stop> {
            let pin = PinRules::of(&machine.policy).accept(SecretString::from(PIN)).unwrap();
            Ok(begin_by_user(machine, UPN, now())?.with_pin(pin))
        };
        self.server.run_as(make, &mut self.device, Some(&mut self.tpm))
    }

    pub(super) fn sign_in(&mut self, pin: &str) -> Result<SignedIn, Stop> {
        self.server.run(SignIn::new(UPN, SecretString::from(pin)), &mut self.device, Some(&mut self.tpm))
    }
}

#[test]
fn the_whole_story_on_a_tpm_leaves_nothing_loaded() {
    let mut bench = Bench::new();
    bench.server.seen.clear();
    let registered = bench.provision().unwrap();
    assert_eq!((registered.provider, registered.attestation.as_deref()), (Provider::Hardware, Some("aik")));
    let attestation = bench.device.events.events().iter().find(|event| event.id == 300).unwrap();
    assert_eq!(attestation.field("Attestation"), Some("ATT_HARD"));
    assert_eq!(bench.server.seen.iter().filter(|line| line.contains("/aik/")).count(), 2);

    bench.device.save().unwrap();
    let Bench { mut tpm, device, mut server, dir, .. } = bench;
    drop(device);
    let mut device = Device::open(&dir.path().join("device")).unwrap();
    let flow = SignIn::new(UPN, SecretString::from(PIN));
    let signed_in = server.run(flow, &mut device, Some(&mut tpm)).unwrap();
    assert_eq!((signed_in.key_id, signed_in.provider), (registered.key_id, Provider::Hardware));
    assert!(tpm.leftovers().unwrap().is_empty());

    device.save().unwrap();
    assert!(!dir.path().join("device/machine.key").exists(), "a device with a TPM needs no machine key");
    let session_key = server.session_key.as_ref().unwrap().expose_secret().to_vec();
    let coded = base64(&session_key);
    for entry in std::fs::read_dir(dir.path().join("device")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [PIN.as_bytes(), PRT.as_bytes(), &session_key, coded.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[test]
fn a_key_of_the_pool_is_claimed_and_its_first_blob_stays_good_for_whoever_kept_it() {
    let mut bench = Bench::new();
    bench.device.pool = KeyPool::of(2);
    let clock = ManualClock::new(now());
    assert!(bench.device.pool.make_one(&mut bench.tpm, &mut OsRng, &clock).unwrap());
    let kept = bench.device.pool.first().unwrap();
    let registered = bench.provision().unwrap();
    assert_eq!((registered.provider, registered.attestation.as_deref()), (Provider::Hardware, Some("aik")));
    assert_eq!(bench.device.pool.available(), 0);
    let key = bench.device.state.user(UPN).unwrap().container.as_ref().unwrap().user_key.key.clone();
    assert_eq!(key.tpm_blob().unwrap().public, kept.blob.public, "it is the key of the pool");

    // The limit of every claim: nothing is revoked.
    let digest = crate::crypto::digest::sha256(b"m");
    let sign =
        |tpm: &mut Direct, auth: &Secret32| with_key(tpm, &kept.blob, |tpm, key| tpm.sign(key, Some(auth), &digest));
    let signature = signature_bytes(sign(&mut bench.tpm, &kept.auth).unwrap());
    let public = PublicKey::Rsa(key.public().unwrap());
    assert_eq!(public.verify(SignatureAlgorithm::RsaSha256, b"m", &signature), Ok(()));
    // What is kept of the key takes the sign secret alone.
    let claimed = key.tpm_blob().unwrap().clone();
    let wrong = with_key(&mut bench.tpm, &claimed, |tpm, key| tpm.sign(key, Some(&kept.auth), &digest)).unwrap_err();
    assert!(matches!(wrong, TpmError::WrongUncounted), "{wrong}");

    bench.device.save().unwrap();
    let events = bench.device.logged_events().unwrap();
    let ids: Vec<u16> = events.iter().map(|event| event.id).collect();
    let generation = [3053, 5050, 8053].map(|id| ids.iter().position(|found| *found == id).unwrap());
    let hand_out = [3225, 3052, 8052, 5225, 8225].map(|id| ids.iter().position(|found| *found == id).unwrap());
    assert!(generation.is_sorted() && hand_out.is_sorted(), "{ids:?}");
    let filled = events.iter().find(|event| event.id == 5050).unwrap();
    assert_eq!((filled.field("Result"), filled.field("NumberOfAvailableKeys")), (Some("0x00000000"), Some("1")));
    let decision = events.iter().find(|event| event.id == 5555).unwrap();
    assert_eq!(decision.field("IsKeyPregenPoolSatisfactory"), Some("true"));
    assert!(!bench.device.pool_auth_on_disk());
    bench.sign_in(PIN).unwrap();
}

#[test]
fn a_key_of_the_pool_that_the_tpm_does_not_take_is_said_and_one_is_made_on_demand() {
    let mut bench = Bench::new();
    let (mut other, ..) = swtpm(&bench.dir.path().join("other"));
    bench.device.pool = KeyPool::of(1);
    let clock = ManualClock::new(now());
    assert!(!bench.device.pool.make_one(&mut other, &mut OsRng, &clock).unwrap(), "it is full");
    assert!(!bench.device.pool.make_one(&mut other, &mut OsRng, &clock).unwrap(), "and stays so");
    assert_eq!(bench.provision().unwrap().provider, Provider::Hardware);
    let failed = bench.device.events.events().iter().find(|event| event.id == 7052).unwrap();
    assert!(failed.field("Error").is_some_and(|code| code != "0x00000000"), "{failed:?}");
    assert!(bench.tpm.leftovers().unwrap().is_empty());
    bench.sign_in(PIN).unwrap();
}

#[test]
fn a_pool_that_a_tpm_fails_stays_as_it_was_and_says_so() {
    let mut bench = Bench::new();
    bench.device.pool = KeyPool::of(1);
    kill(bench.process);
    let error = bench.device.pool.make_one(&mut bench.tpm, &mut OsRng, &ManualClock::new(now())).unwrap_err();
    assert!(matches!(error, TpmError::Gone(_)), "{error}");
    assert_eq!(bench.device.pool.available(), 0);
    let events = bench.device.pool.take_events();
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [3053, 5050, 7053]);
    assert_eq!(events[1].field("NumberOfAvailableKeys"), Some("0"));
    assert!(events[2].field("Error").is_some());
}

#[test]
fn a_pool_outlives_its_process_by_a_switch_alone() {
    let mut bench = Bench::new();
    let file = bench.dir.path().join("device/pool.json");
    bench.device.pool = KeyPool::of(2);
    bench.device.pool.make_one(&mut bench.tpm, &mut OsRng, &ManualClock::new(now())).unwrap();
    bench.device.save().unwrap();
    assert!(!file.exists());
    bench.device.switches.pool_persist = true;
    bench.device.save().unwrap();
    assert!(bench.device.pool_auth_on_disk());
    let kept = bench.device.pool.first().unwrap();

    let Bench { mut tpm, device, mut server, dir, .. } = bench;
    drop(device);
    let mut device = Device::open(&dir.path().join("device")).unwrap();
    let again = device.pool.first().unwrap();
    assert_eq!((again.blob, again.auth.expose_secret()), (kept.blob, kept.auth.expose_secret()));
    assert!(device.pool.wants_more(), "it is as large as it was");
    let make = |machine: &mut Machine<'_>| -> Result<Provision, Stop> {
        let pin = PinRules::of(&machine.policy).accept(SecretString::from(PIN)).unwrap();
        Ok(begin_by_user(machine, UPN, now())?.with_pin(pin))
    };
    server.run_as(make, &mut device, Some(&mut tpm)).unwrap();
    assert!(device.switches.pool_persist, "a switch that was turned stays turned");
    device.switches.pool_persist = false;
    device.save().unwrap();
    assert!(!file.exists() && !device.pool_auth_on_disk());
    drop(device);
    for text in ["{}", "[]", "{\"size\":1,\"keys\":[{\"auth\":[]}]}", ""] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(Device::open(&dir.path().join("device")), Err(StoreError::Damaged { .. })), "{text}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_right_one_opens_still() {
    let mut bench = Bench::provisioned();
    let before = bench.device.state.clone();
    for count in 1..=2 {
        let stop = bench.sign_in("187247").unwrap_err();
        assert!(matches!(stop, Stop::WrongPin(Some(found)) if found == Counter { count, max: 32 }), "{stop}");
    }
    assert_eq!(bench.device.state, before);
    bench.sign_in(PIN).unwrap();
    assert_eq!(bench.tpm.facts().unwrap().lockout.count, 2, "the right PIN forgives nothing");
}

#[test]
fn after_32_wrong_pins_not_even_the_right_one_opens() {
    let mut bench = Bench::provisioned();
    for _ in 0..32 {
        assert!(matches!(bench.sign_in("187247"), Err(Stop::WrongPin(_))));
    }
    let stop = bench.sign_in(PIN).unwrap_err();
    assert!(matches!(stop, Stop::LockedOut(Some(Counter { count: 32, max: 32 }))), "{stop}");
    assert_eq!((stop.class(), stop.hresult()), (StopClass::LockedOut, Some(Hresult::NTE_AUTHENTICATION_IGNORED)));
    // The device key is not under that protection, so the password still signs in.
    bench.server.run(Logon::new(UPN, password()), &mut bench.device, Some(&mut bench.tpm)).unwrap();
}

#[test]
fn the_lockout_authorization_is_kept_unreadable_and_resets_a_locked_tpm() {
    let mut bench = Bench::provisioned();
    let mut rng = OsRng;
    bench
        .device
        .machine(Some(&mut bench.tpm), &mut rng, now())
        .unwrap()
        .keep_lockout_auth(&bench.lockout_auth)
        .unwrap();
    bench.device.save().unwrap();
    let record = std::fs::read_to_string(bench.dir.path().join("device/device.json")).unwrap();
    assert!(!record.contains(&base64(bench.lockout_auth.expose_secret())));
    for _ in 0..32 {
        assert!(bench.sign_in("187247").is_err());
    }
    let auth = bench.device.machine(Some(&mut bench.tpm), &mut rng, now()).unwrap().lockout_auth().unwrap().unwrap();
    bench.tpm.reset_lockout(&auth).unwrap();
    bench.sign_in(PIN).unwrap();
}

#[test]
fn an_old_record_opens_with_the_old_keys_as_nothing_is_revoked() {
    let mut bench = Bench::provisioned();
    let kept = bench.device.state.user(UPN).unwrap().container.clone();
    bench.device.state.users.get_mut(UPN).unwrap().container = None;
    bench.provision().unwrap();
    assert_eq!(bench.server.seen.iter().filter(|line| line.ends_with("/aik/challenge")).count(), 1, "the AIK is kept");
    bench.device.state.users.get_mut(UPN).unwrap().container = kept;
    bench.sign_in(PIN).unwrap();
}

#[test]
fn a_challenge_for_another_tpm_stops_before_any_key_is_registered() {
    let mut bench = Bench::new();
    let before = bench.device.state.clone();
    let forged = json!({"ticket": "t", "credentialBlob": base64(&[0; 68]), "encryptedSecret": base64(&[1; 256])});
    bench.server.instead.push_back(("/aik/challenge", reply(200, forged)));
    let stop = bench.provision().unwrap_err();
    assert!(matches!(stop, Stop::Reply { fault: ReplyFault::Challenge, .. }), "{stop}");
    assert_eq!(bench.device.state, before);
    assert!(bench.server.keys.is_empty());
    assert!(bench.tpm.leftovers().unwrap().is_empty());
}

#[test]
fn an_aik_certificate_for_another_key_is_not_kept() {
    let mut bench = Bench::new();
    let other = crate::crypto::SigningKey::generate_rsa().unwrap();
    let foreign = base64(bench.server.issue("aik", other.public()).der());
    for (chain, expected) in [
        (json!([foreign]), ReplyFault::OtherKey),
        (json!(["AAAA"]), ReplyFault::Certificate),
        (json!([]), ReplyFault::Certificate),
    ] {
        let before = bench.device.state.clone();
        bench.server.instead.push_back(("/aik/certificate", reply(200, json!({"chain": chain}))));
        let stop = bench.provision().unwrap_err();
        assert!(matches!(stop, Stop::Reply { fault, .. } if fault == expected), "{stop}");
        assert_eq!(bench.device.state, before);
    }
}

#[test]
fn an_unattested_registration_is_a_switch() {
    let mut bench = Bench::new();
    bench.server.instead.push_back(("/aik/challenge", reply(404, json!({}))));
    let stop = bench.provision().unwrap_err();
    assert_eq!(stop.hresult(), Some(Hresult::DSREG_E_AIK_CERTIFICATE_INVALID));
    bench.device.switches.register_unattested = true;
    bench.server.instead.push_back(("/aik/challenge", reply(404, json!({}))));
    let registered = bench.provision().unwrap();
    assert_eq!((registered.provider, registered.attestation.as_deref()), (Provider::Hardware, Some("none")));
}

#[test]
fn a_tpm_killed_in_the_middle_leaves_the_container_as_it_was() {
    for (part, provisioned) in [("/aik/challenge", false), ("/nonce/", false), ("/oauth2/token", true)] {
        let mut bench = if provisioned { Bench::provisioned() } else { Bench::new() };
        let before = bench.device.state.users.clone();
        bench.server.kill = Some((part, bench.process));
        let stop = if provisioned { bench.sign_in(PIN).unwrap_err() } else { bench.provision().unwrap_err() };
        assert!(matches!(stop, Stop::Key(KeyError::Tpm(TpmError::Gone(_)))), "{part}: {stop}");
        assert_eq!(stop.class(), StopClass::Environment);
        assert_eq!(bench.device.state.users, before, "{part}");
    }
}

#[test]
fn another_tpm_is_refused_before_a_secret_is_sent() {
    let mut bench = Bench::provisioned();
    let (mut other, ..) = swtpm(&bench.dir.path().join("other"));
    let stop = bench.server.run(SignIn::new(UPN, SecretString::from(PIN)), &mut bench.device, Some(&mut other));
    let stop = stop.unwrap_err();
    assert!(matches!(stop, Stop::OtherTpm { error: TpmError::Swapped, code: Hresult::NTE_NOT_FOUND }), "{stop}");
}

#[test]
fn a_locked_out_tpm_is_unusable_for_a_new_key() {
    let mut bench = Bench::new();
    lock_out(&mut bench.tpm).unwrap();
    assert_eq!(bench.tpm.facts().unwrap().lockout.count, 32, "as many wrong values as it takes, really sent");
    let stop = bench.provision().unwrap_err();
    assert!(matches!(stop, Stop::Hardware(Hresult::NTE_AUTHENTICATION_IGNORED)), "{stop}");
    bench.device.policy = Policy::default();
    assert_eq!(bench.provision().unwrap().provider, Provider::Software);
}

#[test]
fn a_tpm_that_was_rolled_back_is_refused_also_when_it_has_made_up_for_it() {
    let mut bench = Bench::provisioned();
    let now = bench.tpm.clock().unwrap();
    for clock in [
        TpmClock { reset_count: now.reset_count + 1, ..now },
        TpmClock { restart_count: now.restart_count + 1, ..now },
        TpmClock { clock_ms: now.clock_ms + 60_000, ..now },
    ] {
        bench.device.time = Some(TimeMark { clock, rolled_back: false });
        let before = bench.device.state.clone();
        for _ in 0..2 {
            let stop = bench.sign_in(PIN).unwrap_err();
            let refused = matches!(&stop, Stop::OtherTpm { error: TpmError::RolledBack, .. });
            assert!(refused && stop.hresult() == Some(Hresult::NTE_DEVICE_NOT_READY), "{stop}");
            assert_eq!(stop.class(), StopClass::Environment);
            bench.device.time.as_mut().unwrap().clock = now;
        }
        assert!(bench.device.state == before, "a refused TPM changes nothing");
    }
    bench.device.time = Some(TimeMark { clock: now, rolled_back: false });
    bench.sign_in(PIN).unwrap();
}
