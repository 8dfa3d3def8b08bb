//! Client data (WebAuthn section 5.8.1).

use serde::Deserialize;

use super::WebauthnFormat;
use super::cbor::LONGEST;
use super::fault::{Document, cut};
use crate::wire::encoding::{base64url, from_base64url};
use crate::wire::json;

const CREATE: &str = "webauthn.create";

/// What the browser says of a registration; over SHA-256 of the text the authenticator signs, so the text itself is what
/// travels and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientData {
    /// The relying party's challenge.
    pub challenge: Vec<u8>,
    /// The page's origin, such as `https://login.example`.
    pub origin: String,
    /// Whether the page was in a frame of another origin.
    pub cross_origin: bool,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

impl ClientData {
    /// The client data of a page that is in no frame.
    pub fn new(challenge: &[u8], origin: &str) -> Self {
        Self { challenge: challenge.to_vec(), origin: origin.to_owned(), cross_origin: false }
    }

    /// Reads the text: a JSON object of type `webauthn.create`. Members that are not known are passed over, as the
    /// specification wants it: browsers add some.
    ///
    /// # Errors
    /// The first fault: length, JSON, type, challenge.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WebauthnFormat> {
        let document = Document::ClientData;
        if bytes.len() > LONGEST {
            return Err(WebauthnFormat::TextTooLong { document, length: bytes.len() });
        }
        let text: Text =
            json::object(bytes).map_err(|why| WebauthnFormat::Json { document, why: cut(&why.to_string()) })?;
        if text.kind != CREATE {
            return Err(WebauthnFormat::ClientDataType(cut(&text.kind)));
        }
        let not_base64 = WebauthnFormat::NotBase64Url { document, member: "challenge" };
        let challenge = from_base64url(&text.challenge).map_err(|_| not_base64)?;
        Ok(Self { challenge, origin: text.origin, cross_origin: text.cross_origin })
    }

    /// Writes the text to the letter of section 5.8.1.1, which the limited verification algorithm (5.8.1.2) compares with.
    pub fn to_bytes(&self) -> Vec<u8> {
        let members =
            [("{\"type\":", CREATE), (",\"challenge\":", &base64url(&self.challenge)), (",\"origin\":", &self.origin)];
        let mut out = String::new();
        for (name, value) in members {
            out.push_str(name);
            push_quoted(&mut out, value);
        }
        out.push_str(if self.cross_origin { ",\"crossOrigin\":true}" } else { ",\"crossOrigin\":false}" });
        out.into_bytes()
    }
}

/// `CCDToString`: quote and backslash after a backslash, what is below a space as `\u` and four digits, all else as it is.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
}
