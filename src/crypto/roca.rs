//! The fingerprint of CVE-2017-15361 (ROCA): RSA keys by a library whose primes have a structure.
//!
//! Its primes are `k * M + (65537^a mod M)`, where `M` is the product of the first 39, 71, 126 or 225 primes, by the size
//! of the key. Modulo each of these small primes such a prime is a power of 65537, and so is the product of two: the
//! modulus. Where the powers of 65537 are not all residues, an ordinary modulus is soon outside of them.

use super::RsaPublic;

/// The odd ones among the first 39 primes: they divide `M` for every size of key. In groups whose product is below 2^32: the
/// modulus is divided by the products, and what is left of it by the primes. Of ordinary keys, most end in the first group.
const PRIMES: &[&[u32]] = &[
    &[3, 5, 7, 11, 13, 17, 19, 23, 29],
    &[31, 37, 41, 43, 47],
    &[53, 59, 61, 67, 71],
    &[73, 79, 83, 89, 97],
    &[101, 103, 107, 109],
    &[113, 127, 131, 137],
    &[139, 149, 151, 157],
    &[163, 167],
];

const GENERATOR: u32 = 65_537;

/// Whether a modulus has the fingerprint: modulo each of the primes from 3 to 167 it is a power of 65537.
///
/// Every affected key has it, and of ordinary keys one in some 240 million.
pub fn has_roca_fingerprint(key: &RsaPublic) -> bool {
    PRIMES.iter().all(|group| {
        let rest = residue(key.modulus(), group.iter().product());
        group.iter().all(|prime| is_power_of_generator(rest % prime, *prime))
    })
}

/// A big-endian number modulo a small one, 32 bits at a step.
fn residue(number: &[u8], divisor: u32) -> u32 {
    let (head, words) = number.as_rchunks::<4>();
    let head = head.iter().fold(0, |rest, byte| rest << 8 | u32::from(*byte)) % divisor;
    words.iter().fold(head, |rest, word| {
        let number = u64::from(rest) << 32 | u64::from(u32::from_be_bytes(*word));
        // What is left is less than the divisor.
        (number % u64::from(divisor)) as u32
    })
}

/// Walks the powers of the generator until they return to 1.
fn is_power_of_generator(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

/// A whole RSA-2048 key of the affected structure. Whoever has it should register it nowhere.
#[cfg(test)]
pub(crate) fn roca_key() -> super::SoftwareKey {
    static KEY: std::sync::LazyLock<super::SoftwareKey> = std::sync::LazyLock::new(|| {
        use rsa::BigUint;
        let (two, bits) = (BigUint::from(2u32), 1024);
        // Fermat's test is enough: who puts the key together checks it.
        let prime = |start: u32| {
            let numbers = (start..).map(|exponent| tests::structured(bits, 126, exponent));
            let mut primes = numbers.filter(|number| two.modpow(&(number - 1u32), number) == BigUint::from(1u32));
            primes.next().unwrap()
        };
        let (p, q) = (prime(1_000), prime(1_000_000));
        let key = rsa::RsaPrivateKey::from_p_q(p, q, BigUint::from(GENERATOR)).unwrap();
        super::SoftwareKey::Rsa(Box::new(key))
    });
    KEY.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::OsRng;
    use crate::crypto::SoftwareKey;
    use rsa::BigUint;

    /// The product of the first `count` primes.
    fn primorial(count: usize) -> BigUint {
        let is_prime = |number: &u32| (2..*number).take_while(|d| d * d <= *number).all(|d| !number.is_multiple_of(d));
        (2..).filter(is_prime).take(count).fold(BigUint::from(1u32), |product, prime| product * prime)
    }

    /// A number of the structure that an affected prime of `bits` bits has. Whether it is prime makes no difference here.
    pub(super) fn structured(bits: usize, primes: usize, exponent: u32) -> BigUint {
        let product = primorial(primes);
        let low = BigUint::from(GENERATOR).modpow(&BigUint::from(exponent), &product);
        // The topmost bits are set, so that a product of two has exactly twice the length.
        let top = (BigUint::from(7u32) << (bits - 3)) + BigUint::from(exponent);
        (top / &product) * product + low
    }

    fn public(modulus: &BigUint) -> RsaPublic {
        RsaPublic::new(&modulus.to_bytes_be(), &[1, 0, 1]).unwrap()
    }

    #[test]
    fn the_groups_are_the_odd_ones_of_the_first_39_primes() {
        let product = PRIMES.iter().copied().flatten().fold(BigUint::from(2u32), |product, prime| product * prime);
        assert_eq!(product, primorial(39));
        assert_eq!(PRIMES.iter().map(|group| group.len()).sum::<usize>(), 38);
        let fits = |group: &&[u32]| group.iter().map(|prime| u64::from(*prime)).product::<u64>() < 1 << 32;
        assert!(PRIMES.iter().all(fits));
    }

    #[test]
    fn what_is_left_of_a_number_is_what_arithmetic_says() {
        let number: [u8; 256] = crate::base::random_bytes(&mut OsRng);
        for length in 0..=number.len() {
            let number = &number[..length];
            for divisor in [3, 167, 3_234_846_615, u32::MAX] {
                let expected = BigUint::from_bytes_be(number) % divisor;
                assert_eq!(BigUint::from(residue(number, divisor)), expected, "{length} bytes modulo {divisor}");
            }
        }
    }

    #[test]
    fn knows_the_structure_at_every_size_of_key() {
        for (bits, primes) in [(512, 39), (1024, 71), (2048, 126), (4096, 225)] {
            let modulus = structured(bits / 2, primes, 1_000_003) * structured(bits / 2, primes, 777_777);
            assert_eq!(modulus.bits(), bits);
            assert!(has_roca_fingerprint(&public(&modulus)), "{bits}");
            // The next odd numbers are structured modulo few of the primes.
            for step in [2u32, 4, 6, 8] {
                assert!(!has_roca_fingerprint(&public(&(&modulus + step))), "{bits} {step}");
            }
        }
    }

    #[test]
    fn a_whole_key_of_that_structure_is_known_and_works() {
        let key = roca_key();
        let public = key.public().unwrap();
        assert!(has_roca_fingerprint(public.rsa().unwrap()) && public.rsa().unwrap().bits() == 2048);
        let signature = key.sign(&crate::crypto::digest::sha256(b"m"), &mut OsRng).unwrap();
        assert_eq!(public.verify(crate::crypto::SignatureAlgorithm::RsaSha256, b"m", &signature), Ok(()));
    }

    #[test]
    fn takes_one_structured_factor_for_none() {
        let modulus = structured(1024, 126, 5) * (structured(1024, 126, 7) + 2u32);
        assert!(!has_roca_fingerprint(&public(&modulus)));
    }

    #[test]
    fn ordinary_keys_do_not_have_it() {
        for _ in 0..3 {
            let key = SoftwareKey::generate_rsa(&mut OsRng).unwrap().public().unwrap();
            assert!(!has_roca_fingerprint(key.rsa().unwrap()));
        }
        for _ in 0..2000 {
            let mut modulus: [u8; 256] = crate::base::random_bytes(&mut OsRng);
            modulus[0] |= 0x80;
            modulus[255] |= 1;
            assert!(!has_roca_fingerprint(&RsaPublic::new(&modulus, &[1, 0, 1]).unwrap()));
        }
    }

    #[test]
    fn the_powers_of_the_generator_are_what_arithmetic_says() {
        // 65537 is 2 modulo 3 and 5, which generates everything; 10 modulo 11, which is -1; and 4 modulo 13.
        let powers = |prime: u32| (0..prime).filter(|each| is_power_of_generator(*each, prime)).collect::<Vec<_>>();
        assert_eq!(powers(3), [1, 2]);
        assert_eq!(powers(5), [1, 2, 3, 4]);
        assert_eq!(powers(11), [1, 10]);
        assert_eq!(powers(13), [1, 3, 4, 9, 10, 12]);
    }
}
