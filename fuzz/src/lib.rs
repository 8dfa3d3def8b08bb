//! What the fuzz targets share.

pub mod property;

use whfb::device::policy::FileFormat;

/// Ends the run at bytes for which the property does not hold.
pub fn insist(format: FileFormat, bytes: &[u8]) {
    let judged = property::judge(format, bytes);
    assert!(judged.is_ok(), "{}", judged.err().unwrap_or_default());
}
