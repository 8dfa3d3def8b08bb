//! Bytes, JSON, XML and registry files in both directions. Decides nothing.
//!
//! Each file is one format; a type here is what is on the wire, checked for form and for nothing else.

pub mod base64_bytes;
pub mod blob;
pub mod discovery;
pub mod encoding;
pub mod graph;
pub mod host;
pub mod http;
pub mod join;
pub mod json;
pub mod jwe;
pub mod jws;
pub mod kast;
pub mod key_credential;
pub mod kpp;
pub mod lab;
pub mod oauth;
pub mod registry;
pub mod syncml;
pub mod token;
pub mod tpm;
pub mod webauthn;
