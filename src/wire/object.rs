//! JSON objects, and nothing that only passes for one.

use serde::de::DeserializeOwned;

/// Reads a JSON object as a type; `None` for anything else. A list is refused, which serde takes for the members in their order.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }

    #[test]
    fn takes_an_object_and_no_list_of_its_values() {
        assert_eq!(read(b" \r\n\t{\"b\":2,\"a\":1}\n"), Some(Pair { a: 1, b: 2 }));
        assert_eq!(serde_json::from_slice::<Pair>(b"[1,2]").ok(), Some(Pair { a: 1, b: 2 }), "what serde takes");
        for json in ["[1,2]", " [1,2]", "", "{\"a\":1}", "{\"a\":1,\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}}"] {
            assert_eq!(read::<Pair>(json.as_bytes()), None, "{json:?}");
        }
    }
}
