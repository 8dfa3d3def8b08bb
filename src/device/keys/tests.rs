use super::*;
use crate::base::OsRng;
use crate::crypto::SignatureAlgorithm;
use crate::crypto::digest::sha256;

fn with_store<T>(machine_key: &mut Option<Secret32>, work: impl FnOnce(&mut KeyStore<'_>) -> T) -> T {
    let mut rng = OsRng;
    work(&mut KeyStore { tpm: None, not_ready: false, machine_key, rng: &mut rng })
}

#[test]
fn a_software_key_signs_and_decrypts_under_its_lock_alone() {
    let (mut machine_key, secret) = (None, cipher::random_secret(&mut OsRng));
    with_store(&mut machine_key, |keys| {
        let key = keys.create(Provider::Software, Role::User, Lock::Secret(&secret)).unwrap();
        let signature = keys.sign(&key, Lock::Secret(&secret), &sha256(b"m")).unwrap();
        let public = PublicKey::Rsa(key.public().unwrap());
        assert_eq!(public.verify(SignatureAlgorithm::RsaSha256, b"m", &signature), Ok(()));
        let wrapped = key.public().unwrap().encrypt_oaep_sha1(b"key").unwrap();
        assert_eq!(keys.decrypt(&key, Lock::Secret(&secret), &wrapped).unwrap().expose_secret(), b"key");
        let other = cipher::random_secret(&mut OsRng);
        for lock in [Lock::Device, Lock::Secret(&other)] {
            assert!(matches!(keys.sign(&key, lock, &[0; 32]), Err(KeyError::Sealed)));
        }
    });
}

#[test]
fn a_stored_key_does_not_pass_for_one_of_another_role() {
    let mut machine_key = None;
    with_store(&mut machine_key, |keys| {
        let device = keys.create(Provider::Software, Role::Device, Lock::Device).unwrap();
        let transport = StoredKey { role: Role::Transport, ..device };
        assert!(matches!(keys.decrypt(&transport, Lock::Device, &[0; 256]), Err(KeyError::Sealed)));
    });
}

#[test]
fn what_is_protected_opens_for_its_purpose_on_its_device() {
    let (mut here, mut there) = (None, None);
    let protected = with_store(&mut here, |keys| keys.protect(Provider::Software, "a", b"data").unwrap());
    with_store(&mut here, |keys| {
        assert_eq!(keys.reveal("a", &protected).unwrap().expose_secret(), b"data");
        assert!(matches!(keys.reveal("b", &protected), Err(KeyError::Sealed)));
    });
    with_store(&mut there, |keys| assert!(matches!(keys.reveal("a", &protected), Err(KeyError::Sealed))));
}

#[test]
fn hardware_without_a_tpm_is_named() {
    let mut machine_key = None;
    with_store(&mut machine_key, |keys| {
        let error = keys.create(Provider::Hardware, Role::User, Lock::Device).unwrap_err();
        assert!(matches!(error, KeyError::NoTpm));
        assert_eq!(error.hresult(), Hresult::TBS_E_TPM_NOT_FOUND);
        assert!(matches!(keys.protect(Provider::Hardware, "a", b"data"), Err(KeyError::NoTpm)));
    });
    assert!(machine_key.is_none(), "nothing was drawn for nothing");
}
