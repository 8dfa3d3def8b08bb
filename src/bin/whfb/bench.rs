//! `whfb bench`: the hot path on the TPM at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use whfb::base::OsRng;
use whfb::device::state::TpmChoice;
use whfb::device::tpm::manufacture::manufacture;
use whfb::device::tpm::measure::{Contest, Effort, Row, Subject, contests};
use whfb::device::tpm::swtpm::{PROGRAM, Swtpm};
use whfb::device::tpm::{Address, Direct, Ownership, TpmError, connect, open};

use crate::args;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Ink, Output};

/// Operations that are done before time counts: the first ones start the session and warm the caches.
const WARM_UP: usize = 5;

/// What `--trace-tpm` gets for an answer: writing the file would be part of every figure.
pub(crate) fn recorded() -> Failure {
    Failure::usage("a TPM that is being recorded cannot be measured").next("leave --trace-tpm out")
}

pub(crate) fn run(bench: &args::Bench, output: &Output) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let effort = if bench.quick { Effort::QUICK } else { Effort::FULL };
    let mut bed = Bed::of(&bench.tpm)?;
    let (machine, tpm) = (machine(&bed), bed.tpm()?);
    output.line(&heading(&machine, &tpm));
    let mut rows = Vec::new();
    for make in contests(&bed.subject) {
        let row = measure(make(&mut bed.subject)?, &mut bed, effort, output, &interrupt)?;
        output.line(&line(&row, output));
        rows.push(row);
    }
    let rows: Vec<Value> = rows.iter().map(|row| bed.row(row)).collect();
    if output.is_json() {
        output.answer("", &json!({"ok": true, "machine": machine, "tpm": tpm, "rows": rows}));
    } else {
        output.line(&closing(&rows));
    }
    Ok(())
}

/// What is measured, and where it is. Fields drop in order: the TPM ends before its directory goes.
struct Bed {
    subject: Subject,
    choice: TpmChoice,
    /// The process of a TPM that we started.
    process: Option<u32>,
    _directory: Option<tempfile::TempDir>,
}

impl Bed {
    fn of(choice: &TpmChoice) -> Result<Self, Failure> {
        match choice {
            TpmChoice::Swtpm => Self::fresh(),
            TpmChoice::Guest(address) => Self::guest(address),
            TpmChoice::None | TpmChoice::V12 => Err(Failure::usage(format!("--tpm {choice} cannot be measured"))
                .next("leave --tpm out for a fresh swtpm, or name a TPM 2.0: --tpm device:/dev/tpmrm0")),
        }
    }

    fn fresh() -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("whfb-bench-")
            .tempdir()
            .map_err(|error| Failure::environment(format!("no temporary directory: {error}")))?;
        let mut swtpm = Swtpm::start(directory.path(), Path::new(PROGRAM))?;
        let process = Some(swtpm.process_id());
        let owned = manufacture::<TpmError>(&mut swtpm, &mut OsRng, &|_, _, _| Ok(None))?;
        let tpm = Direct::open(Box::new(swtpm), Ownership::Ours, Some(&owned.pins), Box::new(OsRng))?;
        let subject = Subject::Direct(Box::new(tpm));
        Ok(Self { subject, choice: TpmChoice::Swtpm, process, _directory: Some(directory) })
    }

    fn guest(address: &Address) -> Result<Self, Failure> {
        let subject = match address {
            Address::Tcti(_) => Subject::Other(open(address, Ownership::Guest, None, Box::new(OsRng), None)?),
            address => {
                let tpm = Direct::open(connect(address)?, Ownership::Guest, None, Box::new(OsRng))?;
                Subject::Direct(Box::new(tpm))
            }
        };
        Ok(Self { subject, choice: TpmChoice::Guest(address.clone()), process: None, _directory: None })
    }

    fn backend(&self) -> &'static str {
        match self.subject {
            Subject::Direct(_) => "direct",
            Subject::Other(_) => "esapi",
        }
    }

    fn transport(&self) -> &'static str {
        match &self.choice {
            TpmChoice::Guest(Address::Device(_)) => "device",
            TpmChoice::Guest(Address::Unix(_)) => "unix",
            TpmChoice::Guest(Address::Tcp(..)) => "tcp",
            TpmChoice::Guest(Address::Tcti(_)) => "tcti",
            _ => "swtpm-pair",
        }
    }

    fn tpm(&mut self) -> Result<Value, Failure> {
        let facts = self.subject.facts()?;
        Ok(
            json!({"address": self.choice.to_string(), "manufacturer": facts.manufacturer, "vendor": facts.vendor.split_whitespace().collect::<Vec<_>>().join(" "),
            "firmware": facts.firmware, "backend": self.backend(), "transport": self.transport()}),
        )
    }

    fn row(&self, row: &Row) -> Value {
        let mut object = json!({"backend": self.backend(), "transport": self.transport()});
        if let (Value::Object(object), Ok(Value::Object(measured))) = (&mut object, serde_json::to_value(row)) {
            object.extend(measured);
        }
        object
    }
}

fn measure(
    mut contest: Contest,
    bed: &mut Bed,
    effort: Effort,
    output: &Output,
    interrupt: &Interrupt,
) -> Result<Row, Failure> {
    let rounds = if contest.slow { effort.slow } else { effort.quick };
    let bar = if output.is_terminal() { progress(&contest, rounds) } else { ProgressBar::hidden() };
    let warm_up = if contest.slow { 0 } else { WARM_UP };
    for round in 0..warm_up + rounds {
        interrupt.check()?;
        contest.round(&mut bed.subject, round < warm_up)?;
        bar.inc(u64::from(round >= warm_up));
    }
    bar.finish_and_clear();
    let row = contest.row();
    contest.finish(&mut bed.subject)?;
    Ok(row)
}

fn progress(contest: &Contest, rounds: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(rounds).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{msg:37} {bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(format!("{} {}", contest.op, contest.key));
    bar
}

/// What the figures depend on besides the TPM; `null` where it cannot be learnt.
fn machine(bed: &Bed) -> Value {
    let cores = std::thread::available_parallelism().map(usize::from).ok();
    json!({
        "cpu": cpu(), "cores": cores, "os": os(), "whfb": env!("CARGO_PKG_VERSION"),
        "optimized": !cfg!(debug_assertions),
        "swtpm": first_line(PROGRAM, &["--version"]).as_deref().map(swtpm_version),
        "libtpms": bed.process.and_then(libtpms),
        "tpm2_tss": first_line("pkg-config", &["--modversion", "tss2-esys"]),
    })
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn os() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"').to_owned())
}

/// The first line that a program prints, if it is there and succeeds.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let answer = Command::new(program).args(arguments).output().ok().filter(|answer| answer.status.success())?;
    String::from_utf8_lossy(&answer.stdout).lines().next().map(str::to_owned)
}

/// `0.7.1` of `TPM emulator version 0.7.1, Copyright ...`.
fn swtpm_version(line: &str) -> String {
    let words = line.split(',').next().unwrap_or(line);
    words.rsplit(' ').next().unwrap_or(words).to_owned()
}

/// The version in the name of the library file that the emulator has mapped.
fn libtpms(process: u32) -> Option<String> {
    let maps = fs::read_to_string(PathBuf::from("/proc").join(process.to_string()).join("maps")).ok()?;
    let path = maps.lines().filter_map(|line| line.rsplit(' ').next()).find(|path| path.contains("/libtpms.so."))?;
    path.rsplit_once("libtpms.so.").map(|(_, version)| version.to_owned())
}

fn heading(machine: &Value, tpm: &Value) -> String {
    let known = |value: &Value| value.as_str().map_or("unknown".to_owned(), str::to_owned);
    let optimized = machine["optimized"].as_bool().unwrap_or_default();
    let build = if optimized { "" } else { "; a debug build, whose own part is slower than a release's" };
    format!(
        "{}, {} cores, {}\nTPM {} ({} {}, firmware {}), backend {}, transport {}\nswtpm {}, libtpms {}, tpm2-tss {}, whfb {}{build}\n\n\
         {:37} {:>5} {:>10} {:>10} {:>10} {:>10} {:>10} {:>6}",
        known(&machine["cpu"]),
        machine["cores"],
        known(&machine["os"]),
        known(&tpm["address"]),
        known(&tpm["manufacturer"]),
        known(&tpm["vendor"]),
        known(&tpm["firmware"]),
        known(&tpm["backend"]),
        known(&tpm["transport"]),
        known(&machine["swtpm"]),
        known(&machine["libtpms"]),
        known(&machine["tpm2_tss"]),
        known(&machine["whfb"]),
        "operation, microseconds",
        "n",
        "min",
        "median",
        "p95",
        "p99",
        "floor",
        "ratio",
    )
}

fn line(row: &Row, output: &Output) -> String {
    let (name, told) = (format!("{} {}", row.op, row.key), &row.summary);
    let floor = row.floor_median_us.map_or("-".to_owned(), |floor| format!("{floor:.1}"));
    let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    let median = output.paint(Ink::Strong, &format!("{:10.1}", told.median_us));
    format!(
        "{name:37} {:5} {:10.1} {median} {:10.1} {:10.1} {floor:>10} {ratio:>6}",
        told.n, told.min_us, told.p95_us, told.p99_us
    )
}

fn closing(rows: &[Value]) -> String {
    let session = rows.first().and_then(|row| row["session"].as_str()).unwrap_or_default();
    format!(
        "\nsession: {session}; the floor is the median of the same commands, bare, with a password session, in turn with ours"
    )
}
