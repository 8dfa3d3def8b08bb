//! Structures that must be JSON objects.
//!
//! Serde takes an array for a structure too, its members by place; no service or client that is mocked here does.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};

/// Reads a whole text as a structure that is an object. The text is UTF-8 throughout: serde_json looks away where a member is
/// not asked for.
///
/// # Errors
/// JSON that is none, is followed by something, or is not of that shape.
pub fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let text = std::str::from_utf8(text).map_err(serde_json::Error::custom)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = member(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Serde's `deserialize_with` for a member that is an object.
///
/// # Errors
/// Those of the format, and anything but an object.
pub fn member<'de, D: Deserializer<'de>, T: DeserializeOwned>(reader: D) -> Result<T, D::Error> {
    reader.deserialize_map(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Pair {
        first: u8,
        #[serde(default)]
        second: Option<u8>,
    }

    #[test]
    fn an_object_is_read_as_serde_reads_it() {
        assert_eq!(object::<Pair>(br#" {"first":1,"other":[2]} "#).unwrap(), Pair { first: 1, second: None });
        for text in ["", "{}", r#"{"first":1,"first":1}"#, r#"{"first":1}x"#, r#"{"first":300}"#, "null", "7"] {
            assert!(object::<Pair>(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_nobody_asks_for_is_utf_8_too() {
        assert!(serde_json::from_slice::<Pair>(b"{\"first\":1,\"other\":\"\xff\"}").is_ok(), "what serde_json takes");
        assert!(object::<Pair>(b"{\"first\":1,\"other\":\"\xff\"}").is_err());
    }

    #[test]
    fn an_array_is_no_object() {
        assert!(serde_json::from_str::<Pair>("[1,2]").is_ok(), "what serde takes");
        assert!(object::<Pair>(b"[1,2]").is_err());
    }
}
