//! The same router without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum_server::tls::TlsInfo;
use tower::ServiceExt as _;

use super::router;
use crate::entra::Entra;
use crate::wire::http::{Method, Reply, Request};

/// The largest reply that is collected.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;

/// Answers requests as the listener would.
#[derive(Debug, Clone)]
pub struct InProcess(Router);

/// The request or its reply has no HTTP form.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotHttp(String);

impl InProcess {
    /// Puts the router in front of `entra`.
    pub fn new(entra: Arc<Entra>) -> Self {
        Self(router(entra))
    }

    /// Answers one request.
    ///
    /// # Errors
    /// [`NotHttp`] for a target or header that HTTP does not allow.
    pub async fn answer(&self, request: &Request) -> Result<Reply, NotHttp> {
        self.send(encode(request)?).await
    }

    /// Answers one request of a client that showed a certificate (DER) in its TLS handshake, and had its key.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn answer_to(&self, request: &Request, certificate: &[u8]) -> Result<Reply, NotHttp> {
        let mut incoming = encode(request)?;
        let mut tls = TlsInfo::default();
        tls.peer_certificates.push(certificate.to_vec());
        incoming.extensions_mut().insert(Arc::new(tls));
        self.send(incoming).await
    }

    async fn send(&self, incoming: axum::http::Request<Body>) -> Result<Reply, NotHttp> {
        let outgoing = match self.0.clone().oneshot(incoming).await {
            Ok(outgoing) => outgoing,
            Err(never) => match never {},
        };
        let (parts, body) = outgoing.into_parts();
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = to_bytes(body, REPLY_LIMIT).await.map_err(|error| NotHttp(error.to_string()))?.to_vec();
        Ok(Reply { status: parts.status.as_u16(), headers, body: body.into() })
    }
}

fn encode(request: &Request) -> Result<axum::http::Request<Body>, NotHttp> {
    let method = match request.method {
        Method::Get => axum::http::Method::GET,
        Method::Post => axum::http::Method::POST,
        Method::Patch => axum::http::Method::PATCH,
        Method::Delete => axum::http::Method::DELETE,
    };
    let mut builder = axum::http::Request::builder().method(method).uri(&request.target).header("Host", &request.host);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(Body::from(request.body.to_vec())).map_err(|error| NotHttp(error.to_string()))
}
