//! WebAuthn registrations: the CBOR, what is in it, and the JSON around it.

use whfb::wire::webauthn::{
    AttestationObject, AuthenticatorData, ClientData, CoseKey, RegistrationResponse, WebauthnExport, ecdsa_from_der,
    ecdsa_to_der,
};

use super::{check_growth, must, same, taken};

/// Whether the bytes are any of the structures.
pub(super) fn judge(bytes: &[u8]) -> Result<bool, String> {
    let any =
        [object(bytes)?, data(bytes)?, key(bytes)?, client_data(bytes)?, response(bytes)?, export(bytes)?, der(bytes)?];
    Ok(any.contains(&true))
}

/// An object that was read is canonical once it is written, and says the same.
fn object(bytes: &[u8]) -> Result<bool, String> {
    let Some(object) = taken(AttestationObject::from_bytes(bytes))? else { return Ok(false) };
    if !data(&object.auth_data)? {
        return Err("authenticator data that is none by itself".into());
    }
    must(object.statement.signature.bare(), "its signature")?;
    taken(object.statement.signature.to_tpm(object.statement.algorithm))?;
    let written = must(object.to_bytes(), "an object")?;
    check_growth(written.len(), bytes.len(), 1, "an object")?;
    let again = must(AttestationObject::from_bytes(&written), "an object that was written")?;
    same(&must(again.to_bytes(), "an object again")?, &written, "an object written and read")?;
    same(&(&again.auth_data, &again.statement.chain), &(&object.auth_data, &object.statement.chain), "what it says")?;
    Ok(true)
}

fn data(bytes: &[u8]) -> Result<bool, String> {
    let Some(data) = taken(AuthenticatorData::from_bytes(bytes))? else { return Ok(false) };
    same(must(data.to_bytes(), "authenticator data")?.as_slice(), bytes, "authenticator data written")?;
    Ok(true)
}

fn key(bytes: &[u8]) -> Result<bool, String> {
    let Some(key) = taken(CoseKey::from_bytes(bytes))? else { return Ok(false) };
    same(key.to_bytes().as_slice(), bytes, "a COSE key written")?;
    Ok(true)
}

fn client_data(bytes: &[u8]) -> Result<bool, String> {
    let Some(data) = taken(ClientData::from_bytes(bytes))? else { return Ok(false) };
    let written = data.to_bytes();
    check_growth(written.len(), bytes.len(), 3, "client data")?;
    same(&must(ClientData::from_bytes(&written), "client data that was written")?, &data, "client data")?;
    Ok(true)
}

fn response(bytes: &[u8]) -> Result<bool, String> {
    let Some(response) = taken(RegistrationResponse::from_json(bytes))? else { return Ok(false) };
    let text = response.to_json();
    check_growth(text.len(), bytes.len(), 2, "a response")?;
    let again = must(RegistrationResponse::from_json(text.as_bytes()), "a response that was written")?;
    same(&again, &response, "a response written and read")?;
    object(&response.attestation_object)?;
    client_data(&response.client_data_json)?;
    Ok(true)
}

fn export(bytes: &[u8]) -> Result<bool, String> {
    let Some(export) = taken(WebauthnExport::from_json(bytes))? else { return Ok(false) };
    let text = export.to_json();
    check_growth(text.len(), bytes.len(), 2, "an export")?;
    let again = must(WebauthnExport::from_json(text.as_bytes()), "an export that was written")?;
    same(&again, &export, "an export written and read")?;
    response(export.credential.to_json().as_bytes())?;
    Ok(true)
}

fn der(bytes: &[u8]) -> Result<bool, String> {
    let Some(signature) = taken(ecdsa_from_der(bytes))? else { return Ok(false) };
    same(must(ecdsa_to_der(&signature), "a signature")?.as_slice(), bytes, "a signature written")?;
    Ok(true)
}
