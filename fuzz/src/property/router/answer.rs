//! What every answer has.

use serde::de::DeserializeOwned;
use serde_json::Value;
use whfb::base::Uuid;
use whfb::wire::graph::GraphError;
use whfb::wire::host;
use whfb::wire::http::{Reply, Request};
use whfb::wire::join::JoinError;
use whfb::wire::kpp::KeyError;
use whfb::wire::oauth::ErrorReply;

use super::super::{check_growth, must, same};

/// Checks status, headers and body.
pub(super) fn check(request: &Request, reply: &Reply) -> Result<(), String> {
    same(&(200..500).contains(&reply.status), &true, "a status from 200 to 499")?;
    must(Uuid::parse_str(reply.header("request-id").unwrap_or("none")), "the request-id")?;
    same(&reply.header("cache-control"), &Some("no-store"), "what may be kept")?;
    let read = request.target.len() + request.body.len();
    // A page has its frame, a character may be an entity in it, and a redirect has its address twice.
    check_growth(reply.body.len(), read + 1024, 16, "an answer")?;
    let host = Host::of(request);
    match reply.header("content-type") {
        None => same(&(reply.status, reply.body.len(), host), &(204, 0, Host::Graph), "an answer without a body"),
        Some("application/json") => json(host, reply),
        Some("text/html; charset=utf-8") => page(host, request, reply),
        Some("application/jose") => {
            same(&(host, reply.status), &(Host::Login, 200), "an encrypted answer")?;
            same(&String::from_utf8_lossy(&reply.body).split('.').count(), &5, "its parts")
        }
        Some(other) => Err(format!("a body of type {other}")),
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Login,
    Registration,
    Graph,
    Aik,
    Nobody,
    /// The target names its own host, or a second one is given.
    Unclear,
}

impl Host {
    fn of(request: &Request) -> Self {
        if !request.target.starts_with('/') || request.header_value("host").is_some() {
            return Self::Unclear;
        }
        let name = request.host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            host::LOGIN | host::LOGIN_OLD => Self::Login,
            host::REGISTRATION => Self::Registration,
            host::GRAPH => Self::Graph,
            host::AIK => Self::Aik,
            _ => Self::Nobody,
        }
    }
}

fn json(host: Host, reply: &Reply) -> Result<(), String> {
    let body: Value = must(reply.json(), "JSON")?;
    if reply.is_success() {
        return same(&body.is_object(), &true, "a good answer is an object");
    }
    // No service has the path, or nobody got so far as to ask which service it is.
    let lab = body["error"]["code"].is_string() && body["error"]["message"].is_string();
    let own = match host {
        Host::Login => is::<ErrorReply>(&body) && body["error_codes"][0].is_u64(),
        Host::Registration => is::<JoinError>(&body) || is::<KeyError>(&body),
        Host::Graph => is::<GraphError>(&body),
        Host::Aik | Host::Nobody => false,
        Host::Unclear => true,
    };
    if own || lab { Ok(()) } else { Err(format!("{host:?} does not speak so: {body}")) }
}

fn is<T: DeserializeOwned>(body: &Value) -> bool {
    serde_json::from_value::<T>(body.clone()).is_ok()
}

/// A page is of the sign-in alone, and no tag in it is the client's.
fn page(host: Host, request: &Request, reply: &Reply) -> Result<(), String> {
    same(&matches!(host, Host::Login | Host::Unclear), &true, "a page is of the sign-in")?;
    let page = must(std::str::from_utf8(&reply.body), "a page")?;
    same(&(page.starts_with("<!DOCTYPE html>") || page.starts_with("<html>")), &true, "a page is HTML")?;
    same(&(page.matches("<script").count() <= 1), &true, "a page has no script of another")?;
    if reply.status == 302 {
        must(reply.header("location").ok_or("none"), "a redirect's address")?;
    } else {
        same(&reply.header("x-frame-options"), &Some("DENY"), "frames")?;
    }
    // What is sent as a tag would come back as one.
    let sent = String::from_utf8_lossy(&request.body).contains("<i>");
    same(&(sent && page.contains("<i>")), &false, "a tag of the client")
}
