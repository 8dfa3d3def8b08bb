//! A demo as a list of steps: each is shown as it happens, timed, and kept with its evidence.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::failure::{Class, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Ink, Output};

/// Names and values that prove a step.
pub(crate) type Evidence = Vec<(&'static str, Value)>;

/// How a step ended; both are what the story expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Refused,
}

/// The steps so far.
pub(crate) struct Story<'a> {
    output: &'a Output,
    interrupt: Interrupt,
    steps: Vec<Value>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(output: &'a Output, interrupt: Interrupt) -> Self {
        Self { output, interrupt, steps: Vec::new() }
    }

    /// A heading between steps.
    pub(crate) fn chapter(&self, text: &str) {
        self.output.line(&format!("\n{}", self.output.paint(Ink::Strong, text)));
    }

    /// A step that is expected to succeed.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        title: &str,
        work: impl FnOnce() -> Result<(T, Evidence), Failure>,
    ) -> Result<T, Failure> {
        let started = self.begin(title)?;
        let outcome = work();
        let took = started.end();
        let (value, evidence) = outcome?;
        self.show(name, title, Ending::Done, took, evidence);
        Ok(value)
    }

    /// A step that is expected to be refused; success would be our bug, and so would a breakdown.
    pub(crate) fn refused<T>(
        &mut self,
        name: &'static str,
        title: &str,
        work: impl FnOnce() -> Result<T, Failure>,
        prove: impl FnOnce(&Failure) -> Result<Evidence, Failure>,
    ) -> Result<(), Failure> {
        let started = self.begin(title)?;
        let outcome = work();
        let took = started.end();
        let refusal = match outcome {
            Err(failure) if failure.class == Class::Refused => failure,
            Err(failure) => return Err(failure),
            Ok(_) => return Err(Failure::new(Class::Bug, format!("{title}: a refusal was expected, and it was done"))),
        };
        let mut evidence = vec![("refusal", Value::from(refusal.message.as_str()))];
        if let Some(code) = refusal.hresult {
            evidence.push(("hresult", code.to_string().into()));
            evidence.push(("symbol", code.symbol().into()));
        }
        evidence.extend(prove(&refusal)?);
        self.show(name, title, Ending::Refused, took, evidence);
        Ok(())
    }

    fn begin(&self, title: &str) -> Result<Running, Failure> {
        self.interrupt.check()?;
        let bar = if self.output.is_terminal() { spinner(title) } else { ProgressBar::hidden() };
        Ok(Running { bar, started: Instant::now() })
    }

    fn show(&mut self, name: &'static str, title: &str, ending: Ending, took: Duration, evidence: Evidence) {
        let number = self.steps.len() + 1;
        let mark = match ending {
            Ending::Done => self.output.paint(Ink::Good, "done   "),
            Ending::Refused => self.output.paint(Ink::Bad, "refused"),
        };
        let time = self.output.paint(Ink::Faint, &format!("{:>7.1} ms", took.as_secs_f64() * 1000.0));
        self.output.line(&format!("{number:>2}  {mark} {time}  {title}"));
        for (key, value) in &evidence {
            let key = self.output.paint(Ink::Faint, &format!("{key:>20}"));
            self.output.line(&format!("    {key}  {}", plain(value)));
        }
        let evidence: Map<String, Value> = evidence.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.steps.push(json!({
            "number": number, "name": name, "title": title,
            "outcome": match ending { Ending::Done => "done", Ending::Refused => "refused" },
            "duration_ms": (took.as_secs_f64() * 1_000_000.0).round() / 1000.0,
            "evidence": evidence,
        }));
    }

    /// Every step as one list.
    pub(crate) fn into_steps(self) -> Vec<Value> {
        self.steps
    }
}

/// A step on its way; its spinner goes when it ends, however it ends.
struct Running {
    bar: ProgressBar,
    started: Instant,
}

impl Running {
    fn end(self) -> Duration {
        let took = self.started.elapsed();
        self.bar.finish_and_clear();
        took
    }
}

fn spinner(title: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("    {spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(80));
    bar
}

/// A value as a person reads it: text without quotes, lists with commas.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
