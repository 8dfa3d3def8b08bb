//! What the fuzz targets share.

pub mod property;

use property::Target;

/// Ends the run at bytes for which the property does not hold.
pub fn insist(target: Target, bytes: &[u8]) {
    let judged = target.judge(bytes);
    assert!(judged.is_ok(), "{}", judged.err().unwrap_or_default());
}
