//! The token for key registration: a PRT at the authorization endpoint, multi-factor authentication asked for afresh,
//! and the code redeemed.

use std::mem;

use crate::base::{SecretString, Timestamp, Uuid, random_bytes};
use crate::device::exchange::{Exchange, ask_nonce, read_nonce, read_token, token_path};
use crate::device::flow::{Flow, Machine, Step};
use crate::device::stop::{ReplyFault, Stop};
use crate::wire::encoding::hex;
use crate::wire::host;
use crate::wire::http::{Method, Reply, Request};
use crate::wire::oauth::{self, HEADER_PRT};
use crate::wire::token::{CLIENT_REGISTRATION, DRS_AUDIENCE};

/// Where the broker of Windows is redirected to.
const REDIRECT: &str = "ms-appx-web://Microsoft.AAD.BrokerPlugin/dd762716-544d-4aeb-a526-687b73838a22";

/// Gets the token that registers a key of a user who has a PRT, as a flow.
pub(crate) struct FreshToken {
    upn: String,
    stage: Stage,
}

/// Whose reply is awaited.
enum Stage {
    Start,
    Nonce,
    Code { state: String },
    Token,
    Over,
}

impl FreshToken {
    pub(crate) fn new(upn: &str) -> Self {
        Self { upn: upn.to_owned(), stage: Stage::Start }
    }

    fn start(&mut self, machine: &Machine<'_>, now: Timestamp) -> Result<Request, Stop> {
        let tenant = machine.registration()?.tenant_id;
        let prt = machine.state.user(&self.upn).and_then(|user| user.prt.as_ref()).ok_or(Stop::NoPrt)?;
        if prt.facts.expires <= now {
            return Err(Stop::PrtExpired);
        }
        self.stage = Stage::Nonce;
        Ok(ask_nonce(tenant))
    }
}

impl Flow for FreshToken {
    type Output = SecretString;

    fn next(
        &mut self,
        machine: &mut Machine<'_>,
        now: Timestamp,
        reply: Option<Reply>,
    ) -> Result<Step<SecretString>, Stop> {
        let request = match (mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Start, None) => self.start(machine, now)?,
            (Stage::Nonce, Some(reply)) => {
                let (state, request) = ask_code(machine, &self.upn, &read_nonce(&reply)?, now)?;
                self.stage = Stage::Code { state };
                request
            }
            (Stage::Code { state }, Some(reply)) => {
                let code = read_code(&state, &reply)?;
                self.stage = Stage::Token;
                ask_redeem(machine.registration()?.tenant_id, &code)
            }
            (Stage::Token, Some(reply)) => return read_token(Exchange::Redeem, &reply).map(Step::Done),
            _ => return Err(Stop::Over),
        };
        Ok(Step::Ask(request))
    }
}

/// Asks for a code. Returns the `state` that the redirection has to repeat.
fn ask_code(machine: &mut Machine<'_>, upn: &str, nonce: &str, now: Timestamp) -> Result<(String, Request), Stop> {
    let tenant = machine.registration()?.tenant_id;
    let prt = machine.state.user(upn).and_then(|user| user.prt.clone()).ok_or(Stop::NoPrt)?;
    let ctx = random_bytes::<24>(machine.keys.rng);
    let credential = prt.open(machine, now)?.credential(nonce, &ctx).map_err(|_| Stop::Encoding)?;
    let state = hex(&random_bytes::<16>(machine.keys.rng));
    let query = oauth::encode_form(&[
        ("response_type", "code"),
        ("client_id", CLIENT_REGISTRATION),
        ("redirect_uri", REDIRECT),
        ("resource", DRS_AUDIENCE),
        ("scope", "openid"),
        ("amr_values", "ngcmfa"),
        ("windows_api_version", "2.0"),
        ("state", &state),
    ]);
    let request = Request::new(Method::Get, host::LOGIN, format!("/{tenant}/oauth2/authorize?{query}"));
    Ok((state, request.header(HEADER_PRT, credential)))
}

/// Takes the code out of the redirection.
fn read_code(state: &str, reply: &Reply) -> Result<String, Stop> {
    let exchange = Exchange::Authorize;
    let location = match (reply.status, reply.header("Location")) {
        (302 | 303, Some(location)) => location,
        (200..400, _) => return Err(exchange.fault(ReplyFault::NoCode)),
        _ => return Err(exchange.refusal(reply)),
    };
    let query = location.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let form = oauth::decode_form(query.as_bytes());
    if let Some(error) = oauth::field(&form, "error") {
        let words = oauth::field(&form, "error_description").unwrap_or_default();
        return Err(exchange.refused(reply.status, error, words, aadsts_in(words), None));
    }
    if oauth::field(&form, "state") != Some(state) {
        return Err(exchange.fault(ReplyFault::State));
    }
    let code = oauth::field(&form, "code").filter(|code| !code.is_empty());
    code.map(str::to_owned).ok_or_else(|| exchange.fault(ReplyFault::NoCode))
}

/// A redirection carries the number only in its text: `AADSTS50076: ...`.
fn aadsts_in(text: &str) -> Vec<u32> {
    let Some(rest) = text.strip_prefix("AADSTS") else { return Vec::new() };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().into_iter().collect()
}

fn ask_redeem(tenant: Uuid, code: &str) -> Request {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_REGISTRATION),
        ("redirect_uri", REDIRECT),
        ("resource", DRS_AUDIENCE),
        ("code", code),
    ];
    Request::form(host::LOGIN, token_path(tenant), &fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Hresult;

    fn redirect(location: &str) -> Reply {
        Reply { status: 302, headers: vec![("location".to_owned(), location.to_owned())], body: Vec::new().into() }
    }

    #[test]
    fn takes_the_code_that_answers_its_own_request() {
        let reply = redirect(&format!("{REDIRECT}?code=0.A%2Bb&state=s#frag"));
        assert_eq!(read_code("s", &reply).ok().as_deref(), Some("0.A+b"));
        for (location, fault) in [
            ("x://y?code=1&state=t", ReplyFault::State),
            ("x://y?code=1", ReplyFault::State),
            ("x://y?state=s", ReplyFault::NoCode),
            ("x://y?state=s&code=", ReplyFault::NoCode),
        ] {
            let stop = read_code("s", &redirect(location)).unwrap_err();
            assert!(matches!(stop, Stop::Reply { fault: found, .. } if found == fault), "{location}: {stop}");
        }
    }

    #[test]
    fn an_error_in_the_redirection_is_the_servers_refusal() {
        let reply = redirect("x://y?error=interaction_required&error_description=AADSTS50076%3A%20mfa&state=s");
        let Err(Stop::Server(refusal)) = read_code("s", &reply) else { panic!() };
        assert_eq!((refusal.aadsts, refusal.hresult), (vec![50076], Hresult::DSREG_E_MFA_REQUIRED));
        let page = Reply { status: 200, headers: Vec::new(), body: b"<html>".to_vec().into() };
        assert!(matches!(read_code("s", &page), Err(Stop::Reply { fault: ReplyFault::NoCode, .. })));
        let refused = Reply { status: 400, headers: Vec::new(), body: Vec::new().into() };
        assert!(matches!(read_code("s", &refused), Err(Stop::Server(_))));
    }
}
