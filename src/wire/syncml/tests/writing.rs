use proptest::prelude::*;

use super::*;

#[test]
fn writes_the_form_that_documentation_shows() {
    let commands = [
        command(0, Verb::Add, "./A", Some("node"), None),
        command(0, Verb::Replace, "./A/B", Some("bool"), Some("true")),
        command(0, Verb::Delete, "./C & D", None, None),
    ];
    let expected = r#"<SyncML xmlns="SYNCML:SYNCML1.2">
  <SyncBody>
    <Add>
      <CmdID>1</CmdID>
      <Item>
        <Target>
          <LocURI>./A</LocURI>
        </Target>
        <Meta>
          <Format xmlns="syncml:metinf">node</Format>
        </Meta>
      </Item>
    </Add>
    <Replace>
      <CmdID>2</CmdID>
      <Item>
        <Target>
          <LocURI>./A/B</LocURI>
        </Target>
        <Meta>
          <Format xmlns="syncml:metinf">bool</Format>
          <Type xmlns="syncml:metinf">text/plain</Type>
        </Meta>
        <Data>true</Data>
      </Item>
    </Replace>
    <Delete>
      <CmdID>3</CmdID>
      <Item>
        <Target>
          <LocURI>./C &amp; D</LocURI>
        </Target>
      </Item>
    </Delete>
    <Final/>
  </SyncBody>
</SyncML>
"#;
    assert_eq!(write(&commands).as_deref(), Ok(expected));
    assert_eq!(parse(write(&[]).unwrap().as_bytes()), Ok(Vec::new()));
}

#[test]
fn refuses_to_write_what_would_not_be_read() {
    let good = command(0, Verb::Add, "./A", None, None);
    let refusal = |bad| write(&[good.clone(), bad]).unwrap_err();
    assert_eq!(refusal(command(0, Verb::Add, "", None, None)), Unwritable::NoUri { command: 2 });
    for found in ['\0', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        let bad = command(0, Verb::Add, "./A", None, Some(&format!("a{found}b")));
        assert_eq!(refusal(bad), Unwritable::Character { command: 2, found });
    }
    for edge in [" a", "a\n", "\ta", "a\r", " "] {
        let bad = command(0, Verb::Add, "./A", Some(edge), None);
        assert_eq!(refusal(bad), Unwritable::Whitespace { command: 2, text: edge.into() });
    }
    let text = refusal(command(0, Verb::Add, "./\u{1}", None, None)).to_string();
    assert_eq!(text, "command 2: XML 1.0 cannot carry U+0001");
}

fn text() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        "<>&'\"\r\n\t ]-!?/=;#\u{85}\u{2028}\u{a0}\u{feff}\u{1}\u{ffff}".chars().collect::<Vec<_>>(),
    );
    let character = prop_oneof![4 => special, 3 => proptest::char::range('a', 'z'), 1 => any::<char>()];
    proptest::collection::vec(character, 0..24).prop_map(String::from_iter)
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let verb = proptest::sample::select(Verb::ALL.to_vec());
    let one = (verb, text(), proptest::option::of(text()), proptest::option::of(text()));
    let one = one.prop_map(|(verb, uri, format, data)| Command { line: 0, verb, uri, format, data });
    proptest::collection::vec(one, 0..4)
}

fn writable(text: &str) -> bool {
    text.trim_matches([' ', '\t', '\r', '\n']) == text && text.chars().all(encoding::is_character)
}

proptest! {
    #[test]
    fn what_is_written_is_read_or_refused(mut commands in commands()) {
        let texts = |command: &Command| [Some(command.uri.clone()), command.format.clone(), command.data.clone()];
        let good = commands.iter().all(|each| !each.uri.is_empty() && texts(each).iter().flatten().all(|text| writable(text)));
        let written = write(&commands);
        prop_assert_eq!(written.is_ok(), good);
        if let Ok(written) = written {
            for read in [parse(written.as_bytes()), parse(&utf16(&written))] {
                let read = read.map_err(|fault| TestCaseError::fail(format!("{fault}: {written}")))?;
                for (command, read) in commands.iter_mut().zip(&read) {
                    command.line = read.line;
                }
                prop_assert_eq!(&read, &commands);
            }
        }
    }
}
