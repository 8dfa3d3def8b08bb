//! `whfb matrix`: what RequireSecurityDevice does, on every TPM in every condition, executed.

mod bed;
mod page;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use whfb::device::hardware::TpmVersion;
use whfb::device::matrix::{Row, beds, cases};
use whfb::device::tpm::Condition;

use crate::args::{Matrix, MatrixFormat, typed};
use crate::failure::{Class, Failure};
use crate::interrupt::Interrupt;
use crate::output::Output;
use bed::Workshop;

pub(crate) fn run(matrix: &Matrix, output: &Output) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let directory = tempfile::Builder::new()
        .prefix("whfb-matrix-")
        .tempdir()
        .map_err(|error| Failure::environment(format!("no temporary directory: {error}")))?;
    let (started, total) = (Instant::now(), beds().iter().map(|(tpm, condition)| cases(*tpm, *condition).len()).sum());
    let bar = if output.is_terminal() { progress(total) } else { ProgressBar::hidden() };
    let work = Work { matrix, directory: directory.path(), interrupt: &interrupt, bar: &bar };
    let rows = work.all();
    bar.finish_and_clear();
    directory.close().map_err(|error| Failure::environment(format!("the temporary directory stays: {error}")))?;
    let (rows, took) = (rows?, started.elapsed());
    let source = typed(matrix.source);
    if output.is_json() || matrix.format == Some(MatrixFormat::Json) {
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        output.object(&json!({"ok": true, "source": source, "duration_ms": duration_ms, "rows": rows}));
        return Ok(());
    }
    output.line(&match matrix.format {
        Some(MatrixFormat::Markdown) => page::markdown(&rows),
        Some(MatrixFormat::Csv) => page::csv(&rows),
        _ => page::grid(&rows, &source, took, output),
    });
    Ok(())
}

fn progress(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg:34} {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// What every worker needs.
struct Work<'a> {
    matrix: &'a Matrix,
    directory: &'a std::path::Path,
    interrupt: &'a Interrupt,
    bar: &'a ProgressBar,
}

impl Work<'_> {
    /// Every row, in the order of the questions. Each worker has a tenant of its own and takes the next TPM when it is done with
    /// one; the first failure ends all of them.
    fn all(&self) -> Result<Vec<Row>, Failure> {
        let beds = beds();
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let mut found: Vec<(usize, Vec<Row>)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..workers(beds.len()))
                .map(|number| {
                    let (beds, next, failure) = (&beds, &next, &failure);
                    scope.spawn(move || self.one(number, beds, next, failure))
                })
                .collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        if let Some(failure) = failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(failure);
        }
        if found.len() < beds.len() {
            return Err(Failure::new(Class::Bug, "a worker of the matrix was lost"));
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(found.into_iter().flat_map(|(_, rows)| rows).collect())
    }

    fn one(
        &self,
        number: usize,
        beds: &[(TpmVersion, Condition)],
        next: &AtomicUsize,
        failure: &Mutex<Option<Failure>>,
    ) -> Vec<(usize, Vec<Row>)> {
        let mut done = Vec::new();
        let outcome = Workshop::open(self.directory, number).and_then(|mut workshop| {
            loop {
                let index = next.fetch_add(1, Ordering::SeqCst);
                let Some((tpm, condition)) = beds.get(index).copied() else { return Ok(()) };
                self.bar.set_message(format!("TPM {}, {}", page::version(tpm), condition.name()));
                let mut each = || {
                    self.bar.inc(1);
                    self.interrupt.check()
                };
                done.push((index, workshop.ask(tpm, condition, self.matrix.source, &mut each)?));
            }
        });
        if let Err(error) = outcome {
            // Nobody takes another TPM.
            next.store(beds.len(), Ordering::SeqCst);
            failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
        }
        done
    }
}

/// As many as there are cores, and no more than TPMs.
fn workers(beds: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).clamp(1, beds)
}
