//! Files of certificates and revocation lists.

#![no_main]

use libfuzzer_sys::fuzz_target;
use whfb_fuzz::property::Target;

fuzz_target!(|bytes: &[u8]| whfb_fuzz::insist(Target::Bundle, bytes));
