//! From entries to a file.

use super::super::{Change, Data, Entry, REG_DWORD, REG_SZ, path, utf16};
use super::{COMMAND, DELETE_ALL_VALUES, DELETE_KEYS, DELETE_VALUE, LIST, SIGNATURE, VERSION, WriteFault};

/// The most data of a record (MS-GPREG section 2.2.1). A reader takes more; a writer does not ask it to.
const SIZE_LIMIT: usize = 0xffff;

/// Writes a file, one record an entry.
pub fn write(entries: &[Entry]) -> Result<Vec<u8>, WriteFault> {
    let mut out = [SIGNATURE, VERSION.to_le_bytes()].concat();
    for (index, entry) in entries.iter().enumerate() {
        append(&mut out, index + 1, entry)?;
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, entry: usize, Entry { key, change, .. }: &Entry) -> Result<(), WriteFault> {
    if path(key) != Some(key) || !is_plain(key) {
        return Err(WriteFault::Key { entry });
    }
    match change {
        Change::Set { name, .. } | Change::DeleteValue { name } if !is_plain(name) => Err(WriteFault::Name { entry }),
        Change::Set { name, data } => {
            let (kind, bytes) = raw(entry, data)?;
            if name.is_empty() && bytes.is_empty() {
                return Err(WriteFault::Empty { entry });
            }
            record(out, entry, key, name, kind, &bytes)
        }
        // The editor gives a command that needs no data a blank.
        Change::DeleteValue { name } => command(out, entry, key, &format!("{DELETE_VALUE}{name}"), " "),
        Change::DeleteValues => command(out, entry, key, DELETE_ALL_VALUES, " "),
        Change::DeleteKey => {
            let (above, name) = key.rsplit_once('\\').ok_or(WriteFault::Root { entry })?;
            command(out, entry, above, DELETE_KEYS, name)
        }
    }
}

/// Whether it is neither cut short by a reader that searches for signs, nor split as a list, nor taken for a command.
fn is_plain(text: &str) -> bool {
    !text.contains([LIST, ']', '\0']) && !text.starts_with(COMMAND)
}

/// The data, whose form has to be that of its type.
fn raw(entry: usize, data: &Data) -> Result<(u32, Vec<u8>), WriteFault> {
    match data {
        Data::Other { kind: REG_SZ | REG_DWORD, .. } => Err(WriteFault::Kind { entry }),
        data => Ok(data.to_raw()),
    }
}

fn command(out: &mut Vec<u8>, entry: usize, key: &str, name: &str, text: &str) -> Result<(), WriteFault> {
    record(out, entry, key, name, REG_SZ, &utf16::to_sz(text))
}

fn record(out: &mut Vec<u8>, entry: usize, key: &str, name: &str, kind: u32, data: &[u8]) -> Result<(), WriteFault> {
    let size = u32::try_from(data.len()).ok().filter(|_| data.len() <= SIZE_LIMIT).ok_or(WriteFault::Size { entry })?;
    for part in ["[", key, "\0;", name, "\0;"] {
        out.extend(utf16::encode(part));
    }
    out.extend(kind.to_le_bytes());
    out.extend(utf16::encode(";"));
    out.extend(size.to_le_bytes());
    out.extend(utf16::encode(";"));
    out.extend(data);
    out.extend(utf16::encode("]"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{delete, entry, other, set};
    use super::*;

    #[test]
    fn what_has_no_form_is_refused_by_name() {
        let at = 2;
        let long = "a".repeat(32_767);
        for (key, change, fault) in [
            ("", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("A\\", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("A;B", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("A]", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("A\0", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("**A", Change::DeleteValues, WriteFault::Key { entry: at }),
            ("A", delete("a;b"), WriteFault::Name { entry: at }),
            ("A", delete("a]"), WriteFault::Name { entry: at }),
            ("A", delete("**a"), WriteFault::Name { entry: at }),
            ("A", set("a\0", Data::Dword(1)), WriteFault::Name { entry: at }),
            ("A", set("**del.a", Data::Dword(1)), WriteFault::Name { entry: at }),
            ("A", set("a", other(1, &[0, 0])), WriteFault::Kind { entry: at }),
            ("A", set("a", other(1, &[0])), WriteFault::Kind { entry: at }),
            ("A", set("a", other(4, &[0; 3])), WriteFault::Kind { entry: at }),
            ("A", set("a", other(4, &[0; 4])), WriteFault::Kind { entry: at }),
            ("A", set("", other(0, &[])), WriteFault::Empty { entry: at }),
            ("A", set("a", other(3, &[0; 65_536])), WriteFault::Size { entry: at }),
            ("A", set("a", Data::Text(long)), WriteFault::Size { entry: at }),
            ("A", Change::DeleteKey, WriteFault::Root { entry: at }),
        ] {
            let good = entry(0, "A\\B", Change::DeleteKey);
            assert_eq!(write(&[good, entry(0, key, change)]), Err(fault), "{key}");
        }
        assert!(write(&[entry(0, "A", set("a", other(3, &[0; 65_535])))]).is_ok());
    }
}
