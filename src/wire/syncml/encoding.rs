//! From bytes to characters.

use std::borrow::Cow;

use super::{Reason, SyncmlFault};

/// The encodings in which editors of Windows save such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16,
}

impl Encoding {
    /// Whether an XML declaration may call it so.
    pub(super) fn is_called(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Utf8 => &["utf-8"],
            Self::Utf16 => &["utf-16", "utf-16le"],
        };
        names.iter().any(|each| each.eq_ignore_ascii_case(name))
    }
}

/// The text, every character of which may stand in XML.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, Encoding), SyncmlFault> {
    if bytes.starts_with(b"\xFE\xFF") {
        return Err(SyncmlFault::of_the_whole(Reason::Utf16Be));
    }
    let (text, encoding) = match bytes.strip_prefix(b"\xFF\xFE") {
        Some(units) => (Cow::Owned(utf16(units)?), Encoding::Utf16),
        None => (Cow::Borrowed(utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))?), Encoding::Utf8),
    };
    let stranger = text.char_indices().find(|(_, found)| !is_character(*found));
    match stranger {
        Some((at, found)) => Err(SyncmlFault::at(line_after(&text.as_bytes()[..at]), Reason::Character(found))),
        None => Ok((text, encoding)),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, SyncmlFault> {
    str::from_utf8(bytes).map_err(|error| SyncmlFault::at(line_after(&bytes[..error.valid_up_to()]), Reason::NotUtf8))
}

fn utf16(bytes: &[u8]) -> Result<String, SyncmlFault> {
    let (units, half) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(units.len());
    let fault = |before: &str| SyncmlFault::at(line_after(before.as_bytes()), Reason::NotUtf16);
    for unit in char::decode_utf16(units.iter().copied().map(u16::from_le_bytes)) {
        text.push(unit.map_err(|_| fault(&text))?);
    }
    if half.is_empty() { Ok(text) } else { Err(fault(&text)) }
}

/// The line on which stands what follows `before`.
fn line_after(before: &[u8]) -> usize {
    1 + newlines(before)
}

pub(super) fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// `Char` of XML 1.0 section 2.2; a Rust `char` is no surrogate.
pub(super) fn is_character(found: char) -> bool {
    !matches!(found, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// `S` of XML 1.0 section 2.3: no other space counts as one.
pub(super) fn is_space(found: char) -> bool {
    matches!(found, ' ' | '\t' | '\r' | '\n')
}
