//! Signing in on a page: password, second factor, and for a device code the question whose device it is.
//!
//! Between two steps everything is in a sealed field of the page, so that nothing is kept and two servers do as well as one.

use serde::{Deserialize, Serialize};

use crate::base::{Timestamp, Uuid};
use crate::crypto::otp;
use crate::wire::http::Request;
use crate::wire::oauth::{decode_form, field};

use super::authorize::{Asked, Outcome};
use super::directory::User;
use super::grant::{self, Kind, Proof};
use super::page::Page;
use super::refusal::{Broken, Failure, Refusal};
use super::sts::{self, Form, required};
use super::tenant::SEEDED_OTP_SECRET;
use super::{Entra, authorize, device_code, mfa};

/// How long a page may stay open. Ours.
const PATIENCE: i64 = 600;

/// Why somebody signs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// For a code at the client's address.
    Authorize(Asked),
    /// To approve a device code.
    DeviceCode {
        /// What was typed.
        user_code: String,
    },
}

/// The page that a sign-in waits at. A field of one page is not taken at another: that would skip what lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Password,
    SecondFactor,
    Confirm,
}

/// A sign-in under way.
#[derive(Serialize, Deserialize)]
struct Flow {
    stage: Stage,
    purpose: Purpose,
    /// The device, where the browser proved one.
    device: Option<Uuid>,
    /// Who gave the right password, and what that and the second factor prove.
    user: Option<Uuid>,
    proof: Proof,
    exp: i64,
}

/// The first page of a sign-in.
pub(crate) fn start(entra: &Entra, purpose: Purpose, device: Option<Uuid>, hint: &str) -> Result<Page, Broken> {
    let exp = entra.now().as_second().saturating_add(PATIENCE);
    let flow = Flow { stage: Stage::Password, purpose, device, user: None, proof: Proof::default(), exp };
    Ok(Page::Password { flow: seal(entra, &flow)?, hint: hint.to_owned(), refusal: None })
}

/// Answers the page of user and password.
pub(crate) async fn password(entra: &Entra, tenant: &str, request: &Request) -> Result<Outcome, Failure> {
    let (form, sealed, mut flow) = read(entra, tenant, request, Stage::Password)?;
    let name = field(&form, "loginfmt").or(field(&form, "login")).unwrap_or_default();
    let user = match sts::authenticate(entra, name, field(&form, "passwd").unwrap_or_default()).await {
        Ok(user) => user,
        // What a person mistypes is asked for again, on the same page.
        Err(Failure::Refused(refusal)) => {
            return Ok(Page::Password { flow: sealed, hint: name.to_owned(), refusal: Some(refusal) }.into());
        }
        Err(broken) => return Err(broken),
    };
    flow.user = Some(user.id);
    flow.proof = Proof { amr: vec!["pwd".to_owned()], mfa_time: None };
    if user.mfa_method {
        flow.stage = Stage::SecondFactor;
        return Ok(Page::SecondFactor { flow: seal(entra, &flow)?, user: user.upn, refusal: None }.into());
    }
    proceed(entra, flow, &user).await
}

/// Answers the page of the second factor.
pub(crate) async fn second_factor(entra: &Entra, tenant: &str, request: &Request) -> Result<Outcome, Failure> {
    let (form, sealed, mut flow) = read(entra, tenant, request, Stage::SecondFactor)?;
    let user = user_of(entra, &flow).await?;
    if let Some(refusal) = second_factor_fault(entra, &form, &user).await? {
        return Ok(Page::SecondFactor { flow: sealed, user: user.upn, refusal: Some(refusal) }.into());
    }
    flow.proof = mfa::by_password(&user, entra.now());
    proceed(entra, flow, &user).await
}

async fn second_factor_fault(entra: &Entra, form: &Form, user: &User) -> Result<Option<Refusal>, Failure> {
    match (field(form, "answer"), field(form, "otc").filter(|code| !code.is_empty())) {
        (Some("approve"), None) => Ok(None),
        (Some("deny"), _) => Ok(Some(Refusal::MfaDenied)),
        (_, Some(code)) => Ok((!is_code_of(entra, user, code.trim()).await?).then_some(Refusal::MfaCodeWrong)),
        _ => Ok(Some(Refusal::MfaAnswerMissing)),
    }
}

/// Whether a code is the user's of this or the last half minute, and was not used before (RFC 6238 section 5.2).
async fn is_code_of(entra: &Entra, user: &User, code: &str) -> Result<bool, Failure> {
    let now = entra.now();
    let Some(step) = matching_step(now, code) else { return Ok(false) };
    let hash = grant::hash(&format!("otp/{}/{step}", user.id));
    Ok(entra.directory().consume(&hash, now.as_second().saturating_add(PATIENCE), now.as_second()).await?)
}

fn matching_step(now: Timestamp, code: &str) -> Option<i64> {
    let current = otp::step(now.as_second());
    [current, current - 1].into_iter().find(|step| otp::code(SEEDED_OTP_SECRET, *step) == code)
}

/// Answers the question whose device shows the code.
pub(crate) async fn confirm(entra: &Entra, tenant: &str, request: &Request) -> Result<Outcome, Failure> {
    let (form, _, flow) = read(entra, tenant, request, Stage::Confirm)?;
    let user = user_of(entra, &flow).await?;
    let Purpose::DeviceCode { user_code } = &flow.purpose else { return Err(Refusal::LoginMalformed.into()) };
    let code = device_code::open(entra, user_code).await?;
    let approved = match required(&form, "answer")? {
        "continue" => true,
        "cancel" => false,
        _ => return Err(Refusal::ParameterMissing.into()),
    };
    if approved {
        device_code::approve(entra, &code, &user, flow.proof).await?;
    } else {
        device_code::decline(entra, &code).await?;
    }
    Ok(Page::Done { approved }.into())
}

/// The page for the code that a device shows.
pub(crate) fn ask_for_code(entra: &Entra, tenant: &str, request: &Request) -> Result<Page, Failure> {
    entra.check_tenant(tenant)?;
    let typed = field(&request.query(), "otc").unwrap_or_default().to_owned();
    Ok(Page::UserCode { typed, refusal: None })
}

/// Answers the page for the code that a device shows.
pub(crate) async fn typed_code(entra: &Entra, tenant: &str, request: &Request) -> Result<Outcome, Failure> {
    entra.check_tenant(tenant)?;
    let form = decode_form(&request.body);
    let typed = field(&form, "otc").unwrap_or_default();
    match device_code::open(entra, typed).await {
        Ok(code) => Ok(start(entra, Purpose::DeviceCode { user_code: code.user_code }, None, "")?.into()),
        Err(Failure::Refused(refusal)) => Ok(Page::UserCode { typed: typed.to_owned(), refusal: Some(refusal) }.into()),
        Err(broken) => Err(broken),
    }
}

/// What comes after password and second factor.
async fn proceed(entra: &Entra, mut flow: Flow, user: &User) -> Result<Outcome, Failure> {
    match &flow.purpose {
        Purpose::Authorize(asked) => {
            let proof = if asked.fresh { mfa::fresh(user, &flow.proof, entra.now())? } else { flow.proof };
            authorize::hand_over(entra, asked, user, flow.device, proof).map_err(Failure::from)
        }
        Purpose::DeviceCode { user_code } => {
            let client = device_code::open(entra, user_code).await?.client;
            flow.stage = Stage::Confirm;
            Ok(Page::Confirm { flow: seal(entra, &flow)?, client }.into())
        }
    }
}

/// The fields of a page, its sealed one, and what that says.
type Answered = (Vec<(String, String)>, String, Flow);

fn read(entra: &Entra, tenant: &str, request: &Request, stage: Stage) -> Result<Answered, Refusal> {
    entra.check_tenant(tenant)?;
    let form = decode_form(&request.body);
    let sealed = field(&form, "flow").ok_or(Refusal::LoginMalformed)?.to_owned();
    let flow: Flow = grant::read(&entra.keys().sealing, Kind::Login, &sealed).map_err(|_| Refusal::LoginMalformed)?;
    if flow.stage != stage {
        return Err(Refusal::LoginMalformed);
    }
    if flow.exp < entra.now().as_second() {
        return Err(Refusal::LoginExpired);
    }
    Ok((form, sealed, flow))
}

fn seal(entra: &Entra, flow: &Flow) -> Result<String, Broken> {
    grant::write(&entra.keys().sealing, Kind::Login, flow)
}

/// Who gave the right password.
async fn user_of(entra: &Entra, flow: &Flow) -> Result<User, Failure> {
    let id = flow.user.ok_or(Refusal::LoginMalformed)?;
    Ok(entra.directory().user(id).await?.ok_or(Refusal::UserUnknown)?)
}
