//! A link over HTTPS to a server on loopback, whatever host a request names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::{AutoHeaderValue, Config};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::{Link, LinkError};
use crate::wire::http::{Method, Reply, Request};

/// Longer than any answer of the mock takes, shorter than a person's patience.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest reply that is read.
const REPLY_LIMIT: u64 = 4 * 1024 * 1024;

/// Sends every request to one address over TLS, checked against one CA.
///
/// The host of the request stays in the TLS handshake and in the `Host` header, so the server tells its hosts apart as
/// Entra's front doors do; only the address is ours.
pub struct Http {
    agent: ureq::Agent,
    address: SocketAddr,
}

impl Http {
    /// A link to `address`, whose certificate must chain to `ca` (PEM).
    ///
    /// # Errors
    /// [`LinkError::Malformed`] when `ca` is no PEM certificate.
    pub fn new(address: SocketAddr, ca: &str) -> Result<Self, LinkError> {
        let ca = Certificate::from_pem(ca.as_bytes()).map_err(|error| LinkError::Malformed(error.to_string()))?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(vec![ca])))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let config = Config::builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // What a flow does not say is not said for it: a server may decide by Accept.
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .timeout_global(Some(TIMEOUT))
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Fixed(address));
        Ok(Self { agent, address })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Link for Http {
    fn send(&self, request: &Request) -> Result<Reply, LinkError> {
        let outgoing = encode(request, self.address.port())?;
        let mut incoming = self.agent.run(outgoing).map_err(|error| name(error, &request.host))?;
        let headers = incoming
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = incoming.status().as_u16();
        let body = incoming
            .body_mut()
            .with_config()
            .limit(REPLY_LIMIT)
            .read_to_vec()
            .map_err(|error| name(error, &request.host))?;
        let reply = Reply { status, headers, body: body.into() };
        tracing::debug!(target: "whfb::link", "{request:?} -> {reply:?}");
        Ok(reply)
    }
}

fn encode(request: &Request, port: u16) -> Result<ureq::http::Request<Vec<u8>>, LinkError> {
    let method = match request.method {
        Method::Get => ureq::http::Method::GET,
        Method::Post => ureq::http::Method::POST,
        Method::Patch => ureq::http::Method::PATCH,
        Method::Delete => ureq::http::Method::DELETE,
    };
    let uri = format!("https://{}:{port}{}", request.host, request.target);
    let mut builder = ureq::http::Request::builder().method(method).uri(uri);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(request.body.to_vec()).map_err(|error| LinkError::Malformed(error.to_string()))
}

fn name(error: ureq::Error, host: &str) -> LinkError {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(_) => LinkError::Timeout { host },
        ureq::Error::Tls(reason) => LinkError::Tls { host, reason: reason.to_owned() },
        ureq::Error::Rustls(error) => LinkError::Tls { host, reason: error.to_string() },
        // A refused certificate reaches ureq inside an I/O error.
        ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            LinkError::Tls { host, reason: error.to_string() }
        }
        other => LinkError::Unreachable { host, reason: other.to_string() },
    }
}

/// Resolves every name to one address.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(
        &self,
        _uri: &ureq::http::Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_where_nobody_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let ca = crate::crypto::cert::pem(b"not looked into before a connection");
        let link = Http::new(address, &ca).unwrap();
        let error = link.send(&Request::new(Method::Get, crate::wire::host::LOGIN, "/")).unwrap_err();
        assert!(matches!(&error, LinkError::Unreachable { host, .. } if host == crate::wire::host::LOGIN), "{error:?}");
    }
}
