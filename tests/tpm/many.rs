//! TPMs that users take turns with: chores in between, sleep, waking, and more of them than may run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use whfb::base::{OsRng, SystemClock, secret_slice};
use whfb::device::container::pool::KeyPool;
use whfb::device::tpm::fleet::{AWAKE, Fleet};
use whfb::device::tpm::owner::{Chores, Opener, Owner};
use whfb::device::tpm::{Gate, KeyKind, Pins, Tpm, TpmError, Usage};

use crate::support::{manufactured, open, secret, start, tempdir};

/// A manufactured TPM that does not run, and the process that it had last.
struct Sleeper {
    directory: TempDir,
    pins: Pins,
    process: Arc<AtomicUsize>,
}

impl Sleeper {
    fn new() -> Self {
        let directory = tempdir();
        let pins = manufactured(directory.path()).1.pins;
        Self { directory, pins, process: Arc::default() }
    }

    fn opener(&self) -> Opener {
        let (directory, pins): (PathBuf, Pins) = (self.directory.path().to_owned(), self.pins.clone());
        let process = Arc::clone(&self.process);
        Box::new(move || {
            let swtpm = start(&directory);
            process.store(usize::try_from(swtpm.process_id()).unwrap(), SeqCst);
            Ok(Box::new(open(Box::new(swtpm), &pins)))
        })
    }

    fn runs(&self) -> bool {
        std::path::Path::new(&format!("/proc/{}", self.process.load(SeqCst))).exists()
    }
}

/// Waits for something that another thread does.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn failures(tpm: &mut dyn Tpm) -> u32 {
    tpm.facts().unwrap().lockout.count
}

#[test]
fn a_tpm_sleeps_in_order_and_wakes_with_its_keys() {
    let sleeper = Sleeper::new();
    let owner = Owner::new(sleeper.opener(), None, None);
    assert!(!owner.is_awake(), "nothing is started before the first use");
    let auth = secret(1);
    let blob = owner.with(|tpm| tpm.seal(&secret_slice(vec![7; 8]), Gate::Counted(&auth)).unwrap()).unwrap();
    owner.with(|tpm| assert!(tpm.unseal(&blob, Gate::Counted(&auth)).is_ok())).unwrap();
    assert!(owner.is_awake() && sleeper.runs());
    assert!(owner.sleep() && !owner.is_awake() && !sleeper.runs());
    assert!(owner.sleep(), "it sleeps already");
    owner.with(|tpm| assert!(tpm.unseal(&blob, Gate::Counted(&auth)).is_ok())).unwrap();
    assert_eq!(owner.with(failures_of).unwrap(), 0, "its end was in order");
    drop(owner);
    assert!(!sleeper.runs());
}

fn failures_of(tpm: &mut (dyn Tpm + 'static)) -> u32 {
    failures(tpm)
}

#[test]
fn a_tpm_that_nobody_uses_falls_asleep_by_itself() {
    let sleeper = Sleeper::new();
    let owner = Owner::new(sleeper.opener(), None, Some(Duration::from_millis(1)));
    owner.with(failures_of).unwrap();
    wait_until("it falls asleep", || !owner.is_awake());
    assert!(!sleeper.runs());
    assert_eq!(owner.with(failures_of).unwrap(), 0);
}

#[test]
fn a_user_waits_for_one_chore_at_most() {
    let sleeper = Sleeper::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let ((begun, began), (go_on, gate)) = (channel(), channel());
    let log = Arc::clone(&order);
    let chores: Chores = Box::new(move |_| {
        log.lock().unwrap().push("chore begins");
        begun.send(()).unwrap();
        let more = gate.recv().is_ok();
        log.lock().unwrap().push("chore ends");
        Ok(more)
    });
    let owner = Owner::new(sleeper.opener(), Some(chores), None);
    owner.with(|_| ()).unwrap();
    began.recv().unwrap();
    std::thread::scope(|scope| {
        let user = scope.spawn(|| owner.with(|_| order.lock().unwrap().push("use")).unwrap());
        wait_until("the user is in the queue", || format!("{owner:?}").contains("waiting: 1"));
        go_on.send(()).unwrap();
        user.join().unwrap();
        // Every later chore ends at once.
        drop(go_on);
    });
    assert_eq!(order.lock().unwrap()[..3], ["chore begins", "chore ends", "use"]);
}

#[test]
fn a_pool_fills_while_nobody_uses_the_tpm_and_is_refilled_after_use() {
    let sleeper = Sleeper::new();
    let pool = KeyPool::of(2);
    let theirs = pool.clone();
    let chores: Chores = Box::new(move |tpm| theirs.make_one(tpm, &mut OsRng, &SystemClock));
    let owner = Owner::new(sleeper.opener(), Some(chores), None);
    owner.with(failures_of).unwrap();
    wait_until("the pool fills", || pool.available() == 2);
    let key = pool.take().unwrap();
    let auth = secret(9);
    let (claimed, signature) = owner
        .with(|tpm| {
            let (claimed, handle) = tpm.claim(&key.blob, &key.auth, &auth).unwrap();
            let signature = tpm.sign(&handle, Some(&auth), &[3; 32]).unwrap();
            tpm.unload(handle).unwrap();
            (claimed, signature)
        })
        .unwrap();
    assert_eq!(claimed.public, key.blob.public);
    assert!(matches!(signature, whfb::device::tpm::RawSignature::Rsa(_)));
    wait_until("the pool fills again", || pool.available() == 2);
    assert!(owner.sleep(), "what is in the pool stays there");
    assert_eq!(pool.available(), 2);
}

#[test]
fn a_chore_that_fails_rests_until_the_tpm_was_used() {
    let sleeper = Sleeper::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let chores: Chores = Box::new(move |_| {
        counted.fetch_add(1, SeqCst);
        Err(TpmError::LockedOut)
    });
    let owner = Owner::new(sleeper.opener(), Some(chores), None);
    for expected in 1..=2 {
        owner.with(|tpm| assert!(tpm.facts().is_ok())).unwrap();
        wait_until("the chore is tried", || calls.load(SeqCst) == expected);
    }
    assert!(owner.sleep());
    assert_eq!(calls.load(SeqCst), 2);
}

#[test]
fn a_user_who_panics_loses_the_tpm_and_the_next_one_gets_it_anew() {
    let sleeper = Sleeper::new();
    let owner = Owner::new(sleeper.opener(), None, None);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        owner.with(|tpm| {
            tpm.create(KeyKind::P256, Usage::General, None).unwrap();
            std::panic::resume_unwind(Box::new("a user's mistake"))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(owner.with(failures_of).unwrap(), 0, "it ended in order");
}

#[test]
fn a_chore_that_panics_ends_the_tpm_and_the_next_user_gets_it_anew() {
    let sleeper = Sleeper::new();
    let chores: Chores = Box::new(|_| std::panic::resume_unwind(Box::new("a chore's mistake")));
    let owner = Owner::new(sleeper.opener(), Some(chores), None);
    owner.with(failures_of).unwrap();
    wait_until("the chore is tried", || !owner.is_awake());
    assert!(!sleeper.runs());
    assert_eq!(owner.with(failures_of).unwrap(), 0);
}

#[test]
fn what_opens_the_tpm_is_asked_again_after_it_failed() {
    let sleeper = Sleeper::new();
    let (real, failed) = (sleeper.opener(), AtomicUsize::new(0));
    let opener: Opener = Box::new(move || match failed.fetch_add(1, SeqCst) {
        0 => Err(TpmError::NotReady("a hierarchy that is needed is disabled")),
        _ => real(),
    });
    let owner = Owner::new(opener, None, None);
    assert!(matches!(owner.with(failures_of), Err(TpmError::NotReady(_))));
    assert!(!owner.is_awake() && owner.sleep());
    assert_eq!(owner.with(failures_of).unwrap(), 0);
}

#[test]
fn a_fleet_is_larger_than_what_runs() {
    let sleepers: Vec<Sleeper> = (0..4).map(|_| Sleeper::new()).collect();
    let fleet = Fleet::within(2 * AWAKE);
    for (number, sleeper) in sleepers.iter().enumerate() {
        fleet.add(format!("pc-{number}"), Owner::new(sleeper.opener(), None, None));
    }
    assert_eq!((fleet.len(), fleet.awake()), (4, 0));
    assert!(matches!(fleet.with("pc-9", failures_of), Err(TpmError::Unavailable(reason)) if reason.contains("pc-9")));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let fleet = &fleet;
            scope.spawn(move || {
                for turn in 0..4 {
                    let name = format!("pc-{}", (client + turn) % 4);
                    assert_eq!(fleet.with(&name, failures_of).unwrap(), 0);
                    assert!(fleet.awake() <= 2, "no more than there is room for");
                }
            });
        }
    });
    fleet.sleep();
    assert_eq!(fleet.awake(), 0);
    assert!(!sleepers.iter().any(Sleeper::runs));
}

#[test]
fn a_fleet_puts_the_one_used_longest_ago_to_sleep() {
    let sleepers: Vec<Sleeper> = (0..3).map(|_| Sleeper::new()).collect();
    let fleet = Fleet::within(2 * AWAKE);
    for (number, sleeper) in sleepers.iter().enumerate() {
        fleet.add(number.to_string(), Owner::new(sleeper.opener(), None, None));
    }
    for name in ["0", "1", "0", "2"] {
        fleet.with(name, failures_of).unwrap();
    }
    let running: Vec<bool> = sleepers.iter().map(Sleeper::runs).collect();
    assert_eq!(running, [true, false, true]);
}
