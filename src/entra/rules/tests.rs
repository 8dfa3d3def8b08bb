use super::*;

/// A value that the switch does not have under `rules`.
fn other(switch: &Switch, rules: &Rules) -> &'static str {
    let candidates: &[&'static str] = match switch.kind {
        Kind::Flag => &["true", "false"],
        Kind::Time => &["7m", "8m"],
        Kind::TimeOrAny => &["7m", "any"],
        Kind::Words(words) => words,
        Kind::Vendors => &["any", "IFX, STM"],
    };
    candidates.iter().copied().find(|value| *value != switch.value(rules)).unwrap()
}

#[test]
fn every_field_is_a_switch_of_its_name() {
    let text = format!("{:#?}", Rules::entra());
    let lines = text.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let fields: Vec<_> = lines.filter_map(|line| line.trim().split_once(": ")).map(|(field, _)| field).collect();
    let names: Vec<_> = SWITCHES.iter().map(|switch| switch.name.replace('-', "_")).collect();
    assert_eq!(fields, names);
}

#[test]
fn every_switch_turns_to_each_of_its_values_and_no_other_turns_with_it() {
    for profile in Profile::ALL {
        assert!(profile.rules().turned(profile).is_empty());
        for switch in SWITCHES {
            let mut rules = profile.rules();
            let value = other(switch, &rules);
            assert!(switch.turn(&mut rules, value), "{}", switch.name);
            assert_eq!(rules.turned(profile), [(switch.name, value.to_owned())]);
            if let Kind::Words(words) = switch.kind {
                for word in words {
                    assert!(switch.turn(&mut rules, word));
                    assert_eq!(switch.value(&rules), *word);
                }
            }
        }
    }
}

#[test]
fn what_a_switch_cannot_be_turns_nothing() {
    for switch in SWITCHES {
        let mut rules = Rules::entra();
        for value in ["", "maybe", "0s", "1000d", "TRUE"] {
            assert!(!switch.turn(&mut rules, value), "{} {value:?}", switch.name);
        }
        assert_eq!(rules, Rules::entra());
    }
}

#[test]
fn every_profile_has_its_name_and_no_two_are_the_same() {
    for (index, profile) in Profile::ALL.into_iter().enumerate() {
        assert_eq!(Profile::named(profile.name()), Some(profile));
        assert!(Profile::ALL[..index].iter().all(|earlier| earlier.rules() != profile.rules()), "{profile}");
    }
    assert_eq!(Profile::named("entra "), None);
    assert_eq!(Rules::default(), Profile::Entra.rules());
}

#[test]
fn hardware_required_is_strict_with_attestation() {
    let attestation = Rules::strict().attestation;
    let relaxed = Rules { attestation, require_hardware: false, ..Rules::hardware_required() };
    assert_eq!(relaxed, Rules::strict());
    assert!(Rules::hardware_required().require_hardware);
    assert!(Rules::hardware_required().attestation >= Attestation::RequireAik);
}

#[test]
fn a_value_that_differs_from_entras_says_where_it_comes_from() {
    for switch in SWITCHES {
        assert_eq!(switch.sources[0].0, Profile::Entra, "{}", switch.name);
        for profile in Profile::ALL {
            let inherited = switch.value(&profile.rules()) == switch.value(&Rules::entra());
            let said = profile.lineage().iter().any(|step| switch.sources.iter().any(|(own, _)| own == step));
            assert!(inherited || said, "{} in {profile}", switch.name);
        }
    }
}

#[test]
fn names_are_unique() {
    for (index, switch) in SWITCHES.iter().enumerate() {
        assert!(SWITCHES[..index].iter().all(|other| other.name != switch.name), "{}", switch.name);
    }
}
