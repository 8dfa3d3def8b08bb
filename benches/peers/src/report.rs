//! All figures of a run, and their JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::contenders::Contender;
use crate::machine::Machine;
use crate::operation::Operation;
use crate::stats::Summary;
use crate::throughput::Throughput;

/// One line of the table. Times are `None` for who was not there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) op: String,
    pub(crate) contender: String,
    pub(crate) session: String,
    pub(crate) n: usize,
    pub(crate) min_us: Option<f64>,
    pub(crate) median_us: Option<f64>,
    pub(crate) p95_us: Option<f64>,
    /// Its median by ours.
    pub(crate) ratio: Option<f64>,
}

impl Row {
    pub(crate) fn measured(
        operation: Operation,
        contender: &dyn Contender,
        n: usize,
        summary: Summary,
        ours: &Summary,
    ) -> Self {
        Self {
            op: operation.to_string(),
            contender: contender.name().to_owned(),
            session: contender.session().to_owned(),
            n,
            min_us: Some(summary.min),
            median_us: Some(summary.median),
            p95_us: Some(summary.p95),
            ratio: Some(summary.median / ours.median),
        }
    }

    /// Says in its row why a contender has no figures.
    pub(crate) fn missing(operation: Operation, contender: &str, reason: &str) -> Self {
        let (op, contender, session) = (operation.to_string(), contender.to_owned(), reason.to_owned());
        Self { op, contender, session, n: 0, min_us: None, median_us: None, p95_us: None, ratio: None }
    }

    /// How limits call it.
    pub(crate) fn figure(&self) -> String {
        format!("{} / {}", self.op, self.contender)
    }
}

/// Where it was measured.
#[derive(Debug, Serialize)]
struct Place {
    date: String,
    cpu: String,
    cores: usize,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Place,
    versions: BTreeMap<String, String>,
    pub(crate) rows: Vec<Row>,
    /// `null` where it was left out.
    pub(crate) throughput: Option<Throughput>,
    #[serde(skip)]
    heading: String,
}

impl Report {
    pub(crate) fn new(machine: Machine, rows: Vec<Row>, throughput: Option<Throughput>) -> Self {
        let Machine { date, cpu, cores, versions } = machine;
        let names: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let heading = format!("{date}; {cpu}, {cores} cores; {}", names.join(", "));
        let versions = versions.into_iter().collect();
        Self { machine: Place { date, cpu, cores }, versions, rows, throughput, heading }
    }

    /// One line: date, processor and versions.
    pub(crate) fn heading(&self) -> &str {
        &self.heading
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let named = || file.display().to_string();
        let mut writer = BufWriter::new(File::create(file).with_context(named)?);
        serde_json::to_writer_pretty(&mut writer, self).with_context(named)?;
        writeln!(writer).and_then(|()| writer.flush()).with_context(named)
    }
}
