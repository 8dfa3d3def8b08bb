//! Registry.pol.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whfb::device::policy::FileFormat;
use whfb_fuzz::property::Target;

fuzz_target!(|bytes: &[u8]| whfb_fuzz::insist(Target::Policy(FileFormat::Pol), bytes));
