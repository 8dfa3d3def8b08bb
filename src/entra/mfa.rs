//! Multi-factor authentication. The lab's users approve at once, if they have a method.

use crate::base::Timestamp;

use super::directory::User;
use super::grant::Proof;
use super::refusal::Refusal;
use super::rules::{RegistrationAmr, Rules};

/// What a password proves: `pwd`, and `mfa` at this instant for a user with a method.
pub(crate) fn by_password(user: &User, now: Timestamp) -> Proof {
    if user.mfa_method {
        Proof { amr: names(&["pwd", "mfa"]), mfa_time: Some(now.as_second()) }
    } else {
        Proof { amr: names(&["pwd"]), mfa_time: None }
    }
}

/// What a Hello key proves: possession of the key and the gesture before it are two factors at once.
pub(crate) fn by_hello_key(now: Timestamp) -> Proof {
    Proof { amr: names(&["rsa", "mfa"]), mfa_time: Some(now.as_second()) }
}

/// Asks for a fresh authentication on top of an older proof: adds `mfa` and `ngcmfa`, stamped now.
pub(crate) fn fresh(user: &User, older: &Proof, now: Timestamp) -> Result<Proof, Refusal> {
    if !user.mfa_method {
        return Err(Refusal::MfaEnrolmentRequired);
    }
    Ok(Proof { amr: with_ngcmfa(&older.amr), mfa_time: Some(now.as_second()) })
}

/// What `ngcmfa` takes where nobody can be asked, as with a refresh token: an older multi-factor authentication that is fresh
/// still. Its time stays what it was.
pub(crate) fn still_fresh(older: &Proof, rules: &Rules, now: Timestamp) -> Result<Proof, Refusal> {
    let at = older.mfa_time.ok_or(Refusal::MfaRequired)?;
    if rules.mfa_freshness.is_some_and(|limit| now.as_second().saturating_sub(at) > limit.as_secs()) {
        return Err(Refusal::MfaExpired);
    }
    Ok(Proof { amr: with_ngcmfa(&older.amr), mfa_time: Some(at) })
}

fn with_ngcmfa(amr: &[String]) -> Vec<String> {
    let mut amr = amr.to_vec();
    for name in ["mfa", "ngcmfa"] {
        if !amr.iter().any(|each| each == name) {
            amr.push(name.to_owned());
        }
    }
    amr
}

/// Whether a proof is good for registering a key: an `amr` that the rules take, not older than they allow.
pub(crate) fn check_fresh(amr: &[String], mfa_time: Option<i64>, rules: &Rules, now: Timestamp) -> Result<(), Refusal> {
    let (good, missing) = match rules.registration_amr {
        RegistrationAmr::Ngcmfa => (&["ngcmfa"][..], Refusal::KeyNgcmfaMissing),
        RegistrationAmr::AnyMfa => (&["ngcmfa", "mfa", MULTIPLE_AUTHENTICATION][..], Refusal::KeyMfaMissing),
    };
    if !amr.iter().any(|each| good.contains(&each.as_str())) {
        return Err(missing);
    }
    let Some(limit) = rules.mfa_freshness else { return Ok(()) };
    let age = mfa_time.map(|at| now.as_second().saturating_sub(at));
    match age {
        Some(age) if age <= limit.as_secs() => Ok(()),
        _ => Err(Refusal::KeyMfaStale),
    }
}

/// How AD FS says `mfa` (MS-KPP section 3.1.5.1.1.3).
const MULTIPLE_AUTHENTICATION: &str = "http://schemas.microsoft.com/claims/multipleauthn";

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|each| (*each).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::Profile;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn refuses_ngcmfa_older_than_ten_minutes() {
        let (amr, rules) = (names(&["mfa", "ngcmfa"]), Rules::entra());
        assert_eq!(check_fresh(&amr, Some(1000), &rules, at(1599)), Ok(()));
        assert_eq!(check_fresh(&amr, Some(1000), &rules, at(1600)), Ok(()));
        assert_eq!(check_fresh(&amr, Some(1000), &rules, at(1601)), Err(Refusal::KeyMfaStale));
        assert_eq!(check_fresh(&amr, None, &rules, at(1000)), Err(Refusal::KeyMfaStale));
    }

    #[test]
    fn an_older_authentication_becomes_ngcmfa_for_ten_minutes_and_no_younger_by_it() {
        let older = |mfa_time| Proof { amr: names(&["pwd", "mfa"]), mfa_time };
        let rules = Profile::Entra.rules();
        let fresh = still_fresh(&older(Some(1000)), &rules, at(1600)).unwrap();
        assert_eq!(fresh, Proof { amr: names(&["pwd", "mfa", "ngcmfa"]), mfa_time: Some(1000) });
        assert_eq!(still_fresh(&older(Some(1000)), &rules, at(1601)), Err(Refusal::MfaExpired));
        assert_eq!(still_fresh(&older(None), &rules, at(1000)), Err(Refusal::MfaRequired));
        assert!(still_fresh(&older(Some(1000)), &Profile::Entra2022.rules(), at(100_000)).is_ok(), "of any age");
    }

    #[test]
    fn ad_fs_takes_three_names_of_mfa_however_old() {
        let rules = Profile::Adfs.rules();
        for name in ["ngcmfa", "mfa", "http://schemas.microsoft.com/claims/multipleauthn"] {
            assert_eq!(check_fresh(&names(&["pwd", name]), None, &rules, at(1000)), Ok(()), "{name}");
        }
        assert_eq!(check_fresh(&names(&["pwd", "MFA"]), None, &rules, at(1000)), Err(Refusal::KeyMfaMissing));
    }

    #[test]
    fn refuses_mfa_that_is_not_ngcmfa() {
        let amr = names(&["pwd", "mfa"]);
        assert_eq!(check_fresh(&amr, Some(1000), &Rules::entra(), at(1000)), Err(Refusal::KeyNgcmfaMissing));
    }
}
