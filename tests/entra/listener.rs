//! The listener over real TLS.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use whfb::base::{ExposeSecret as _, SystemClock};
use whfb::crypto::SoftwareKey;
use whfb::entra::server::{Proxy, Server, StartError};
use whfb::entra::{Database, Entra, Options, Rules};
use whfb::wire::encoding::from_base64;
use whfb::wire::host;

use crate::client::{ALICE, Joined, Lab, device_key, run, stranger_key};

pub(crate) fn entra() -> Arc<Entra> {
    let options = Options {
        database: Database::Memory,
        rules: Rules::entra(),
        clock: Arc::new(SystemClock),
        vendor_roots: Vec::new(),
        approve_device_codes: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Arc::new(runtime.block_on(Entra::open(options)).unwrap())
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn ask(server: &Server, ca: Option<&str>, name: &'static str) -> std::io::Result<String> {
    ask_over(TcpStream::connect(server.address())?, ca, name)
}

/// A connection on which nothing was said yet; the first write shakes hands.
pub(crate) fn tls(
    connection: TcpStream,
    ca: Option<&str>,
    name: &'static str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    StreamOwned::new(tls, connection)
}

fn ask_over(connection: TcpStream, ca: Option<&str>, name: &'static str) -> std::io::Result<String> {
    let mut stream = tls(connection, ca, name);
    let body = "grant_type=srv_challenge";
    let request = format!(
        "POST /common/oauth2/token HTTP/1.1\r\nHost: {name}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

#[test]
fn answers_over_tls_for_every_host_to_whoever_trusts_its_authority() {
    let entra = entra();
    let server = Server::start(entra.clone(), loopback(0)).unwrap();
    assert_eq!(server.ca_pem(), entra.ca_pem());
    for name in [host::LOGIN, host::LOGIN_OLD] {
        let reply = ask(&server, Some(server.ca_pem()), name).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("{\"Nonce\":"), "{reply}");
    }
    for name in [host::REGISTRATION, host::AIK, "localhost"] {
        assert!(ask(&server, Some(server.ca_pem()), name).unwrap().starts_with("HTTP/1.1 404"), "{name}");
    }
    assert!(ask(&server, Some(server.ca_pem()), host::GRAPH).unwrap().contains("GraphVersionUnknown"));
    assert!(ask(&server, None, host::LOGIN).is_err(), "no trust, no answer");
    assert!(ask(&server, Some(server.ca_pem()), "example.org").is_err(), "a name that is not in the certificate");
    let address = server.address();
    server.stop();
    assert!(TcpStream::connect(address).is_err(), "nothing listens after the stop");
    TcpListener::bind(address).unwrap();
}

/// Deletes a device over TLS, showing its certificate, and the key that is said to be its own.
fn leave(server: &Server, device: &Joined, key: &SoftwareKey) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).unwrap()).unwrap();
    let chain = vec![CertificateDer::from(from_base64(&device.certificate).unwrap())];
    let key = PrivatePkcs8KeyDer::from(key.to_pkcs8().unwrap().expose_secret().to_vec());
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(Shown(chain, key)));
    let name = ServerName::try_from(host::REGISTRATION).unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(tls, TcpStream::connect(server.address())?);
    let head = format!(
        "DELETE /EnrollmentServer/device/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        device.id,
        host::REGISTRATION
    );
    stream.write_all(head.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// A certificate with any key beside it, which rustls would not pair by itself.
#[derive(Debug)]
struct Shown(Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = any_supported_type(&self.1.clone_key().into()).unwrap();
        Some(Arc::new(CertifiedKey::new(self.0.clone(), key)))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn a_device_leaves_by_its_certificate_and_only_with_its_key() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let device = Arc::new(lab.join(ALICE).await);
        let server = Arc::new(Server::start(lab.entra.clone(), loopback(0)).unwrap());
        let try_with = async |key: fn() -> &'static SoftwareKey| {
            let (server, device) = (Arc::clone(&server), Arc::clone(&device));
            tokio::task::spawn_blocking(move || leave(&server, &device, key())).await.unwrap()
        };
        assert!(try_with(stranger_key).await.is_err(), "a certificate is public, its key is not");
        assert_eq!(lab.snapshot().await.devices.len(), 1);
        let reply = try_with(device_key).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(lab.snapshot().await.devices.is_empty());
        let again = try_with(device_key).await.unwrap();
        assert!(again.starts_with("HTTP/1.1 404") && again.contains("LeaveDeviceUnknown"), "{again}");
    });
}

#[test]
fn refuses_a_taken_port_and_an_address_that_others_reach() {
    let entra = entra();
    let first = Server::start(entra.clone(), loopback(0)).unwrap();
    let taken = first.address();
    let fault = Server::start(entra.clone(), taken).unwrap_err();
    assert!(matches!(fault, StartError::AddressTaken(address) if address == taken), "{fault:?}");
    assert!(fault.to_string().contains(&taken.to_string()));
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Server::start(entra.clone(), open), Err(StartError::NotLoopback(_))));
    drop(first);
    assert_eq!(Server::start(entra, taken).unwrap().address(), taken, "a dropped server frees its port");
}

/// Sends a head to a proxy and reads the line that it answers.
fn connect(proxy: &Proxy, head: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let line = String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned();
    (stream, line)
}

#[test]
fn a_proxy_leads_to_the_mock_and_nowhere_else() {
    let entra = entra();
    let server = Server::start(entra, loopback(0)).unwrap();
    let proxy = Proxy::start(loopback(0), server.address()).unwrap();
    let (stream, line) = connect(&proxy, "CONNECT login.microsoftonline.com:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
    let reply = ask_over(stream, Some(server.ca_pem()), host::LOGIN).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("{\"Nonce\":"), "{reply}");
    let (stream, _) = connect(&proxy, "CONNECT login.microsoftonline.com:443 HTTP/1.1\r\n\r\n");
    assert!(ask_over(stream, None, host::LOGIN).is_err(), "TLS is checked by the client as ever");
    for (head, status) in [
        ("CONNECT example.org:443 HTTP/1.1\r\n\r\n", "403"),
        ("GET http://login.microsoftonline.com/ HTTP/1.1\r\n\r\n", "405"),
        (&"x".repeat(9000), "400"),
    ] {
        let (_, line) = connect(&proxy, head);
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
    }
    let open = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Proxy::start(open, server.address()), Err(StartError::NotLoopback(_))));
    let address = proxy.address();
    drop(server);
    let (_, line) = connect(&proxy, "CONNECT login.microsoftonline.com:443 HTTP/1.1\r\n\r\n");
    assert!(line.starts_with("HTTP/1.1 502 "), "{line}");
    drop(proxy);
    assert!(TcpStream::connect(address).is_err(), "nothing listens after the end");
}
