//! What the services answer, as a device reads it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use whfb::wire::discovery::{Discovery, DrsNonceReply};
use whfb::wire::graph::{Collection, Entity, GraphDevice, GraphError, GraphUser, HelloMethod};
use whfb::wire::join::{JoinError, JoinReply};
use whfb::wire::json;
use whfb::wire::kpp::{KeyError, KeyReply};
use whfb::wire::lab::{AikCertificate, AikCertificateRequest, AikChallenge, AikChallengeRequest};
use whfb::wire::oauth::{DeviceCodeReply, ErrorReply, NonceReply, PrtReply, TokenReply};

use super::check_json;

/// Every type that takes the text takes what it writes, and it is the same.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let mut all = survives::<ErrorReply>(bytes)?;
    all |= survives::<NonceReply>(bytes)? | survives::<PrtReply>(bytes)? | survives::<TokenReply>(bytes)?;
    all |= survives::<DeviceCodeReply>(bytes)? | survives::<Discovery>(bytes)? | survives::<DrsNonceReply>(bytes)?;
    all |= survives::<JoinReply>(bytes)? | survives::<JoinError>(bytes)?;
    all |= survives::<KeyReply>(bytes)? | survives::<KeyError>(bytes)? | survives::<GraphError>(bytes)?;
    all |= survives::<Entity<GraphUser>>(bytes)? | survives::<Entity<GraphDevice>>(bytes)?;
    all |= survives::<Entity<HelloMethod>>(bytes)? | survives::<Collection<HelloMethod>>(bytes)?;
    all |= survives::<Collection<GraphDevice>>(bytes)?;
    all |= survives::<AikChallengeRequest>(bytes)? | survives::<AikChallenge>(bytes)?;
    all |= survives::<AikCertificateRequest>(bytes)? | survives::<AikCertificate>(bytes)?;
    Ok(all)
}

fn survives<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<bool, String> {
    let Ok(reply) = json::object::<T>(bytes) else { return Ok(false) };
    check_json(&reply, bytes.len()).map(|()| true)
}
