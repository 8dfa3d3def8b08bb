//! PARITY.md, claim by claim: a witness exists, and what is absent answers 404.

#![cfg(feature = "entra")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has to fail")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use tower::ServiceExt as _;
use whfb::base::SystemClock;
use whfb::entra::{Database, Entra, Options, Rules, server};

/// A row: feature, state, tag, witnesses.
struct Claim {
    feature: String,
    state: String,
    tag: String,
    witnesses: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn claims() -> Vec<Claim> {
    let page = fs::read_to_string(root().join("PARITY.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| feature"));
    let claims: Vec<Claim> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [feature, state, tag, witnesses] = cells[..] else { panic!("four columns: {row}") };
            let witnesses = witnesses.split("`, `").map(|each| each.trim_matches('`').to_owned()).collect();
            Claim { feature: feature.into(), state: state.into(), tag: tag.into(), witnesses }
        })
        .collect();
    assert!(claims.len() > 30, "the tables were not found");
    claims
}

#[test]
fn every_claim_has_a_known_state_and_tag() {
    for Claim { feature, state, tag, .. } in claims() {
        assert!(["real", "emulated", "absent"].contains(&state.as_str()), "{feature}: {state}");
        assert!(["spec", "client", "inferred", "ours"].contains(&tag.as_str()), "{feature}: {tag}");
    }
}

#[test]
fn every_witness_exists() {
    for Claim { feature, witnesses, .. } in claims().into_iter().filter(|claim| claim.state != "absent") {
        witnesses.iter().for_each(|witness| assert_exists(&feature, witness));
    }
}

/// A witness is a test of that name, or a script or a whole program that is one.
fn assert_exists(claim: &str, witness: &str) {
    let (file, test) = witness.split_once("::").unwrap_or((witness, ""));
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{claim}: there is no {file}"));
    let exists = ["\n", "\n    "].iter().any(|joint| text.contains(&format!("#[test]{joint}fn {test}(")));
    let program = text.starts_with("#!/bin/sh") || file.ends_with("/main.rs") || text.contains("\nfn main() {\n");
    assert!(exists || test.is_empty() && program, "{claim}: {file} has no test {test}");
}

/// The lines of ARCHITECTURE.md on what attestation proves: claim, proven, by, witnesses.
#[test]
fn what_attestation_proves_and_what_not_is_shown_line_by_line() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = page.split_once("\n## What attestation proves and what it does not\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| claim")).collect();
    assert!(rows.len() > 20, "the table was not found");
    let checks: Vec<String> = whfb::attest::Check::ALL.iter().map(|check| format!("{check:?}")).collect();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [claim, proven, by, witnesses] = cells[..] else { panic!("four columns: {row}") };
        assert!(["yes", "by policy", "no"].contains(&proven), "{claim}: {proven}");
        // What begins with a capital letter is a check; the rest is a switch, a level or a rule.
        let named = by.split('`').skip(1).step_by(2).filter(|name| name.starts_with(char::is_uppercase));
        for name in named.filter(|name| !name.contains('_')) {
            assert!(checks.iter().any(|check| check == name), "{claim}: there is no check {name}");
        }
        witnesses.split("`, `").for_each(|witness| assert_exists(claim, witness.trim_matches('`')));
    }
}

#[test]
fn what_is_absent_answers_404() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options {
            database: Database::Memory,
            rules: Rules::entra(),
            clock: Arc::new(SystemClock),
            vendor_roots: Vec::new(),
            approve_device_codes: None,
        };
        let router = server::router(Arc::new(Entra::open(options).await.unwrap()));
        let token = token(&router).await;
        for Claim { feature, witnesses, .. } in claims().into_iter().filter(|claim| claim.state == "absent") {
            for witness in witnesses {
                let words: Vec<&str> = witness.split(' ').collect();
                let [method, host, path] = words[..] else { panic!("{feature}: METHOD HOST PATH, not {witness}") };
                let request = axum::http::Request::builder()
                    .method(method)
                    .uri(path)
                    .header("Host", host)
                    .header("Authorization", format!("Bearer {token}"))
                    .body(Body::empty())
                    .unwrap();
                let status = router.clone().oneshot(request).await.unwrap().status();
                assert_eq!(status.as_u16(), 404, "{feature}: {witness}");
            }
        }
    });
}

/// A token for Graph, which looks at the caller before the path.
async fn token(router: &axum::Router) -> String {
    let form = "grant_type=password&client_id=app&resource=https://graph.microsoft.com\
                &username=alice@contoso.example&password=Passw0rd!";
    let request = axum::http::Request::builder()
        .method("POST")
        .uri("/common/oauth2/token")
        .header("Host", whfb::wire::host::LOGIN)
        .body(Body::from(form))
        .unwrap();
    let reply = router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(reply.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice::<serde_json::Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned()
}
