//! Every prefix of a good statement, and every single bit of it flipped: never accepted. Prints how many there were.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has to fail")]
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

#[path = "support/vector.rs"]
mod vector;

use std::thread;
use std::time::Instant;

use vector::{Known, Vector};
use whfb::attest::{Level, Statement};

fn main() {
    // The harness' own arguments, such as a filter of names, say nothing here but to list.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    for name in ["good-rsa", "good-p256"] {
        let vector = Vector::read(name);
        assert_eq!(vector.known().verify(&vector.statement).level(), Level::AikEk, "{name}");
        let fields = fields(&mut vector.statement.clone()).len();
        let started = Instant::now();
        let (prefixes, bits) = thread::scope(|scope| {
            let work: Vec<_> = (0..fields)
                .map(|field| {
                    scope.spawn({
                        let vector = &vector;
                        move || refuse_all(&vector.known(), &vector.statement, field)
                    })
                })
                .collect();
            work.into_iter()
                .map(|each| each.join().expect("one was accepted"))
                .fold((0, 0), |sum, (prefixes, bits)| (sum.0 + prefixes, sum.1 + bits))
        });
        println!(
            "{name}: {prefixes} prefixes and {bits} flipped bits refused in {:.1} s",
            started.elapsed().as_secs_f64()
        );
    }
}

/// Every byte string of a statement that a TPM or an authority made.
fn fields(statement: &mut Statement) -> Vec<&mut Vec<u8>> {
    let creation = statement.aik_creation.as_mut().expect("a whole statement");
    let mut fields = vec![
        &mut statement.certify_info,
        &mut statement.public,
        &mut statement.signature,
        statement.aik_public.as_mut().expect("a whole statement"),
        statement.storage_name.as_mut().expect("a whole statement"),
        &mut creation.data,
        &mut creation.attest,
        &mut creation.signature,
    ];
    fields.extend(statement.aik_chain.iter_mut());
    fields.extend(statement.ek_chain.iter_mut());
    fields
}

fn refuse_all(known: &Known, good: &Statement, field: usize) -> (usize, usize) {
    let mut statement = good.clone();
    let whole = fields(&mut statement)[field].clone();
    for length in 0..whole.len() {
        fields(&mut statement)[field].truncate(length);
        assert_eq!(known.verify(&statement).level(), Level::None, "field {field}, {length} bytes");
        fields(&mut statement)[field].clone_from(&whole);
    }
    for bit in 0..whole.len() * 8 {
        fields(&mut statement)[field][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(known.verify(&statement).level(), Level::None, "field {field}, bit {bit}");
        fields(&mut statement)[field].clone_from(&whole);
    }
    (whole.len(), whole.len() * 8)
}
