//! Elements and texts out of XML, in bounds, and without a word of SyncML.
//!
//! quick-xml finds the tokens. What it leaves to its caller is done here: names, attributes, references, the depth, the end
//! inside of an element, the line.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::escape::{EscapeError, unescape};
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::encoding::{Encoding, is_character, is_space, newlines};
use super::{Reason, SyncmlFault, shortened};

/// `SyncML/SyncBody/Replace/Item/Target/LocURI`, and four of `Atomic` and `Sequence` around the command.
pub(super) const MAX_DEPTH: usize = 10;
/// An element declares two or three namespaces; comparing each name with each must stay cheap.
pub(super) const MAX_ATTRIBUTES: usize = 16;

/// What comes next.
enum Token<'a> {
    /// An element begins: its name without prefix.
    Open(String),
    /// The innermost element ends.
    Close,
    /// A piece of text, references resolved.
    Text(Cow<'a, str>),
    /// The document ends.
    End,
}

/// A document that is read from front to back.
pub(super) struct Markup<'a> {
    text: &'a str,
    encoding: Encoding,
    reader: Reader<&'a [u8]>,
    depth: usize,
    /// Where the last token begins: offset and line.
    at: usize,
    line: usize,
}

impl<'a> Markup<'a> {
    pub(super) fn new(text: &'a str, encoding: Encoding) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self { text, encoding, reader, depth: 0, at: 0, line: 1 }
    }

    /// The line on which the last element began or ended.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn fault(&self, reason: Reason) -> SyncmlFault {
        SyncmlFault::at(self.line, reason)
    }

    /// The name of the next element within the open one; `None` if that one, or the document, ends first.
    pub(super) fn child(&mut self) -> Result<Option<String>, SyncmlFault> {
        loop {
            match self.token()? {
                Token::Open(name) => return Ok(Some(name)),
                Token::Close | Token::End => return Ok(None),
                Token::Text(text) => {
                    if let Some(at) = text.find(|found| !is_space(found)) {
                        return Err(SyncmlFault::at(self.line + newlines(&text.as_bytes()[..at]), Reason::Text));
                    }
                }
            }
        }
    }

    /// The text of the open element up to its end, trimmed; an element in it is refused.
    pub(super) fn text(&mut self) -> Result<String, SyncmlFault> {
        let mut whole = String::new();
        loop {
            match self.token()? {
                Token::Text(piece) => whole.push_str(&piece),
                Token::Open(name) => return Err(self.fault(Reason::Element(shortened(&name)))),
                Token::Close | Token::End => return Ok(whole.trim_matches(is_space).to_owned()),
            }
        }
    }

    /// Passes over the rest of the open element. It is well-formed all the same.
    pub(super) fn skip(&mut self) -> Result<(), SyncmlFault> {
        let opened = self.depth;
        while self.depth >= opened {
            if matches!(self.token()?, Token::End) {
                break;
            }
        }
        Ok(())
    }

    fn token(&mut self) -> Result<Token<'a>, SyncmlFault> {
        loop {
            self.count_lines();
            match self.reader.read_event().map_err(|error| self.fault(reason(&error)))? {
                Event::Start(tag) | Event::Empty(tag) => return self.open(&tag).map(Token::Open),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Token::Close);
                }
                Event::Text(text) => return Ok(Token::Text(text.xml10_content())),
                Event::CData(text) => return Ok(Token::Text(text.xml10_content())),
                Event::GeneralRef(reference) => {
                    let character = resolved(&reference).map_err(|reason| self.fault(reason))?;
                    return Ok(Token::Text(character.to_string().into()));
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Decl(declaration) => self.check_declaration(&declaration)?,
                Event::DocType(_) => return Err(self.fault(Reason::Doctype)),
                Event::Eof if self.depth > 0 => return Err(self.fault(Reason::Unclosed)),
                Event::Eof => return Ok(Token::End),
            }
        }
    }

    /// Each byte is looked at once.
    fn count_lines(&mut self) {
        let next = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        self.line += newlines(self.text.as_bytes().get(self.at..next).unwrap_or_default());
        self.at = next;
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<String, SyncmlFault> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(Reason::Depth));
        }
        let name = tag.name();
        let name = local_name(name.as_ref()).ok_or_else(|| self.fault(Reason::Markup))?;
        for (index, attribute) in tag.attributes().enumerate() {
            if index == MAX_ATTRIBUTES {
                return Err(self.fault(Reason::Attributes));
            }
            let checked = attribute.map_err(|_| Reason::Attribute).and_then(|attribute| check(&attribute));
            checked.map_err(|reason| self.fault(reason))?;
        }
        self.depth += 1;
        Ok(name.to_owned())
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), SyncmlFault> {
        if self.at != 0 {
            return Err(self.fault(Reason::Declaration));
        }
        let Some(name) = declaration.encoding() else { return Ok(()) };
        let name = name.map_err(|_| self.fault(Reason::Attribute))?;
        if self.encoding.is_called(&name) { Ok(()) } else { Err(self.fault(Reason::Declared(shortened(&name)))) }
    }
}

/// The part of a name behind its prefix, if both are names.
fn local_name(name: &str) -> Option<&str> {
    let (prefix, local) = name.split_once(':').map_or((None, name), |(prefix, local)| (Some(prefix), local));
    (is_name(local) && prefix.is_none_or(is_name)).then_some(local)
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|each| each.is_alphanumeric() || matches!(each, '_' | '-' | '.'))
}

/// Attributes say nothing that we need, but must be well-formed.
fn check(attribute: &Attribute<'_>) -> Result<(), Reason> {
    if local_name(attribute.key.as_ref()).is_none() || attribute.value.contains('<') {
        return Err(Reason::Attribute);
    }
    let plain = unescape(&attribute.value).map_err(|error| match error {
        EscapeError::UnrecognizedEntity(_, name) => Reason::Entity(shortened(&name)),
        EscapeError::UnterminatedEntity(_) => Reason::Ampersand,
        _ => Reason::Reference,
    })?;
    plain.chars().find(|found| !is_character(*found)).map_or(Ok(()), |found| Err(Reason::Character(found)))
}

fn resolved(reference: &BytesRef<'_>) -> Result<char, Reason> {
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        number if number.starts_with('#') => match reference.resolve_char_ref() {
            Ok(Some(found)) if is_character(found) => Ok(found),
            Ok(Some(found)) => Err(Reason::Character(found)),
            _ => Err(Reason::Reference),
        },
        name => Err(Reason::Entity(shortened(name))),
    }
}

/// Our names for what quick-xml finds.
fn reason(error: &Error) -> Reason {
    match error {
        Error::Syntax(SyntaxError::UnclosedDoctype) => Reason::Doctype,
        Error::IllFormed(IllFormedError::MissingDoctypeName) => Reason::Doctype,
        Error::IllFormed(IllFormedError::UnmatchedEndTag(found) | IllFormedError::MismatchedEndTag { found, .. }) => {
            Reason::EndTag(shortened(found))
        }
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => Reason::Comment,
        Error::IllFormed(IllFormedError::UnclosedReference) => Reason::Ampersand,
        _ => Reason::Markup,
    }
}
