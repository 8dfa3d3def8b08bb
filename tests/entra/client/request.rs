//! What the client sends, right in every field: tests change what they are about.

use super::*;

pub(crate) fn by_password(upn: &str, password: &str, resource: &str) -> Request {
    let fields = [
        ("client_id", CLIENT_AUTHENTICATION_BROKER),
        ("grant_type", "password"),
        ("resource", resource),
        ("username", upn),
        ("password", password),
    ];
    Request::form(host::LOGIN, TOKEN_PATH, &fields)
}

pub(crate) fn join_body() -> JoinRequest {
    let subject = Name::common_name(REQUEST_SUBJECT, Text::Printable).unwrap();
    let unsigned = UnsignedRequest::new(&subject, &device_key().public().unwrap()).unwrap();
    let signature = device_key().sign(&sha256(unsigned.to_sign()), &mut OsRng).unwrap();
    JoinRequest {
        certificate_request: CertificateRequest {
            kind: "pkcs10".into(),
            data: base64(&unsigned.signed(&signature).unwrap()),
        },
        transport_key: base64(&rsa1(transport_key())),
        target_domain: "contoso.example".into(),
        device_type: "Windows".into(),
        os_version: "10.0.26100.1".into(),
        device_display_name: "LAB-01".into(),
        join_type: 0,
        attributes: [("ReturnClientSid".to_owned(), "true".to_owned())].into(),
        aik_certificate: None,
        attestation_data: None,
    }
}

pub(crate) fn join(token: &str, body: &JoinRequest) -> Request {
    Request::json(host::REGISTRATION, "/EnrollmentServer/device/?api-version=2.0", body).bearer(token)
}

pub(crate) fn register(token: &str, body: &Value) -> Request {
    Request::json(host::REGISTRATION, KEY_PATH, body).bearer(token)
}

pub(crate) fn password_claims(nonce: &str, upn: &str, password: &str) -> Value {
    json!({
        "client_id": CLIENT_BROKER, "request_nonce": nonce, "scope": "openid aza ugs", "group_sids": [],
        "grant_type": "password", "username": upn, "password": password,
    })
}

pub(crate) fn hello_claims(nonce: &str, assertion: &str) -> Value {
    json!({
        "client_id": CLIENT_BROKER, "request_nonce": nonce, "scope": "openid aza ugs",
        "grant_type": GRANT_JWT_BEARER, "username": ALICE, "assertion": assertion,
    })
}

/// The claims of an assertion as roadtx makes them: valid from an hour ago for two hours.
pub(crate) fn assertion_claims(lab: &Lab, nonce: &str) -> Value {
    json!({
        "iss": ALICE, "aud": "common", "iat": lab.now() - 3600, "exp": lab.now() + 3600,
        "request_nonce": nonce, "scope": "openid aza ugs",
    })
}

pub(crate) fn assertion(claims: &Value, key: &SoftwareKey) -> String {
    let header = Header {
        alg: "RS256".into(),
        typ: Some("JWT".into()),
        kid: Some(key_id(key)),
        usage: Some("ngc".into()),
        ..Header::default()
    };
    sign(Unsigned::new(&header, claims).unwrap(), key)
}

/// A PRT request with `x5c` as a bare string, signed by the device key.
pub(crate) fn prt_request(device: &Joined, claims: &Value) -> Request {
    let header = Header {
        alg: "RS256".into(),
        typ: Some("JWT".into()),
        x5c: Some(CertificateChain::Single(device.certificate.clone())),
        kdf_ver: Some(2),
        ..Header::default()
    };
    signed_form(&sign(Unsigned::new(&header, claims).unwrap(), device_key()))
}

pub(crate) fn signed_form(jws: &str) -> Request {
    let fields = [
        ("windows_api_version", "2.2"),
        ("grant_type", GRANT_JWT_BEARER),
        ("request", jws),
        ("client_info", "1"),
        ("tgt", "True"),
    ];
    Request::form(host::LOGIN, TOKEN_PATH, &fields)
}

/// `x-ms-DeviceCredential`, signed by the device key; `x5c` as a list, as libhimmelblau sends it.
pub(crate) fn device_credential(device: &Joined, claims: &Value) -> String {
    let x5c = Some(CertificateChain::List(vec![device.certificate.clone()]));
    let header = Header { alg: "RS256".into(), typ: Some("JWT".into()), x5c, ..Header::default() };
    sign(Unsigned::new(&header, claims).unwrap(), device_key())
}

/// Opens a PRT reply with the transport key.
pub(crate) fn session(reply: &Reply) -> Session {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let reply: PrtReply = reply.json().unwrap();
    let wrapped = WrappedSessionKey::parse(reply.session_key_jwe.as_deref().unwrap()).unwrap();
    let unwrapped = transport_key().decrypt_oaep_sha1(&wrapped.wrapped, &mut OsRng).unwrap();
    Session { prt: reply.refresh_token.clone(), key: wrapped.confirm(&unwrapped).unwrap(), reply }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kdf {
    V1,
    V2,
    /// There is none.
    V3,
}

/// `x-ms-RefreshTokenCredential` under a key derived from the session key.
pub(crate) fn credential(session: &Session, nonce: &str, kdf: Kdf) -> String {
    under_session(session, &json!({ "refresh_token": session.prt, "request_nonce": nonce, "is_primary": "true" }), kdf)
}

/// Claims signed under a session key.
pub(crate) fn under_session(session: &Session, claims: &Value, kdf: Kdf) -> String {
    let ctx: [u8; 24] = random_bytes(&mut OsRng);
    let payload = claims.to_string().into_bytes();
    let header = Header {
        alg: "HS256".into(),
        typ: Some("JWT".into()),
        ctx: Some(base64(&ctx)),
        kdf_ver: match kdf {
            Kdf::V1 => None,
            Kdf::V2 => Some(2),
            Kdf::V3 => Some(3),
        },
        ..Header::default()
    };
    let version = if kdf == Kdf::V2 { SessionKdf::V2 { payload: &payload } } else { SessionKdf::V1 };
    let key = session_derived_key(&session.key, &ctx, version);
    let unsigned = Unsigned::from_bytes(&serde_json::to_vec(&header).unwrap(), &payload);
    let signature = hmac_sha256(key.expose_secret(), &[unsigned.signing_input()]);
    unsigned.signed(&signature)
}

pub(crate) fn authorize(credential: &str, more: &[(&str, &str)]) -> Request {
    authorize_bare(more).header("x-ms-RefreshTokenCredential", credential)
}

pub(crate) fn authorize_bare(more: &[(&str, &str)]) -> Request {
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", CLIENT_REGISTRATION),
        ("redirect_uri", REDIRECT),
        ("resource", DRS_AUDIENCE),
    ];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend_from_slice(more);
    let query = whfb::wire::oauth::encode_form(&fields);
    Request::new(Method::Get, host::LOGIN, format!("/common/oauth2/authorize?{query}"))
}

pub(crate) fn redeem(code: &str) -> Request {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_REGISTRATION),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ];
    Request::form(host::LOGIN, TOKEN_PATH, &fields)
}

/// The payload of a token, unproven.
pub(crate) fn payload(token: &str) -> Value {
    whfb::wire::jws::Jws::parse(token).unwrap().claims().unwrap()
}

pub(crate) fn public(key: &SoftwareKey) -> PublicKey {
    key.public().unwrap()
}
