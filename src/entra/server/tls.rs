//! The listener's certificate, issued at each start by the lab's authority.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use crate::base::{ExposeSecret as _, OsRng, Timestamp};
use crate::crypto::SigningKey;
use crate::crypto::cert::{Authority, CertificateError, Extension, Leaf, Name, Text, Validity, oid};
use crate::wire::host;

use super::listener::StartError;

const LEAF_DAYS: i64 = 365;

/// TLS 1.2 and 1.3 by aws-lc-rs, HTTP/1.1, for every host of the mock and for `localhost`.
pub(super) fn config(authority: &Authority, now: Timestamp) -> Result<Arc<ServerConfig>, StartError> {
    let key = SigningKey::generate_p256()?;
    let leaf = leaf(authority, &key, now)?;
    let chain = [leaf, authority.certificate().der().to_vec()].map(CertificateDer::from).to_vec();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8()?.expose_secret().to_vec()));
    // The provider is named here: a process-wide default would be another library's business.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let visitors = Arc::new(Visitors(Arc::clone(&provider)));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_client_cert_verifier(visitors).with_single_cert(chain, key))
        .map_err(|error| StartError::Tls(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes any client certificate or none, as long as the client has the key: whose it is decides the endpoint that asks for one,
/// so that a stranger is refused by name and not by an alert.
#[derive(Debug)]
struct Visitors(Arc<CryptoProvider>);

impl ClientCertVerifier for Visitors {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn leaf(authority: &Authority, key: &SigningKey, now: Timestamp) -> Result<Vec<u8>, CertificateError> {
    let names: Vec<&str> = host::ALL.iter().copied().chain(["localhost"]).collect();
    let leaf = Leaf {
        subject: Name::common_name("whfb lab server", Text::Utf8)?,
        public: key.public(),
        validity: Validity::days_from(now, LEAF_DAYS),
        extensions: vec![
            Extension::basic_constraints(false)?,
            Extension::key_usage_signature()?,
            Extension::extended_key_usage(false, &[oid::SERVER_AUTH])?,
            Extension::dns_names(&names)?,
            authority.key_identifier()?,
        ],
    };
    Ok(authority.issue(&leaf, &mut OsRng)?.der().to_vec())
}
