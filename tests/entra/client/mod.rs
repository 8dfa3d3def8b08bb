//! A client of software keys, as public tools are, and a lab that it talks to.

mod request;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;
use whfb::base::{Clock, ExposeSecret as _, ManualClock, OsRng, Secret32, SignedDuration, Timestamp, random_bytes};
use whfb::crypto::cert::{Authority, Certificate, Extension, Leaf, Name, Text, UnsignedRequest, Validity};
use whfb::crypto::digest::{hmac_sha256, sha256};
use whfb::crypto::kdf::{SessionKdf, session_derived_key};
use whfb::crypto::{PublicKey, SigningKey, SoftwareKey};
use whfb::entra::server::{InProcess, Server};
use whfb::entra::{Database, Entra, Options, Rules, Snapshot};
use whfb::link::{Http, Link as _};
use whfb::wire::encoding::{base64, from_base64};
use whfb::wire::http::{Method, Reply, Request};
use whfb::wire::join::{CertificateRequest, JoinReply, JoinRequest, REQUEST_SUBJECT};
use whfb::wire::jwe::WrappedSessionKey;
use whfb::wire::jws::{CertificateChain, Header, Unsigned};
use whfb::wire::oauth::{GRANT_JWT_BEARER, GRANT_NONCE, NonceReply, PrtReply, TokenReply, decode_form, field};
use whfb::wire::token::{CLIENT_AUTHENTICATION_BROKER, CLIENT_BROKER, CLIENT_REGISTRATION, DRS_AUDIENCE};
use whfb::wire::{blob, host};

pub(crate) use request::*;

pub(crate) const ALICE: &str = "alice@contoso.example";
pub(crate) const BOB: &str = "bob@contoso.example";
pub(crate) const CAROL: &str = "carol@contoso.example";
pub(crate) const PASSWORD: &str = "Passw0rd!";
pub(crate) const REDIRECT: &str = "ms-appx-web://Microsoft.AAD.BrokerPlugin/dd762716-544d-4aeb-a526-687b73838a22";
pub(crate) const TOKEN_PATH: &str = "/common/oauth2/token";
pub(crate) const KEY_PATH: &str = "/EnrollmentServer/key/?api-version=1.0";

/// Set in a second run of these tests: every lab listens, and every request goes over TLS.
pub(crate) const OVER_HTTPS: &str = "WHFB_TEST_OVER_HTTPS";
/// Set in a second run of these tests, by the first: a file, to which every refusal that was provoked is added.
pub(crate) const PROVOKED: &str = "WHFB_TEST_PROVOKED";

fn over_https() -> bool {
    std::env::var_os(OVER_HTTPS).is_some()
}

/// Runs a test on a runtime of its own.
pub(crate) fn run(work: impl Future<Output = ()>) {
    // A link over a socket blocks this thread, and connections of the directory go back to their pool meanwhile.
    let mut runtime = match over_https() {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    runtime.worker_threads(1).enable_all().build().unwrap().block_on(work);
}

macro_rules! shared_keys {
    ($($name:ident),*) => {
        $(/// One key for all tests: making it takes longer than most of them.
        pub(crate) fn $name() -> &'static SoftwareKey {
            static KEY: OnceLock<SoftwareKey> = OnceLock::new();
            KEY.get_or_init(|| SoftwareKey::generate_rsa(&mut OsRng).unwrap())
        })*
    };
}

shared_keys!(device_key, transport_key, user_key, stranger_key);

pub(crate) fn rsa1(key: &SoftwareKey) -> Vec<u8> {
    blob::write(key.public().unwrap().rsa().unwrap())
}

pub(crate) fn kngc(key: &SoftwareKey) -> Value {
    json!({ "kngc": base64(&rsa1(key)) })
}

pub(crate) fn key_id(key: &SoftwareKey) -> String {
    base64(&blob::key_id(&rsa1(key)))
}

pub(crate) fn sign(unsigned: Unsigned, key: &SoftwareKey) -> String {
    let signature = key.sign(&sha256(unsigned.signing_input()), &mut OsRng).unwrap();
    unsigned.signed(&signature)
}

/// A tenant, its clock, and the router before it.
pub(crate) struct Lab {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entra: Arc<Entra>,
    /// The way over a socket, where the tests run over one.
    socket: Option<(Http, Server)>,
    /// Dropped last: the database lies in it.
    pub(crate) folder: TempDir,
}

/// A seeded database that every lab starts from a copy of: making a tenant's keys takes longer than most tests.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let options = options(Database::File(folder.path().join("entra.sqlite")), Rules::entra());
        // A runtime of its own, on a thread of its own: the caller is inside one.
        std::thread::spawn(|| run(async { Entra::open(options).await.unwrap().close().await })).join().unwrap();
        folder
    };
    TEMPLATE.get_or_init(make).path()
}

/// A tenant that nobody told anything special, on a clock that stands.
fn options(database: Database, rules: Rules) -> Options {
    let clock = Arc::new(ManualClock::new(start()));
    Options { database, rules, clock, vendor_roots: Vec::new(), approve_device_codes: None }
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A device that joined.
pub(crate) struct Joined {
    pub(crate) id: String,
    pub(crate) certificate: String,
}

/// A PRT with its session key.
pub(crate) struct Session {
    pub(crate) prt: String,
    pub(crate) key: Secret32,
    pub(crate) reply: PrtReply,
}

impl Lab {
    pub(crate) async fn new(rules: Rules) -> Self {
        Self::with_roots(rules, Vec::new()).await
    }

    pub(crate) async fn with_roots(rules: Rules, vendor_roots: Vec<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entra.sqlite");
        std::fs::copy(template().join("entra.sqlite"), &path).unwrap();
        Self::open(Database::File(path), folder, rules, vendor_roots).await
    }

    /// A tenant with the same name and other keys.
    pub(crate) async fn stranger() -> Self {
        Self::open(Database::Memory, tempfile::tempdir().unwrap(), Rules::entra(), Vec::new()).await
    }

    /// A tenant in which a user approves every device code at once.
    pub(crate) async fn approving(upn: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entra.sqlite");
        std::fs::copy(template().join("entra.sqlite"), &path).unwrap();
        let approve_device_codes = Some(upn.to_owned());
        let options = Options { approve_device_codes, ..options(Database::File(path), Rules::entra()) };
        Self::from_options(folder, options).await
    }

    async fn open(database: Database, folder: TempDir, rules: Rules, vendor_roots: Vec<Vec<u8>>) -> Self {
        Self::from_options(folder, Options { vendor_roots, ..options(database, rules) }).await
    }

    async fn from_options(folder: TempDir, options: Options) -> Self {
        let clock = Arc::new(ManualClock::new(start()));
        let options = Options { clock: clock.clone(), ..options };
        let entra = Arc::new(Entra::open(options).await.unwrap());
        let socket = over_https().then(|| {
            let server = Server::start(entra.clone(), ([127, 0, 0, 1], 0).into()).unwrap();
            (Http::new(server.address(), server.ca_pem()).unwrap(), server)
        });
        Self { clock, entra, socket, folder }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn snapshot(&self) -> Snapshot {
        self.entra.snapshot().await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request) -> Reply {
        match &self.socket {
            // No TLS name leads to another host.
            Some((link, _)) if host::ALL.contains(&request.host.as_str()) => link.send(&request).unwrap(),
            _ => InProcess::new(self.entra.clone()).answer(&request).await.unwrap(),
        }
    }

    /// The answer to a client that showed a certificate in its TLS handshake. Over a socket that takes a key for each, so
    /// `listener.rs` does it once.
    pub(crate) async fn send_from(&self, request: &Request, certificate: &[u8]) -> Reply {
        InProcess::new(self.entra.clone()).answer_to(request, certificate).await.unwrap()
    }

    /// Sends what must be refused by that name, and leave the directory as it was.
    pub(crate) async fn refuses(&self, request: Request, status: u16, name: &str) -> Value {
        self.refuses_client(request, None, status, name).await
    }

    /// As [`Self::refuses`], from a client that shows a certificate.
    pub(crate) async fn refuses_client(
        &self,
        request: Request,
        certificate: Option<&[u8]>,
        status: u16,
        name: &str,
    ) -> Value {
        let before = self.snapshot().await;
        let reply = match certificate {
            Some(der) => self.send_from(&request, der).await,
            None => self.send(request).await,
        };
        // A page is 200 whatever it says.
        let (body, wanted) = match reply.header("Content-Type") {
            Some("text/html; charset=utf-8") => (config(&text(&reply)), 200),
            _ => (reply.json().unwrap(), status),
        };
        assert_eq!((reply.status, refusal_name(&body)), (wanted, name.to_owned()), "{body}");
        assert!(reply.header("request-id").is_some());
        assert_eq!(self.snapshot().await, before, "{name} left something behind");
        crate::refusal_table::note(name, status);
        body
    }

    pub(crate) async fn nonce(&self) -> String {
        let mut request = Request::new(Method::Post, host::LOGIN, TOKEN_PATH);
        request.body = format!("grant_type={GRANT_NONCE}").into_bytes().into();
        self.send(request).await.json::<NonceReply>().unwrap().nonce
    }

    /// An access token by password.
    pub(crate) async fn token(&self, upn: &str, resource: &str) -> String {
        let reply = self.send(by_password(upn, PASSWORD, resource)).await;
        assert_eq!(reply.status, 200);
        reply.json::<TokenReply>().unwrap().access_token
    }

    pub(crate) async fn join(&self, upn: &str) -> Joined {
        let token = self.token(upn, DRS_AUDIENCE).await;
        let reply = self.send(join(&token, &join_body())).await;
        assert_eq!(reply.status, 200);
        let certificate = reply.json::<JoinReply>().unwrap().certificate.raw_body;
        let der = from_base64(&certificate).unwrap();
        let read = whfb::crypto::cert::Certificate::from_der(&der).unwrap();
        let id = read.subject().text(whfb::crypto::cert::oid::COMMON_NAME).unwrap();
        Joined { id, certificate }
    }

    /// The certificate of a device as it would be with the same names, signed by somebody else's key; DER.
    pub(crate) fn forged(&self, device: &Joined) -> Vec<u8> {
        let genuine = Certificate::from_der(&from_base64(&device.certificate).unwrap()).unwrap();
        let validity = Validity::days_from(self.clock.now(), 30);
        let stranger =
            Authority::root(genuine.issuer(), SigningKey::generate_rsa().unwrap(), validity, &mut OsRng).unwrap();
        let public = public(device_key());
        let extensions = vec![Extension::basic_constraints(false).unwrap()];
        let leaf = Leaf { subject: genuine.subject(), public: &public, validity, extensions };
        stranger.issue(&leaf, &mut OsRng).unwrap().der().to_vec()
    }

    /// A PRT by password on a device that joined.
    pub(crate) async fn session(&self, device: &Joined, upn: &str) -> Session {
        let claims = password_claims(&self.nonce().await, upn, PASSWORD);
        session(&self.send(prt_request(device, &claims)).await)
    }

    /// The token for key registration: PRT, code with fresh MFA, token.
    pub(crate) async fn ngcmfa(&self, session: &Session) -> String {
        let code = self.code(session, &[("amr_values", "ngcmfa")]).await;
        self.send(redeem(&code)).await.json::<TokenReply>().unwrap().access_token
    }

    /// A code by PRT.
    pub(crate) async fn code(&self, session: &Session, more: &[(&str, &str)]) -> String {
        let credential = credential(session, &self.nonce().await, Kdf::V2);
        let reply = self.send(authorize(&credential, more)).await;
        assert_eq!(reply.status, 302, "{}", String::from_utf8_lossy(&reply.body));
        let location = reply.header("Location").unwrap();
        let query = decode_form(location.split_once('?').unwrap().1.as_bytes());
        field(&query, "code").unwrap().to_owned()
    }

    /// A lab with a device, a session of Alice's, and her key registered: the state before signing in.
    pub(crate) async fn provisioned(rules: Rules) -> (Self, Joined, Session) {
        let lab = Self::new(rules).await;
        let device = lab.join(ALICE).await;
        let session = lab.session(&device, ALICE).await;
        let token = lab.ngcmfa(&session).await;
        assert_eq!(lab.send(register(&token, &kngc(user_key()))).await.status, 200);
        (lab, device, session)
    }
}

pub(crate) fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.to_vec()).unwrap()
}

/// What a page says in its script to clients that are no browsers, found as roadtx finds it.
fn config(page: &str) -> Value {
    let (_, rest) = page.split_once("$Config=").expect("a refusal's page has a $Config");
    let (json, _) = rest.split_once(";\n//]]></script>").unwrap();
    serde_json::from_str(json).unwrap()
}

/// The refusal's name, wherever the dialect has it.
fn refusal_name(body: &Value) -> String {
    if let Some(text) = body["error_description"].as_str().or(body["strServiceExceptionMessage"].as_str()) {
        return text.split(": ").nth(1).unwrap_or(text).to_owned();
    }
    if body["error"]["innerError"].is_object() {
        let message = body["error"]["message"].as_str().unwrap_or_default();
        return message.split(": ").next().unwrap_or_default().to_owned();
    }
    let name = body["ErrorType"].as_str().or(body["code"].as_str()).or(body["error"]["code"].as_str());
    name.unwrap_or("no name").to_owned()
}
