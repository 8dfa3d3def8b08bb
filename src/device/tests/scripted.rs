//! A server for the flows' tests: fixed answers, every signature of the device checked. It judges no policy.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::attest::{TpmIdentity, aik_certificate};
use crate::base::{ExposeSecret as _, OsRng, Secret32, SecretString, Timestamp, Uuid, secret_slice};
use crate::crypto::cert::{Authority, Certificate, Leaf, Name, SignedRequest, Text, Validity};
use crate::crypto::{RsaPublic, SignatureAlgorithm, SigningKey, cipher, digest, kdf};
use crate::device::flow::{Flow, Miss, Step};
use crate::device::home::Device;
use crate::device::policy::{self, Node, Policy, Source};
use crate::device::stop::Stop;
use crate::device::tpm::Tpm;
use crate::wire::encoding::{base64, from_base64};
use crate::wire::http::{Reply, Request};
use crate::wire::join::JoinRequest;
use crate::wire::jws::{Jws, Unsigned};
use crate::wire::kpp::KeyRequest;
use crate::wire::lab::{AIK_CERTIFICATE_PATH, AIK_CHALLENGE_PATH, AikCertificateRequest, AikChallengeRequest};
use crate::wire::oauth::{HEADER_PRT, HelloAssertion, PrtCredential, PrtRequest, decode_form, field};
use crate::wire::{blob, host, jwe, lab, tpm as wire_tpm};

pub(super) const TENANT: &str = "6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
pub(super) const UPN: &str = "alice@contoso.example";
pub(super) const PASSWORD: &str = "Passw0rd!";
pub(super) const PRT: &str = "prt.of.alice";
const SECRET: [u8; 32] = [7; 32];

/// One node set through the device tree.
pub(super) fn set(node: Node, value: bool) -> Policy {
    Policy::default().with(Source::DeviceCsp, &[(node, policy::Value::Bool(value))]).unwrap()
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(super) fn password() -> SecretString {
    SecretString::from(PASSWORD)
}

/// Ends a process at once.
pub(super) fn kill(process: u32) {
    let process = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}

#[derive(Clone)]
pub(super) struct Server {
    ca: Authority,
    nonces: u32,
    device: Option<Certificate>,
    transport: Option<RsaPublic>,
    pub(super) session_key: Option<Arc<Secret32>>,
    /// Registered Hello keys.
    pub(super) keys: Vec<KeyRequest>,
    aik: Option<crate::crypto::PublicKey>,
    /// `METHOD path` of every request.
    pub(super) seen: Vec<String>,
    /// Kills a process at the request whose target has this part.
    pub(super) kill: Option<(&'static str, u32)>,
    /// Answered in place of the script: the part of the target that it applies to, and the reply.
    pub(super) instead: VecDeque<(&'static str, Reply)>,
    /// Not answered at all: the part of the target that it applies to, and why.
    pub(super) lost: VecDeque<(&'static str, Miss)>,
}

pub(super) fn reply(status: u16, body: Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes().into() }
}

impl Server {
    pub(super) fn new() -> Self {
        let name = Name::common_name("MS-Organization-Access", Text::Printable).unwrap();
        let key = SigningKey::generate_p256().unwrap();
        let ca = Authority::root(name, key, Validity::days_from(now(), 3650), &mut OsRng).unwrap();
        Self {
            ca,
            nonces: 0,
            device: None,
            transport: None,
            session_key: None,
            keys: Vec::new(),
            aik: None,
            seen: Vec::new(),
            kill: None,
            instead: VecDeque::new(),
            lost: VecDeque::new(),
        }
    }

    /// Runs a flow to its end.
    pub(super) fn run<F: Flow>(
        &mut self,
        flow: F,
        device: &mut Device,
        tpm: Option<&mut (dyn Tpm + 'static)>,
    ) -> Result<F::Output, Stop> {
        self.run_as(|_| Ok(flow), device, tpm)
    }

    /// Runs a flow that is made from the machine.
    pub(super) fn run_as<F: Flow>(
        &mut self,
        make: impl FnOnce(&mut crate::device::flow::Machine<'_>) -> Result<F, Stop>,
        device: &mut Device,
        tpm: Option<&mut (dyn Tpm + 'static)>,
    ) -> Result<F::Output, Stop> {
        let mut rng = OsRng;
        let mut machine = device.machine(tpm, &mut rng, now())?;
        let mut flow = make(&mut machine)?;
        let mut step = flow.next(&mut machine, now(), None)?;
        loop {
            step = match step {
                Step::Ask(request) => match self.loses(&request) {
                    None => flow.next(&mut machine, now(), Some(self.answer(&request)))?,
                    // Where nobody goes on, a link would tell its own fault.
                    Some(miss) => flow.missed(&mut machine, now(), miss)?.ok_or(Stop::Over)?,
                },
                Step::Done(output) => {
                    assert!(matches!(flow.next(&mut machine, now(), None), Err(Stop::Over)));
                    return Ok(output);
                }
            }
        }
    }

    fn loses(&mut self, request: &Request) -> Option<Miss> {
        let lost = self.lost.front().is_some_and(|(part, _)| request.target.contains(part));
        lost.then(|| self.lost.pop_front().unwrap().1)
    }

    /// The root that attestation keys are certified by.
    pub(super) fn root(&self) -> Certificate {
        self.ca.certificate().clone()
    }

    fn answer(&mut self, request: &Request) -> Reply {
        self.seen.push(format!("{} {}", request.method, request.path()));
        if let Some((_, process)) = self.kill.take_if(|(part, _)| request.target.contains(*part)) {
            kill(process);
        }
        if self.instead.front().is_some_and(|(part, _)| request.target.contains(part)) {
            return self.instead.pop_front().unwrap().1;
        }
        let path = request.path();
        match request.host.as_str() {
            host::AIK if path == AIK_CHALLENGE_PATH => self.challenge(request),
            host::AIK if path == AIK_CERTIFICATE_PATH => self.certify_aik(request),
            host::LOGIN if path.ends_with("/oauth2/authorize") => self.authorize(request),
            host::LOGIN => self.token(request),
            host::REGISTRATION if path.ends_with("/Discover") => reply(200, discovery()),
            host::REGISTRATION if path.contains("/nonce/") => reply(200, json!({"Value": "drs-nonce"})),
            host::REGISTRATION if path.contains("/device/") => self.join(request),
            host::REGISTRATION => self.register(request),
            other => panic!("no such host: {other}"),
        }
    }

    fn token(&mut self, request: &Request) -> Reply {
        let form = decode_form(&request.body);
        match field(&form, "grant_type").unwrap() {
            "srv_challenge" => {
                self.nonces += 1;
                reply(200, json!({"Nonce": format!("nonce-{}", self.nonces)}))
            }
            "password" => {
                assert_eq!((field(&form, "username"), field(&form, "password")), (Some(UPN), Some(PASSWORD)));
                access_token()
            }
            "authorization_code" => {
                assert_eq!(field(&form, "code"), Some("the-code"));
                access_token()
            }
            _ => self.prt(field(&form, "request").unwrap()),
        }
    }

    fn prt(&mut self, request: &str) -> Reply {
        let jws = Jws::parse(request).unwrap();
        let leaf = from_base64(jws.header.x5c.as_ref().unwrap().leaf().unwrap()).unwrap();
        let device = self.device.as_ref().unwrap();
        assert_eq!(leaf, device.der());
        device
            .public()
            .unwrap()
            .verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature)
            .unwrap();
        let claims: PrtRequest = jws.claims().unwrap();
        assert_eq!(claims.request_nonce, Some(format!("nonce-{}", self.nonces)));
        match claims.assertion {
            Some(assertion) => self.check_assertion(&assertion),
            None => assert_eq!(
                (claims.username.as_deref(), claims.password.as_ref().map(|text| text.as_str())),
                (Some(UPN), Some(PASSWORD))
            ),
        }
        let session_key = cipher::random_secret(&mut OsRng);
        let wrapped = jwe::wrap_session_key(&session_key, self.transport.as_ref().unwrap(), &mut OsRng).unwrap();
        self.session_key = Some(Arc::new(session_key));
        reply(200, prt_reply(&wrapped, UPN, TENANT))
    }

    fn check_assertion(&self, assertion: &str) {
        let jws = Jws::parse(assertion).unwrap();
        assert_eq!(jws.header.usage.as_deref(), Some("ngc"));
        let kid = |key: &&KeyRequest| jws.header.kid == Some(base64(&blob::key_id(&key.blob)));
        let key = crate::crypto::PublicKey::Rsa(self.keys.iter().find(kid).unwrap().key.clone());
        key.verify(SignatureAlgorithm::RsaSha256, jws.signing_input.as_bytes(), &jws.signature).unwrap();
        let claims: HelloAssertion = jws.claims().unwrap();
        assert_eq!((claims.iss.as_str(), claims.request_nonce), (UPN, Some(format!("nonce-{}", self.nonces - 1))));
        assert!(claims.iat.0 <= now().as_second() && now().as_second() < claims.exp.0);
    }

    fn authorize(&self, request: &Request) -> Reply {
        let (_, header) = request.headers.iter().find(|(name, _)| name == HEADER_PRT).unwrap();
        let jws = Jws::parse(header).unwrap();
        let ctx = from_base64(jws.header.ctx.as_ref().unwrap()).unwrap();
        let kdf = kdf::SessionKdf::V2 { payload: &jws.payload };
        let key = kdf::session_derived_key(self.session_key.as_ref().unwrap(), &ctx, kdf);
        assert_eq!(digest::hmac_sha256(key.expose_secret(), &[jws.signing_input.as_bytes()])[..], jws.signature);
        let claims: PrtCredential = jws.claims().unwrap();
        assert_eq!(claims.refresh_token, PRT);
        assert_eq!(claims.request_nonce, Some(format!("nonce-{}", self.nonces)));
        let query = decode_form(request.target.split_once('?').unwrap().1.as_bytes());
        assert_eq!(field(&query, "amr_values"), Some("ngcmfa"));
        let location = format!(
            "{}?code=the-code&state={}",
            field(&query, "redirect_uri").unwrap(),
            field(&query, "state").unwrap()
        );
        Reply { status: 302, headers: vec![("Location".to_owned(), location)], body: Vec::new().into() }
    }

    fn join(&mut self, request: &Request) -> Reply {
        let body: JoinRequest = serde_json::from_slice(&request.body).unwrap();
        let csr = SignedRequest::from_der(&from_base64(&body.certificate_request.data).unwrap()).unwrap();
        self.transport = Some(blob::read(&from_base64(&body.transport_key).unwrap()).unwrap());
        let certificate = self.issue(&Uuid::from_u128(0xd0).to_string(), &csr.public);
        let raw = base64(certificate.der());
        let thumbprint = certificate.thumbprint();
        self.device = Some(certificate);
        reply(
            200,
            json!({"Certificate": {"Thumbprint": thumbprint, "RawBody": raw}, "User": {"Upn": UPN}, "MembershipChanges": []}),
        )
    }

    pub(super) fn issue(&self, name: &str, public: &crate::crypto::PublicKey) -> Certificate {
        let subject = Name::common_name(name, Text::Printable).unwrap();
        let validity = Validity::days_from(now(), 30);
        self.ca.issue(&Leaf { subject, public, validity, extensions: Vec::new() }, &mut OsRng).unwrap()
    }

    fn register(&mut self, request: &Request) -> Reply {
        let key = KeyRequest::parse(&request.body).unwrap();
        let level = key.attestation.as_ref().map(|statement| self.judge(&key, statement));
        self.keys.push(key);
        let mut body = json!({"kid": Uuid::from_u128(0xc0).to_string(), "upn": UPN});
        body["attestationLevel"] = level.unwrap_or("none").into();
        reply(200, body)
    }

    /// Enough to see that the device asked its TPM for the right thing; the whole judgement is the attestation's.
    fn judge(&self, key: &KeyRequest, statement: &lab::LabAttestation) -> &'static str {
        let aik = self.aik.as_ref().unwrap();
        aik.verify(SignatureAlgorithm::RsaSha256, &statement.certify_info, &statement.signature).unwrap();
        let attest = wire_tpm::Attest::from_bytes(&statement.certify_info).unwrap();
        let nonced = digest::sha256_of(&[statement.nonce.as_bytes(), &digest::sha256(&key.blob)]);
        assert_eq!(attest.extra_data, nonced);
        assert_eq!(statement.nonce, "drs-nonce");
        let public = wire_tpm::Public::from_bytes(&statement.public).unwrap().to_public_key().unwrap();
        assert_eq!(public, crate::crypto::PublicKey::Rsa(key.key.clone()));
        "aik"
    }

    fn challenge(&mut self, request: &Request) -> Reply {
        let body: AikChallengeRequest = serde_json::from_slice(&request.body).unwrap();
        let ek = wire_tpm::Public::from_bytes(&body.ek_public).unwrap().to_public_key().unwrap();
        self.aik = Some(wire_tpm::Public::from_bytes(&body.aik_public).unwrap().to_public_key().unwrap());
        let name = wire_tpm::name_of(&body.aik_public);
        let made = crate::attest::make_credential(&ek, &name, &secret_slice(SECRET.to_vec()), &mut OsRng).unwrap();
        reply(
            200,
            json!({"ticket": "t", "credentialBlob": base64(&made.blob), "encryptedSecret": base64(&made.secret)}),
        )
    }

    fn certify_aik(&self, request: &Request) -> Reply {
        let body: AikCertificateRequest = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((body.ticket.as_str(), body.secret.as_slice()), ("t", &SECRET[..]));
        let tpm = TpmIdentity { manufacturer: 0x4942_4D00, model: "swtpm".into(), version: 1 };
        let (aik, validity) = (self.aik.as_ref().unwrap(), Validity::days_from(now(), 30));
        let certificate = aik_certificate(&self.ca, aik, &tpm, false, validity, &mut OsRng).unwrap();
        reply(200, json!({"chain": [base64(certificate.der())]}))
    }
}

fn access_token() -> Reply {
    reply(
        200,
        json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "expires_on": 0, "scope": "", "access_token": "a.b.c"}),
    )
}

pub(super) fn prt_reply(session_key_jwe: &str, upn: &str, tenant: &str) -> Value {
    let claims = json!({"aud": "", "iss": "", "iat": 0, "exp": 0, "amr": ["rsa", "mfa"], "name": "Alice", "oid": "o",
        "preferred_username": upn, "tid": tenant, "upn": upn, "ver": "1.0"});
    let id_token = Unsigned::from_bytes(br#"{"alg":"none"}"#, claims.to_string().as_bytes()).signed(b"");
    json!({"token_type": "Bearer", "refresh_token": PRT, "refresh_token_expires_in": 1_209_599,
        "session_key_jwe": session_key_jwe, "id_token": id_token, "expires_in": "1209599", "ext_expires_in": "0",
        "expires_on": "0"})
}

pub(super) fn discovery() -> Value {
    let registration = format!("https://{}/EnrollmentServer", host::REGISTRATION);
    let service = |name: &str, prefix: &str| json!({format!("{prefix}Endpoint"): format!("{registration}/{name}/"), format!("{prefix}ResourceId"): "urn", "ServiceVersion": "2.0"});
    json!({
        "AuthenticationService": {"OAuth2": {"AuthCodeEndpoint": "", "TokenEndpoint": ""}},
        "DeviceJoinService": service("device", "Join"),
        "KeyProvisioningService": service("key", "KeyProvision"),
        "NonceService": service(&format!("nonce/{TENANT}"), ""),
        "TenantInfo": {"DisplayName": "Contoso", "TenantId": TENANT, "TenantName": "contoso.example"},
    })
}
