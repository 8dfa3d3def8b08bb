//! Every path on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use axum_server::tls::TlsInfo;

use super::answer::{Answer, json};
use super::extract;
use crate::entra::device_code::Version;
use crate::entra::sts::TokenAnswer;
use crate::entra::{
    Entra, Failure, Refusal, aik, authorize, device_code, discovery, graph, join, leave, login, openid, realm,
    register, sts,
};
use crate::wire::host;
use crate::wire::http::{Method, Request};

/// The mock as an axum service: what the listener serves, and what a test or a link calls without a socket.
///
/// The host comes from an absolute request target or from the `Host` header, with or without a port.
pub fn router(entra: Arc<Entra>) -> Router {
    Router::new().fallback(serve).with_state(entra)
}

async fn serve(State(entra): State<Arc<Entra>>, request: HttpRequest) -> Response {
    let client_request_id = extract::client_request_id(&request);
    let line = extract::line(&request);
    // That the client has the certificate's key was proven in the handshake, and nothing else about it.
    let certificate = request.extensions().get::<Arc<TlsInfo>>().and_then(|tls| tls.peer_certificates.first().cloned());
    let answered = match extract::read(request).await {
        Ok(request) => dispatch(&entra, &request, certificate.as_deref()).await,
        Err(refusal) => Err(refusal.into()),
    };
    super::answer::finish(&entra, &line, client_request_id, answered)
}

/// Paths are compared without case, and an empty last segment does not count: `/key` is `/key/`.
async fn dispatch(entra: &Entra, request: &Request, certificate: Option<&[u8]>) -> Result<Answer, Failure> {
    let path = request.path().to_lowercase();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    use Method::{Delete, Get, Post};
    match (request.host.as_str(), request.method, segments.as_slice()) {
        (host::LOGIN | host::LOGIN_OLD, method, segments) => login_host(entra, request, method, segments).await,
        (host::REGISTRATION, Delete, ["enrollmentserver", "device", id]) => {
            leave::leave(entra, id, certificate).await?;
            json(serde_json::json!({}))
        }
        (host::REGISTRATION, Get, [tenant, "discover"]) => json(discovery::discover(entra, tenant)?),
        (host::REGISTRATION, Get, ["enrollmentserver", "nonce", tenant]) => json(discovery::nonce(entra, tenant)?),
        (host::REGISTRATION, Post, ["enrollmentserver", "device"]) => json(join::join(entra, request).await?),
        (host::REGISTRATION, Post, ["enrollmentserver", "key"]) => json(register::register(entra, request).await?),
        (host::GRAPH, ..) => serve_graph(entra, request, &segments).await,
        (host::AIK, Post, ["aik", "challenge"]) => json(aik::challenge(entra, request)?),
        (host::AIK, Post, ["aik", "certificate"]) => json(aik::certificate(entra, request).await?),
        (name, ..) if !host::ALL.contains(&name) => Err(Refusal::HostUnknown.into()),
        _ => Err(Refusal::PathUnknown.into()),
    }
}

/// The token service and its pages.
async fn login_host(entra: &Entra, request: &Request, method: Method, segments: &[&str]) -> Result<Answer, Failure> {
    use Method::{Get, Post};
    match (method, segments) {
        (Post, [tenant, "oauth2", "token"] | [tenant, "oauth2", "v2.0", "token"]) => {
            match sts::token(entra, tenant, request).await? {
                TokenAnswer::Encrypted(jwe) => Ok(Answer::Encrypted(jwe)),
                plain => json(plain),
            }
        }
        (Get, [tenant, "oauth2", "authorize"] | [tenant, "oauth2", "v2.0", "authorize"]) => {
            authorize::authorize(entra, tenant, request).await.map(Answer::from)
        }
        (Post, [tenant, "oauth2", "devicecode"]) => {
            json(device_code::begin(entra, tenant, request, Version::V1).await?)
        }
        (Post, [tenant, "oauth2", "v2.0", "devicecode"]) => {
            json(device_code::begin(entra, tenant, request, Version::V2).await?)
        }
        (Get, [tenant, "oauth2", "deviceauth"]) => login::ask_for_code(entra, tenant, request).map(Answer::Page),
        (Post, [tenant, "oauth2", "deviceauth"]) => login::typed_code(entra, tenant, request).await.map(Answer::from),
        (Post, [tenant, "login"]) => login::password(entra, tenant, request).await.map(Answer::from),
        (Post, [tenant, "login", "mfa"]) => login::second_factor(entra, tenant, request).await.map(Answer::from),
        (Post, [tenant, "login", "confirm"]) => login::confirm(entra, tenant, request).await.map(Answer::from),
        (Get, [tenant, "userrealm", user]) => json(realm::find(entra, tenant, user, request)?),
        (Get, [tenant, ".well-known", "openid-configuration"]) => json(openid::configuration(entra, tenant, false)?),
        (Get, [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            json(openid::configuration(entra, tenant, true)?)
        }
        (Get, [tenant, "discovery", "keys"] | [tenant, "discovery", "v2.0", "keys"]) => {
            json(openid::keys(entra, tenant)?)
        }
        _ => Err(Refusal::PathUnknown.into()),
    }
}

/// Graph admits the caller before it looks at what is behind the version.
async fn serve_graph(entra: &Entra, request: &Request, segments: &[&str]) -> Result<Answer, Failure> {
    const METHODS: &str = "windowshelloforbusinessmethods";
    let [version @ ("v1.0" | "beta"), path @ ..] = segments else { return Err(Refusal::GraphVersionUnknown.into()) };
    let call = graph::admit(entra, version, request).await?;
    use Method::{Delete, Get, Patch};
    match (request.method, path) {
        (Get, ["me"]) => json(graph::me(&call).await?),
        (Patch, ["me"] | ["users", _]) => Err(Refusal::GraphPropertyReadOnly.into()),
        (Get, [who @ .., "authentication", METHODS]) => json(graph::methods(&call, who).await?),
        (Get, [who @ .., "authentication", METHODS, id]) => json(graph::method(&call, who, id).await?),
        (Delete, [who @ .., "authentication", METHODS, id]) => {
            graph::delete_method(&call, who, id).await.map(|()| Answer::Empty)
        }
        (Get, ["devices"]) => json(graph::devices(&call).await?),
        (Get, ["devices", id]) => json(graph::device(&call, id).await?),
        (Get, [key]) if key.starts_with("devices(") => json(graph::device_by_key(&call, key).await?),
        _ => Err(Refusal::GraphPathUnknown.into()),
    }
}
