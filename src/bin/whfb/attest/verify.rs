//! `whfb attest verify`: every check with what was expected and what was found.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use whfb::attest::form::{self, Form, Presented};
use whfb::attest::{Fault, Finding, Level, Outcome, Policy, Report, printable, verify};
use whfb::base::{Clock as _, SystemClock, Timestamp};

use super::files::{LARGEST, bundle, read, read_or_input, with_pem};
use super::raw;
use super::roots::Trusted;
use crate::failure::{Class, Failure};
use crate::lab::Place;
use crate::output::{Ink, Output};

pub(super) struct Given<'a> {
    pub(super) file: &'a Path,
    pub(super) roots: &'a [PathBuf],
    pub(super) policy: Option<&'a Path>,
    pub(super) at: Option<Timestamp>,
}

pub(super) fn run(given: &Given<'_>, verbose: bool, place: &Place, output: &Output) -> Result<(), Failure> {
    let presented = present(given.file)?;
    let policy = given.policy.map_or_else(|| Ok(Policy::default()), read_policy)?;
    let trusted = if given.roots.is_empty() { Trusted::lab(place)? } else { Trusted::read(given.roots)? };
    let at = given.at.unwrap_or_else(|| SystemClock.now());
    let expectation = presented.expectation(&trusted.roots, &trusted.vendors, &trusted.crls, at, &policy);
    let report = verify(&presented.statement, &expectation);
    let object = json!({"form": presented.form, "at": at, "report": report});
    if report.level() == Level::None {
        output.line(&describe(&report, verbose, output));
        return Err(refused(&report, presented.form, object));
    }
    let mut object = object;
    object["ok"] = Value::Bool(true);
    output.answer(&describe(&report, verbose, output), &object);
    Ok(())
}

fn refused(report: &Report, form: Form, object: Value) -> Failure {
    let failed: Vec<&Finding> = failed(report).collect();
    let first = failed.first().map_or_else(String::new, |first| format!(", first {:?}", first.check));
    let checks = report.findings().len();
    let next = match (form, report.faults().next()) {
        (Form::Kast, Some(Fault::NoCertificate)) => {
            "put the certificates of its attestation key beside it, as FILE.pem: a KAST carries none"
        }
        _ => "look at what was expected and found; --roots says whom to trust, --policy what else to want, --at when",
    };
    Failure::new(
        Class::Refused,
        format!("the statement proves nothing: {} of {checks} checks failed{first}", failed.len()),
    )
    .next(next)
    .details(object)
}

fn failed(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings().iter().filter(|each| matches!(each.outcome, Outcome::Failed(_)))
}

fn present(file: &Path) -> Result<Presented, Failure> {
    if file.is_dir() {
        let read = raw::read_statement(file);
        let read =
            read.map_err(|failure| failure.next("name a directory that whfb attest export --format raw wrote"))?;
        return Ok(Presented::raw(Form::Raw, read));
    }
    let bytes = read_or_input(file, LARGEST)?;
    form::read(&bytes, &chain_beside(file)?).map_err(|fault| {
        Failure::new(Class::Refused, format!("{}: {fault}", file.display()))
            .next("give a file that whfb attest export wrote, or another in one of its forms: whfb help attest export")
    })
}

/// The certificates that go with a KAST. Standard input has nothing beside it.
fn chain_beside(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let beside = with_pem(file);
    if file == Path::new("-") || !beside.is_file() {
        return Ok(Vec::new());
    }
    Ok(bundle(&beside)?.certificates.iter().map(|each| each.der().to_vec()).collect())
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = read(path, LARGEST)?;
    Policy::from_json(&text).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()))
            .next("whfb attest verify --help lists what a policy holds")
    })
}

/// What failed with both sides, then the counts; with `-v` every check.
fn describe(report: &Report, verbose: bool, output: &Output) -> String {
    let mut lines = Vec::new();
    for Finding { check, outcome, expected, found } in report.findings() {
        let found = printable(found);
        match outcome {
            Outcome::Failed(fault) => {
                let failed = output.paint(Ink::Bad, "FAILED ");
                lines.push(format!("{failed} {check:?}: {}", printable(&fault.to_string())));
                lines.push(format!("          expected {}", printable(expected)));
                lines.push(format!("          found    {found}"));
                lines.push(output.paint(Ink::Faint, &format!("          {}", check.section())));
            }
            _ if !verbose => {}
            Outcome::Passed => lines.push(format!("{} {check:?}: {found}", output.paint(Ink::Good, "passed "))),
            Outcome::Waived => lines.push(format!("{} {check:?}: {found}", output.paint(Ink::Faint, "waived "))),
            Outcome::Blocked => lines.push(format!("{} {check:?}", output.paint(Ink::Middling, "blocked"))),
        }
    }
    let count = |wanted: fn(&Outcome) -> bool| report.findings().iter().filter(|each| wanted(&each.outcome)).count();
    let more = if verbose { "" } else { " (-v lists them)" };
    lines.push(format!(
        "checks    {} failed, {} passed, {} not asked for, {} without their subject{more}",
        count(|each| matches!(each, Outcome::Failed(_))),
        count(|each| *each == Outcome::Passed),
        count(|each| *each == Outcome::Waived),
        count(|each| *each == Outcome::Blocked),
    ));
    lines.push(format!("strength  {}", report.key_strength().as_str()));
    let ink = if report.level().attested() { Ink::Good } else { Ink::Bad };
    lines.push(format!("level     {}", output.paint(ink, report.level().as_str())));
    lines.join("\n")
}
