//! A CONNECT proxy on loopback: what leads an unmodified client to the mock, by `HTTPS_PROXY` alone.
//!
//! It connects the hosts of the mock to the listener and refuses every other one, so nothing that goes through it leaves the
//! machine. TLS stays between client and listener.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::listener::{StartError, bind};
use crate::wire::host;

/// How long a client may take to say where it wants to go.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may live: longer than any exchange with the mock.
const LIFE: Duration = Duration::from_secs(300);
/// The longest head that is read.
const HEAD_LIMIT: usize = 8 << 10;
/// How many connections there are at a time.
const MOST: usize = 256;

/// A running proxy; it stops when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a loopback address, port 0 for a free one, and leads to `server`.
    ///
    /// # Errors
    /// [`StartError::NotLoopback`], [`StartError::AddressTaken`], and what the system refuses.
    pub fn start(listen: SocketAddr, server: SocketAddr) -> Result<Self, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let (listener, address) = bind(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::Runtime(error.kind()))?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("whfb-proxy".to_owned())
            .spawn(move || runtime.block_on(serve(listener, server, stopped)))
            .map_err(|error| StartError::Runtime(error.kind()))?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The receiver is gone when the thread ended by itself.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "whfb::entra", "the proxy's thread panicked");
        }
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Ends with every connection when it is told to stop: the runtime is dropped then.
async fn serve(listener: TcpListener, server: SocketAddr, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(target: "whfb::entra", %error, "the proxy cannot listen"),
    };
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    tokio::spawn(async move {
                        // Past its life a connection is cut, whatever it carries.
                        let _ = timeout(LIFE, lead(client, server)).await;
                        drop(place);
                    });
                }
                // Out of descriptors, most likely: others end in the meantime.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// Reads where a client wants to go, and connects it or says why not.
async fn lead(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let head = match timeout(HEAD_TIME, read_head(&mut client)).await {
        Ok(head) => head?,
        Err(_) => return refuse(&mut client, "408 Request Timeout", "the request took too long").await,
    };
    let (early, target) = match destination(&head) {
        Ok(found) => found,
        Err((status, words)) => return refuse(&mut client, status, words).await,
    };
    tracing::debug!(target: "whfb::entra", host = target, "proxy");
    let mut upstream = match TcpStream::connect(server).await {
        Ok(upstream) => upstream,
        Err(_) => return refuse(&mut client, "502 Bad Gateway", "the mock does not listen").await,
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    upstream.write_all(early).await?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

/// Reads to the end of the head; what comes behind it belongs to the connection.
async fn read_head(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while end_of_head(&head).is_none() && head.len() < HEAD_LIMIT {
        if client.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

fn end_of_head(head: &[u8]) -> Option<usize> {
    head.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What follows the head, and the host of the mock that it names; or the refusal.
fn destination(head: &[u8]) -> Result<(&[u8], &'static str), (&'static str, &'static str)> {
    let end = end_of_head(head).ok_or(("400 Bad Request", "the request has no end or is too long"))?;
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| ("400 Bad Request", "the request is no text"))?;
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if method != Some("CONNECT") {
        return Err(("405 Method Not Allowed", "this is a proxy for HTTPS: CONNECT alone is taken"));
    }
    let (Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) = (target, version, words.next()) else {
        return Err(("400 Bad Request", "expected CONNECT host:443 HTTP/1.1"));
    };
    let known = target
        .rsplit_once(':')
        .filter(|(_, port)| *port == "443")
        .and_then(|(name, _)| host::ALL.iter().find(|known| known.eq_ignore_ascii_case(name)));
    match known {
        Some(known) => Ok((&head[end..], known)),
        None => Err(("403 Forbidden", "the mock does not answer for this host, and nothing leaves this machine")),
    }
}

async fn refuse(client: &mut TcpStream, status: &str, words: &str) -> std::io::Result<()> {
    let length = words.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{words}\n"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_to_the_hosts_of_the_mock_alone() {
        let ask = |line: &str| {
            destination(format!("{line}\r\nHost: x\r\n\r\nearly").as_bytes())
                .map(|(early, host)| (early.to_vec(), host))
                .map_err(|(status, _)| status)
        };
        assert_eq!(ask("CONNECT login.microsoftonline.com:443 HTTP/1.1"), Ok((b"early".to_vec(), host::LOGIN)));
        assert_eq!(
            ask("CONNECT Enterpriseregistration.Windows.NET:443 HTTP/1.1").map(|(_, host)| host),
            Ok(host::REGISTRATION)
        );
        for (line, status) in [
            ("CONNECT example.org:443 HTTP/1.1", "403 Forbidden"),
            ("CONNECT login.microsoftonline.com:80 HTTP/1.1", "403 Forbidden"),
            ("CONNECT login.microsoftonline.com.example.org:443 HTTP/1.1", "403 Forbidden"),
            ("CONNECT login.microsoftonline.com HTTP/1.1", "403 Forbidden"),
            ("GET http://login.microsoftonline.com/ HTTP/1.1", "405 Method Not Allowed"),
            ("CONNECT login.microsoftonline.com:443", "400 Bad Request"),
            ("CONNECT  login.microsoftonline.com:443 HTTP/1.1", "400 Bad Request"),
            ("", "405 Method Not Allowed"),
        ] {
            assert_eq!(ask(line), Err(status), "{line}");
        }
        assert_eq!(
            destination(b"CONNECT login.microsoftonline.com:443 HTTP/1.1\r\n").unwrap_err().0,
            "400 Bad Request"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_head_panics(head in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = destination(&head);
        }
    }
}
