//! Bodies that do not come, or break off. No client of this crate sends such, so they go to the router itself.

use std::io;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use futures_util::stream;
use serde_json::Value;
use tower::ServiceExt as _;
use whfb::entra::Rules;
use whfb::entra::server::router;
use whfb::wire::host;

use crate::client::*;
use crate::refusal_table::note;

/// Sends a body to the token endpoint on a clock that jumps to whatever is waited for.
async fn refuses(lab: &Lab, body: Body, status: u16, name: &str) {
    let before = lab.snapshot().await;
    let request = Request::post(TOKEN_PATH).header("Host", host::LOGIN).body(body).unwrap();
    tokio::time::pause();
    let reply = router(lab.entra.clone()).oneshot(request).await.unwrap();
    tokio::time::resume();
    assert_eq!(reply.status().as_u16(), status, "{name}");
    let body: Value = serde_json::from_slice(&to_bytes(reply.into_body(), 10_000).await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], name);
    assert_eq!(lab.snapshot().await, before, "{name} left something behind");
    note(name, status);
}

#[test]
fn refuses_bodies_that_never_end_or_break_off() {
    // The clock can be stopped on a runtime of one thread alone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lab = Lab::new(Rules::entra()).await;
        let endless = Body::from_stream(stream::pending::<io::Result<Vec<u8>>>());
        refuses(&lab, endless, 408, "RequestTooSlow").await;
        let start = Ok(b"grant_type=srv".to_vec());
        let broken = stream::iter([start, Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
        refuses(&lab, Body::from_stream(broken), 400, "BodyUnreadable").await;
    });
}
