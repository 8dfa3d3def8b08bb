//! A plain request and reply: what a flow yields and what a server answers, without a socket.

use std::fmt;

use zeroize::Zeroizing;

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// A request. `Debug` shows method, host and path alone: query, headers and body carry secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The host name without a port.
    pub host: String,
    /// Path and query, beginning with `/`.
    pub target: String,
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none. Wiped on drop, as it may carry a password or a token.
    pub body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// A request without body and headers.
    pub fn new(method: Method, host: &str, target: impl Into<String>) -> Self {
        Self { method, host: host.to_owned(), target: target.into(), headers: Vec::new(), body: Vec::new().into() }
    }

    /// A POST of `application/x-www-form-urlencoded`.
    pub fn form(host: &str, target: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let mut request = Self::new(Method::Post, host, target);
        request.body = super::oauth::encode_form(fields).into_bytes().into();
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// A POST of JSON that asks for JSON.
    pub fn json(host: &str, target: impl Into<String>, body: &impl serde::Serialize) -> Self {
        let mut request = Self::new(Method::Post, host, target);
        // Only maps with keys that are no strings fail here, and no type of this crate has one.
        request.body = serde_json::to_vec(body).unwrap_or_default().into();
        request.header("Content-Type", "application/json").header("Accept", "application/json")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.header("Authorization", value)
    }

    /// The first value of a header; names are compared without case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer`; the scheme is compared without case (RFC 9110 section 11.1). Of two such headers
    /// neither counts, and the token is empty, which is malformed everywhere.
    pub fn bearer_token(&self) -> Option<&str> {
        if self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Authorization")).count() > 1 {
            return Some("");
        }
        let (scheme, token) = self.header_value("Authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
    }

    /// Whether the answer may be a page: the client says what it takes and does not ask for JSON by name, as browsers do, and
    /// public clients at the authorization endpoint.
    pub fn wants_page(&self) -> bool {
        let mut ranges = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Accept"))
            .flat_map(|(_, value)| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .peekable();
        ranges.peek().is_some() && !ranges.any(|range| range.eq_ignore_ascii_case("application/json"))
    }

    /// The fields of the query, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        self.target.split_once('?').map_or_else(Vec::new, |(_, query)| super::oauth::decode_form(query.as_bytes()))
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} https://{}{} ({} bytes)", self.method, self.host, self.path(), self.body.len())
    }
}

/// A reply. `Debug` shows status and size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body. Wiped on drop, as it may carry a token.
    pub body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// The first value of a header; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a JSON object of a type.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        super::json::object(&self.body)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// A segment of a path without its percent signs (RFC 3986 section 2.1). What separates the fields of a form means itself there.
pub fn decoded_segment(segment: &str) -> String {
    let field = segment.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    let mut fields = super::oauth::decode_form(field.as_bytes());
    if fields.is_empty() { String::new() } else { fields.swap_remove(0).0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_for_who_takes_one_and_does_not_ask_for_json() {
        let accepting = |value: Option<&str>| {
            let request = Request::new(Method::Get, super::super::host::LOGIN, "/");
            value.map_or(request.clone(), |value| request.header("accept", value)).wants_page()
        };
        assert!(accepting(Some("text/html,application/xhtml+xml,*/*;q=0.8")) && accepting(Some("*/*")));
        assert!(!accepting(None) && !accepting(Some("application/json, text/plain, */*")));
    }

    #[test]
    fn debug_shows_no_query_header_or_body() {
        let request =
            Request::form(super::super::host::LOGIN, "/common/oauth2/token?code=s3cret", &[("password", "s3cret")])
                .bearer("s3cret");
        assert!(!format!("{request:?}").contains("s3cret"));
        let reply =
            Reply { status: 200, headers: vec![("X".into(), "s3cret".into())], body: b"s3cret".to_vec().into() };
        assert_eq!(format!("{reply:?}"), "200 (6 bytes)");
        assert_eq!(reply.header("x"), Some("s3cret"));
    }

    #[test]
    fn a_segment_is_decoded_and_keeps_what_separates_fields() {
        assert_eq!(decoded_segment("a%40b+c=%27d&e"), "a@b+c='d&e");
        assert_eq!(decoded_segment(""), "");
    }
}
