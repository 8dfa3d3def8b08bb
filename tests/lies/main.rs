//! A transport that lies: at every command of creating a Hello key and of signing in with it, every lie, once.
//!
//! Each case ends in one exact error, or in success where recovery is specified; device and directory are what they were
//! or what they were to become, and on the TPM started again the same operation succeeds.

#![cfg(feature = "entra")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod liar;
mod stock;
mod world;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use liar::{Lie, Script, UNSEAL};
use whfb::base::Hresult;
use whfb::device::keys::KeyError;
use whfb::device::stop::Stop;
use whfb::device::tpm::TpmError;
use whfb::link::Halt;
use world::{ALICE, Case, Operation, PIN, World, quiet};

const DONE: &str = "done";
/// The case panicked; its words are above the table.
const BROKEN: &str = "BROKEN";
const NOTHING: &str = "nothing of the kind to falsify";

/// The name of how a case ended.
fn name(halt: &Halt) -> String {
    let error = match halt {
        Halt::Stop(Stop::Key(KeyError::Tpm(error)) | Stop::OtherTpm { error, .. }) => error,
        other => return other.to_string(),
    };
    match error {
        TpmError::Untrusted { reason, .. } => format!("untrusted: {reason}"),
        TpmError::Refused { code, .. } => format!("refused 0x{code:X}"),
        TpmError::Gone(_) => "gone".to_owned(),
        other => other.to_string(),
    }
}

/// Everything that a refusal must leave alone.
fn picture(case: &Case<'_>) -> (String, String) {
    let rows = case.directory();
    let rows = serde_json::to_string(&(rows.users, rows.devices, rows.keys)).unwrap();
    let mut state = case.device.state.clone();
    // An attestation key may be enrolled before a later step fails: it is complete, and stays good.
    state.aik = None;
    (rows, serde_json::to_string(&state).unwrap())
}

/// The device's container and the directory's only key are the same one.
fn agrees(case: &Case<'_>, context: &str) {
    let container = case.device.state.user(ALICE).and_then(|user| user.container.as_ref()).expect(context);
    let keys: Vec<_> = case.directory().keys.iter().map(|key| key.kid).collect();
    assert_eq!(keys, [container.user_key.key_id], "{context}");
}

/// Runs one case to its end and names it.
fn tell(world: &World, operation: Operation, lie: Lie, at: usize) -> String {
    let context = format!("{operation:?}, {lie:?} at command {at}");
    let mut case = world.case(operation);
    let before = picture(&case);
    let script = Arc::new(Mutex::new(Script { lie: Some((lie, at)), ..Script::default() }));
    let outcome = case.attempt(&[operation], &script);
    let script = std::mem::take(&mut *script.lock().unwrap());
    assert!(script.count > at, "{context}: the command was never sent");
    assert!(!script.sent.windows(PIN.len()).any(|window| window == PIN.as_bytes()), "{context}: the PIN was sent");
    let told = match &outcome {
        Ok(()) => DONE.to_owned(),
        Err(halt) => {
            let Halt::Stop(stop) = halt else { unreachable!("{context}: {halt}") };
            assert!(stop.hresult().is_some(), "{context}: {stop} has no code");
            assert!(!stop.to_string().contains(PIN), "{context}");
            assert!(picture(&case) == before, "{context}: {stop} changed something");
            name(halt)
        }
    };
    if !script.told {
        assert_eq!(told, DONE, "{context}: nothing was falsified");
    }
    if lie == Lie::LockedOutReally {
        assert_eq!(code_of(&outcome), Some(Hresult::NTE_AUTHENTICATION_IGNORED), "{context}");
        case.reset_lockout();
    }
    // A TPM started again on the same state. What was lost in the lie is made anew; what was done is used.
    let rest: &[Operation] = match (operation, &outcome) {
        (Operation::Create, Err(_)) => &[Operation::Create, Operation::SignIn],
        (Operation::Create, Ok(())) | (Operation::SignIn, _) => &[Operation::SignIn],
    };
    case.attempt(rest, &quiet()).unwrap_or_else(|halt| unreachable!("{context}, again: {halt}"));
    agrees(&case, &context);
    if script.told { told } else { NOTHING.to_owned() }
}

fn code_of(outcome: &Result<(), Halt>) -> Option<Hresult> {
    match outcome {
        Err(Halt::Stop(stop)) => stop.hresult(),
        _ => None,
    }
}

/// Codes of the commands of a run without a lie, by number.
fn commands(world: &World, operation: Operation) -> usize {
    let script = quiet();
    world.case(operation).attempt(&[operation], &script).unwrap();
    Arc::into_inner(script).unwrap().into_inner().unwrap().count
}

type Table = BTreeMap<(Operation, Lie), BTreeMap<String, usize>>;

/// Every case, on two threads.
fn run_all(world: &World, cases: &[(Operation, Lie, usize)]) -> Table {
    let (next, table) = (AtomicUsize::new(0), Mutex::new(Table::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((operation, lie, at)) = cases.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let case = AssertUnwindSafe(|| tell(world, operation, lie, at));
                    let outcome = catch_unwind(case).unwrap_or_else(|_| BROKEN.to_owned());
                    *table.lock().unwrap().entry((operation, lie)).or_default().entry(outcome).or_default() += 1;
                }
            });
        }
    });
    table.into_inner().unwrap()
}

fn print(table: &Table) {
    let mut text = String::new();
    for ((operation, lie), outcomes) in table {
        let words: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let total: usize = outcomes.values().sum();
        text += &format!("{operation:?} {lie:?}: {total} = {}\n", words.join(" + "));
    }
    let total: usize = table.values().flat_map(BTreeMap::values).sum();
    // Straight to the descriptor: the harness would swallow a print of a test that passes.
    std::io::stderr().lock().write_all(format!("{text}{total} cases\n").as_bytes()).unwrap();
}

#[test]
fn every_lie_at_every_command_is_one_exact_error_and_leaves_nothing_half_done() {
    let world = World::new();
    let mut cases = Vec::new();
    for operation in [Operation::Create, Operation::SignIn] {
        for at in 0..commands(&world, operation) {
            cases.extend(Lie::EVERYWHERE.map(|lie| (operation, lie, at)));
        }
    }
    let script = quiet();
    world.case(Operation::SignIn).attempt(&[Operation::SignIn], &script).unwrap();
    let unseal = script.lock().unwrap().answers.iter().position(|(code, _)| *code == UNSEAL).unwrap();
    cases.push((Operation::SignIn, Lie::LockedOutReally, unseal));
    let table = run_all(&world, &cases);
    print(&table);
    table.iter().for_each(|((operation, lie), outcomes)| check(*operation, *lie, outcomes));
}

/// How a lie may end, besides in success, and how often it may go unnoticed.
///
/// Nothing vouches for what is said before the session, nor for the answer to `TPM2_FlushContext`; and what the device
/// notes at the end for itself, the TPM's clock, fails no operation.
fn expected(lie: Lie) -> (&'static [&'static str], usize) {
    const FORM: &str = "untrusted: its form is wrong";
    const HMAC: &str = "untrusted: its HMAC is wrong";
    // The TPM refuses what we prove by a nonce that it did not give.
    const OTHER_NONCE: &str = "wrong authorization; the TPM does not count this one";
    match lie {
        Lie::Truncated | Lie::Oversized => (&[FORM], 4),
        Lie::Random => (&["refused 0x9AD9DD8F"], 1),
        Lie::WrongHmac | Lie::WrongNonce => (&[HMAC], 1),
        Lie::ChangedParameter => (&[FORM, HMAC, OTHER_NONCE], 8),
        // "Try again", said of a PIN that was taken already, makes us prove it by a nonce that is spent: the TPM counts that.
        Lie::Replayed => (&[FORM, HMAC, OTHER_NONCE, "wrong PIN"], 8),
        Lie::SessionEvicted => (&[], usize::MAX),
        Lie::ObjectMemory => (&["refused 0x902"], 1),
        Lie::SessionMemory => (&["refused 0x903"], 1),
        Lie::Lockout | Lie::LockedOutReally => (&["the TPM is locked out"], 1),
        Lie::KilledBefore | Lie::KilledAfter => (&["gone"], 1),
    }
}

fn check(operation: Operation, lie: Lie, outcomes: &BTreeMap<String, usize>) {
    let (errors, unnoticed) = expected(lie);
    for (outcome, count) in outcomes.iter().filter(|(outcome, _)| *outcome != NOTHING) {
        let right = match outcome.as_str() {
            DONE => *count <= unnoticed,
            error => errors.iter().any(|expected| error.starts_with(expected)),
        };
        assert!(right, "{operation:?}, {lie:?}: {count} {outcome}");
    }
}
