//! From bytes to text.

use super::{REGEDIT4, RegFault};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a file, and whether it was UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, bool), RegFault> {
    match bytes {
        [0xff, 0xfe, wide @ ..] => Ok((utf16(wide)?, true)),
        [0xfe, 0xff, ..] => Err(RegFault::Utf16BigEndian),
        // A header is ASCII, so a zero among the first two bytes is half a unit.
        [0, ..] | [_, 0, ..] => Err(RegFault::Utf16WithoutMark),
        _ => Ok((utf8(bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes))?, false)),
    }
}

fn utf16(bytes: &[u8]) -> Result<String, RegFault> {
    let (units, []) = bytes.as_chunks::<2>() else { return Err(RegFault::OddLength) };
    let mut text = String::new();
    for unit in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        text.push(unit.map_err(|_| RegFault::Surrogate { line: line_after(text.as_bytes()) })?);
    }
    Ok(text)
}

fn utf8(bytes: &[u8]) -> Result<String, RegFault> {
    let beyond_ascii = bytes.iter().position(|byte| !byte.is_ascii());
    match (beyond_ascii, bytes.starts_with(REGEDIT4.as_bytes())) {
        (Some(at), true) => Err(RegFault::CodePage { line: line_after(&bytes[..at]) }),
        _ => match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(fault) => Err(RegFault::Utf8 { line: line_after(&bytes[..fault.valid_up_to()]) }),
        },
    }
}

/// The line that follows on what was read.
fn line_after(read: &[u8]) -> usize {
    1 + read.iter().filter(|byte| **byte == b'\n').count()
}
