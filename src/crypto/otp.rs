//! Time-based one-time passwords (RFC 6238), as authenticator apps show them: six digits, SHA-1, thirty seconds.

use hmac::{Hmac, Mac as _};
use sha1::Sha1;

/// Seconds that a code lasts.
const STEP: i64 = 30;

/// The step of an instant, given in seconds since 1970.
pub fn step(second: i64) -> i64 {
    second.div_euclid(STEP)
}

/// The six digits of a step.
pub fn code(secret: &[u8], step: i64) -> String {
    let mut mac = keyed(secret);
    mac.update(&step.to_be_bytes());
    let tag: [u8; 20] = mac.finalize().into_bytes().into();
    // The last four bits say where the number is taken from (RFC 4226 section 5.3).
    let at = usize::from(tag[19] & 0x0F);
    let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]) & 0x7FFF_FFFF;
    format!("{:06}", number % 1_000_000)
}

#[expect(clippy::expect_used, reason = "HMAC has no invalid key length")]
fn keyed(secret: &[u8]) -> Hmac<Sha1> {
    Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        for (second, code_of) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(code(b"12345678901234567890", step(second)), code_of);
        }
    }
}
