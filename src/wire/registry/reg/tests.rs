use proptest::prelude::*;

use super::super::samples::{delete, entries, entry, other, placeless, set};
use super::super::{Change, Data, Entry, utf16};
use super::*;

const MACHINE: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork";

/// As a Registry Editor exports two values.
fn exported() -> Vec<u8> {
    let pieces: [&[u8]; _] = [
        b"\xff\xfe",
        b"W\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0",
        b"E\0d\0i\0t\0o\0r\0 \0V\0e\0r\0s\0i\0o\0n\0 \x005\0.\x000\x000\0\r\0\n\0\r\0\n\0",
        b"[\0H\0K\0E\0Y\0_\0L\0O\0C\0A\0L\0_\0M\0A\0C\0H\0I\0N\0E\0\\\0",
        b"S\0O\0F\0T\0W\0A\0R\0E\0\\\0P\0o\0l\0i\0c\0i\0e\0s\0\\\0",
        b"M\0i\0c\0r\0o\0s\0o\0f\0t\0\\\0P\0a\0s\0s\0p\0o\0r\0t\0F\0o\0r\0W\0o\0r\0k\0]\0\r\0\n\0",
        b"\"\0E\0n\0a\0b\0l\0e\0d\0\"\0=\0",
        b"d\0w\0o\0r\0d\0:\x000\x000\x000\x000\x000\x000\x000\x001\0\r\0\n\0",
        b"\"\0R\0e\0q\0u\0i\0r\0e\0S\0e\0c\0u\0r\0i\0t\0y\0D\0e\0v\0i\0c\0e\0\"\0=\0",
        b"d\0w\0o\0r\0d\0:\x000\x000\x000\x000\x000\x000\x000\x001\0\r\0\n\0\r\0\n\0",
    ];
    pieces.concat()
}

/// One of each form.
const WRITTEN: &str = r#"Windows Registry Editor Version 5.00
; Windows Hello for Business

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork]
"Enabled"=dword:1
@="C:\\Program Files\\\"Hello\""
"RequireSecurityDevice"=-
[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork\DeviceUnlock]
  ; the PIN's credential provider
"GroupA"=hex(1):7b,00,7d,00,\
  00,00
"Length"=hex(4):06,00,00,00
"Any"=hex(b):\
  01,02,\
  a,FF
"None"=hex:
[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Empty]
[-HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork\DynamicLock]"#;

fn written() -> Vec<Entry> {
    let unlock = format!(r"{MACHINE}\DeviceUnlock");
    vec![
        entry(5, MACHINE, set("Enabled", Data::Dword(1))),
        entry(6, MACHINE, set("", Data::Text("C:\\Program Files\\\"Hello\"".into()))),
        entry(7, MACHINE, delete("RequireSecurityDevice")),
        entry(10, &unlock, set("GroupA", Data::Text("{}".into()))),
        entry(12, &unlock, set("Length", Data::Dword(6))),
        entry(13, &unlock, set("Any", other(11, &[1, 2, 10, 255]))),
        entry(16, &unlock, set("None", other(3, &[]))),
        entry(18, &format!(r"{MACHINE}\DynamicLock"), Change::DeleteKey),
    ]
}

fn wide(text: &str) -> Vec<u8> {
    [&[0xff, 0xfe], utf16::encode(text).as_slice()].concat()
}

fn body(text: &str) -> Vec<u8> {
    format!("{VERSION_5}\n{text}").into_bytes()
}

#[test]
fn an_exported_file_is_read_and_written_back_to_the_byte() {
    let bytes = exported();
    let read = parse(&bytes).unwrap();
    assert_eq!(
        read,
        [
            entry(4, MACHINE, set("Enabled", Data::Dword(1))),
            entry(5, MACHINE, set("RequireSecurityDevice", Data::Dword(1))),
        ]
    );
    // The editor ends with an empty line.
    assert_eq!([write(&read, Encoding::Utf16).unwrap(), utf16::encode("\r\n")].concat(), bytes);
}

#[test]
fn every_form_is_read_in_every_encoding_and_with_either_line_end() {
    for text in [WRITTEN.to_owned(), WRITTEN.replace('\n', "\r\n")] {
        for bytes in [text.as_bytes(), &[b"\xef\xbb\xbf", text.as_bytes()].concat(), &wide(&text)] {
            assert_eq!(parse(bytes), Ok(written()));
        }
    }
}

#[test]
fn a_key_keeps_its_case_and_its_brackets() {
    let bytes = body("[\\HKLM\\[a]b\\] \t\r\n@=- \n");
    assert_eq!(parse(&bytes), Ok(vec![entry(3, r"HKLM\[a]b", delete(""))]));
}

#[test]
fn an_8_bit_file_holds_its_texts_in_bytes() {
    let text = "REGEDIT4\n[A]\n\"a\"=hex(1):41,00\n\"b\"=hex(2):25,00\n\"c\"=hex:41,00\n";
    let expected = [
        entry(3, "A", set("a", Data::Text("A".into()))),
        entry(4, "A", set("b", other(2, b"%\0\0\0"))),
        entry(5, "A", set("c", other(3, b"A\0"))),
    ];
    assert_eq!(parse(text.as_bytes()).unwrap(), expected);
}

#[test]
fn names_each_fault_of_the_bytes() {
    let utf16be: Vec<u8> = wide(WRITTEN).chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
    let lone = [wide(&format!("{VERSION_5}\n; ")), vec![0x34, 0xd8, b'a', 0]].concat();
    let cut_pair = [wide(VERSION_5), vec![b'\n', 0, 0x34, 0xd8]].concat();
    for (bytes, fault) in [
        (utf16be.clone(), RegFault::Utf16BigEndian),
        (utf16be[2..].to_vec(), RegFault::Utf16WithoutMark),
        (wide(WRITTEN)[2..].to_vec(), RegFault::Utf16WithoutMark),
        (wide(WRITTEN)[..77].to_vec(), RegFault::OddLength),
        (lone, RegFault::Surrogate { line: 2 }),
        (cut_pair, RegFault::Surrogate { line: 2 }),
        ([body("\n; "), vec![0xe4]].concat(), RegFault::Utf8 { line: 3 }),
        ("REGEDIT4\n[A]\n; ä".into(), RegFault::CodePage { line: 3 }),
        (b"REGEDIT4\n[A]\n\n; \xe4".to_vec(), RegFault::CodePage { line: 4 }),
        ("\u{feff}REGEDIT4\n[A]\n; ä".into(), RegFault::CodePage { line: 3 }),
        (wide("REGEDIT4\n[A]\n"), RegFault::WideRegedit4 { line: 1 }),
    ] {
        assert_eq!(parse(&bytes), Err(fault));
    }
}

#[test]
fn names_a_header_that_is_none() {
    let later = format!("\n{VERSION_5}\n");
    for text in ["", "\n", "REGEDIT5\n", "regedit4", "Windows Registry Editor Version 5.0", " REGEDIT4", &later] {
        for bytes in [text.as_bytes(), &wide(text)] {
            assert_eq!(parse(bytes), Err(RegFault::Header { line: 1 }), "{text:?}");
        }
    }
    assert_eq!(parse(b"REGEDIT4"), Ok(vec![]));
}

#[test]
fn names_each_fault_of_a_line() {
    let line = 3;
    for (text, fault) in [
        ("\"a\"=\"\0\"", RegFault::Control { line }),
        ("\"a\"=\"\r\"", RegFault::Control { line }),
        ("; \r\r", RegFault::Control { line }),
        ("Enabled=dword:1", RegFault::Line { line }),
        (" \"a\"=dword:1", RegFault::Line { line }),
        (" [B]", RegFault::Line { line }),
        ("# no comment", RegFault::Line { line }),
        ("\u{feff}", RegFault::Line { line }),
        ("[B", RegFault::Key { line }),
        ("[", RegFault::Key { line }),
        ("[]", RegFault::Key { line }),
        ("[-]", RegFault::Key { line }),
        ("[\\]", RegFault::Key { line }),
        ("[B\\\\C]", RegFault::Key { line }),
        ("[B] ; no comment", RegFault::Key { line }),
        ("\"a", RegFault::Unterminated { line }),
        ("\"a\\", RegFault::Unterminated { line }),
        ("\"a\\\"", RegFault::Unterminated { line }),
        ("\"a\"=\"b", RegFault::Unterminated { line }),
        ("\"a\"=\"b\\n\"", RegFault::Escape { line }),
        ("\"\\a\"=-", RegFault::Escape { line }),
        ("\"a\"", RegFault::Equals { line }),
        ("\"a\" =-", RegFault::Equals { line }),
        ("@:-", RegFault::Equals { line }),
        ("\"a\"=\"b\" ; no comment", RegFault::Trailing { line }),
        ("\"a\"=\"b\"\"c\"", RegFault::Trailing { line }),
    ] {
        assert_eq!(parse(&body(&format!("[A]\n{text}"))), Err(fault), "{text:?}");
    }
}

#[test]
fn names_each_fault_of_the_data() {
    let line = 3;
    for (text, fault) in [
        ("", RegFault::Data { line }),
        ("1", RegFault::Data { line }),
        ("--", RegFault::Data { line }),
        (" -", RegFault::Data { line }),
        ("DWORD:1", RegFault::Data { line }),
        ("qword:1", RegFault::Data { line }),
        ("dword:", RegFault::Dword { line }),
        ("dword:000000001", RegFault::Dword { line }),
        ("dword:+1", RegFault::Dword { line }),
        ("dword:0x1", RegFault::Dword { line }),
        ("dword:1 ; no comment", RegFault::Dword { line }),
        ("hex(", RegFault::Kind { line }),
        ("hex():", RegFault::Kind { line }),
        ("hex(1:00", RegFault::Kind { line }),
        ("hex(g):00", RegFault::Kind { line }),
        ("hex(-1):00", RegFault::Kind { line }),
        ("hex(000000001):00", RegFault::Kind { line }),
        ("hex:,", RegFault::Hex { line }),
        ("hex:00,", RegFault::Hex { line }),
        ("hex:,00", RegFault::Hex { line }),
        ("hex:001", RegFault::Hex { line }),
        ("hex:0g", RegFault::Hex { line }),
        ("hex:+1", RegFault::Hex { line }),
        ("hex:00 01", RegFault::Hex { line }),
        ("hex:00, 01", RegFault::Hex { line }),
        ("hex:00\\\n01", RegFault::Hex { line }),
        ("hex:,\\\n01", RegFault::Hex { line }),
        ("hex:00,\\\n", RegFault::Hex { line: 4 }),
        ("hex:00,\\\n  01,\\\n  0x,02", RegFault::Hex { line: 5 }),
        ("hex:00,\\\n\\\n  01", RegFault::Hex { line: 4 }),
        ("hex:\\", RegFault::Continuation { line }),
        ("hex:00,\\\n  01,\\", RegFault::Continuation { line: 4 }),
        ("hex:00,\\\n  \0", RegFault::Control { line: 4 }),
    ] {
        assert_eq!(parse(&body(&format!("[A]\n\"a\"={text}"))), Err(fault), "{text:?}");
    }
    let narrow = b"REGEDIT4\n[A]\n\"a\"=hex(7):e4,00,00\n";
    assert_eq!(parse(narrow), Err(RegFault::CodePage { line }));
}

#[test]
fn a_value_needs_a_key_that_stays() {
    for text in ["@=-", "\"a\"=nonsense"] {
        assert_eq!(parse(&body(text)), Err(RegFault::NoKey { line: 2 }));
        assert_eq!(parse(&body(&format!("[A]\n[-B]\n{text}"))), Err(RegFault::DeletedKey { line: 4 }));
    }
}

#[test]
fn each_prefix_is_refused_or_a_shorter_file() {
    let all = written();
    for whole in [WRITTEN.as_bytes(), &wide(WRITTEN)] {
        for length in 0..whole.len() {
            let Ok(mut read) = parse(&whole[..length]) else { continue };
            // A number or a list of bytes cut short is still one.
            if read.last() != all.get(read.len().wrapping_sub(1)) {
                let cut = read.pop().unwrap();
                assert_eq!((cut.position, &cut.key), (all[read.len()].position, &all[read.len()].key));
            }
            assert_eq!(read, all[..read.len()], "{length} bytes");
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(entries in entries(), wide: bool) {
        let encoding = if wide { Encoding::Utf16 } else { Encoding::Utf8 };
        let (refused, held): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.change == Change::DeleteValues);
        let bytes = write(&held, encoding).unwrap();
        prop_assert_eq!(placeless(parse(&bytes).unwrap()), held);
        for entry in refused {
            prop_assert_eq!(write(&[entry], encoding), Err(WriteFault::DeleteValues { entry: 1 }));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = parse(&[wide(VERSION_5), bytes].concat());
    }

    #[test]
    fn no_text_panics_and_what_is_read_can_be_written(
        lines in proptest::collection::vec(r#"\[-?[a-c\\\]]{0,5}\]|["@a=:\\,;hexdword()0-9 -]{0,14}|("a"|@)=(-|"[^\r\n]{0,5}"|dword:[0-9a-g]{1,9}|hex(\([0-9a-f]\))?:[0-9a-f,\\]{0,9})"#, 0..4),
        narrow: bool,
    ) {
        let text = format!("{}\n[A]\n{}", if narrow { REGEDIT4 } else { VERSION_5 }, lines.join("\n"));
        if let Ok(read) = parse(text.as_bytes()) {
            for encoding in [Encoding::Utf16, Encoding::Utf8] {
                let bytes = write(&read, encoding).unwrap();
                prop_assert_eq!(placeless(parse(&bytes).unwrap()), placeless(read.clone()));
            }
        }
    }
}
