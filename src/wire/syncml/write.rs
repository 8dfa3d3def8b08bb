//! Commands as a text that everybody reads the same way.

use super::Command;
use super::encoding::{is_character, is_space};

/// Why commands have no such text. They are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// No spelling of the character is allowed, not even a reference to it (XML 1.0 section 4.1).
    #[error("command {command}: XML 1.0 cannot carry U+{:04X}", u32::from(*.found))]
    Character {
        /// Which command.
        command: usize,
        /// The character.
        found: char,
    },
    /// Whoever reads trims: what was written would not be what is read.
    #[error("command {command}: whitespace at the edge of {text:?}")]
    Whitespace {
        /// Which command.
        command: usize,
        /// The value.
        text: String,
    },
    /// A command is about a node.
    #[error("command {command}: no LocURI")]
    NoUri {
        /// Which command.
        command: usize,
    },
}

/// Writes a whole message without a header, one command for each item. [`parse`](super::parse) gives the same commands back.
pub fn write(commands: &[Command]) -> Result<String, Unwritable> {
    let mut out = String::from("<SyncML xmlns=\"SYNCML:SYNCML1.2\">\n  <SyncBody>\n");
    for (index, command) in commands.iter().enumerate() {
        put(&mut out, index + 1, command)?;
    }
    out.push_str("    <Final/>\n  </SyncBody>\n</SyncML>\n");
    Ok(out)
}

fn put(out: &mut String, number: usize, command: &Command) -> Result<(), Unwritable> {
    let verb = command.verb.name();
    let uri = escaped(number, &command.uri)?;
    if uri.is_empty() {
        return Err(Unwritable::NoUri { command: number });
    }
    let mut line = |depth: usize, text: &str| {
        out.extend(std::iter::repeat_n("  ", depth));
        out.push_str(text);
        out.push('\n');
    };
    line(2, &format!("<{verb}>"));
    line(3, &format!("<CmdID>{number}</CmdID>"));
    line(3, "<Item>");
    line(4, "<Target>");
    line(5, &format!("<LocURI>{uri}</LocURI>"));
    line(4, "</Target>");
    if let Some(format) = &command.format {
        line(4, "<Meta>");
        line(5, &format!("<Format xmlns=\"syncml:metinf\">{}</Format>", escaped(number, format)?));
        // An interior node has no content that could be of a type.
        if command.data.is_some() {
            line(5, "<Type xmlns=\"syncml:metinf\">text/plain</Type>");
        }
        line(4, "</Meta>");
    }
    if let Some(data) = &command.data {
        line(4, &format!("<Data>{}</Data>", escaped(number, data)?));
    }
    line(3, "</Item>");
    line(2, &format!("</{verb}>"));
    Ok(())
}

/// The text as it may stand between tags. A carriage return would be read as a line feed (XML 1.0 section 2.11).
fn escaped(command: usize, text: &str) -> Result<String, Unwritable> {
    if text.starts_with(is_space) || text.ends_with(is_space) {
        return Err(Unwritable::Whitespace { command, text: text.to_owned() });
    }
    let mut out = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            found if !is_character(found) => return Err(Unwritable::Character { command, found }),
            plain => out.push(plain),
        }
    }
    Ok(out)
}
