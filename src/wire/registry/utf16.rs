//! UTF-16, little-endian: the registry's own text.

/// Text out of whole units without a lone surrogate.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))).collect::<Result<_, _>>().ok()
}

/// The bytes of a text.
pub(super) fn encode(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text that ends with a NUL; others within it stay.
pub(super) fn from_sz(bytes: &[u8]) -> Option<String> {
    let mut text = decode(bytes)?;
    (text.pop() == Some('\0')).then_some(text)
}

/// The bytes of a text and a NUL.
pub(super) fn to_sz(text: &str) -> Vec<u8> {
    let mut bytes = encode(text);
    bytes.extend([0, 0]);
    bytes
}
