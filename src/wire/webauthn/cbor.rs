//! CBOR as CTAP2 writes it (CTAP 2.1 section 8), and maps whose members are known.
//!
//! `ciborium` reads an item into a value and grows with what it has read, never by a length that is announced. What it is
//! lenient about, forms that are not the shortest, is found by writing the value again. Order is the reader's business: an
//! attestation object is also read in another one, since public captures of Windows Hello have `authData` before `attStmt`.

use std::io;

use ciborium::Value;
use ciborium::de::Error;

use super::WebauthnFormat;
use super::fault::{CborFormat, Kind, Map, cut};

/// Nothing that is attested comes near.
pub(super) const LONGEST: usize = 65_536;
/// Object, statement, list of certificates; one more for the outputs of extensions.
const DEEPEST: usize = 4;

/// The item at the front, and what follows it.
pub(super) fn first(bytes: &[u8]) -> Result<(Value, &[u8]), CborFormat> {
    if bytes.len() > LONGEST {
        return Err(CborFormat::TooLong(bytes.len()));
    }
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEEPEST).map_err(named)?;
    let read = bytes.strip_suffix(rest).unwrap_or_default();
    if write(&value) != read {
        return Err(CborFormat::NotShortest);
    }
    Ok((value, rest))
}

/// The one item that the bytes are.
pub(super) fn whole(bytes: &[u8]) -> Result<Value, CborFormat> {
    match first(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(CborFormat::TrailingBytes(rest.len())),
    }
}

fn named(fault: Error<io::Error>) -> CborFormat {
    match fault {
        Error::Io(_) => CborFormat::Truncated,
        Error::Syntax(at) => CborFormat::Syntax(at),
        Error::RecursionLimitExceeded => CborFormat::TooDeep,
        Error::Semantic(..) => CborFormat::Unsupported,
    }
}

/// Writes an item; the members of maps stay in their order.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    // Neither a vector nor a value can refuse. Were it otherwise, nothing reads as an item.
    if ciborium::into_writer(value, &mut out).is_err() {
        out.clear();
    }
    out
}

/// A map under construction: a member with its name.
pub(super) fn text(name: &str, value: Value) -> (Value, Value) {
    (Value::from(name), value)
}

/// The same under a number.
pub(super) fn label(label: i64, value: Value) -> (Value, Value) {
    (Value::from(label), value)
}

/// The members of a map that has these and no others, each at most once.
pub(super) struct Members<const N: usize> {
    map: Map,
    names: [&'static str; N],
    values: [Option<Value>; N],
}

impl<const N: usize> Members<N> {
    /// A map whose keys are the names themselves.
    pub(super) fn by_name(map: Map, value: Value, names: [&'static str; N]) -> Result<Self, WebauthnFormat> {
        Self::collect(map, value, names, |key| key.as_text().and_then(|key| names.iter().position(|name| *name == key)))
    }

    /// A map whose keys are numbers.
    pub(super) fn by_label(
        map: Map,
        value: Value,
        labels: [i64; N],
        names: [&'static str; N],
    ) -> Result<Self, WebauthnFormat> {
        let place = |key: &Value| {
            let key = i128::from(key.as_integer()?);
            labels.iter().position(|label| i128::from(*label) == key)
        };
        Self::collect(map, value, names, place)
    }

    /// Each key is looked up among the known ones, so a map of any length takes linear time.
    fn collect(
        map: Map,
        value: Value,
        names: [&'static str; N],
        place: impl Fn(&Value) -> Option<usize>,
    ) -> Result<Self, WebauthnFormat> {
        let Value::Map(entries) = value else { return Err(WebauthnFormat::NotAMap(map)) };
        let mut values = [const { None }; N];
        for (key, value) in entries {
            let index = place(&key).ok_or_else(|| WebauthnFormat::Unknown { map, name: shown(&key) })?;
            if values[index].replace(value).is_some() {
                return Err(WebauthnFormat::Repeated { map, member: names[index] });
            }
        }
        Ok(Self { map, names, values })
    }

    /// Whether a member is there; its own name if so.
    pub(super) fn has(&self, member: &str) -> Option<&'static str> {
        let index = self.names.iter().position(|name| *name == member)?;
        self.values[index].as_ref().map(|_| self.names[index])
    }

    fn take(&mut self, member: &'static str) -> Result<Value, WebauthnFormat> {
        let index = self.names.iter().position(|name| *name == member);
        let value = index.and_then(|index| self.values[index].take());
        value.ok_or(WebauthnFormat::Missing { map: self.map, member })
    }

    fn typed<T>(
        &mut self,
        member: &'static str,
        wanted: Kind,
        of: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, WebauthnFormat> {
        let fault = WebauthnFormat::WrongType { map: self.map, member, wanted };
        of(self.take(member)?).ok_or(fault)
    }

    pub(super) fn bytes(&mut self, member: &'static str) -> Result<Vec<u8>, WebauthnFormat> {
        self.typed(member, Kind::Bytes, |value| value.into_bytes().ok())
    }

    pub(super) fn text(&mut self, member: &'static str) -> Result<String, WebauthnFormat> {
        self.typed(member, Kind::Text, |value| value.into_text().ok())
    }

    pub(super) fn integer(&mut self, member: &'static str) -> Result<i128, WebauthnFormat> {
        self.typed(member, Kind::Integer, |value| value.as_integer().map(i128::from))
    }

    pub(super) fn map(&mut self, member: &'static str) -> Result<Value, WebauthnFormat> {
        self.typed(member, Kind::Map, |value| value.is_map().then_some(value))
    }

    pub(super) fn list_of_bytes(&mut self, member: &'static str) -> Result<Vec<Vec<u8>>, WebauthnFormat> {
        self.typed(member, Kind::ListOfBytes, |value| {
            value.into_array().ok()?.into_iter().map(|each| each.into_bytes().ok()).collect()
        })
    }
}

/// A key as a message shows it.
fn shown(key: &Value) -> String {
    match key {
        Value::Text(text) => cut(text),
        Value::Integer(number) => i128::from(*number).to_string(),
        Value::Bytes(_) => "(bytes)".into(),
        _ => "(neither text nor number)".into(),
    }
}
