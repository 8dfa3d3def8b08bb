use super::*;
use crate::base::{ExposeSecret as _, OsRng};
use crate::crypto::digest::sha256;
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::device::pin::PinRules;
use crate::device::policy::Policy;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn accepted(pin: &str) -> AcceptedPin {
    PinRules::of(&Policy::default().effective(NOW, &Default::default())).accept(SecretString::from(pin)).unwrap()
}

impl Container {
    /// The same behind another PIN. A change of PIN is no operation yet; it would write the one protector anew, over the same secrets.
    pub(crate) fn with_pin(&self, keys: &mut KeyStore<'_>, old: &str, new: &str) -> Result<Self, UnlockFault> {
        let secrets = self.protector.open(keys, &SecretString::from(old))?;
        let protector = PinProtector::create(keys, self.provider(), &SecretString::from(new), &secrets)?;
        Ok(Self { protector, ..self.clone() })
    }
}

fn software_container() -> Container {
    let (mut machine_key, mut rng) = (None, OsRng);
    let mut keys = KeyStore { tpm: None, not_ready: false, machine_key: &mut machine_key, rng: &mut rng };
    let draft = Draft::create(&mut keys, Provider::Software, &accepted("187246"), NOW).unwrap();
    draft.registered(Uuid::from_u128(1), "kid".to_owned(), None, NOW)
}

fn unlock_and_sign(container: &Container, pin: &str) -> Result<Vec<u8>, UnlockFault> {
    let (mut machine_key, mut rng) = (None, OsRng);
    let mut keys = KeyStore { tpm: None, not_ready: false, machine_key: &mut machine_key, rng: &mut rng };
    let unlocked = container.unlock(&mut keys, &SecretString::from(pin))?;
    Ok(unlocked.sign(&mut keys, &sha256(b"message"))?)
}

#[test]
fn the_pin_opens_the_key_and_its_signature_verifies() {
    let container = software_container();
    let public = PublicKey::from_spki(&container.user_key.key.spki).unwrap();
    let signature = unlock_and_sign(&container, "187246").unwrap();
    assert_eq!(public.verify(SignatureAlgorithm::RsaSha256, b"message", &signature), Ok(()));
    assert_eq!(container.provider(), Provider::Software);
}

#[test]
fn a_wrong_pin_is_named_and_a_software_protector_does_not_count() {
    let fault = unlock_and_sign(&software_container(), "187247").unwrap_err();
    assert!(matches!(fault, UnlockFault::WrongPin(None)), "{fault}");
    assert_eq!(fault.hresult(), Hresult::NTE_INCORRECT_PASSWORD);
    assert_eq!(fault.to_string(), "wrong PIN");
}

#[test]
fn the_stored_form_survives_json_and_holds_neither_pin_nor_secrets() {
    let container = software_container();
    let text = serde_json::to_string(&container).unwrap();
    assert!(!text.contains("187246"));
    let again: Container = serde_json::from_str(&text).unwrap();
    assert_eq!(again, container);
    assert!(unlock_and_sign(&again, "187246").is_ok());
}

#[test]
fn an_absurd_number_of_rounds_is_damage_and_is_not_computed() {
    let text =
        serde_json::to_string(&software_container()).unwrap().replace("\"rounds\":600000", "\"rounds\":4294967295");
    let container: Container = serde_json::from_str(&text).unwrap();
    let fault = unlock_and_sign(&container, "187246").unwrap_err();
    assert!(matches!(fault, UnlockFault::Key(KeyError::Sealed)), "{fault}");
    assert!(serde_json::from_str::<Container>(&text.replace("4294967295", "0")).is_err());
}

#[test]
fn every_changed_byte_of_the_sealed_secrets_is_refused() {
    let container = software_container();
    let PinProtector::Software { salt, rounds, sealed } = container.protector.clone() else { unreachable!() };
    for index in [0, 12, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        let protector = PinProtector::Software { salt: salt.clone(), rounds, sealed: changed };
        let damaged = Container { protector, ..container.clone() };
        assert!(unlock_and_sign(&damaged, "187246").is_err(), "byte {index}");
    }
}

#[test]
fn three_secrets_are_96_bytes_and_no_other_length_is_taken() {
    let secrets = Secrets::draw(&mut OsRng);
    let bytes = secrets.to_bytes();
    assert_eq!(bytes.expose_secret().len(), 96);
    let again = Secrets::from_bytes(&bytes).unwrap();
    assert_eq!(again.sign_pin.expose_secret(), secrets.sign_pin.expose_secret());
    assert_eq!(again.external_pin.expose_secret(), secrets.external_pin.expose_secret());
    assert_eq!(again.decrypt_pin.expose_secret(), secrets.decrypt_pin.expose_secret());
    for length in [0, 32, 64, 95, 97, 128] {
        assert!(Secrets::from_bytes(&crate::base::secret_slice(vec![0; length])).is_err(), "{length}");
    }
}
