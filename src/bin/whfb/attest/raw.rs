//! A statement as a directory: each structure of the TPM in a file of its own, for tools that know those.

use std::fs;
use std::path::Path;

use whfb::attest::Statement;
use whfb::crypto::cert::{Certificate, pem, pem_of};

use super::files::{LARGEST, bundle, read, taken};
use crate::failure::Failure;

const PUBLIC: &str = "key.public";
const CERTIFY_INFO: &str = "certify.attest";
const SIGNATURE: &str = "certify.sig";
const AIK_PUBLIC: &str = "aik.public";
const AIK_KEY: &str = "aik-key.pem";
const AIK_CHAIN: &str = "aik-chain.pem";
const EK_CHAIN: &str = "ek-chain.pem";
const STORAGE_NAME: &str = "storage.name";
const NONCE: &str = "nonce";

/// What the files are, for whoever finds the directory.
const ABOUT: &str = "key.public      TPMT_PUBLIC of the key
certify.attest  TPMS_ATTEST of TPM2_Certify
certify.sig     the attestation key's signature over it, bare
aik.public      TPMT_PUBLIC of the attestation key
aik-key.pem     its public key
aik-chain.pem   its certificate, then the issuers
ek-chain.pem    the endorsement key's certificate, if the TPM has one
storage.name    Name of the storage root key, the parent of both keys
nonce           extraData is SHA-256 of this text and of the SHA-256 of the key's RSA1 blob

openssl dgst -sha256 -verify aik-key.pem -signature certify.sig certify.attest
";

/// Writes the files into a directory that is made for them.
pub(super) fn write(directory: &Path, statement: &Statement) -> Result<(), Failure> {
    fs::create_dir(directory).map_err(|error| taken(format!("{}: {error}", directory.display())))?;
    let chain = |chain: &[Vec<u8>]| chain.iter().map(|der| pem(der)).collect::<String>().into_bytes();
    let aik_key = statement.aik_chain.first().and_then(|der| Certificate::from_der(der).ok());
    let aik_key =
        aik_key.and_then(|aik| aik.public().ok().map(|key| pem_of("PUBLIC KEY", &key.to_spki()).into_bytes()));
    let files = [
        ("README", Some(ABOUT.as_bytes().to_vec())),
        (PUBLIC, Some(statement.public.clone())),
        (CERTIFY_INFO, Some(statement.certify_info.clone())),
        (SIGNATURE, Some(statement.signature.clone())),
        (AIK_PUBLIC, statement.aik_public.clone()),
        (AIK_KEY, aik_key),
        (AIK_CHAIN, Some(chain(&statement.aik_chain))),
        (EK_CHAIN, (!statement.ek_chain.is_empty()).then(|| chain(&statement.ek_chain))),
        (STORAGE_NAME, statement.storage_name.clone()),
        (NONCE, Some(statement.nonce.clone().into_bytes())),
    ];
    for (name, contents) in files {
        let path = directory.join(name);
        let Some(contents) = contents else { continue };
        if let Err(error) = fs::write(&path, contents) {
            let _ = fs::remove_dir_all(directory);
            return Err(Failure::environment(format!("{}: {error}", path.display())));
        }
    }
    Ok(())
}

/// Reads what [`write`] wrote. The first three files and the certificates have to be there.
pub(super) fn read_statement(directory: &Path) -> Result<Statement, Failure> {
    let whole = |name: &str| read(&directory.join(name), LARGEST);
    let optional = |name: &str| directory.join(name).is_file().then(|| whole(name)).transpose();
    let chain = |name: &str| {
        bundle(&directory.join(name))
            .map(|bundle| bundle.certificates.iter().map(|each| each.der().to_vec()).collect::<Vec<_>>())
    };
    Ok(Statement {
        public: whole(PUBLIC)?,
        certify_info: whole(CERTIFY_INFO)?,
        signature: whole(SIGNATURE)?,
        aik_chain: chain(AIK_CHAIN)?,
        nonce: optional(NONCE)?.map(|nonce| String::from_utf8_lossy(&nonce).into_owned()).unwrap_or_default(),
        aik_public: optional(AIK_PUBLIC)?,
        storage_name: optional(STORAGE_NAME)?,
        ek_chain: if directory.join(EK_CHAIN).is_file() { chain(EK_CHAIN)? } else { Vec::new() },
        ..Statement::default()
    })
}
