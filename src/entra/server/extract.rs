//! From an axum request to a plain one.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, Method as HttpMethod, header};

use crate::base::Uuid;
use crate::entra::Refusal;
use crate::wire::http::{Method, Request};

/// The largest body that is read.
const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What may be logged of a request: no query, no headers, no body.
pub(super) struct Line {
    pub(super) method: String,
    pub(super) host: String,
    pub(super) path: String,
    /// Whether a refusal is shown on a page: at the endpoints that people see, to who takes one.
    pub(super) wants_page: bool,
}

/// The paths that browsers go to, behind the tenant.
fn is_for_people(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["/authorize", "/login", "/login/mfa", "/login/confirm", "/deviceauth"].iter().any(|end| path.ends_with(end))
}

pub(super) fn line(request: &HttpRequest) -> Line {
    let path = request.uri().path();
    Line {
        method: request.method().to_string(),
        host: host(request),
        path: path.to_owned(),
        wants_page: is_for_people(path) && wants_page(request),
    }
}

fn wants_page(request: &HttpRequest) -> bool {
    // One rule, and it is the decisions' own.
    Request { headers: plain(request.headers()), ..Request::new(Method::Get, "", "/") }.wants_page()
}

/// The request's `client-request-id`, if it is a GUID (MS-KPP section 2.2.1.2); from the query where clients put it there.
pub(super) fn client_request_id(request: &HttpRequest) -> Option<Uuid> {
    let header = request.headers().get("client-request-id").and_then(|value| value.to_str().ok());
    let query = || {
        let query = crate::wire::oauth::decode_form(request.uri().query()?.as_bytes());
        query.into_iter().find(|(name, _)| name == "client-request-id").map(|(_, value)| value)
    };
    header.map(str::to_owned).or_else(query).and_then(|text| Uuid::parse_str(&text).ok())
}

/// The host without a port, lower case: of an absolute target, otherwise of the `Host` header. Two of these name none (RFC 9112
/// section 3.2): a proxy before us might take the other.
fn host(request: &HttpRequest) -> String {
    let mut all = request.headers().get_all(header::HOST).iter();
    let only = all.next().filter(|_| all.next().is_none());
    let named = || only.and_then(|value| value.to_str().ok());
    let host = request.uri().host().or_else(named).unwrap_or_default();
    host.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// Reads the whole request, within limits of size and time.
pub(super) async fn read(request: HttpRequest) -> Result<Request, Refusal> {
    let method = match *request.method() {
        HttpMethod::GET => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PATCH => Method::Patch,
        HttpMethod::DELETE => Method::Delete,
        _ => return Err(Refusal::PathUnknown),
    };
    let host = host(&request);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let headers = plain(request.headers());
    let body = read_body(request.into_body()).await?;
    Ok(Request { method, host, target, headers, body: body.into() })
}

async fn read_body(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(error)) if is_too_long(&error) => Err(Refusal::BodyTooLarge),
        Ok(Err(_)) => Err(Refusal::BodyUnreadable),
        Err(_) => Err(Refusal::RequestTooSlow),
    }
}

/// The limit's error is a type of a crate that axum does not export, so its text tells it from a broken connection.
fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}

/// Header values that are no text cannot mean anything to the protocols, and are left out.
fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_body_of_one_mebibyte_and_not_a_byte_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let exact = read_body(Body::from(vec![1; BODY_LIMIT])).await;
            assert_eq!(exact.map(|body| body.len()), Ok(BODY_LIMIT));
            let longer = read_body(Body::from(vec![1; BODY_LIMIT + 1])).await;
            assert_eq!(longer, Err(Refusal::BodyTooLarge));
        });
    }
}
