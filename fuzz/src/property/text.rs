//! Text that HTTP and OAuth carry.

use whfb::wire::encoding::{base64, base64url, from_base64, from_base64url};
use whfb::wire::http::{Method, Request, decoded_segment};
use whfb::wire::oauth::{decode_form, encode_form, field};

use super::{check_growth, same, taken};

/// Any bytes are a form. It is written with its escapes and then reads as the same; a field is the first of its name.
pub(super) fn form(bytes: &[u8]) -> Result<bool, String> {
    let fields = decode_form(bytes);
    let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let written = encode_form(&pairs);
    // A byte that is no UTF-8 becomes a mark of three, and each of those an escape of three.
    check_growth(written.len(), bytes.len(), 9, "a form")?;
    same(&written.is_ascii(), &true, "a form is ASCII")?;
    same(&decode_form(written.as_bytes()), &fields, "a form written and read")?;
    if let Some((name, value)) = fields.first() {
        same(&field(&fields, name), &Some(value.as_str()), "the first field")?;
    }
    let text = String::from_utf8_lossy(bytes);
    alphabets(&text)?;
    segment(&text)?;
    headers(&text)?;
    Ok(true)
}

/// Each alphabet writes what it read as the same text, so no two texts are the same bytes.
fn alphabets(text: &str) -> Result<(), String> {
    if let Some(bytes) = taken(from_base64(text))? {
        same(base64(&bytes).as_str(), text, "base64")?;
    }
    if let Some(bytes) = taken(from_base64url(text))? {
        same(base64url(&bytes).as_str(), text, "base64url")?;
    }
    Ok(())
}

fn segment(text: &str) -> Result<(), String> {
    check_growth(decoded_segment(text).len(), text.len(), 3, "a segment")?;
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    same(decoded_segment(&escaped).as_str(), text, "a segment of escapes")
}

fn headers(text: &str) -> Result<(), String> {
    let request = Request::new(Method::Get, "", text).header("authorization", text).header("accept", text);
    same(&text.starts_with(request.path()), &true, "a path is the front of its target")?;
    if let Some((_, query)) = text.split_once('?') {
        same(&request.query(), &decode_form(query.as_bytes()), "a query is a form")?;
    }
    if let Some(token) = request.bearer_token() {
        same(&text.trim_end().ends_with(token), &true, "a token is the end of its header")?;
    }
    let bearer = Request::new(Method::Get, "", "/").bearer(text);
    same(&bearer.bearer_token(), &Some(text.trim()), "a token that was added")?;
    same(&(request.wants_page() && text.trim().eq_ignore_ascii_case("application/json")), &false, "a page for JSON")
}
