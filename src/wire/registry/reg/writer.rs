//! From entries to a file.

use std::fmt::Write;

use super::super::{Change, Data, Entry, REG_BINARY, path, utf16};
use super::{Encoding, VERSION_5, WriteFault};

const LINE_END: &str = "\r\n";
/// Where a line of bytes is broken, as the Registry Editor does.
const WIDTH: usize = 77;
/// What would end a line too early, or a name in the middle.
const UNQUOTABLE: [char; 3] = ['\r', '\n', '\0'];

/// Writes a file. The order stays, so a key that comes up again has its brackets again.
pub fn write(entries: &[Entry], encoding: Encoding) -> Result<Vec<u8>, WriteFault> {
    let mut out = format!("{VERSION_5}{LINE_END}");
    let mut open = None;
    for (index, Entry { key, change, .. }) in entries.iter().enumerate() {
        let entry = index + 1;
        // Brackets with a hyphen delete.
        if path(key) != Some(key) || key.starts_with('-') || key.contains(UNQUOTABLE) {
            return Err(WriteFault::Key { entry });
        }
        if matches!(change, Change::DeleteKey) {
            out += &format!("{LINE_END}[-{key}]{LINE_END}");
            open = None;
            continue;
        }
        if open != Some(key) {
            out += &format!("{LINE_END}[{key}]{LINE_END}");
            open = Some(key);
        }
        out += &value(entry, change)?;
        out += LINE_END;
    }
    Ok(match encoding {
        Encoding::Utf16 => [&[0xff, 0xfe], utf16::encode(&out).as_slice()].concat(),
        Encoding::Utf8 => out.into_bytes(),
    })
}

fn value(entry: usize, change: &Change) -> Result<String, WriteFault> {
    let (name, data) = match change {
        Change::Set { name, data } => (name, Some(data)),
        Change::DeleteValue { name } => (name, None),
        Change::DeleteValues | Change::DeleteKey => return Err(WriteFault::DeleteValues { entry }),
    };
    if name.contains(UNQUOTABLE) {
        return Err(WriteFault::Name { entry });
    }
    if data.is_some_and(Data::is_disguised) {
        return Err(WriteFault::Kind { entry });
    }
    let mut line = if name.is_empty() { "@=".to_owned() } else { format!("{}=", quoted(name)) };
    match data {
        None => line.push('-'),
        Some(Data::Dword(number)) => line += &format!("dword:{number:08x}"),
        Some(Data::Text(text)) if !text.contains(UNQUOTABLE) => line += &quoted(text),
        Some(data) => bytes(&mut line, data),
    }
    Ok(line)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// `hex:` or `hex(N):` and the bytes, broken into lines.
fn bytes(line: &mut String, data: &Data) {
    let (kind, bytes) = data.to_raw();
    *line += &if kind == REG_BINARY { "hex:".to_owned() } else { format!("hex({kind:x}):") };
    let mut column = line.chars().count();
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            line.push(',');
            column += 1;
        }
        if column + 2 > WIDTH {
            *line += &format!("\\{LINE_END}  ");
            column = 2;
        }
        // A String takes all that is written to it.
        let _ = write!(line, "{byte:02x}");
        column += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{delete, entry, other, placeless, set};
    use super::super::parse;
    use super::*;

    #[test]
    fn what_would_end_a_line_is_written_as_bytes_or_refused() {
        let text = |text: &str| [entry(0, "A", set("a", Data::Text(text.into())))];
        for held in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
            let bytes = write(&text(held), Encoding::Utf8).unwrap();
            assert!(String::from_utf8(bytes.clone()).unwrap().contains("\r\n\"a\"=hex(1):61,00,"));
            assert_eq!(placeless(parse(&bytes).unwrap()), text(held));
        }
        for sign in ["\r", "\n", "\0"] {
            let key = [entry(0, &format!("A{sign}"), delete("a"))];
            assert_eq!(write(&key, Encoding::Utf8), Err(WriteFault::Key { entry: 1 }));
            let name = [entry(0, "A", delete("")), entry(0, "A", delete(sign))];
            assert_eq!(write(&name, Encoding::Utf8), Err(WriteFault::Name { entry: 2 }));
        }
    }

    #[test]
    fn what_has_no_form_is_refused_by_name() {
        for (key, change, fault) in [
            ("", Change::DeleteKey, WriteFault::Key { entry: 1 }),
            ("A\\", Change::DeleteKey, WriteFault::Key { entry: 1 }),
            ("A\\\\B", Change::DeleteKey, WriteFault::Key { entry: 1 }),
            ("-A", delete(""), WriteFault::Key { entry: 1 }),
            ("A", Change::DeleteValues, WriteFault::DeleteValues { entry: 1 }),
            ("A", set("", other(4, &[1, 0, 0, 0])), WriteFault::Kind { entry: 1 }),
            ("A", set("", other(1, &[0, 0])), WriteFault::Kind { entry: 1 }),
        ] {
            assert_eq!(write(&[entry(0, key, change)], Encoding::Utf16), Err(fault), "{key}");
        }
    }

    #[test]
    fn many_bytes_are_broken_into_lines_as_the_editor_does() {
        let bytes = write(&[entry(0, "A", set("a", other(3, &[0xab; 60])))], Encoding::Utf8).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.split("\r\n").skip(3).collect();
        assert!(lines[0].starts_with("\"a\"=hex:ab,") && lines[0].ends_with(",\\"));
        assert!(lines[1].starts_with("  ab,") && lines[1].ends_with(",\\"));
        assert_eq!((lines[0].len(), lines[1].len()), (78, 78));
    }
}
