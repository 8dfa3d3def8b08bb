//! `make bench-check`: measures the hot path in one run and compares ratios with `limits.toml`.
//!
//! A ratio that misses its limit is measured again with more samples before it fails, since machines that measure are often
//! shared. Without `--bench`, as `cargo test` runs it, each operation is done once and nothing is judged.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod figures;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use whfb::device::tpm::measure::{Contest, Effort, Samples, Subject, contests};

use figures::{Figures, Limits};
use support::emulator::{self, Pair};
use support::{Outcome, provisioning};

/// How often a noisy ratio is measured again, each time with twice the samples.
const RETRIES: usize = 3;

/// What was asked for on the command line.
struct Asked {
    effort: Effort,
    judge: bool,
    /// The slowdown that must not pass unnoticed.
    session_per_call: bool,
}

impl Asked {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let judge = has("--bench");
        let effort = if judge { Effort::FULL } else { Effort::ONCE };
        Self { effort, judge, session_per_call: has("--session-per-call") }
    }
}

fn main() -> Outcome<ExitCode> {
    let (asked, limits, mut figures) = (Asked::read(), Limits::read()?, Figures::default());
    let directory = tempfile::tempdir()?;
    let mut subject = Subject::Direct(Box::new(emulator::bare_tpm(directory.path())?.0));
    for make in contests(&subject) {
        let contest = make(&mut subject)?;
        run(contest, &mut subject, &asked, &limits, &mut figures)?;
    }
    drop(subject);
    whole(&asked, &limits, &mut figures)?;
    if !asked.judge {
        return Ok(ExitCode::SUCCESS);
    }
    println!();
    let missed = figures.judge(&limits)?;
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a ratio misses its limit by so little that more samples may show otherwise.
fn could_be_noise(excess: f64) -> bool {
    excess > 1.0 && excess < 1.5
}

/// Runs one contest, and again with more samples while its ratio misses its limit.
fn run(
    mut contest: Contest,
    subject: &mut Subject,
    asked: &Asked,
    limits: &Limits,
    figures: &mut Figures,
) -> Outcome<()> {
    if asked.session_per_call {
        contest = contest.with_session_per_call();
    }
    let name = format!("{} {}", contest.op, contest.key);
    let ratio_name = format!("{name} / {name} floor");
    let mut samples = if contest.slow { asked.effort.slow } else { asked.effort.quick };
    if asked.judge && !contest.slow {
        (0..5).try_for_each(|_| contest.round(subject, true))?;
    }
    for retry in 0..=RETRIES {
        (0..samples).try_for_each(|_| contest.round(subject, false))?;
        let ratio = contest.row().ratio().unwrap_or_default();
        if !asked.judge || retry == RETRIES || !could_be_noise(limits.excess(&ratio_name, ratio)) {
            break;
        }
        samples *= 2;
        println!("{name}: {ratio:.3} times the floor; noise or too slow, {samples} more samples");
    }
    let row = contest.row();
    tell(&name, row.summary.n, row.summary.median_us, row.floor_median_us);
    figures.add(name.as_str(), row.summary.median_us);
    if let Some(floor) = row.floor_median_us {
        figures.add(format!("{name} floor"), floor);
    }
    contest.finish(subject)?;
    Ok(())
}

/// What is not one contest: provisioning, the emulator's start, manufacture, two clients.
fn whole(asked: &Asked, limits: &Limits, figures: &mut Figures) -> Outcome<()> {
    let Effort { quick, slow } = asked.effort;
    let mut bench = provisioning::Bench::new()?;
    let (mut pooled, mut cold) = (Samples::default(), Samples::default());
    for _ in 0..slow {
        pooled.add(bench.pooled()?);
        cold.add(bench.cold()?);
    }
    let (started, nothing) = emulator::starts(quick.min(100))?;
    let manufactured = emulator::manufactures(slow)?;
    for (name, samples) in [
        ("provision, pooled", pooled),
        ("provision, cold", cold),
        ("swtpm started and answering", started),
        ("swtpm --version", nothing),
        ("swtpm manufactured", manufactured),
    ] {
        add(name, &samples, figures);
    }
    clients(asked, limits, figures)
}

/// How two clients with a TPM each compare with one: five rounds, and more while the ratio misses its limit.
fn clients(asked: &Asked, limits: &Limits, figures: &mut Figures) -> Outcome<()> {
    const NAMES: [&str; 2] = ["signs per second, one client", "signs per second, two clients"];
    let (mut pair, mut rounds) = (Pair::new()?, 0);
    let (first, time) = if asked.judge { (5, Duration::from_secs(3)) } else { (1, Duration::from_millis(1)) };
    for retry in 0..=RETRIES {
        (0..first).try_for_each(|_| pair.round(time))?;
        rounds += first;
        let (one, two) = pair.rates();
        let excess = limits.excess(&format!("{} / {}", NAMES[1], NAMES[0]), two / one);
        if !asked.judge || retry == RETRIES || !could_be_noise(excess) {
            break;
        }
        println!("{}: {:.3} times one; noise or too slow, {first} more rounds", NAMES[1], two / one);
    }
    let (one, two) = pair.rates();
    for (name, rate) in NAMES.into_iter().zip([one, two]) {
        println!("{name:34} n {rounds:5}  median {rate:11.1} per s");
        figures.add(name, rate);
    }
    Ok(())
}

fn add(name: &str, samples: &Samples, figures: &mut Figures) {
    let summary = samples.summary();
    tell(name, summary.n, summary.median_us, None);
    figures.add(name, summary.median_us);
}

fn tell(name: &str, n: usize, median_us: f64, floor: Option<f64>) {
    let floor =
        floor.map_or(String::new(), |floor| format!("  floor {floor:11.1} us  ratio {:6.3}", median_us / floor));
    println!("{name:34} n {n:5}  median {median_us:11.1} us{floor}");
}
