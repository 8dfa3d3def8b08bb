//! Key agreement on P-256 with a key that is used once.

use secrecy::SecretBox;

use super::{EcPublic, InvalidKey};
use crate::base::{Random, Secret32};

/// Makes an ephemeral key, agrees with `peer` and forgets the private half: the ephemeral public key, and the x coordinate
/// of the shared point (SP 800-56A section 6.2.2.2; TPM 2.0 Part 1, annex C).
///
/// A peer off the curve is [`InvalidKey::Structure`].
pub fn agree_once(peer: &EcPublic, mut rng: &mut dyn Random) -> Result<(EcPublic, Secret32), InvalidKey> {
    let peer = p256::PublicKey::from_sec1_bytes(&peer.to_point()).map_err(|_| InvalidKey::Structure)?;
    let ephemeral = p256::ecdh::EphemeralSecret::random(&mut rng);
    let public = p256::EncodedPoint::from(ephemeral.public_key());
    let shared = ephemeral.diffie_hellman(&peer);
    let z: [u8; 32] = (*shared.raw_secret_bytes()).into();
    Ok((EcPublic::from_point(public.as_bytes())?, SecretBox::new(Box::new(z))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ExposeSecret as _, OsRng};
    use crate::crypto::{PublicKey, SoftwareKey};

    #[test]
    fn both_sides_agree() {
        let key = SoftwareKey::generate_p256(&mut OsRng);
        let PublicKey::P256(peer) = key.public().unwrap() else { panic!("P-256") };
        let (ephemeral, z) = agree_once(&peer, &mut OsRng).unwrap();
        assert_eq!(key.agree(&ephemeral).unwrap().expose_secret(), z.expose_secret());
        let (_, other) = agree_once(&peer, &mut OsRng).unwrap();
        assert_ne!(other.expose_secret(), z.expose_secret(), "the key is used once");
    }

    #[test]
    fn refuses_a_peer_off_the_curve() {
        let peer = EcPublic { x: [1; 32], y: [1; 32] };
        assert_eq!(agree_once(&peer, &mut OsRng).err(), Some(InvalidKey::Structure));
    }
}
