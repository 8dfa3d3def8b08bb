mod faults;
mod writing;

use super::*;

const REQUIRE: &str =
    "./Device/Vendor/MSFT/PassportForWork/6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11/Policies/RequireSecurityDevice";

fn command(line: usize, verb: Verb, uri: &str, format: Option<&str>, data: Option<&str>) -> Command {
    Command { line, verb, uri: uri.into(), format: format.map(Into::into), data: data.map(Into::into) }
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xFF, 0xFE].into_iter().chain(units).collect()
}

const MESSAGE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- the recommended pair -->
<SyncML xmlns="SYNCML:SYNCML1.2">
  <SyncHdr><VerDTD>1.2</VerDTD><Source><LocURI>imei:1</LocURI></Source></SyncHdr>
  <SyncBody>
    <Get><CmdID>1</CmdID><Item><Target><LocURI>./DevInfo/DevId</LocURI></Target></Item></Get>
    <Atomic>
      <CmdID>2</CmdID>
      <Add>
        <CmdID>3</CmdID>
        <Item>
          <Target>
            <LocURI>
              ./Device/A
            </LocURI>
          </Target>
          <Meta><Format xmlns="syncml:metinf"> node </Format></Meta>
        </Item>
      </Add>
      <Sequence>
        <Replace><CmdID>4</CmdID>
          <Item><Target><LocURI>./Device/A/B</LocURI></Target>
            <Meta><Format xmlns="syncml:metinf">bool</Format><Type xmlns="syncml:metinf">text/plain</Type></Meta>
            <Data>true</Data></Item>
          <Item><Target><LocURI>./Device/A/C</LocURI></Target><Data/></Item>
        </Replace>
      </Sequence>
    </Atomic>
    <Delete><CmdID>5</CmdID><Cred><Data>x</Data></Cred><Item><Target><LocURI>./Device/D</LocURI></Target></Item></Delete>
    <Final/>
  </SyncBody>
</SyncML>
"#;

fn commands_of_the_message() -> Vec<Command> {
    vec![
        command(13, Verb::Add, "./Device/A", Some("node"), None),
        command(22, Verb::Replace, "./Device/A/B", Some("bool"), Some("true")),
        command(25, Verb::Replace, "./Device/A/C", None, Some("")),
        command(29, Verb::Delete, "./Device/D", None, None),
    ]
}

#[test]
fn reads_a_message_and_passes_over_what_sets_nothing() {
    assert_eq!(parse(MESSAGE.as_bytes()), Ok(commands_of_the_message()));
}

#[test]
fn reads_the_encodings_of_windows_editors() {
    let plain = MESSAGE.replace(" encoding=\"utf-8\"", "");
    let declared = MESSAGE.replace("utf-8", "UTF-16");
    for bytes in [[b"\xEF\xBB\xBF", MESSAGE.as_bytes()].concat(), utf16(&plain), utf16(&declared)] {
        assert_eq!(parse(&bytes), Ok(commands_of_the_message()));
    }
    assert_eq!(parse(MESSAGE.replace('\n', "\r\n").as_bytes()), Ok(commands_of_the_message()));
}

#[test]
fn takes_a_body_or_bare_commands_as_the_root() {
    let one = format!("<Replace><Item><Target><LocURI>{REQUIRE}</LocURI></Target><Data>true</Data></Item></Replace>");
    let read = |line| command(line, Verb::Replace, REQUIRE, None, Some("true"));
    assert_eq!(parse(format!("<SyncBody>{one}\n{one}</SyncBody>").as_bytes()), Ok(vec![read(1), read(2)]));
    assert_eq!(parse(format!("{one}\n\n{one}\n").as_bytes()), Ok(vec![read(1), read(3)]));
    assert_eq!(parse(format!("<Atomic>{one}</Atomic>{one}<Final/>").as_bytes()), Ok(vec![read(1), read(1)]));
    assert_eq!(parse(b"<SyncBody><Final/></SyncBody>"), Ok(Vec::new()));
}

#[test]
fn any_prefix_will_do() {
    let text = r#"<s:SyncML xmlns:s="SYNCML:SYNCML1.2" xmlns:m='syncml:metinf' note="a &lt; b"><s:SyncBody><s:Add><s:Item>
        <s:Target><s:LocURI>./A</s:LocURI></s:Target><s:Meta><m:Format>int</m:Format></s:Meta><s:Data>6</s:Data>
        </s:Item></s:Add></s:SyncBody></s:SyncML>"#;
    assert_eq!(parse(text.as_bytes()), Ok(vec![command(2, Verb::Add, "./A", Some("int"), Some("6"))]));
}

#[test]
fn the_format_of_a_command_is_that_of_items_without_one() {
    let item = |meta: &str| format!("<Item>{meta}<Target><LocURI>./A</LocURI></Target></Item>");
    let text = format!(
        "<Add><Meta><Format>chr</Format></Meta>{}{}</Add>",
        item(""),
        item("<Meta><Type>text/plain</Type><Format>int</Format></Meta>")
    );
    let formats: Vec<_> = parse(text.as_bytes()).unwrap().into_iter().map(|command| command.format.unwrap()).collect();
    assert_eq!(formats, ["chr", "int"]);
}

#[test]
fn text_comes_whole_and_trimmed() {
    let read = |data: &str| {
        let text = format!("<Add><Item><Target><LocURI>./A</LocURI></Target><Data>{data}</Data></Item></Add>");
        parse(text.as_bytes()).unwrap().remove(0).data.unwrap()
    };
    assert_eq!(read("\r\n\t a<!-- no -->b <?no?>c \n"), "ab c");
    assert_eq!(read(" <![CDATA[<enabled/>&amp;]]> "), "<enabled/>&amp;");
    assert_eq!(read("&lt;&#x26;amp;&gt;&quot;&apos;&#65;&#x1F511;"), "<&amp;>\"'A\u{1F511}");
    assert_eq!(read("a\r\nb\rc&#13;d"), "a\nb\nc\rd");
    assert_eq!(read("\u{a0}a\u{a0}"), "\u{a0}a\u{a0}", "no space of XML");
}

#[test]
fn a_big_text_is_read_in_one_pass() {
    let item = "<Item>\n<Target><LocURI>./A</LocURI></Target><Data>&lt;&#10;&lt;<!-- -->&lt;</Data></Item>";
    let text = format!("<Add>{}</Add>", item.repeat(20_000));
    let commands = parse(text.as_bytes()).unwrap();
    assert_eq!(commands.last().map(|command| (command.line, commands.len())), Some((20_001, 20_000)));
}
