//! What revocation lists do to a path, each fault by its name.

use super::super::*;
use super::strangers::{read, root_of};
use crate::attest::generator::now;
use crate::crypto::cert::mint::{Mint, MintKey, MintList, utc};

/// A root, what it issued, and whether its lists are asked.
struct World {
    key: MintKey,
    roots: Vec<Certificate>,
    leaf: Certificate,
}

impl World {
    fn new() -> Self {
        Self::with_uses(6)
    }

    fn with_uses(key_usage: u8) -> Self {
        let key = MintKey::p256();
        let root = read(&Mint::new("root", &key, "root").authority(key_usage).key_ids(b"root", b"root"), &key);
        let leaf = read(&Mint { serial: vec![0x80, 7], ..Mint::new("leaf", &key, "root") }, &key);
        Self { key, roots: vec![root], leaf }
    }

    fn list(&self, list: &MintList) -> RevocationList {
        RevocationList::from_der(&list.signed(&self.key)).unwrap()
    }

    fn judge_at(&self, crls: &[RevocationList], at: &str) -> Result<(), ChainFault> {
        let anchors = Anchors { roots: &self.roots, crls };
        build_path(&self.leaf, &[], &anchors, at.parse().unwrap()).map(|_| ())
    }

    fn judge(&self, list: &MintList) -> Result<(), ChainFault> {
        self.judge_at(&[self.list(list)], &now().to_string())
    }
}

fn list() -> MintList {
    MintList::new("root")
}

fn issuer() -> String {
    "CN=root".into()
}

fn revoked() -> ChainFault {
    let since = "2026-11-10T00:00:00Z".parse().unwrap();
    ChainFault::Revoked { subject: "CN=leaf".into(), serial: "8007".into(), since }
}

#[test]
fn a_certificate_on_its_issuers_list_is_refused_and_any_other_is_not() {
    let world = World::new();
    assert_eq!(world.judge(&list()), Ok(()));
    assert_eq!(world.judge(&list().revoking(&[7])), Ok(()));
    assert_eq!(world.judge(&list().revoking(&[7]).revoking(&[0x80, 7])), Err(revoked()));
    assert_eq!(revoked().to_string(), "CN=leaf, serial number 8007, is revoked since 2026-11-10T00:00:00Z");
}

#[test]
fn an_issuer_without_a_list_is_not_asked() {
    let world = World::new();
    let other = MintList { issuer: crate::crypto::cert::mint::named("other"), ..list().revoking(&[0x80, 7]) };
    assert_eq!(world.judge(&other), Ok(()));
    assert_eq!(world.judge_at(&[], &now().to_string()), Ok(()));
}

#[test]
fn an_intermediate_can_be_revoked_and_a_root_cannot() {
    let (top, middle) = (MintKey::p256(), MintKey::p256());
    let roots = [root_of("root", &top)];
    let between = [read(&Mint { serial: vec![9], ..Mint::new("between", &middle, "root").authority(6) }, &top)];
    let leaf = read(&Mint::new("leaf", &middle, "between"), &middle);
    let fault = |serial: &[u8]| {
        let crls = [RevocationList::from_der(&list().revoking(serial).signed(&top)).unwrap()];
        build_path(&leaf, &between, &Anchors { roots: &roots, crls: &crls }, now()).map(|path| path.len())
    };
    let since = "2026-11-10T00:00:00Z".parse().unwrap();
    let expected = ChainFault::Revoked { subject: "CN=between".into(), serial: "09".into(), since };
    assert_eq!(fault(&[9]), Err(expected));
    assert_eq!(fault(&[1]), Ok(3), "the root's own serial number is of no matter");
}

#[test]
fn a_list_by_another_key_is_refused_unless_it_says_that_it_is_anothers() {
    let (world, stranger) = (World::new(), MintKey::p256());
    let by_stranger = |list: MintList| RevocationList::from_der(&list.signed(&stranger)).unwrap();
    let judge = |list: RevocationList| world.judge_at(&[list], &now().to_string());
    let forged = ChainFault::CrlSignature { issuer: issuer() };
    assert_eq!(judge(by_stranger(list())), Err(forged.clone()));
    let with_id = |id: &[u8]| {
        use crate::crypto::cert::mint::{sequence, tlv};
        list().with(oid::AUTHORITY_KEY_IDENTIFIER, false, &sequence(&[&tlv(0x80, id)]))
    };
    assert_eq!(judge(by_stranger(with_id(b"root"))), Err(forged));
    assert_eq!(judge(by_stranger(with_id(b"namesake"))), Ok(()));
    let own = world.list(&with_id(b"namesake").revoking(&[0x80, 7]));
    assert_eq!(judge(own), Err(revoked()), "a list that the issuer signed counts, whatever it says");
}

#[test]
fn a_list_is_good_from_this_update_through_next_update() {
    let world = World::new();
    let lists = [world.list(&list())];
    for at in ["2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z"] {
        assert_eq!(world.judge_at(&lists, at), Ok(()), "{at}");
    }
    let next_update = "2026-11-30T00:00:00Z".parse().unwrap();
    let stale = ChainFault::CrlStale { issuer: issuer(), next_update };
    assert_eq!(world.judge_at(&lists, "2026-11-30T00:00:01Z"), Err(stale));
    let this_update = "2026-11-01T00:00:00Z".parse().unwrap();
    let early = ChainFault::CrlNotYetValid { issuer: issuer(), this_update };
    assert_eq!(world.judge_at(&lists, "2026-10-31T23:59:59Z"), Err(early));
}

#[test]
fn what_an_old_list_revoked_stays_revoked_and_what_a_good_one_will_revoke_is() {
    let world = World::new();
    let lists = [world.list(&list().revoking(&[0x80, 7]))];
    assert_eq!(world.judge_at(&lists, "2027-06-01T00:00:00Z"), Err(revoked()));
    assert_eq!(world.judge_at(&lists, "2026-11-05T00:00:00Z"), Err(revoked()), "before the date in the entry");
    let before = world.judge_at(&lists, "2026-10-01T00:00:00Z");
    assert!(matches!(before, Err(ChainFault::CrlNotYetValid { .. })), "{before:?}");
}

#[test]
fn a_list_that_is_not_the_whole_one_or_not_understood_is_refused() {
    let world = World::new();
    for which in [oid::ISSUING_DISTRIBUTION_POINT, oid::DELTA_CRL_INDICATOR, oid::DEVICE_ID] {
        let expected = ChainFault::CrlUnknownCritical { issuer: issuer(), extension: which.to_string() };
        assert_eq!(world.judge(&list().revoking(&[0x80, 7]).with(which, true, &[])), Err(expected));
    }
    assert_eq!(world.judge(&list().with(oid::DEVICE_ID, false, &[])), Ok(()));
}

#[test]
fn an_issuer_that_may_not_sign_lists_is_named() {
    let world = World::with_uses(4);
    assert_eq!(world.judge_at(&[], &now().to_string()), Ok(()));
    let expected = ChainFault::MayNotSignCrls { issuer: issuer() };
    assert_eq!(world.judge(&list().revoking(&[0x80, 7])), Err(expected));
}

#[test]
fn one_good_list_is_enough_and_one_that_revokes_outweighs_all() {
    let world = World::new();
    let good = world.list(&list());
    let times = [utc("260101000000Z"), utc("260201000000Z")].concat();
    let stale = world.list(&MintList { times: times.clone(), ..list() });
    let revoking = world.list(&MintList { times, ..list().revoking(&[0x80, 7]) });
    let forged = RevocationList::from_der(&list().signed(&MintKey::p256())).unwrap();
    let judge = |lists: &[&RevocationList]| {
        let lists: Vec<_> = lists.iter().map(|each| (*each).clone()).collect();
        world.judge_at(&lists, &now().to_string())
    };
    assert_eq!(judge(&[&stale, &good]), Ok(()));
    assert_eq!(judge(&[&good, &forged]), Ok(()));
    assert_eq!(judge(&[&good, &revoking]), Err(revoked()));
    assert_eq!(judge(&[&revoking, &good, &stale]), Err(revoked()));
    assert_eq!(judge(&[&forged, &stale]), Err(ChainFault::CrlSignature { issuer: issuer() }), "the first one");
}
