//! The grammar: which element may stand in which.

use super::encoding::decode;
use super::markup::Markup;
use super::{Command, Reason, SyncmlFault, Verb, shortened};

/// Reads the commands of a text, in order; each item is one.
pub fn parse(bytes: &[u8]) -> Result<Vec<Command>, SyncmlFault> {
    let (text, encoding) = decode(bytes)?;
    let mut document = Document { markup: Markup::new(&text, encoding), commands: Vec::new() };
    document.root()?;
    Ok(document.commands)
}

struct Document<'a> {
    markup: Markup<'a>,
    commands: Vec<Command>,
}

/// What an item holds.
#[derive(Default)]
struct Item {
    uri: Option<(usize, String)>,
    format: Option<String>,
    data: Option<String>,
}

impl Document<'_> {
    fn root(&mut self) -> Result<(), SyncmlFault> {
        let Some(name) = self.markup.child()? else {
            return Err(SyncmlFault::of_the_whole(Reason::Empty));
        };
        match name.as_str() {
            "SyncML" => self.message()?,
            "SyncBody" => self.commands()?,
            _ => {
                self.command(&name)?;
                return self.commands();
            }
        }
        match self.markup.child()? {
            Some(name) => Err(self.markup.fault(Reason::SecondRoot(shortened(&name)))),
            None => Ok(()),
        }
    }

    fn message(&mut self) -> Result<(), SyncmlFault> {
        while let Some(name) = self.markup.child()? {
            match name.as_str() {
                "SyncHdr" => self.markup.skip()?,
                "SyncBody" => self.commands()?,
                _ => return Err(self.stranger(&name)),
            }
        }
        Ok(())
    }

    /// Commands up to the end of what holds them. Calls itself as deep as [`Markup`] lets elements nest.
    fn commands(&mut self) -> Result<(), SyncmlFault> {
        while let Some(name) = self.markup.child()? {
            self.command(&name)?;
        }
        Ok(())
    }

    fn command(&mut self, name: &str) -> Result<(), SyncmlFault> {
        match name {
            "Atomic" | "Sequence" => self.commands(),
            // A Get changes nothing.
            "CmdID" | "Cred" | "Final" | "Get" => self.markup.skip(),
            _ => match Verb::ALL.into_iter().find(|verb| verb.name() == name) {
                Some(verb) => self.items(verb),
                None => Err(self.stranger(name)),
            },
        }
    }

    fn items(&mut self, verb: Verb) -> Result<(), SyncmlFault> {
        let (line, first) = (self.markup.line(), self.commands.len());
        let mut shared = None;
        while let Some(name) = self.markup.child()? {
            match name.as_str() {
                "CmdID" | "Cred" => self.markup.skip()?,
                "Meta" => self.meta(&mut shared)?,
                "Item" => {
                    let command = self.item(verb, shared.as_ref())?;
                    self.commands.push(command);
                }
                _ => return Err(self.stranger(&name)),
            }
        }
        if self.commands.len() == first { Err(SyncmlFault::at(line, Reason::NoItem)) } else { Ok(()) }
    }

    fn item(&mut self, verb: Verb, shared: Option<&String>) -> Result<Command, SyncmlFault> {
        let opened = self.markup.line();
        let mut item = Item::default();
        while let Some(name) = self.markup.child()? {
            match name.as_str() {
                "Target" => self.target(&mut item.uri)?,
                "Meta" => self.meta(&mut item.format)?,
                "Data" => self.text_once(&mut item.data, "Data")?,
                _ => return Err(self.stranger(&name)),
            }
        }
        let named = item.uri.filter(|(_, uri)| !uri.is_empty());
        let (line, uri) = named.ok_or_else(|| SyncmlFault::at(opened, Reason::NoUri))?;
        Ok(Command { line, verb, uri, format: item.format.or_else(|| shared.cloned()), data: item.data })
    }

    fn target(&mut self, uri: &mut Option<(usize, String)>) -> Result<(), SyncmlFault> {
        while let Some(name) = self.markup.child()? {
            let line = self.markup.line();
            match name.as_str() {
                "LocURI" if uri.is_some() => return Err(self.markup.fault(Reason::Twice("LocURI"))),
                "LocURI" => *uri = Some((line, self.markup.text()?)),
                _ => return Err(self.stranger(&name)),
            }
        }
        Ok(())
    }

    /// The format; the media type beside it is always `text/plain` where somebody looks at it.
    fn meta(&mut self, format: &mut Option<String>) -> Result<(), SyncmlFault> {
        while let Some(name) = self.markup.child()? {
            match name.as_str() {
                "Format" => self.text_once(format, "Format")?,
                "Type" => self.markup.text().map(drop)?,
                _ => return Err(self.stranger(&name)),
            }
        }
        Ok(())
    }

    fn text_once(&mut self, slot: &mut Option<String>, name: &'static str) -> Result<(), SyncmlFault> {
        if slot.is_some() {
            return Err(self.markup.fault(Reason::Twice(name)));
        }
        *slot = Some(self.markup.text()?);
        Ok(())
    }

    fn stranger(&self, name: &str) -> SyncmlFault {
        self.markup.fault(Reason::Element(shortened(name)))
    }
}
