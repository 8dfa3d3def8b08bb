use super::*;
use crate::base::SignedDuration;
use crate::device::hardware::TpmVersion;
use crate::device::prereq::SessionFacts;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn event_5555_tells_inputs_and_outcome_in_the_manifests_order() {
    let inputs = Inputs {
        required: true,
        exclude_tpm12: false,
        version: TpmVersion::None,
        ready: false,
        fips: false,
        locked_out: false,
        pool_satisfactory: false,
        weak_rsa: false,
    };
    let event = Event::hardware_decision(AT, &inputs, Err(Hresult::NTE_DEVICE_NOT_FOUND));
    assert_eq!(event.field("HardwarePolicy"), Some("1"));
    assert_eq!(event.field("TpmVersion"), Some("0"));
    assert_eq!(event.field("KeyProvider"), Some("0"));
    assert_eq!(event.field("Result"), Some("0x80090035"));
    assert_eq!(event.fields.first().map(|field| field.name.as_str()), Some("TpmSupport"));
}

#[test]
fn activities_start_at_3000_fail_at_7000_and_succeed_at_8000() {
    let later = AT.saturating_add(SignedDuration::from_millis(1500)).unwrap();
    let cases = [
        (Activity::Processing, 45),
        (Activity::PoolHandOut, 52),
        (Activity::PoolGeneration, 53),
        (Activity::KeyCreation, 225),
        (Activity::KeyRegistration, 510),
        (Activity::ContainerCreation, 555),
    ];
    for (activity, number) in cases {
        assert_eq!(Event::started(AT, activity).id, 3000 + number);
        let failed = Event::ended(later, activity, AT, Err(Hresult::NTE_FAIL));
        assert_eq!((failed.id, failed.level, failed.field("Error")), (7000 + number, Level::Error, Some("0x80090020")));
        let ended = Event::ended(later, activity, AT, Ok(()));
        assert_eq!(
            (ended.id, ended.level, ended.field("ProcessingTime")),
            (8000 + number, Level::Success, Some("1.500"))
        );
    }
}

#[test]
fn event_360_lists_the_checks_and_an_event_survives_json() {
    let facts = SessionFacts {
        device_joined: true,
        has_prt: true,
        policy_enabled: true,
        post_logon_enabled: true,
        hardware: Err(Hresult::NTE_DEVICE_NOT_FOUND),
        remote: false,
        ngc_set: false,
    };
    let event = Event::prerequisites(AT, &Prerequisites::check(facts), false);
    assert_eq!((event.id, event.level), (360, Level::Warning));
    assert_eq!(event.field("NgcHardwarePolicyMet"), Some("No"));
    assert_eq!(event.field("DeviceIsJoined"), Some("Yes"));
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
}
