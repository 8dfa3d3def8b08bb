//! Every verb of [`Tpm`](whfb::device::tpm::Tpm) on every backend and every transport: the same answers, the same refusals.
//!
//! Prints a table and compares it with the one in `vendor-notes.md`, so a gap that closes or opens fails here first. Not under
//! libtest, which would swallow the table. With `WHFB_CONFORMANCE_TPM=ADDRESS` it runs on that TPM instead, as a guest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to fail")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program is its own harness")]

#[path = "../support/mod.rs"]
mod support;

mod subject;
mod table;
mod verbs;

use std::process::ExitCode;

use subject::Subject;
use table::Column;

fn main() -> ExitCode {
    // What a test runner that lists before it runs wants to hear.
    if std::env::args().any(|argument| argument == "--list") {
        println!("conformance: test");
        return ExitCode::SUCCESS;
    }
    let columns = match std::env::var("WHFB_CONFORMANCE_TPM") {
        Ok(address) => vec![column(Subject::guest(&address))],
        Err(_) => in_parallel(),
    };
    println!("\n{}", table::markdown(&columns));
    let faults = table::compare(&columns, include_str!("../../vendor-notes.md"));
    for fault in &faults {
        eprintln!("conformance: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One thread for each of the lab's subjects.
fn in_parallel() -> Vec<Column> {
    std::thread::scope(|scope| {
        let running: Vec<_> = subject::LAB.into_iter().map(|make| scope.spawn(move || column(make()))).collect();
        running.into_iter().map(|column| column.join().expect("a verb misbehaved; what it said is above")).collect()
    })
}

/// Runs every verb on one subject. A verb that misbehaves panics, with its name on the way.
fn column(mut subject: Subject) -> Column {
    let mut cells = Vec::new();
    for (name, check) in verbs::ALL {
        eprintln!("conformance: {}: {name}", subject.name);
        cells.push((name, verbs::verdict(check(&mut subject))));
        if let Some((objects, sessions)) = subject.occupied() {
            // A storage root key in memory, for a guest of a TPM without one, and the one session that is kept.
            assert!(objects.len() <= usize::from(subject.guest), "{name} left {objects:x?} in the TPM");
            assert!(sessions.len() <= 1, "{name} left {sessions:x?} in the TPM");
        }
    }
    Column { name: subject.name, cells }
}
