//! `whfb attest`: what a TPM says of a key, written down, and what it is worth.

mod deliver;
mod export;
mod files;
mod raw;
mod roots;
mod verify;

use crate::args;
use crate::failure::Failure;
use crate::lab::Place;
use crate::output::Output;

pub(crate) fn run(command: &args::Attest, verbose: u8, place: &Place, output: &Output) -> Result<(), Failure> {
    match command {
        args::Attest::Export { on, user, format, output: to, pin_file } => {
            let wanted = export::Wanted { format: *format, to: to.as_deref(), pin_file: pin_file.as_deref() };
            export::run(on, user.as_deref(), &wanted, place, output)
        }
        args::Attest::Verify { file, roots, policy, at } => {
            let given = verify::Given { file, roots, policy: policy.as_deref(), at: *at };
            verify::run(&given, verbose > 0, place, output)
        }
        args::Attest::Roots => roots::run(place, output),
    }
}
