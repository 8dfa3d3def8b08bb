//! Instants in the two dialects, 100 nanoseconds a tick.

use super::KeySource;
use crate::base::{Timestamp, filetime, from_filetime};

/// Ticks between 0001-01-01, where `DateTime` of .NET begins, and 1601-01-01, where FILETIME does.
const DATETIME_GAP: u64 = 504_911_232_000_000_000;
/// The two highest bits of `DateTime.ToBinary` are its kind; this is UTC.
const UTC: u64 = 1 << 62;

/// Eight bytes, little-endian. Instants before 1601 become its beginning.
pub(super) fn write(at: Timestamp, dialect: KeySource) -> [u8; 8] {
    match dialect {
        KeySource::Ad => filetime(at),
        // The calendar's end is far below the kind's bits.
        KeySource::AzureAd => filetime(at).saturating_add(DATETIME_GAP) | UTC,
    }
    .to_le_bytes()
}

/// The instant, if it is one from 1601 to 9999 and, in .NET's form, one in UTC.
pub(super) fn read(bytes: [u8; 8], dialect: KeySource) -> Option<Timestamp> {
    let value = u64::from_le_bytes(bytes);
    match dialect {
        KeySource::Ad => from_filetime(value),
        KeySource::AzureAd if value >> 62 == 1 => from_filetime((value & !UTC).checked_sub(DATETIME_GAP)?),
        KeySource::AzureAd => None,
    }
}
