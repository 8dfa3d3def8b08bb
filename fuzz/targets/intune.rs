//! Microsoft Graph's JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whfb::device::policy::FileFormat;

fuzz_target!(|bytes: &[u8]| whfb_fuzz::insist(FileFormat::Intune, bytes));
