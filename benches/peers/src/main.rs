//! whfb's way to a TPM beside its peers', in one run.
//!
//! Every round has each contender do one operation, in an order drawn anew, so that whatever else the machine does hits all
//! of them alike; figures of different runs do not compare. All contenders with a TPM have an swtpm of their own.
//! `limits.toml` beside this workspace says, in its section `[peers]`, which ratios have to hold.
//!
//! ```text
//! cargo run --release -- [--quick] [--no-throughput] [--json FILE]
//! ```

mod arguments;
mod bed;
mod contenders;
mod limits;
mod lock;
mod machine;
mod operation;
mod race;
mod report;
mod stats;
mod table;
mod throughput;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use crate::arguments::{Arguments, USAGE};
use crate::limits::Limits;
use crate::machine::Machine;
use crate::operation::Operation;
use crate::report::Report;

fn main() -> ExitCode {
    match Arguments::from_command_line() {
        Ok(None) => tell(&format!("{USAGE}\n")).map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS),
        Ok(Some(arguments)) => match compare(&arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed(&error),
        },
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Runs everything and prints it; answers whether every limit is kept.
fn compare(arguments: &Arguments) -> Result<bool> {
    // Limits that cannot be read are better found before the minutes than after them.
    let limits = Limits::read()?;
    let machine = Machine::look()?;
    let rows = measure(arguments.quick, &limits)?;
    let throughput = arguments.throughput.then(|| throughput::measure(arguments.quick)).transpose()?;
    let report = Report::new(machine, rows, throughput);
    tell(&table::page(&report))?;
    if let Some(file) = &arguments.json {
        report.write(file)?;
    }
    let judgement = limits.judge(&report);
    tell(&judgement.table)?;
    Ok(judgement.kept)
}

/// Writes to standard output, whose reader may be gone.
fn tell(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Where a limit is missed the operation is measured again, by everybody and with twice the rounds: these machines are shared.
/// What was measured last counts.
fn measure(quick: bool, limits: &Limits) -> Result<Vec<report::Row>> {
    const RETRIES: u32 = 2;
    let mut contenders = contenders::all(quick)?;
    let mut rows = Vec::new();
    for operation in Operation::ALL {
        let mut rounds = operation.rounds(quick);
        let mut measured = race::run(operation, rounds, &mut contenders)?;
        for _ in 0..RETRIES {
            if limits.kept_by(&measured) {
                break;
            }
            rounds *= 2;
            eprintln!("{operation}: a limit is missed; noise or too slow, so again");
            measured = race::run(operation, rounds, &mut contenders)?;
        }
        rows.extend(measured);
        if !contenders.iter().any(|contender| contender.name() == contenders::TOOLS) && operation.signs() {
            rows.push(report::Row::missing(operation, contenders::TOOLS, contenders::NOT_INSTALLED));
        }
    }
    Ok(rows)
}
