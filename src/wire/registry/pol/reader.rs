//! From bytes to entries.

use super::super::{Change, Data, Entry, REG_DWORD, REG_SZ, path, utf16};
use super::{
    COMMAND, DELETE_ALL_VALUES, DELETE_KEYS, DELETE_LISTED_VALUES, DELETE_VALUE, LIST, PolFault, SECURE_KEY, SIGNATURE,
    SOFT, VERSION,
};

/// Reads a file.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, PolFault> {
    let rest = bytes.strip_prefix(&SIGNATURE).ok_or(PolFault::Signature)?;
    let rest = rest.strip_prefix(&VERSION.to_le_bytes()).ok_or(PolFault::Version)?;
    let mut reader = Reader { rest, record: 0 };
    let mut entries = Vec::new();
    while !reader.rest.is_empty() {
        reader.record += 1;
        reader.record()?.append_to(reader.record, &mut entries)?;
    }
    Ok(entries)
}

struct Reader<'a> {
    rest: &'a [u8],
    record: usize,
}

struct Record<'a> {
    key: String,
    name: String,
    kind: u32,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    fn record(&mut self) -> Result<Record<'a>, PolFault> {
        let record = self.record;
        self.sign(b'[', PolFault::Open { record })?;
        let key = self.text()?;
        let key = path(&key).ok_or(PolFault::Key { record })?.to_owned();
        self.sign(b';', PolFault::Separator { record })?;
        let name = self.text()?;
        self.sign(b';', PolFault::Separator { record })?;
        let kind = u32::from_le_bytes(self.array()?);
        self.sign(b';', PolFault::Separator { record })?;
        let size = u32::from_le_bytes(self.array()?);
        self.sign(b';', PolFault::Separator { record })?;
        let size = usize::try_from(size).map_err(|_| PolFault::Size { record })?;
        let (data, rest) = self.rest.split_at_checked(size).ok_or(PolFault::Size { record })?;
        self.rest = rest;
        self.sign(b']', PolFault::Close { record })?;
        Ok(Record { key, name, kind, data })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PolFault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(PolFault::Truncated { record: self.record })?;
        self.rest = rest;
        Ok(*taken)
    }

    fn sign(&mut self, sign: u8, fault: PolFault) -> Result<(), PolFault> {
        if self.array()? == [sign, 0] { Ok(()) } else { Err(fault) }
    }

    /// The text before a NUL.
    fn text(&mut self) -> Result<String, PolFault> {
        let record = self.record;
        let (units, _) = self.rest.as_chunks::<2>();
        let length = units.iter().position(|unit| *unit == [0, 0]).ok_or(PolFault::Truncated { record })?;
        let (text, rest) = self.rest.split_at(2 * length);
        self.rest = &rest[2..];
        utf16::decode(text).ok_or(PolFault::Surrogate { record })
    }
}

impl Record<'_> {
    fn append_to(self, record: usize, entries: &mut Vec<Entry>) -> Result<(), PolFault> {
        let mut add = |key, change| entries.push(Entry { position: record, key, change });
        if let Some(name) = after(&self.name, DELETE_VALUE) {
            add(self.key, Change::DeleteValue { name: name.to_owned() });
        } else if self.is([DELETE_ALL_VALUES, DELETE_ALL_VALUES.trim_end_matches('.')]) {
            add(self.key, Change::DeleteValues);
        } else if self.is([DELETE_LISTED_VALUES]) {
            for name in self.list(record)? {
                add(self.key.clone(), Change::DeleteValue { name });
            }
        } else if self.is([DELETE_KEYS]) {
            for name in self.list(record)? {
                let key = format!("{}\\{name}", self.key);
                add(path(&key).ok_or(PolFault::Key { record })?.to_owned(), Change::DeleteKey);
            }
        } else if after(&self.name, SOFT).is_some() {
            return Err(PolFault::Soft { record });
        } else if self.is([SECURE_KEY]) {
            return Err(PolFault::SecureKey { record });
        } else if self.name.starts_with(COMMAND) {
            return Err(PolFault::Command { record });
        } else if !(self.name.is_empty() && self.data.is_empty()) {
            let data = self.value(record)?;
            add(self.key, Change::Set { name: self.name, data });
        }
        Ok(())
    }

    fn is<const N: usize>(&self, commands: [&str; N]) -> bool {
        commands.iter().any(|command| self.name.eq_ignore_ascii_case(command))
    }

    fn value(&self, record: usize) -> Result<Data, PolFault> {
        match Data::from_raw(self.kind, self.data.to_vec()) {
            Data::Other { kind: REG_DWORD, .. } => Err(PolFault::Dword { record }),
            Data::Other { kind: REG_SZ, .. } => Err(PolFault::Text { record }),
            data => Ok(data),
        }
    }

    /// The items of the data.
    fn list(&self, record: usize) -> Result<Vec<String>, PolFault> {
        let text = utf16::from_sz(self.data).filter(|_| self.kind == REG_SZ).ok_or(PolFault::List { record })?;
        let item = |item: &str| (!item.is_empty() && !item.contains('\0')).then(|| item.to_owned());
        text.split(LIST).map(item).collect::<Option<_>>().ok_or(PolFault::List { record })
    }
}

/// What follows on a command; names are compared without regard to case.
fn after<'a>(name: &'a str, command: &str) -> Option<&'a str> {
    let (head, tail) = name.split_at_checked(command.len())?;
    head.eq_ignore_ascii_case(command).then_some(tail)
}
