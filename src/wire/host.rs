//! The hosts that the mock answers for.

/// Tokens, nonces, authorization.
pub const LOGIN: &str = "login.microsoftonline.com";
/// The older name of [`LOGIN`].
pub const LOGIN_OLD: &str = "login.windows.net";
/// Discovery, device join, key registration, join nonce.
pub const REGISTRATION: &str = "enterpriseregistration.windows.net";
/// Microsoft Graph.
pub const GRAPH: &str = "graph.microsoft.com";
/// The lab's attestation CA; ours, not Microsoft's.
pub const AIK: &str = "aik.lab.whfb.test";

/// Every name in the lab's server certificate.
pub const ALL: &[&str] = &[LOGIN, LOGIN_OLD, REGISTRATION, GRAPH, AIK];
