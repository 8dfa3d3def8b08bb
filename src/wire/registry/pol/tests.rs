use proptest::prelude::*;

use super::super::samples::{delete, entries, entry, other, placeless, set};
use super::super::{Change, Data, Entry, utf16};
use super::*;

const MACHINE: &str = r"SOFTWARE\Policies\Microsoft\PassportForWork";

/// As an editor writes a value that is set and one that is not.
fn edited() -> Vec<u8> {
    let pieces: [&[u8]; _] = [
        b"PReg\x01\0\0\0",
        b"[\0S\0O\0F\0T\0W\0A\0R\0E\0\\\0P\0o\0l\0i\0c\0i\0e\0s\0\\\0",
        b"M\0i\0c\0r\0o\0s\0o\0f\0t\0\\\0P\0a\0s\0s\0p\0o\0r\0t\0F\0o\0r\0W\0o\0r\0k\0",
        b"\0\0;\0E\0n\0a\0b\0l\0e\0d\0\0\0;\0",
        b"\x04\0\0\0;\0\x04\0\0\0;\0\x01\0\0\0]\0",
        b"[\0S\0O\0F\0T\0W\0A\0R\0E\0\\\0P\0o\0l\0i\0c\0i\0e\0s\0\\\0",
        b"M\0i\0c\0r\0o\0s\0o\0f\0t\0\\\0P\0a\0s\0s\0p\0o\0r\0t\0F\0o\0r\0W\0o\0r\0k\0\\\0",
        b"E\0x\0c\0l\0u\0d\0e\0S\0e\0c\0u\0r\0i\0t\0y\0D\0e\0v\0i\0c\0e\0s\0",
        b"\0\0;\0*\0*\0d\0e\0l\0.\0T\0P\0M\x001\x002\0\0\0;\0",
        b"\x01\0\0\0;\0\x04\0\0\0;\0 \0\0\0]\0",
    ];
    pieces.concat()
}

fn record(key: &str, name: &str, kind: u32, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap();
    [
        &utf16::encode(&format!("[{key}\0;{name}\0;"))[..],
        &kind.to_le_bytes(),
        b";\0",
        &size.to_le_bytes(),
        b";\0",
        data,
        b"]\0",
    ]
    .concat()
}

fn text(name: &str, data: &str) -> Vec<u8> {
    record("A", name, 1, &utf16::to_sz(data))
}

/// A file of records, one good one before them.
fn after_one(records: &[u8]) -> Vec<u8> {
    [&SIGNATURE, &VERSION.to_le_bytes()[..], &record("A", "a", 4, &[1, 0, 0, 0]), records].concat()
}

fn read_second(records: &[u8]) -> Result<Vec<Entry>, PolFault> {
    parse(&after_one(records)).map(|entries| entries[1..].to_vec())
}

#[test]
fn an_edited_file_is_read_and_written_back_to_the_byte() {
    let bytes = edited();
    let read = parse(&bytes).unwrap();
    assert_eq!(
        read,
        [
            entry(1, MACHINE, set("Enabled", Data::Dword(1))),
            entry(2, &format!(r"{MACHINE}\ExcludeSecurityDevices"), delete("TPM12")),
        ]
    );
    assert_eq!(write(&read).unwrap(), bytes);
}

#[test]
fn data_is_followed_by_its_size() {
    let tricky = utf16::encode("]\0[;;]");
    assert_eq!(read_second(&record("A", "a", 3, &tricky)), Ok(vec![entry(2, "A", set("a", other(3, &tricky)))]));
    assert_eq!(read_second(&text("a", "]\0;")), Ok(vec![entry(2, "A", set("a", Data::Text("]\0;".into())))]));
    // An odd size shifts all that follows.
    let odd = [record("A", "a", 3, b"]"), record("A", "b", 5, &[0, 0, 0, 1])].concat();
    let expected = vec![entry(2, "A", set("a", other(3, b"]"))), entry(3, "A", set("b", other(5, &[0, 0, 0, 1])))];
    assert_eq!(read_second(&odd), Ok(expected));
}

#[test]
fn commands_are_read_without_regard_to_case() {
    let below = |name: &str| entry(2, &format!("A\\{name}"), Change::DeleteKey);
    for (record, expected) in [
        (text("**del.Enabled", " "), vec![entry(2, "A", delete("Enabled"))]),
        (record("A", "**DEL.", 4, &[]), vec![entry(2, "A", delete(""))]),
        (text("**delvals.", " "), vec![entry(2, "A", Change::DeleteValues)]),
        (text("**DelVals", ""), vec![entry(2, "A", Change::DeleteValues)]),
        (text("**deletevalues", "a;B c"), vec![entry(2, "A", delete("a")), entry(2, "A", delete("B c"))]),
        (text("**DELETEKEYS", "B;C\\D"), vec![below("B"), below("C\\D")]),
    ] {
        assert_eq!(read_second(&record), Ok(expected));
    }
}

#[test]
fn a_record_without_name_and_data_makes_a_key_alone() {
    assert_eq!(read_second(&record("B", "", 0, &[])), Ok(vec![]));
    assert_eq!(read_second(&record("B", "", 1, &[])), Ok(vec![]));
    assert_eq!(read_second(&text("", "a")), Ok(vec![entry(2, "A", set("", Data::Text("a".into())))]));
}

#[test]
fn names_each_fault_of_the_header() {
    for bytes in [&b""[..], b"PRe", b"preg\x01\0\0\0", b"\xff\xfeW\0i\0n\0"] {
        assert_eq!(parse(bytes), Err(PolFault::Signature));
    }
    for bytes in [&b"PReg"[..], b"PReg\x01\0\0", b"PReg\x02\0\0\0", b"PReg\0\0\0\x01"] {
        assert_eq!(parse(bytes), Err(PolFault::Version));
    }
    assert_eq!(parse(b"PReg\x01\0\0\0"), Ok(vec![]));
}

/// A good record with some bytes of it replaced.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut good = record("A", "b", 4, &[1, 0, 0, 0]);
    good[at..at + bytes.len()].copy_from_slice(bytes);
    good
}

#[test]
fn names_each_fault_of_a_record() {
    let at = 2;
    let long = "k".repeat(256);
    for (records, fault) in [
        (with(0, b"]"), PolFault::Open { record: at }),
        (with(1, b"["), PolFault::Open { record: at }),
        (with(6, b"]"), PolFault::Separator { record: at }),
        (with(12, b":"), PolFault::Separator { record: at }),
        (with(18, b":"), PolFault::Separator { record: at }),
        (with(24, b"\0"), PolFault::Separator { record: at }),
        (with(30, b"["), PolFault::Close { record: at }),
        (with(20, &[3]), PolFault::Close { record: at }),
        (with(20, &[7]), PolFault::Size { record: at }),
        (with(20, &[0xff; 4]), PolFault::Size { record: at }),
        (with(2, &[0, 0xd8]), PolFault::Surrogate { record: at }),
        (with(8, &[0, 0xdc]), PolFault::Surrogate { record: at }),
        (with(2, &[0, 0])[..4].to_vec(), PolFault::Key { record: at }),
        (record("", "a", 4, &[1, 0, 0, 0]), PolFault::Key { record: at }),
        (record("A\\\\B", "a", 4, &[1, 0, 0, 0]), PolFault::Key { record: at }),
        (record(&long, "a", 4, &[1, 0, 0, 0]), PolFault::Key { record: at }),
        (with(0, b"[")[..5].to_vec(), PolFault::Truncated { record: at }),
        (with(0, b"[")[..15].to_vec(), PolFault::Truncated { record: at }),
        (b"]".to_vec(), PolFault::Truncated { record: at }),
        (record("A", "a", 4, &[1, 0, 0]), PolFault::Dword { record: at }),
        (record("A", "a", 4, &[]), PolFault::Dword { record: at }),
        (record("A", "a", 1, b"a\0"), PolFault::Text { record: at }),
        (record("A", "a", 1, b"a\0\0"), PolFault::Text { record: at }),
        (record("A", "a", 1, &[]), PolFault::Text { record: at }),
        (record("A", "a", 1, b"\0\xd8\0\0"), PolFault::Text { record: at }),
    ] {
        assert_eq!(read_second(&records), Err(fault), "{records:?}");
    }
}

#[test]
fn names_each_command_that_is_not_supported() {
    let at = 2;
    for (record, fault) in [
        (text("**soft.Enabled", "1"), PolFault::Soft { record: at }),
        (record("A", "**SOFT.", 4, &[1, 0, 0, 0]), PolFault::Soft { record: at }),
        (record("A", "**securekey", 4, &[1, 0, 0, 0]), PolFault::SecureKey { record: at }),
        (text("**", " "), PolFault::Command { record: at }),
        (text("**del", " "), PolFault::Command { record: at }),
        (text("**delvals.a", " "), PolFault::Command { record: at }),
        (text("**DeleteKeys ", "B"), PolFault::Command { record: at }),
        (text("**Comment:", "a"), PolFault::Command { record: at }),
        (text("**DeleteValues", ""), PolFault::List { record: at }),
        (text("**DeleteValues", "a;"), PolFault::List { record: at }),
        (text("**DeleteValues", "a\0;b"), PolFault::List { record: at }),
        (record("A", "**DeleteValues", 1, b"a\0"), PolFault::List { record: at }),
        (record("A", "**DeleteKeys", 7, b"B\0\0\0"), PolFault::List { record: at }),
        (text("**DeleteKeys", "B;;C"), PolFault::List { record: at }),
        (text("**DeleteKeys", "\\B"), PolFault::Key { record: at }),
    ] {
        assert_eq!(read_second(&record), Err(fault), "{record:?}");
    }
}

#[test]
fn each_prefix_is_refused_or_holds_fewer_records() {
    let whole = [edited(), text("**DeleteKeys", "B;C"), text("**delvals.", " ")].concat();
    let all = parse(&whole).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|length| parse(&whole[..*length]).is_ok()).collect();
    assert_eq!(ends.len(), 4, "header, and three of four records");
    for length in ends {
        let read = parse(&whole[..length]).unwrap();
        assert_eq!(read, all[..read.len()]);
    }
}

/// Whether one of the entries that both formats are tried with has a form here.
fn is_held(entry: &Entry) -> bool {
    let name = match &entry.change {
        Change::Set { data: Data::Other { kind: 1 | 4, .. }, .. } => return false,
        Change::Set { name, data: Data::Other { bytes, .. } } if name.is_empty() && bytes.is_empty() => return false,
        Change::Set { name, .. } | Change::DeleteValue { name } => name,
        Change::DeleteValues | Change::DeleteKey => return true,
    };
    !name.contains([';', ']']) && !name.starts_with("**")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(entries in entries()) {
        let (held, refused): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_held);
        let read = parse(&write(&held).unwrap()).unwrap();
        prop_assert!(read.iter().map(|entry| entry.position).eq(1..=held.len()));
        prop_assert_eq!(placeless(read), held);
        for entry in refused {
            prop_assert!(write(&[entry]).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte: u8) {
        let _ = parse(&bytes);
        let _ = parse(&after_one(&bytes));
        let mut flipped = edited();
        let at = at.index(flipped.len());
        flipped[at] = byte;
        let _ = parse(&flipped);
    }

    #[test]
    fn no_record_panics(
        key in r"[A-C\\]{0,4}",
        name in r"(\*\*(del\.|delvals\.?|deletevalues|deletekeys|soft\.|securekey|))?[a-c;]{0,3}",
        kind in 0..8_u32,
        data in r"[a-c;\\\]\x00]{0,6}",
    ) {
        if let Ok(read) = read_second(&record(&key, &name, kind, &utf16::encode(&data)))
            && let Ok(bytes) = write(&read)
        {
            prop_assert_eq!(placeless(parse(&bytes).unwrap()), placeless(read));
        }
    }
}
