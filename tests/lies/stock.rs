//! RSA keys from a stock: a TPM takes 150 ms for each, and a case that lies at another command has no need of a new one.

use std::sync::{Arc, Mutex};

use whfb::base::{Secret32, SecretSlice};
use whfb::device::tpm::{
    Certification, CertifyAuthority, Created, Credential, Direct, Endorsement, Facts, Gate, KeyBlob, KeyHandle,
    KeyKind, LockoutLimits, Pins, RawSignature, SealedBlob, Tpm, TpmClock, TpmError, Usage,
};

use crate::liar::Script;

/// Keys of one TPM, made before; those with an authorization value have [`first_auth`].
#[derive(Clone, Default)]
pub(crate) struct Stock {
    pub(crate) general: Vec<Created>,
    pub(crate) attestation: Vec<Created>,
}

pub(crate) fn first_auth() -> Secret32 {
    Secret32::new(Box::new([7; 32]))
}

/// A TPM whose `create_key` takes from the stock, unless the script lies at that very command or the stock is empty.
///
/// What is taken counts as the one command that it replaces, so a command has its number whether or not keys were made
/// before it.
pub(crate) struct Stocked {
    pub(crate) inner: Direct,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) stock: Stock,
}

impl Stocked {
    fn take(&mut self, usage: Usage, auth: Option<&Secret32>) -> Option<Result<Created, TpmError>> {
        {
            let mut script = self.script.lock().unwrap();
            if script.lie.is_some_and(|(_, at)| at == script.count) {
                return None;
            }
            script.aside = true;
        }
        let taken = match (usage, auth) {
            (Usage::Attestation, None) => self.stock.attestation.pop().map(Ok),
            (Usage::General, Some(auth)) => self.stock.general.pop().map(|Created { key, creation }| {
                let (key, handle) = self.inner.claim(&key, &first_auth(), auth)?;
                self.inner.unload(handle).map(|()| Created { key, creation })
            }),
            _ => None,
        };
        let mut script = self.script.lock().unwrap();
        script.aside = false;
        script.count += usize::from(taken.is_some());
        taken
    }
}

/// Verbs that are passed on as they are.
macro_rules! pass {
    ($($verb:ident($($name:ident: $type:ty),*) -> $output:ty;)*) => {
        $(fn $verb(&mut self, $($name: $type),*) -> Result<$output, TpmError> { self.inner.$verb($($name),*) })*
    };
}

impl Tpm for Stocked {
    fn create_key(&mut self, kind: KeyKind, usage: Usage, auth: Option<&Secret32>) -> Result<Created, TpmError> {
        self.take(usage, auth).unwrap_or_else(|| self.inner.create_key(kind, usage, auth))
    }

    pass! {
        facts() -> Facts;
        pins() -> Pins;
        endorsement(kind: KeyKind) -> Endorsement;
        load(blob: &KeyBlob) -> KeyHandle;
        unload(key: KeyHandle) -> ();
        sign(key: &KeyHandle, auth: Option<&Secret32>, digest: &[u8; 32]) -> RawSignature;
        decrypt(key: &KeyHandle, auth: Option<&Secret32>, ciphertext: &[u8]) -> SecretSlice<u8>;
        seal(data: &SecretSlice<u8>, gate: Gate<'_>) -> SealedBlob;
        unseal(blob: &SealedBlob, gate: Gate<'_>) -> SecretSlice<u8>;
        certify(key: &KeyHandle, aik: &KeyHandle, authority: CertifyAuthority<'_>, extra: &[u8]) -> Certification;
        change_auth(key: &KeyHandle, public: &[u8], old: &Secret32, new: &Secret32) -> KeyBlob;
        claim(blob: &KeyBlob, old: &Secret32, new: &Secret32) -> (KeyBlob, KeyHandle);
        make_credential(kind: KeyKind, name: &[u8], secret: &SecretSlice<u8>) -> Credential;
        activate(aik: &KeyHandle, kind: KeyKind, credential: &Credential) -> SecretSlice<u8>;
        nv_read(index: u32) -> Option<Vec<u8>>;
        nv_store(index: u32, contents: &[u8]) -> ();
        nv_remove(index: u32) -> ();
        persist(key: &KeyHandle, handle: u32) -> ();
        evict(handle: u32) -> ();
        clock() -> TpmClock;
        limit_lockout(auth: &Secret32, limits: LockoutLimits) -> ();
        reset_lockout(auth: &Secret32) -> ();
        clear(auth: &Secret32) -> ();
        shutdown() -> ();
    }
}
