//! Requests to the server, one after the other. Every request is answered; every answer has a status below 500, a `request-id`
//! and a body in the dialect of its host; nothing changes devices or keys but a join, and that with a token that was lent.
//!
//! The tenant is the process's: opening one makes keys. What joined is deleted before the next input.

mod answer;
mod script;

use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};
use whfb::base::{ManualClock, Timestamp, Uuid};
use whfb::entra::server::InProcess;
use whfb::entra::{Database, Entra, Options, Rules, SEEDED_PASSWORD, Snapshot};
use whfb::wire::encoding::from_base64;
use whfb::wire::host;
use whfb::wire::http::{Method, Reply, Request};
use whfb::wire::oauth::{GRANT_NONCE, NonceReply, TokenReply};
use whfb::wire::token::{CLIENT_AUTHENTICATION_BROKER, DRS_AUDIENCE, GRAPH_AUDIENCE};

use super::{check_short, must, same};
use script::Lent;

const TOKENS: &str = "/common/oauth2/token";
/// The name of the token with which one joins.
const DRS: &str = "drs";

/// A tenant, and what is lent to who asks for it.
struct Lab {
    entra: Arc<Entra>,
    router: InProcess,
    runtime: Runtime,
    lent: Lent,
}

/// Whether any request got what it asked for.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    static LAB: OnceLock<Result<Lab, String>> = OnceLock::new();
    let lab = LAB.get_or_init(Lab::open).as_ref().map_err(Clone::clone)?;
    let (mut lent, mut any) = (lab.lent.clone(), false);
    for text in script::requests(bytes) {
        any |= lab.runtime.block_on(lab.play(text, &mut lent))?;
    }
    Ok(any)
}

impl Lab {
    fn open() -> Result<Self, String> {
        let runtime = must(Builder::new_current_thread().enable_all().build(), "a runtime")?;
        let (entra, lent) = runtime.block_on(async {
            let now: Timestamp = must("2026-11-22T12:00:00Z".parse(), "a time")?;
            let options = Options {
                database: Database::Memory,
                rules: Rules::entra(),
                clock: Arc::new(ManualClock::new(now)),
                vendor_roots: Vec::new(),
                approve_device_codes: None,
            };
            let entra = Arc::new(must(Entra::open(options).await, "a tenant")?);
            let router = InProcess::new(entra.clone());
            let mut lent = Lent::default();
            lent.lend(DRS, token(&router, DRS_AUDIENCE).await?);
            lent.lend("graph", token(&router, GRAPH_AUDIENCE).await?);
            Ok::<_, String>((entra, lent))
        })?;
        Ok(Self { router: InProcess::new(entra.clone()), entra, runtime, lent })
    }

    /// Plays one request, unless it has no HTTP form.
    async fn play(&self, text: &[u8], lent: &mut Lent) -> Result<bool, String> {
        if script::asks_for_nonce(text) {
            lent.lend("nonce", nonce(&self.router).await?);
        }
        let Some((request, certificate)) = script::request(text, lent) else { return Ok(false) };
        let before = self.snapshot().await?;
        let answered = match certificate.map(|text| from_base64(&text)) {
            Some(Ok(der)) => self.router.answer_to(&request, &der).await,
            _ => self.router.answer(&request).await,
        };
        let reply = match answered {
            Ok(reply) => reply,
            Err(fault) => return check_short(&fault).map(|()| false),
        };
        answer::check(&request, &reply).map_err(|fault| format!("{request:?} -> {}: {fault}", reply.status))?;
        self.check_directory(&before, &request, &reply).await?;
        lent.hear(&reply);
        Ok(reply.status < 400)
    }

    /// Users, devices and keys; refresh tokens are anybody's who has a password.
    async fn snapshot(&self) -> Result<Snapshot, String> {
        Ok(Snapshot { grants: 0, ..must(self.entra.snapshot().await, "the directory")? })
    }

    /// Nothing is different but a device that joined, which is deleted.
    async fn check_directory(&self, before: &Snapshot, request: &Request, reply: &Reply) -> Result<(), String> {
        let after = self.snapshot().await?;
        if after == *before {
            return Ok(());
        }
        let may = request.bearer_token() == self.lent.get(DRS) && reply.is_success();
        same(&may, &true, "the directory was changed by who may")?;
        same(&(&after.users, &after.keys), &(&before.users, &before.keys), "users and keys")?;
        same(&after.devices.len(), &(before.devices.len() + 1), "devices")?;
        let joined: Vec<Uuid> = after.devices.iter().map(|device| device.id).collect();
        for id in joined.into_iter().filter(|id| before.devices.iter().all(|device| device.id != *id)) {
            must(self.entra.delete_device(id).await, "deleting what joined")?;
        }
        same(&self.snapshot().await?, before, "after the deletion")
    }
}

async fn token(router: &InProcess, resource: &str) -> Result<String, String> {
    let fields = [
        ("client_id", CLIENT_AUTHENTICATION_BROKER),
        ("grant_type", "password"),
        ("resource", resource),
        ("username", "alice@contoso.example"),
        ("password", SEEDED_PASSWORD),
    ];
    let reply = must(router.answer(&Request::form(host::LOGIN, TOKENS, &fields)).await, "asking for a token")?;
    must(reply.json::<TokenReply>(), "a token").map(|reply| reply.access_token)
}

async fn nonce(router: &InProcess) -> Result<String, String> {
    let mut request = Request::new(Method::Post, host::LOGIN, TOKENS);
    request.body = format!("grant_type={GRANT_NONCE}").into_bytes().into();
    let reply = must(router.answer(&request).await, "asking for a nonce")?;
    must(reply.json::<NonceReply>(), "a nonce").map(|reply| reply.nonce)
}
