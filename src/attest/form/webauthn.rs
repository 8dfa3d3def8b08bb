//! Statements as WebAuthn registrations (WebAuthn sections 6.5 and 8.3).

use super::{Credential, Form, FormFault, MadeFor, Presented};
use crate::attest::statement::{Algorithm, Client, Statement};
use crate::crypto::PublicKey;
use crate::crypto::digest::sha256;
use crate::wire::encoding::base64url;
use crate::wire::webauthn::{
    AttestationObject, AuthenticatorData, ClientData, CoseAlgorithm, RegistrationResponse, StatementSignature,
    TpmStatement, WebauthnExport, WebauthnFormat, extra_data,
};

pub(super) fn read(text: &[u8]) -> Result<Presented, FormFault> {
    let export = WebauthnExport::from_json(text)?;
    let response = &export.credential;
    let object = AttestationObject::from_bytes(&response.attestation_object)?;
    let client = ClientData::from_bytes(&response.client_data_json)?;
    let authenticator = object.authenticator_data()?;
    let credential = authenticator.credential.ok_or(FormFault::NoCredential)?;
    if credential.id != response.id {
        return Err(FormFault::OtherCredential);
    }
    if !authenticator.user_present {
        return Err(FormFault::UserNotPresent);
    }
    let made = object.statement;
    let aaguid = *credential.aaguid.as_bytes();
    let for_what = Credential {
        extra_data: extra_data(made.algorithm, &object.auth_data, &response.client_data_json),
        challenge: base64url(&export.challenge),
        rp_id: export.rp_id,
        origin: export.origin,
        aaguid,
        key: credential.key.key().clone(),
    };
    let statement = Statement {
        signature: made.signature.to_tpm(made.algorithm)?,
        public: made.public,
        certify_info: made.certify_info,
        aik_chain: made.chain,
        nonce: base64url(&client.challenge),
        algorithm: Some(algorithm(made.algorithm)),
        client: Some(Client {
            kind: "webauthn.create".to_owned(),
            origin: client.origin,
            rp_id_hash: authenticator.rp_id_hash.to_vec(),
            aaguid: aaguid.to_vec(),
        }),
        ..Statement::default()
    };
    Ok(Presented { form: Form::Webauthn, statement, made_for: MadeFor::Credential(Box::new(for_what)) })
}

fn algorithm(cose: CoseAlgorithm) -> Algorithm {
    match cose {
        CoseAlgorithm::Rs256 => Algorithm::Rs256,
        CoseAlgorithm::Es256 => Algorithm::Es256,
        CoseAlgorithm::Rs1 => Algorithm::Rs1,
    }
}

/// A registration of the Windows Hello hardware authenticator, before its TPM signed for it.
#[derive(Debug, Clone)]
pub struct Registration {
    rp_id: String,
    origin: String,
    challenge: Vec<u8>,
    id: [u8; 32],
    algorithm: CoseAlgorithm,
    auth_data: Vec<u8>,
    client_data: Vec<u8>,
}

impl Registration {
    /// For the key `key` of a relying party, with the attestation key `aik`, which decides the algorithm. The credential's
    /// identifier is the SHA-256 of the public key.
    ///
    /// # Errors
    /// [`WebauthnFormat`], for a key that is too long to write.
    pub fn new(
        key: &PublicKey,
        aik: &PublicKey,
        rp_id: &str,
        origin: &str,
        challenge: &[u8],
    ) -> Result<Self, WebauthnFormat> {
        let id = sha256(&key.to_spki());
        Ok(Self {
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            challenge: challenge.to_vec(),
            id,
            algorithm: CoseAlgorithm::of_key(aik),
            auth_data: AuthenticatorData::of_windows_hello(rp_id, &id, key).to_bytes()?,
            client_data: ClientData::new(challenge, origin).to_bytes(),
        })
    }

    /// What the TPM has to certify the key over, 32 bytes.
    pub fn extra_data(&self) -> Vec<u8> {
        extra_data(self.algorithm, &self.auth_data, &self.client_data)
    }

    /// The export, from the statement that was made over [`Self::extra_data`], with the roots that a verifier should know.
    ///
    /// # Errors
    /// [`WebauthnFormat`], for a statement without certificates or with another kind of signature.
    pub fn export(self, statement: &Statement, roots_pem: Vec<String>) -> Result<WebauthnExport, WebauthnFormat> {
        let object = AttestationObject {
            statement: TpmStatement {
                algorithm: self.algorithm,
                chain: statement.aik_chain.clone(),
                signature: StatementSignature::of_tpm(self.algorithm, &statement.signature)?,
                certify_info: statement.certify_info.clone(),
                public: statement.public.clone(),
            },
            auth_data: self.auth_data,
        };
        let credential = RegistrationResponse::of_platform(&self.id, &self.client_data, &object.to_bytes()?);
        Ok(WebauthnExport { credential, challenge: self.challenge, rp_id: self.rp_id, origin: self.origin, roots_pem })
    }
}
