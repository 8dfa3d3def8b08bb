//! Rounds in which every contender does one operation.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use whfb::crypto::{PublicKey, SignatureAlgorithm};
use whfb::device::tpm::KeyKind;

use crate::bed::MESSAGE;
use crate::contenders::{Contender, DIRECT};
use crate::operation::Operation;
use crate::report::Row;
use crate::stats::Summary;

/// Fixed, so that two runs ask in the same order.
const SEED: u64 = 2_048;

/// A contender and its times.
struct Lane<'a> {
    contender: &'a mut dyn Contender,
    samples: Vec<Duration>,
    /// It takes part in every so many rounds.
    stride: usize,
}

impl Lane<'_> {
    /// Adds to an error who made it.
    fn named<T>(&self, operation: Operation, outcome: Result<T>) -> Result<T> {
        outcome.with_context(|| format!("{}: {operation}", self.contender.name()))
    }

    fn take_turn(&mut self, operation: Operation) -> Result<Duration> {
        let start = Instant::now();
        let outcome = self.contender.run(operation);
        let elapsed = start.elapsed();
        self.named(operation, outcome)?;
        let tidied = self.contender.tidy();
        self.named(operation, tidied)?;
        Ok(elapsed)
    }

    /// Has it ready, and shows that it does what it is measured at.
    fn rehearse(&mut self, operation: Operation) -> Result<()> {
        let prepared = self.contender.prepare(operation);
        self.named(operation, prepared)?;
        if operation.signs() {
            let proven = proven(self.contender, operation);
            self.named(operation, proven)?;
        }
        (0..operation.warm_up()).try_for_each(|_| self.take_turn(operation).map(drop))
    }
}

/// Measures all contenders that can do `operation`. The others are compared with [`DIRECT`].
pub(crate) fn run(operation: Operation, rounds: usize, contenders: &mut [Box<dyn Contender>]) -> Result<Vec<Row>> {
    let start = Instant::now();
    let mut lanes: Vec<Lane<'_>> = contenders
        .iter_mut()
        .filter(|contender| contender.takes_part(operation))
        .map(|contender| {
            let stride = rounds.div_ceil(contender.most());
            Lane { contender: contender.as_mut(), samples: Vec::new(), stride }
        })
        .collect();
    eprint!("{operation}: {} contenders, {rounds} rounds ...", lanes.len());
    lanes.iter_mut().try_for_each(|lane| lane.rehearse(operation))?;
    rounds_of(operation, rounds, &mut lanes)?;
    for lane in &mut lanes {
        let finished = lane.contender.finish();
        lane.named(operation, finished)?;
    }
    eprintln!(" {:.1} s", start.elapsed().as_secs_f64());
    rows(operation, &lanes)
}

/// The rounds that count. The order is drawn anew for each, so that nobody always follows the same one.
fn rounds_of(operation: Operation, rounds: usize, lanes: &mut [Lane<'_>]) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..lanes.len()).collect();
    for round in 0..rounds {
        order.shuffle(&mut rng);
        for index in &order {
            let Some(lane) = lanes.get_mut(*index).filter(|lane| round % lane.stride == 0) else { continue };
            let elapsed = lane.take_turn(operation)?;
            lane.samples.push(elapsed);
        }
    }
    Ok(())
}

fn rows(operation: Operation, lanes: &[Lane<'_>]) -> Result<Vec<Row>> {
    let ours = lanes.iter().find(|lane| lane.contender.name() == DIRECT).and_then(|lane| Summary::of(&lane.samples));
    let ours = ours.ok_or_else(|| anyhow!("{operation}: {DIRECT} was not measured"))?;
    lanes
        .iter()
        .map(|lane| {
            let summary = Summary::of(&lane.samples).ok_or_else(|| anyhow!("{operation}: no samples"))?;
            Ok(Row::measured(operation, &*lane.contender, lane.samples.len(), summary, &ours))
        })
        .collect()
}

/// Signs once and verifies that: a contender that does something else is not worth a figure.
fn proven(contender: &mut dyn Contender, operation: Operation) -> Result<()> {
    let key = PublicKey::from_spki(&contender.public(operation.kind())?)?;
    let signature = contender.run(operation)?;
    contender.tidy()?;
    let algorithm = match operation.kind() {
        KeyKind::Rsa2048 => SignatureAlgorithm::RsaSha256,
        KeyKind::P256 if signature.len() == 64 => SignatureAlgorithm::EcdsaSha256Fixed,
        KeyKind::P256 => SignatureAlgorithm::EcdsaSha256Asn1,
    };
    Ok(key.verify(algorithm, MESSAGE, &signature)?)
}
