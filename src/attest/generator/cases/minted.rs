//! Statements below certificates and lists that no authority of ours would make: odd algorithms, revocation.

use super::*;
use crate::crypto::cert::RevocationList;
use crate::crypto::cert::mint::{Mint, MintKey, MintList, algorithm, tlv, utc};

const ISSUER: &str = "CN=root";
const SERIAL: &[u8] = &[9];

/// A root, and an intermediate below it that issues the attestation key's certificate.
struct World {
    key: MintKey,
    root: Mint,
    between: Mint,
    authority: SigningKey,
    crls: Vec<RevocationList>,
}

pub(super) fn add(cases: &mut Cases<'_>) {
    algorithms(cases);
    lists(cases);
}

fn case(cases: &mut Cases<'_>, name: &'static str, fault: ChainFault, change: impl FnOnce(&mut World)) {
    let (key, authority) = (MintKey::p256(), SigningKey::generate_p256().unwrap());
    let root = Mint::new("root", &key, "root").authority(6);
    let between = Mint {
        spki: authority.public().to_spki(),
        serial: SERIAL.to_vec(),
        ..Mint::new("between", &key, "root").authority(6)
    };
    let mut world = World { root, between, authority, key, crls: vec![] };
    // The root's own signature is nobody's business; what `change` does to the key's algorithm is seen below it.
    change(&mut world);
    let root = Certificate::from_der(&world.root.signed(&world.key)).unwrap();
    let authority = Authority::from_parts(&world.between.signed(&world.key), world.authority).unwrap();
    let lab = Lab { authority, ..cases.lab.clone() };
    let terms = Terms { roots: vec![root], crls: world.crls, ..lab.terms() };
    cases.add(name, Check::Chain, Fault::Untrusted(fault), lab.good(), terms);
}

fn algorithms(cases: &mut Cases<'_>) {
    let issuer = || ISSUER.to_owned();
    let weak = ChainFault::WeakSignature { issuer: issuer(), algorithm: "ecdsa-with-SHA1" };
    case(cases, "issuer-sha1", weak, |world| world.key.algorithm = algorithm("1.2.840.10045.4.1", &[]));
    let unknown = ChainFault::UnknownAlgorithm { issuer: issuer(), algorithm: "1.3.101.112".into() };
    case(cases, "issuer-ed25519", unknown, |world| world.key.algorithm = algorithm("1.3.101.112", &[]));
    let odd = ChainFault::AlgorithmParameters { issuer: issuer(), algorithm: "1.2.840.10045.4.3.2".into() };
    case(cases, "issuer-parameters", odd, |world| {
        world.key.algorithm = algorithm("1.2.840.10045.4.3.2", &[5, 0]);
    });
    let two = ChainFault::AlgorithmsDiffer { subject: "CN=between".into() };
    case(cases, "issuer-two-algorithms", two, |world| {
        world.between.algorithm = Some(algorithm("1.2.840.10045.4.3.3", &[]));
    });
    case(cases, "root-ed25519", ChainFault::IssuerKey { issuer: issuer() }, |world| {
        world.root.spki = tlv(0x30, &[algorithm("1.3.101.112", &[]), tlv(3, &[0; 33])].concat());
    });
}

fn list(list: &MintList, by: &MintKey) -> Vec<RevocationList> {
    vec![RevocationList::from_der(&list.signed(by)).unwrap()]
}

fn lists(cases: &mut Cases<'_>) {
    let issuer = || ISSUER.to_owned();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let good = || MintList::new("root");
    let dated = |from: &str, to: &str| MintList { times: [utc(from), utc(to)].concat(), ..good() };

    let since = at("2026-11-10T00:00:00Z");
    let revoked = ChainFault::Revoked { subject: "CN=between".into(), serial: "09".into(), since };
    case(cases, "issuer-revoked", revoked, |world| world.crls = list(&good().revoking(SERIAL), &world.key));
    let forged = ChainFault::CrlSignature { issuer: issuer() };
    case(cases, "crl-forged", forged, |world| world.crls = list(&good(), &MintKey::p256()));
    let stale = ChainFault::CrlStale { issuer: issuer(), next_update: at("2026-11-20T00:00:00Z") };
    case(cases, "crl-stale", stale, |world| {
        world.crls = list(&dated("261101000000Z", "261120000000Z"), &world.key);
    });
    let early = ChainFault::CrlNotYetValid { issuer: issuer(), this_update: at("2026-11-25T00:00:00Z") };
    case(cases, "crl-not-yet-valid", early, |world| {
        world.crls = list(&dated("261125000000Z", "261130000000Z"), &world.key);
    });
    let extension = oid::DELTA_CRL_INDICATOR.to_string();
    let delta = ChainFault::CrlUnknownCritical { issuer: issuer(), extension };
    case(cases, "crl-delta", delta, |world| {
        world.crls = list(&good().with(oid::DELTA_CRL_INDICATOR, true, &[2, 1, 1]), &world.key);
    });
    case(cases, "root-may-not-sign-crls", ChainFault::MayNotSignCrls { issuer: issuer() }, |world| {
        world.root = Mint::new("root", &world.key, "root").authority(4);
        world.crls = list(&good(), &world.key);
    });
}
