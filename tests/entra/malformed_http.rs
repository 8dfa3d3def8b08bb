//! What is no text, comes twice, or is no HTTP: over bare TLS, where a client has everything in its hands.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use axum::body::Body;
use tower::ServiceExt as _;
use whfb::entra::Rules;
use whfb::entra::server::{Server, router};
use whfb::wire::host;
use whfb::wire::http::{Method, Request};
use whfb::wire::jws::Unsigned;
use whfb::wire::lab::AIK_CHALLENGE_PATH;
use whfb::wire::token::{CLIENT_REGISTRATION, DRS_AUDIENCE, GRAPH_AUDIENCE};

use crate::client::*;
use crate::hostile::{bearers, by_device, post, refuses};
use crate::listener::{entra, loopback, tls};

const NO_UTF8: &str = "%FF%C0%AF";

fn raw_form(target: &str, body: &[u8]) -> Request {
    let mut request = Request::form(host::LOGIN, target, &[]);
    request.body = body.to_vec().into();
    request
}

#[test]
fn refuses_bodies_and_paths_that_are_no_text() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        let graph = lab.token(ALICE, GRAPH_AUDIENCE).await;
        let body = serde_json::to_vec(&join_body()).unwrap();
        let at = body.windows(6).position(|six| six == b"LAB-01").unwrap();
        let named = [&body[..at], b"\xff", &body[at + 1..]].concat();
        let device = "/EnrollmentServer/device/?api-version=2.0";
        let code = b"grant_type=authorization_code&client_id=a&redirect_uri=a&code=\xff";
        let user = b"grant_type=password&client_id=a&resource=https://graph.microsoft.com&password=a&username=\xff";
        let methods = format!("/v1.0/users/{NO_UTF8}/authentication/windowsHelloForBusinessMethods");
        for (request, status, name) in [
            (post(host::REGISTRATION, device, named).bearer(&token), 400, "JoinBodyMalformed"),
            (post(host::REGISTRATION, KEY_PATH, b"{\"kngc\":\"\xff\"}"), 400, "KeyBodyNotJson"),
            (post(host::REGISTRATION, KEY_PATH, b"\xff\xfe{\0}\0"), 400, "KeyBodyNotJson"),
            (post(host::AIK, AIK_CHALLENGE_PATH, b"\xff"), 400, "AikBodyMalformed"),
            (raw_form(TOKEN_PATH, b"grant_type=\xff"), 400, "GrantTypeUnsupported"),
            (raw_form(TOKEN_PATH, b"\xff=\xff"), 400, "GrantTypeMissing"),
            (raw_form(TOKEN_PATH, code), 400, "CodeMalformed"),
            (raw_form(TOKEN_PATH, user), 400, "UserUnknown"),
            (Request::new(Method::Get, host::LOGIN, format!("/{NO_UTF8}/oauth2/authorize")), 400, "TenantUnknown"),
            (Request::new(Method::Get, host::GRAPH, methods).bearer(&graph), 404, "GraphUserUnknown"),
            (Request::new(Method::Get, host::REGISTRATION, format!("/{NO_UTF8}")), 404, "PathUnknown"),
        ] {
            refuses(&lab, request, status, name).await;
        }
    });
}

#[test]
fn refuses_tokens_that_are_no_text() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let good = b"{\"alg\":\"RS256\"}";
        for (header, payload) in [(&b"{\"alg\":\"\xff\"}"[..], &b"{}"[..]), (good, b"{\"aud\":\"\xff\"}"), (good, b"")]
        {
            let token = Unsigned::from_bytes(header, payload).signed(b"\xff");
            for (service, request) in bearers(&token) {
                refuses(&lab, request, 401, &format!("{service}Malformed")).await;
            }
            refuses(&lab, signed_form(&token), 400, "SignedRequestMalformed").await;
            refuses(&lab, authorize(&token, &[]), 400, "CredentialMalformed").await;
            refuses(&lab, by_device(&token), 400, "CredentialMalformed").await;
        }
    });
}

#[test]
fn refuses_a_parameter_that_comes_twice() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let twice = |request: &Request, more: &str| {
            let mut request = request.clone();
            request.body.extend_from_slice(more.as_bytes());
            request
        };
        let password = by_password(ALICE, PASSWORD, DRS_AUDIENCE);
        for more in ["&grant_type=password", "&username=bob", "&%75sername=bob", "&a=&a=", "&client_id="] {
            let body = lab.refuses(twice(&password, more), 400, "ParameterRepeated").await;
            assert_eq!((&body["error"], &body["error_codes"][0]), (&"invalid_request".into(), &90_100.into()));
        }
        let fields = [("client_id", CLIENT_REGISTRATION), ("resource", DRS_AUDIENCE)];
        for target in ["/common/oauth2/devicecode", "/common/oauth2/v2.0/devicecode"] {
            let device_code = Request::form(host::LOGIN, target, &fields);
            refuses(&lab, twice(&device_code, "&resource=urn:other"), 400, "ParameterRepeated").await;
        }
        let mut query = authorize_bare(&[]);
        query.target.push_str("&redirect_uri=msauth://mallory");
        refuses(&lab, query.clone(), 400, "ParameterRepeated").await;
        refuses(&lab, query.header("Accept", "text/html"), 400, "ParameterRepeated").await;
    });
}

#[test]
fn refuses_two_bearer_tokens_and_two_hosts() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let token = lab.token(ALICE, DRS_AUDIENCE).await;
        for (service, request) in bearers(&token) {
            refuses(&lab, request.bearer(&token), 401, &format!("{service}Malformed")).await;
        }
        let two = axum::http::Request::post(TOKEN_PATH).header("Host", host::LOGIN).header("Host", host::REGISTRATION);
        let reply = router(lab.entra.clone()).oneshot(two.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(reply.status(), 404);
    });
}

#[test]
fn many_headers_and_a_long_query_are_read_and_mean_nothing() {
    run(async {
        let lab = Lab::new(Rules::entra()).await;
        let mut many = authorize_bare(&[("state", &"x".repeat(50_000))]);
        for number in 0..80 {
            many = many.header(&format!("x-{number}"), "y".repeat(500));
        }
        refuses(&lab, many, 401, "NobodySignedIn").await;
    });
}

/// Sends these bytes and reads what comes until the server hangs up.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let connection = TcpStream::connect(server.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut stream = tls(connection, Some(server.ca_pem()), host::LOGIN);
    // A server that has refused the head does not read the rest, so the writing may fail.
    let _ = stream.write_all(bytes);
    let _ = stream.flush();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_head_that_is_too_large_or_no_http_ends_its_own_connection_alone() {
    const POST: &str = "POST /common/oauth2/token HTTP/1.1\r\nConnection: close\r\nHost: login.microsoftonline.com\r\n";
    let entra = entra();
    let server = Server::start(entra, loopback(0)).unwrap();
    let headers: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let post = |rest: &str| format!("{POST}{rest}\r\n").into_bytes();
    let cases = [
        (post(&format!("x: {}\r\n", "y".repeat(1 << 20))), "431"),
        (post(&headers), "431"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)).into_bytes(), "414"),
        (post("Content-Length: 5\r\nContent-Length: 6\r\n"), "400"),
        (post("Content-Length: -1\r\n"), "400"),
        (post("Transfer-Encoding: gzip\r\n"), "400"),
        (post("Transfer-Encoding: chunked\r\n\r\nzz"), "400"),
        (post("x: a\0b\r\n"), "400"),
        (post("Host: enterpriseregistration.windows.net\r\n"), "404"),
        (b"\0\0\0\0\r\n\r\n".to_vec(), "400"),
        (b"GET /common/\xff\xfe HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), "400"),
    ];
    for (bytes, status) in cases {
        let answer = exchange(&server, &bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(130)]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer:?}");
        let after = exchange(&server, &post("Content-Length: 24\r\n\r\ngrant_type=srv_challenge"));
        assert!(after.starts_with("HTTP/1.1 200 ") && after.contains("\"Nonce\""), "{after}");
    }
    let two = exchange(&server, &post("Host: enterpriseregistration.windows.net\r\n"));
    assert!(two.contains("HostUnknown"), "{two}");
    let head =
        b"POST /EnrollmentServer/device/?api-version=2.0 HTTP/1.1\r\nHost: enterpriseregistration.windows.net\r\n";
    let token = [&head[..], b"Authorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n"].concat();
    assert!(exchange(&server, &token).contains("JoinTokenMissing"), "a header that is no text is none");
}

#[test]
fn a_head_that_does_not_come_ends_its_connection_in_time() {
    // Ten seconds in earnest, so in one of the two runs is enough.
    if std::env::var_os(OVER_HTTPS).is_some() {
        return;
    }
    let server = Server::start(entra(), loopback(0)).unwrap();
    let connection = TcpStream::connect(server.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = tls(connection, Some(server.ca_pem()), host::LOGIN);
    stream.write_all(b"POST /common/oauth2/token HTTP/1.1\r\n").unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!timed_out && answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}
