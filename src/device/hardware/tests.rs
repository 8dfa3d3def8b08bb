use super::*;

const READY: Inputs = Inputs {
    required: false,
    exclude_tpm12: false,
    version: TpmVersion::V20,
    ready: true,
    fips: false,
    locked_out: false,
    pool_satisfactory: true,
    weak_rsa: false,
};
const HARD: Result<Provider, Hresult> = Ok(Provider::Hardware);
const SOFT: Result<Provider, Hresult> = Ok(Provider::Software);

/// One row of the decision table: TPM state, outcome when preferred, outcome when required.
struct Row(&'static str, Inputs, Result<Provider, Hresult>, Result<Provider, Hresult>);

fn table() -> Vec<Row> {
    let none = Inputs { version: TpmVersion::None, ready: false, ..READY };
    let old = Inputs { version: TpmVersion::V12, ..READY };
    let unready = Err(Hresult::NTE_NOT_SUPPORTED);
    let absent = Err(Hresult::NTE_DEVICE_NOT_FOUND);
    let locked = Err(Hresult::NTE_AUTHENTICATION_IGNORED);
    let weak = Err(Hresult::TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED);
    vec![
        Row("1: 2.0, ready", READY, HARD, HARD),
        Row("1: 2.0, ready, 1.2 excluded", Inputs { exclude_tpm12: true, ..READY }, HARD, HARD),
        Row("2: 1.2, ready, not excluded", old, HARD, HARD),
        Row("3: 1.2, ready, excluded", Inputs { exclude_tpm12: true, ..old }, SOFT, absent),
        Row("4: none", none, SOFT, absent),
        Row("5: 2.0, not ready", Inputs { ready: false, ..READY }, SOFT, unready),
        Row("5: 1.2, not ready", Inputs { ready: false, ..old }, SOFT, unready),
        Row("6: 2.0, FIPS", Inputs { fips: true, ..READY }, HARD, HARD),
        Row("7: 1.2, FIPS", Inputs { fips: true, ..old }, SOFT, absent),
        Row("8: 2.0, locked out", Inputs { locked_out: true, ..READY }, SOFT, locked),
        Row("9: 1.2, locked out", Inputs { locked_out: true, ..old }, SOFT, locked),
        Row("10: pool empty", Inputs { pool_satisfactory: false, ..READY }, HARD, HARD),
        Row("12: weak RSA", Inputs { weak_rsa: true, ..READY }, SOFT, weak),
    ]
}

#[test]
fn every_row_for_unset_false_and_true() {
    use crate::base::Timestamp;
    use crate::device::policy::{Node, Policy, Source, Value};
    for Row(name, inputs, preferred, required) in table() {
        for (set, expected) in [(None, preferred), (Some(false), preferred), (Some(true), required)] {
            let nodes: Vec<_> = set.map(|set| (Node::RequireSecurityDevice, Value::Bool(set))).into_iter().collect();
            let policy = Policy::default().with(Source::DeviceCsp, &nodes).unwrap();
            let effective = policy.effective(Timestamp::UNIX_EPOCH, &Default::default());
            let inputs = Inputs { required: effective.require_security_device.value, ..inputs };
            assert_eq!(decide(&inputs, &Switches::default()), expected, "row {name}, {set:?}");
        }
    }
}

#[test]
fn row_11_a_failing_tpm_is_an_error_unless_the_switch_says_otherwise() {
    let lenient = Switches { creation_failure_falls_back: true, ..Switches::default() };
    let failed = Err(Hresult::NTE_FAIL);
    assert_eq!(after_creation_failure(false, Hresult::NTE_FAIL, &Switches::default()), failed);
    assert_eq!(after_creation_failure(true, Hresult::NTE_FAIL, &Switches::default()), failed);
    assert_eq!(after_creation_failure(false, Hresult::NTE_FAIL, &lenient), SOFT);
    assert_eq!(after_creation_failure(true, Hresult::NTE_FAIL, &lenient), failed);
}

#[test]
fn rows_8_and_9_a_locked_out_tpm_counts_as_usable_by_switch() {
    let switches = Switches { lockout_is_unusable: false, ..Switches::default() };
    for required in [false, true] {
        let inputs = Inputs { locked_out: true, required, ..READY };
        assert_eq!(decide(&inputs, &switches), HARD);
    }
}

#[test]
fn row_12_the_weak_key_is_made_by_switch_but_never_when_required() {
    let switches = Switches { weak_rsa_is_used: true, ..Switches::default() };
    let inputs = Inputs { weak_rsa: true, ..READY };
    assert_eq!(decide(&inputs, &switches), HARD);
    let blocked = Err(Hresult::TPM_E_PCP_IFX_RSA_KEY_CREATION_BLOCKED);
    assert_eq!(decide(&Inputs { required: true, ..inputs }, &switches), blocked);
}

#[test]
fn row_13_a_cleared_tpm_answers_not_found() {
    assert_eq!(Switches::default().cleared, Hresult::NTE_NOT_FOUND);
}

/// What nobody documents is a switch: the default, the switch turned, and what else stays as it was.
#[test]
fn every_inferred_outcome_turns_with_its_switch() {
    let with = |turn: fn(&mut Switches)| {
        let mut switches = Switches::default();
        turn(&mut switches);
        switches
    };
    let old = Inputs { version: TpmVersion::V12, ..READY };
    let excluded = Inputs { exclude_tpm12: true, ..old };
    let required = |inputs: Inputs| Inputs { required: true, ..inputs };
    let refused = |code| Err::<Provider, _>(code);

    let lenient = with(|switches| switches.exclusion_without_requirement = false);
    assert_eq!((decide(&excluded, &lenient), decide(&required(excluded), &lenient).is_err()), (HARD, true));
    let fips = Inputs { fips: true, ..READY };
    let strict = with(|switches| switches.fips20_is_usable = false);
    assert_eq!(
        (decide(&fips, &strict), decide(&required(fips), &strict)),
        (SOFT, refused(Hresult::NTE_DEVICE_NOT_FOUND))
    );
    let fips = Inputs { fips: true, ..old };
    assert_eq!(decide(&required(fips), &with(|switches| switches.fips12_is_unusable = false)), HARD);
    let empty = Inputs { pool_satisfactory: false, ..READY };
    let pooled = with(|switches| switches.empty_pool_is_usable = false);
    assert_eq!(
        (decide(&empty, &pooled), decide(&required(empty), &pooled)),
        (SOFT, refused(Hresult::NTE_DEVICE_NOT_READY))
    );
    assert_eq!(decide(&required(READY), &pooled), HARD);

    let codes = with(|switches| {
        switches.excluded = Hresult::NTE_NOT_SUPPORTED;
        switches.not_ready = Hresult::NTE_DEVICE_NOT_READY;
        switches.locked_out = Hresult::TPM_20_E_LOCKOUT;
    });
    let none = Inputs { version: TpmVersion::None, ready: false, ..READY };
    for (inputs, code) in [
        (excluded, Hresult::NTE_NOT_SUPPORTED),
        (Inputs { ready: false, ..READY }, Hresult::NTE_DEVICE_NOT_READY),
        (Inputs { locked_out: true, ..READY }, Hresult::TPM_20_E_LOCKOUT),
        (none, Hresult::NTE_DEVICE_NOT_FOUND),
    ] {
        assert_eq!(decide(&required(inputs), &codes), refused(code));
    }
}

#[test]
fn an_excluded_tpm_that_is_also_not_ready_names_the_exclusion() {
    let inputs = Inputs { required: true, exclude_tpm12: true, version: TpmVersion::V12, ready: false, ..READY };
    assert_eq!(decide(&inputs, &Switches::default()), Err(Hresult::NTE_DEVICE_NOT_FOUND));
}
