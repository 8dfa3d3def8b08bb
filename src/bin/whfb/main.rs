//! The command line: what was typed becomes calls of the library, and what the library says becomes text or JSON.

mod args;
mod attest;
mod bench;
mod demo;
mod device;
mod doctor;
mod error;
mod failure;
mod interrupt;
mod join;
mod key;
mod lab;
mod logon;
mod matrix;
mod opened;
mod output;
mod policy;
mod prompt;
mod provision;
mod rules;
mod serve;
mod sign_in;
mod status;
mod story;
mod tenant;
mod tpm;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let output = Output::new(args.json);
    output::log_to_stderr(args.verbose);
    match run(&args, &output).and_then(|()| trace::end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.class.exit_code())
        }
    }
}

fn run(args: &Args, output: &Output) -> Result<(), Failure> {
    if let Some(path) = &args.trace_tpm {
        if matches!(args.command, Command::Bench(_)) {
            return Err(bench::recorded());
        }
        trace::begin(path, args.reveal)?;
    }
    let place = lab::Place::new(args.state.clone())?;
    match &args.command {
        Command::Demo(demo) => demo::run(demo, output),
        Command::Serve(serve) => serve::run(serve, &place, output),
        Command::Device(device) => device::run(device, &place, output),
        Command::Join(join) => join::run(join, &place, output),
        Command::Policy(policy) => policy::run(policy, &place, output),
        Command::Logon(logon) => logon::run(logon, &place, output),
        Command::Provision(provision) => provision::run(provision, &place, output),
        Command::SignIn(sign_in) => sign_in::run(sign_in, &place, output),
        Command::Key(key) => key::run(key, &place, output),
        Command::Attest(attest) => attest::run(attest, args.verbose, &place, output),
        Command::Status(status) => status::run(status, &place, output),
        Command::Tpm(tpm) => tpm::run(tpm, &place, output),
        Command::Bench(bench) => bench::run(bench, output),
        Command::Matrix(matrix) => matrix::run(matrix, output),
        Command::Error { code } => error::run(code, output),
        Command::Doctor => doctor::run(&place, output),
    }
}

/// Help and version are no failure; everything else that clap says is one of usage.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to tell when the terminal itself is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(failure::Class::Usage.exit_code()) } else { ExitCode::SUCCESS }
}
