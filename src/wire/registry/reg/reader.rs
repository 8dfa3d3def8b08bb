//! From text to entries.

use std::iter::Enumerate;
use std::str::Split;

use super::super::{Change, Data, Entry, REG_BINARY, path};
use super::decode::decode;
use super::{REGEDIT4, RegFault, VERSION_5};

const BLANKS: [char; 2] = [' ', '\t'];

/// Reads a file. A key without values gives no entry.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, RegFault> {
    let (text, wide) = decode(bytes)?;
    let mut lines = Lines(text.split('\n').enumerate());
    let narrow = match lines.next()? {
        Some((_, VERSION_5)) => false,
        Some((_, REGEDIT4)) if !wide => true,
        Some((line, REGEDIT4)) => return Err(RegFault::WideRegedit4 { line }),
        _ => return Err(RegFault::Header { line: 1 }),
    };
    let mut reader = Reader { lines, narrow, open: Open::Nothing, entries: Vec::new() };
    while let Some((line, text)) = reader.lines.next()? {
        reader.line(line, text)?;
    }
    Ok(reader.entries)
}

/// The lines, without their ends and the blanks before those.
struct Lines<'a>(Enumerate<Split<'a, char>>);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<(usize, &'a str)>, RegFault> {
        let Some((index, text)) = self.0.next() else { return Ok(None) };
        let (line, text) = (index + 1, text.strip_suffix('\r').unwrap_or(text));
        if text.contains(['\0', '\r']) {
            return Err(RegFault::Control { line });
        }
        Ok(Some((line, text.trim_end_matches(BLANKS))))
    }
}

/// The key that a value would belong to.
enum Open {
    Nothing,
    Key(String),
    Deleted,
}

struct Reader<'a> {
    lines: Lines<'a>,
    /// Whether texts in `hex(N)` are 8-bit.
    narrow: bool,
    open: Open,
    entries: Vec<Entry>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: usize, text: &'a str) -> Result<(), RegFault> {
        match text.as_bytes() {
            [] => Ok(()),
            [b'[', ..] => self.key(line, text),
            [b'"' | b'@', ..] => self.value(line, text),
            _ if text.trim_start_matches(BLANKS).starts_with(';') => Ok(()),
            _ => Err(RegFault::Line { line }),
        }
    }

    fn key(&mut self, line: usize, text: &'a str) -> Result<(), RegFault> {
        // A name may hold brackets of its own; the last one closes.
        let held = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or(RegFault::Key { line })?;
        let (key, deleted) = held.strip_prefix('-').map_or((held, false), |rest| (rest, true));
        let key = path(key).ok_or(RegFault::Key { line })?.to_owned();
        if deleted {
            self.entries.push(Entry { position: line, key, change: Change::DeleteKey });
            self.open = Open::Deleted;
        } else {
            self.open = Open::Key(key);
        }
        Ok(())
    }

    fn value(&mut self, line: usize, text: &'a str) -> Result<(), RegFault> {
        let key = match &self.open {
            Open::Nothing => return Err(RegFault::NoKey { line }),
            Open::Deleted => return Err(RegFault::DeletedKey { line }),
            Open::Key(key) => key.clone(),
        };
        let (name, rest) = match text.strip_prefix('"') {
            Some(rest) => quoted(line, rest)?,
            None => (String::new(), text.strip_prefix('@').unwrap_or(text)),
        };
        let change = match rest.strip_prefix('=').ok_or(RegFault::Equals { line })? {
            "-" => Change::DeleteValue { name },
            rest => Change::Set { name, data: self.data(line, rest)? },
        };
        self.entries.push(Entry { position: line, key, change });
        Ok(())
    }

    fn data(&mut self, line: usize, text: &'a str) -> Result<Data, RegFault> {
        if let Some(rest) = text.strip_prefix('"') {
            let (text, rest) = quoted(line, rest)?;
            return if rest.is_empty() { Ok(Data::Text(text)) } else { Err(RegFault::Trailing { line }) };
        }
        if let Some(digits) = text.strip_prefix("dword:") {
            return number(digits).map(Data::Dword).ok_or(RegFault::Dword { line });
        }
        if let Some(rest) = text.strip_prefix("hex:") {
            return Ok(Data::from_raw(REG_BINARY, self.bytes(line, rest)?));
        }
        let rest = text.strip_prefix("hex(").ok_or(RegFault::Data { line })?;
        let (digits, rest) = rest.split_once("):").ok_or(RegFault::Kind { line })?;
        let kind = number(digits).ok_or(RegFault::Kind { line })?;
        let bytes = self.bytes(line, rest)?;
        // REG_SZ, REG_EXPAND_SZ and REG_MULTI_SZ are text.
        if !(self.narrow && matches!(kind, 1 | 2 | 7)) {
            return Ok(Data::from_raw(kind, bytes));
        }
        match bytes.is_ascii() {
            true => Ok(Data::from_raw(kind, bytes.into_iter().flat_map(|byte| [byte, 0]).collect())),
            false => Err(RegFault::CodePage { line }),
        }
    }

    /// Bytes over as many lines as end with a backslash, which stands after a comma or before all bytes.
    fn bytes(&mut self, mut line: usize, mut text: &'a str) -> Result<Vec<u8>, RegFault> {
        let mut bytes = Vec::new();
        if text.is_empty() {
            return Ok(bytes);
        }
        while let Some(part) = text.strip_suffix('\\') {
            if !(part.is_empty() && bytes.is_empty()) {
                append(&mut bytes, part.strip_suffix(',')).ok_or(RegFault::Hex { line })?;
            }
            let (at, next) = self.lines.next()?.ok_or(RegFault::Continuation { line })?;
            (line, text) = (at, next.trim_start_matches(BLANKS));
        }
        append(&mut bytes, Some(text)).ok_or(RegFault::Hex { line })?;
        Ok(bytes)
    }
}

fn append(bytes: &mut Vec<u8>, list: Option<&str>) -> Option<()> {
    for digits in list?.split(',') {
        bytes.push(u8::try_from(number(digits).filter(|_| digits.len() <= 2)?).ok()?);
    }
    Some(())
}

/// 1 to 8 hexadecimal digits and nothing else; the standard library would take a sign.
fn number(digits: &str) -> Option<u32> {
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// What stands before the closing quotation mark, and what after it.
fn quoted(line: usize, text: &str) -> Result<(String, &str), RegFault> {
    let mut held = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().ok_or(RegFault::Unterminated { line })? {
            '"' => return Ok((held, rest.as_str())),
            '\\' => match rest.next().ok_or(RegFault::Unterminated { line })? {
                plain @ ('\\' | '"') => held.push(plain),
                _ => return Err(RegFault::Escape { line }),
            },
            plain => held.push(plain),
        }
    }
}
