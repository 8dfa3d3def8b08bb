//! One exchange with a server: its request, and what a reply or a refusal to it means.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::{Aadsts, Hresult, SecretString, Uuid};
use crate::crypto::digest::sha256;
use crate::device::flow::Machine;
use crate::device::keys::Lock;
use crate::device::stop::{ReplyFault, ServerRefusal, Stop};
use crate::wire::encoding::base64;
use crate::wire::host;
use crate::wire::http::{Reply, Request};
use crate::wire::jws::{CertificateChain, Header, Unsigned};
use crate::wire::oauth::{GRANT_JWT_BEARER, GRANT_NONCE, NonceReply, PrtRequest, TokenReply};

/// The exchanges of the device's flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    Password,
    Discovery,
    Join,
    Nonce,
    Prt,
    Authorize,
    Redeem,
    AikChallenge,
    AikCertificate,
    AttestationNonce,
    KeyRegistration,
}

impl Exchange {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "token by password",
            Self::Discovery => "discovery",
            Self::Join => "device join",
            Self::Nonce => "nonce",
            Self::Prt => "primary refresh token",
            Self::Authorize => "authorization",
            Self::Redeem => "token by code",
            Self::AikChallenge => "AIK challenge",
            Self::AikCertificate => "AIK certificate",
            Self::AttestationNonce => "attestation nonce",
            Self::KeyRegistration => "key registration",
        }
    }

    pub(crate) fn fault(self, fault: ReplyFault) -> Stop {
        Stop::Reply { step: self.name(), fault }
    }

    /// The body of a reply of status 2xx; any other status is a refusal.
    pub(crate) fn read<T: DeserializeOwned>(self, reply: &Reply) -> Result<T, Stop> {
        self.check(reply)?;
        reply.json().map_err(|_| self.fault(ReplyFault::Shape))
    }

    pub(crate) fn check(self, reply: &Reply) -> Result<(), Stop> {
        if reply.is_success() { Ok(()) } else { Err(self.refusal(reply)) }
    }

    /// What a refusal says, in whichever of the three error bodies it comes.
    pub(crate) fn refusal(self, reply: &Reply) -> Stop {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = text("code").or(text("ErrorType")).or(text("error")).unwrap_or_default();
        let message = text("message").or(text("Message")).or(text("error_description")).unwrap_or_default();
        let numbers = body.get("error_codes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let aadsts = numbers.iter().filter_map(|number| u32::try_from(number.as_u64()?).ok()).collect();
        let told = text("hresult").and_then(|text| Hresult::try_from(text.to_owned()).ok());
        self.refused(reply.status, code, message, aadsts, told)
    }

    pub(crate) fn refused(
        self,
        status: u16,
        code: &str,
        message: &str,
        aadsts: Vec<u32>,
        told: Option<Hresult>,
    ) -> Stop {
        let hresult = told.unwrap_or_else(|| self.code_for(status, &aadsts));
        let (code, message) = (shortened(code), shortened(message));
        Stop::Server(Box::new(ServerRefusal { step: self.name(), status, code, message, aadsts, hresult }))
    }

    /// What Windows shows where the server names no code. Causes are those of Microsoft's list of errors during PIN
    /// creation; which of them an exchange ends in is \[inferred\].
    fn code_for(self, status: u16, aadsts: &[u32]) -> Hresult {
        let needs_mfa = [Aadsts::MFA_REQUIRED, Aadsts::MFA_ENROLMENT_REQUIRED];
        if needs_mfa.iter().any(|code| aadsts.contains(&code.0)) {
            return Hresult::DSREG_E_MFA_REQUIRED;
        }
        match (self, status) {
            (_, 500..) => Hresult::DSREG_E_SERVER_EXCEPTION,
            (Self::KeyRegistration, 400 | 401) => Hresult::DSREG_E_MFA_REQUIRED,
            (Self::AikChallenge | Self::AikCertificate, 400..) => Hresult::DSREG_E_AIK_CERTIFICATE_INVALID,
            (Self::Join | Self::KeyRegistration, 400 | 403) => Hresult::DSREG_E_NOT_AUTHORIZED,
            (_, 302 | 400 | 401) => Hresult::DSREG_E_USER_NOT_AUTHENTICATED,
            _ => Hresult::DSREG_E_HTTP_STATUS,
        }
    }
}

/// A server's text, fit for one line of a terminal.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}

/// The domain of a user principal name, checked to be fit for a path.
pub(crate) fn domain_of(upn: &str) -> Result<&str, Stop> {
    let (name, domain) = upn.split_once('@').ok_or(Stop::NotAUpn)?;
    let plain = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    if plain(name, ".-_+'#!^~") && plain(domain, ".-") { Ok(domain) } else { Err(Stop::NotAUpn) }
}

/// Host and path of an `https` URL.
pub(crate) fn endpoint(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let plain = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let clean = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#']);
    (plain && clean).then_some((host, path))
}

pub(crate) fn token_path(tenant: Uuid) -> String {
    format!("/{tenant}/oauth2/token")
}

pub(crate) fn ask_nonce(tenant: Uuid) -> Request {
    Request::form(host::LOGIN, token_path(tenant), &[("grant_type", GRANT_NONCE)])
}

pub(crate) fn read_nonce(reply: &Reply) -> Result<String, Stop> {
    Exchange::Nonce.read::<NonceReply>(reply).map(|reply| reply.nonce)
}

pub(crate) fn read_token(exchange: Exchange, reply: &Reply) -> Result<SecretString, Stop> {
    exchange.read::<TokenReply>(reply).map(|reply| SecretString::from(reply.access_token))
}

/// A PRT request, signed by the device key, with the device certificate in its header.
pub(crate) fn ask_prt(machine: &mut Machine<'_>, claims: &PrtRequest) -> Result<Request, Stop> {
    let registration = machine.state.registration.as_ref().ok_or(Stop::NotJoined)?;
    let header = Header {
        alg: "RS256".to_owned(),
        typ: Some("JWT".to_owned()),
        x5c: Some(CertificateChain::List(vec![base64(&registration.certificate)])),
        kdf_ver: Some(2),
        ..Header::default()
    };
    let unsigned = Unsigned::new(&header, claims).map_err(|_| Stop::Encoding)?;
    let digest = sha256(unsigned.signing_input());
    let signature = machine.keys.sign(&registration.device_key, Lock::Device, &digest)?;
    let request = unsigned.signed(&signature);
    let fields = [
        ("windows_api_version", "2.2"),
        ("grant_type", GRANT_JWT_BEARER),
        ("request", request.as_str()),
        ("client_info", "1"),
    ];
    Ok(Request::form(host::LOGIN, token_path(registration.tenant_id), &fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(exchange: Exchange, status: u16, body: &str) -> ServerRefusal {
        let reply = Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec().into() };
        match exchange.check(&reply) {
            Err(Stop::Server(refusal)) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_all_three_error_bodies() {
        let oauth = r#"{"error":"invalid_grant","error_description":"AADSTS50126: no","error_codes":[50126]}"#;
        let found = refusal(Exchange::Prt, 400, oauth);
        assert_eq!((found.code.as_str(), found.message.as_str()), ("invalid_grant", "AADSTS50126: no"));
        assert_eq!((found.aadsts, found.hresult), (vec![50126], Hresult::DSREG_E_USER_NOT_AUTHENTICATED));

        let key = r#"{"code":"AttestationFailed","message":"no","hresult":"0x801C03EE","error":{"message":"no"}}"#;
        let found = refusal(Exchange::KeyRegistration, 400, key);
        assert_eq!((found.code.as_str(), found.hresult), ("AttestationFailed", Hresult::DSREG_E_ATTESTATION_FAILED));

        let join = r#"{"ErrorType":"AuthorizationError","Message":"no"}"#;
        let found = refusal(Exchange::Join, 400, join);
        assert_eq!((found.code.as_str(), found.message.as_str()), ("AuthorizationError", "no"));
    }

    #[test]
    fn a_refusal_without_a_readable_body_is_a_refusal_still() {
        for body in ["", "<html>", "[]", "null", r#"{"error":7,"error_codes":"x","hresult":"0x"}"#] {
            let found = refusal(Exchange::KeyRegistration, 401, body);
            assert_eq!((found.status, found.hresult), (401, Hresult::DSREG_E_MFA_REQUIRED), "{body}");
        }
        assert_eq!(refusal(Exchange::Nonce, 503, "").hresult, Hresult::DSREG_E_SERVER_EXCEPTION);
        assert_eq!(refusal(Exchange::Nonce, 418, "").hresult, Hresult::DSREG_E_HTTP_STATUS);
        let mfa = r#"{"error":"interaction_required","error_codes":[50076]}"#;
        assert_eq!(refusal(Exchange::Redeem, 400, mfa).hresult, Hresult::DSREG_E_MFA_REQUIRED);
    }

    #[test]
    fn a_servers_text_is_one_short_line() {
        let body = serde_json::json!({"code": "a\nb\u{1b}[31m", "message": "x".repeat(5000)}).to_string();
        let found = refusal(Exchange::Join, 400, &body);
        assert_eq!(found.code, "a b [31m");
        assert_eq!(found.message.len(), 400);
    }

    #[test]
    fn user_names_and_endpoints_that_do_not_fit_a_request_are_refused() {
        assert_eq!(domain_of("alice@contoso.example").ok(), Some("contoso.example"));
        for upn in ["", "alice", "@contoso.example", "alice@", "a@b@c", "alice@contoso/..", "al ice@contoso", "a@b\r\n"]
        {
            assert!(matches!(domain_of(upn), Err(Stop::NotAUpn)), "{upn:?}");
        }
        assert_eq!(endpoint("https://host.example/a/b/"), Some(("host.example", "/a/b/")));
        for url in [
            "http://h/a",
            "https://h",
            "https:///a",
            "https://u@h/a",
            "https://h:1/a",
            "https://h/a?b",
            "https://h/a b",
        ] {
            assert_eq!(endpoint(url), None, "{url}");
        }
    }
}
