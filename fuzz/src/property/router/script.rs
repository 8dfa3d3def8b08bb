//! Requests as a file of the corpus has them:
//!
//! ```text
//! POST enterpriseregistration.windows.net /EnrollmentServer/device/?api-version=2.0
//! Authorization: Bearer {drs}
//!
//! {"JoinType":0}
//! %%
//! GET ...
//! ```
//!
//! `{drs}`, `{graph}` and `{nonce}` stand for what the tenant lends, and [`HEARD`] for what the last answer said that had it. The
//! header `tls-certificate` (base64 DER) is none, but what the client showed in its handshake.

use std::collections::BTreeMap;

use serde_json::Value;
use whfb::wire::http::{Method, Reply, Request};
use whfb::wire::oauth::{decode_form, field};

/// Most requests of a file.
const MOST: usize = 8;

/// What is heard in answers. Access tokens are not among it: nobody joins with one that was not lent.
const HEARD: [&str; 5] = ["flow", "code", "user_code", "device_code", "refresh_token"];

/// Texts by the names that stand for them.
#[derive(Clone, Default)]
pub(super) struct Lent(BTreeMap<&'static str, String>);

impl Lent {
    /// Lends a text.
    pub(super) fn lend(&mut self, name: &'static str, text: String) {
        self.0.insert(name, text);
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Remembers what an answer says: in its JSON, its redirect, or a hidden field of its page.
    pub(super) fn hear(&mut self, reply: &Reply) {
        let json: Value = reply.json().unwrap_or_default();
        let redirect = reply.header("location").and_then(|address| address.split_once('?')).unwrap_or_default();
        let redirect = decode_form(redirect.1.as_bytes());
        let page = String::from_utf8_lossy(&reply.body);
        for name in HEARD {
            let hidden =
                page.split_once(&format!("name=\"{name}\" value=\"")).and_then(|(_, rest)| rest.split_once('"'));
            let said = json[name].as_str().or(field(&redirect, name)).or(hidden.map(|(value, _)| value));
            self.0.extend(said.map(|text| (name, text.to_owned())));
        }
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): (&&str, &String)| text.replace(&format!("{{{name}}}"), value);
        self.0.iter().fold(text.to_owned(), fill)
    }
}

/// Whether a nonce is lent: it is made for the request.
pub(super) fn asks_for_nonce(text: &[u8]) -> bool {
    find(text, b"{nonce}").is_some()
}

/// The texts of the requests.
pub(super) fn requests(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = Some(bytes);
    let next = || {
        let text = rest?;
        let (first, behind) = split(text, b"\n%%\n").map_or((text, None), |(first, behind)| (first, Some(behind)));
        rest = behind;
        Some(first)
    };
    std::iter::from_fn(next).take(MOST).collect()
}

/// A request and the certificate of its client, if the text has the form of one.
pub(super) fn request(text: &[u8], lent: &Lent) -> Option<(Request, Option<String>)> {
    let (head, body) = split(text, b"\n\n").unwrap_or((text, &[]));
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let mut words = lines.next()?.splitn(3, ' ');
    let method = match words.next()? {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => return None,
    };
    let mut request = Request::new(method, words.next()?, lent.fill(words.next()?));
    let mut certificate = None;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "tls-certificate" => certificate = Some(value.to_owned()),
            _ => request = request.header(name, lent.fill(value)),
        }
    }
    request.body = match std::str::from_utf8(body) {
        Ok(text) => lent.fill(text).into_bytes().into(),
        Err(_) => body.to_vec().into(),
    };
    Some((request, certificate))
}

fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = find(bytes, mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|each| each == mark)
}
