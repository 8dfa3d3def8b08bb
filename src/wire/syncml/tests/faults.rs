use proptest::prelude::*;

use super::*;

/// The fault of a text: its line and its reason.
fn fault(text: &str) -> (Option<usize>, Reason) {
    let fault = parse(text.as_bytes()).expect_err(text);
    (fault.position(), fault.reason().clone())
}

#[test]
fn names_each_fault_of_the_grammar() {
    let uri = "<Target><LocURI>./A</LocURI></Target>";
    let element = |name: &str| Reason::Element(name.into());
    for (text, line, reason) in [
        ("<Exec/>".to_owned(), 1, element("Exec")),
        ("<Final/>\n<Copy/>".to_owned(), 2, element("Copy")),
        ("<SyncBody>\n<Alert><CmdID>1</CmdID></Alert></SyncBody>".to_owned(), 2, element("Alert")),
        ("<SyncBody><Results/></SyncBody>".to_owned(), 1, element("Results")),
        ("<SyncBody><Final/>\n\n<Status/></SyncBody>".to_owned(), 3, element("Status")),
        ("<SyncML>\n<Replace/></SyncML>".to_owned(), 2, element("Replace")),
        ("<html/>".to_owned(), 1, element("html")),
        ("<replace/>".to_owned(), 1, element("replace")),
        ("<Add>\n<Archive/></Add>".to_owned(), 2, element("Archive")),
        (format!("<Add><Item>{uri}<Source/></Item></Add>"), 1, element("Source")),
        ("<Add><Item><Target><LocName/></Target></Item></Add>".to_owned(), 1, element("LocName")),
        (format!("<Add><Item>{uri}<Meta><Size>1</Size></Meta></Item></Add>"), 1, element("Size")),
        (format!("<Add><Item>{uri}<Data>\n<enabled/></Data></Item></Add>"), 2, element("enabled")),
        ("<Add>\n  \n  x<Item/></Add>".to_owned(), 3, Reason::Text),
        ("\nhello".to_owned(), 2, Reason::Text),
        ("<SyncBody/>\n.".to_owned(), 2, Reason::Text),
        ("<SyncBody/>\n<Add/>".to_owned(), 2, Reason::SecondRoot("Add".into())),
        ("\n<Add><CmdID>1</CmdID>\n</Add>".to_owned(), 2, Reason::NoItem),
        ("<Add>\n<Item><Data>1</Data>\n</Item></Add>".to_owned(), 2, Reason::NoUri),
        ("<Add><Item><Target/></Item></Add>".to_owned(), 1, Reason::NoUri),
        ("<Add><Item><Target><LocURI> </LocURI></Target></Item></Add>".to_owned(), 1, Reason::NoUri),
        (format!("<Add><Item>{uri}\n{uri}</Item></Add>"), 2, Reason::Twice("LocURI")),
        ("<Add><Item><Target><LocURI/>\n<LocURI/></Target></Item></Add>".to_owned(), 2, Reason::Twice("LocURI")),
        (format!("<Add><Item>{uri}<Data/>\n<Data/></Item></Add>"), 2, Reason::Twice("Data")),
        (format!("<Add><Item>{uri}<Meta><Format/><Format/></Meta></Item></Add>"), 1, Reason::Twice("Format")),
    ] {
        assert_eq!(fault(&text), (Some(line), reason), "{text}");
    }
    for text in ["", " \r\n", "<!-- -->"] {
        assert_eq!(fault(text), (None, Reason::Empty), "{text:?}");
    }
}

#[test]
fn names_each_fault_of_xml() {
    let entity = |name: &str| Reason::Entity(name.into());
    for (text, line, reason) in [
        ("<!DOCTYPE SyncML>\n<SyncML/>", 1, Reason::Doctype),
        ("\n<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;\">]><Add>&d;</Add>", 2, Reason::Doctype),
        ("<!DOCTYPE", 1, Reason::Doctype),
        ("<!DOCTYPE>", 1, Reason::Doctype),
        ("<!doctype html>", 1, Reason::Doctype),
        ("<Add>\n&nbsp;</Add>", 2, entity("nbsp")),
        ("<SyncML><SyncHdr>&xxe;</SyncHdr></SyncML>", 1, entity("xxe")),
        ("<Add a='&xxe;'/>", 1, entity("xxe")),
        ("<Add>&#0;</Add>", 1, Reason::Reference),
        ("<Add>&#xD800;</Add>", 1, Reason::Reference),
        ("<Add>&#x110000;</Add>", 1, Reason::Reference),
        ("<Add>&#x;</Add>", 1, Reason::Reference),
        ("<Add>&#-1;</Add>", 1, Reason::Reference),
        ("<Add a='&#x;'/>", 1, Reason::Reference),
        ("<Add>&#1;</Add>", 1, Reason::Character('\u{1}')),
        ("<Add a='&#xFFFE;'/>", 1, Reason::Character('\u{FFFE}')),
        ("<Add>\n\u{1b}</Add>", 2, Reason::Character('\u{1b}')),
        ("<\0", 1, Reason::Character('\0')),
        ("<Final>a & b</Final>", 1, Reason::Ampersand),
        ("<Add a='&'/>", 1, Reason::Ampersand),
        ("<Add>\n<!-- a -- b --></Add>", 2, Reason::Comment),
        ("<Add>\n</add>", 2, Reason::EndTag("add".into())),
        ("</Add>", 1, Reason::EndTag("Add".into())),
        ("<Add><Item>\n", 2, Reason::Unclosed),
        ("<SyncML><SyncHdr>", 1, Reason::Unclosed),
        ("<Add", 1, Reason::Markup),
        ("<Add><![CDATA[", 1, Reason::Markup),
        ("<Add><!-- ", 1, Reason::Markup),
        ("<?xml", 1, Reason::Markup),
        ("<!x>", 1, Reason::Markup),
        ("<>", 1, Reason::Markup),
        ("< Add/>", 1, Reason::Markup),
        ("<1/>", 1, Reason::Markup),
        ("<a:b:c/>", 1, Reason::Markup),
        (":<:a/>", 1, Reason::Text),
        ("<:a/>", 1, Reason::Markup),
        ("<Add a=1/>", 1, Reason::Attribute),
        ("<Add a/>", 1, Reason::Attribute),
        ("<Add a='1' a='1'/>", 1, Reason::Attribute),
        ("<Add 1='1'/>", 1, Reason::Attribute),
        ("<Add a='<'/>", 1, Reason::Attribute),
        ("<Add/>\n<?xml version='1.0'?>", 1, Reason::NoItem),
        ("<Final/>\n<?xml version='1.0'?>", 2, Reason::Declaration),
        (" <?xml version='1.0'?><Final/>", 1, Reason::Declaration),
        ("<?xml version='1.0' encoding='utf-16'?><Final/>", 1, Reason::Declared("utf-16".into())),
        ("<?xml version='1.0' encoding='iso-8859-1'?><Final/>", 1, Reason::Declared("iso-8859-1".into())),
        ("<?xml version='1.0' encoding=utf-8?><Final/>", 1, Reason::Attribute),
    ] {
        assert_eq!(fault(text), (Some(line), reason), "{text}");
    }
}

#[test]
fn names_each_fault_of_the_bytes() {
    for (bytes, line, reason) in [
        (b"<Final/>\n\n\xE4".to_vec(), Some(3), Reason::NotUtf8),
        (b"\xFF\xFE<\0\n\0\x00\xD8".to_vec(), Some(2), Reason::NotUtf16),
        (b"\xFF\xFE<\0\n\0>".to_vec(), Some(2), Reason::NotUtf16),
        (b"\xFF\xFE\0\0".to_vec(), Some(1), Reason::Character('\0')),
        (b"\xFE\xFF\0<".to_vec(), None, Reason::Utf16Be),
        (b"\xFF\xFE".to_vec(), None, Reason::Empty),
        (utf16("<?xml version='1.0' encoding='utf-8'?><Final/>"), Some(1), Reason::Declared("utf-8".into())),
        (utf16("<Final/>")[2..].to_vec(), Some(1), Reason::Character('\0')),
    ] {
        let fault = parse(&bytes).unwrap_err();
        assert_eq!((fault.position(), fault.reason()), (line, &reason), "{bytes:?}");
    }
}

#[test]
fn a_fault_says_its_line_first() {
    let fault = parse(b"<Replace>\n<Exec/></Replace>").unwrap_err();
    assert_eq!(fault.to_string(), "line 2: element \"Exec\" is not taken here");
    assert_eq!(parse(b"").unwrap_err().to_string(), "there is no element in it");
    let long = parse(format!("<{}/>", "x".repeat(100_000)).as_bytes()).unwrap_err();
    assert!(long.to_string().len() < 120);
}

#[test]
fn depth_and_attributes_are_bounded() {
    let add = "<Add><Item><Target><LocURI>./A</LocURI></Target></Item></Add>";
    let nested = |open: &str, close: &str, count| format!("{}{add}{}", open.repeat(count), close.repeat(count));
    assert_eq!(parse(nested("<Atomic>", "</Atomic>", 6).as_bytes()).unwrap().len(), 1);
    for count in [7, 100_000] {
        assert_eq!(fault(&nested("<Sequence>", "</Sequence>", count)), (Some(1), Reason::Depth));
    }
    let header = format!("<SyncML><SyncHdr>{}</SyncHdr></SyncML>", nested("<a>", "</a>", 100_000));
    assert_eq!(fault(&header), (Some(1), Reason::Depth));
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(fault(&format!("<Final{attributes}/>")), (Some(1), Reason::Attributes));
}

#[test]
fn a_message_that_is_cut_is_refused() {
    for length in 0..MESSAGE.trim_end().len() {
        assert!(parse(&MESSAGE.as_bytes()[..length]).is_err(), "{length} bytes");
    }
}

/// Pieces of which some text of commands could be made.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "<Add>",
        "</Add>",
        "<Item>",
        "</Item>",
        "<Target>",
        "</Target>",
        "<LocURI>",
        "</LocURI>",
        "<Data>",
        "</Data>",
        "<Meta>",
        "</Meta>",
        "<SyncML>",
        "</SyncML>",
        "<SyncBody>",
        "<Final/>",
        "<Atomic>",
        "</Atomic>",
        "<!--",
        "-->",
        "<!-->",
        "<!--->",
        "<![CDATA[",
        "]]>",
        "<?xml?>",
        "<?",
        "?>",
        "<!DOCTYPE",
        "[",
        ">",
        "<",
        "&",
        ";",
        "&lt;",
        "&#",
        "x",
        "'",
        "\"",
        "=",
        " ",
        "\n",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = parse(&[&b"\xFF\xFE"[..], &bytes].concat());
    }

    #[test]
    fn no_markup_breaks_it_and_each_line_is_one_of_the_text(text in soup()) {
        let lines = text.lines().count() + 1;
        match parse(text.as_bytes()) {
            Ok(commands) => prop_assert!(commands.iter().all(|command| (1..=lines).contains(&command.line))),
            Err(fault) => prop_assert!(fault.position().is_none_or(|line| (1..=lines).contains(&line))),
        }
    }
}
