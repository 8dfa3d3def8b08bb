//! From a decision to an HTTP response.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json as literal};

use super::extract::Line;
use super::pages;
use crate::base::{OsRng, Timestamp, Uuid, random_guid};
use crate::entra::authorize::{Outcome, Redirect};
use crate::entra::page::Page;
use crate::entra::rules::KeyErrorForm;
use crate::entra::{Broken, Dialect, Entra, Failure, Refusal};
use crate::wire::graph::{GraphError, GraphErrorBody, InnerError};
use crate::wire::join::JoinError;
use crate::wire::kpp::{KeyError, NestedError};
use crate::wire::oauth::ErrorReply;

/// A good answer.
pub(super) enum Answer {
    /// 200 with JSON.
    Json(Value),
    /// 200 with a compact JWE. Which content type Entra gives it is not known; clients read the text. \[inferred\]
    Encrypted(String),
    /// 204 without a body.
    Empty,
    /// 302 to the client, with the same address in a page.
    Redirect(Redirect),
    /// 200 with a page for a person.
    Page(Page),
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Redirect(redirect) => Self::Redirect(redirect),
            Outcome::Page(page) => Self::Page(page),
        }
    }
}

/// Any reply as JSON.
pub(super) fn json(reply: impl Serialize) -> Result<Answer, Failure> {
    serde_json::to_value(reply).map(Answer::Json).map_err(|_| Broken::Encoding.into())
}

/// What every answer carries.
struct Ids {
    request: Uuid,
    client: Option<Uuid>,
    now: Timestamp,
}

/// Words the answer, and logs one line without secrets.
pub(super) fn finish(entra: &Entra, line: &Line, client: Option<Uuid>, answered: Result<Answer, Failure>) -> Response {
    let ids = Ids { request: random_guid(&mut OsRng), client, now: entra.now() };
    let refusal = match &answered {
        Ok(Answer::Page(page)) => page.refusal().map_or("", Refusal::name),
        Ok(_) => "",
        Err(Failure::Refused(refusal)) => refusal.name(),
        Err(Failure::Broken(_)) => "Broken",
    };
    if let Err(Failure::Broken(broken)) = &answered {
        tracing::error!(target: "whfb::entra", %broken, "the server is broken");
    }
    let mut response = match answered {
        Ok(Answer::Json(value)) => respond(StatusCode::OK, "application/json", value.to_string()),
        Ok(Answer::Encrypted(jwe)) => respond(StatusCode::OK, "application/jose", jwe),
        Ok(Answer::Empty) => empty(),
        Ok(Answer::Redirect(redirect)) => redirected(&redirect),
        Ok(Answer::Page(page)) => page_response(pages::render(&page, ids.request)),
        Err(Failure::Refused(refusal))
            if line.wants_page && matches!(refusal.entry().dialect, Dialect::Oauth { .. }) =>
        {
            page_response(pages::refusal(refusal, ids.request))
        }
        Err(Failure::Refused(refusal)) => refused(refusal, entra.rules().key_error, &ids),
        Err(Failure::Broken(_)) => {
            respond(StatusCode::INTERNAL_SERVER_ERROR, "application/json", broken(&ids).to_string())
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, id) in [("request-id", Some(ids.request)), ("client-request-id", client)] {
        if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
            headers.insert(name, value);
        }
    }
    let status = response.status().as_u16();
    tracing::debug!(target: "whfb::entra", method = line.method, host = line.host, path = line.path, status, refusal);
    response
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A page that nobody can put into a frame of theirs. A refusal is 200 as well: libhimmelblau reads none from a page of another
/// status. \[client\]
fn page_response(html: String) -> Response {
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", html);
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn redirected(redirect: &Redirect) -> Response {
    let mut response = respond(StatusCode::FOUND, "text/html; charset=utf-8", pages::redirect(redirect.location()));
    // The address was checked to be visible ASCII before the code was made.
    if let Ok(value) = HeaderValue::from_str(redirect.location()) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn refused(refusal: Refusal, form: KeyErrorForm, ids: &Ids) -> Response {
    let entry = refusal.entry();
    let (name, text) = (refusal.name(), entry.text);
    let status = StatusCode::from_u16(entry.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = match entry.dialect {
        Dialect::Oauth { error, number } => serde_json::to_value(ErrorReply {
            error: error.to_owned(),
            error_description: pages::words(refusal),
            error_codes: vec![number.0],
            timestamp: ids.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            trace_id: ids.request.to_string(),
            correlation_id: ids.client.unwrap_or(ids.request).to_string(),
        }),
        Dialect::Key { hresult } => serde_json::to_value(KeyError {
            code: name.to_owned(),
            message: text.to_owned(),
            response: "ERROR_FAIL".to_owned(),
            target: "key".to_owned(),
            clientrequestid: ids.client.map(|id| id.to_string()),
            time: ids.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            hresult: Some(hresult.to_string()),
            error: (form == KeyErrorForm::Both)
                .then(|| NestedError { code: name.to_owned(), message: text.to_owned() }),
        }),
        Dialect::Join { hresult } => serde_json::to_value(JoinError {
            error_type: name.to_owned(),
            message: text.to_owned(),
            trace_id: ids.request.to_string(),
            time: ids.now.strftime("%m-%d-%Y %H:%M:%SZ").to_string(),
            hresult: hresult.map(|code| code.to_string()),
        }),
        Dialect::Graph { code } => serde_json::to_value(GraphError {
            error: GraphErrorBody {
                code: code.to_owned(),
                message: format!("{name}: {text}."),
                inner_error: InnerError {
                    date: ids.now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                    request_id: ids.request.to_string(),
                    client_request_id: ids.client.unwrap_or(ids.request).to_string(),
                },
            },
        }),
        Dialect::Lab => Ok(literal!({ "error": { "code": name, "message": text } })),
    };
    respond(status, "application/json", body.unwrap_or_default().to_string())
}

/// The body of a 500; it says nothing of what broke, which is in the log.
fn broken(ids: &Ids) -> Value {
    literal!({
        "error": "server_error",
        "error_description": "the server is broken; its log says how",
        "trace_id": ids.request.to_string(),
    })
}
