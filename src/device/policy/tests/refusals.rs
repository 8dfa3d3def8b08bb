//! Every way in which a file is refused: with what, where, and what would have been taken.

use super::super::import::LARGEST_FILE;
use super::*;

const MIRROR: &str =
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Policies\PassportForWork\6d1f4cd0-1b2f-4a43-9a36-7c7a5f0e2b11";
const OTHER: &str = "00000000-0000-0000-0000-000000000001";

fn refusal(format: FileFormat, bytes: &[u8], named: Option<Source>) -> String {
    import(format, bytes, TENANT, named).unwrap_err().to_string()
}

fn reg(body: &str) -> String {
    refusal(FileFormat::Reg, format!("Windows Registry Editor Version 5.00\r\n\r\n{body}").as_bytes(), None)
}

fn policy_uri(node: &str) -> String {
    format!("./Device/Vendor/MSFT/PassportForWork/{TENANT}/Policies/{node}")
}

fn xml(uri: &str, format: &str, data: &str) -> String {
    let text = format!(
        "<SyncBody>\n<Replace>\n<Item>\n<Target><LocURI>{uri}</LocURI></Target>\n<Meta><Format>{format}</Format></Meta><Data>{data}</Data>\n</Item></Replace></SyncBody>"
    );
    refusal(FileFormat::Syncml, text.as_bytes(), None)
}

#[test]
fn the_hardware_requirement_does_not_exist_under_a_user_gpo() {
    let expected =
        "line 4: RequireSecurityDevice does not exist in a user GPO; it does in: computer GPO, user CSP, device CSP";
    let key = r"[HKEY_CURRENT_USER\SOFTWARE\Policies\Microsoft\PassportForWork]";
    assert_eq!(reg(&format!("{key}\r\n\"RequireSecurityDevice\"=dword:00000001\r\n")), expected);
    let entry = registry::entry(Node::RequireSecurityDevice, &Value::Bool(true), Channel::ComputerGpo, TENANT).unwrap();
    let entry = crate::wire::registry::Entry { key: registry::without_hive(&entry.key).to_owned(), ..entry };
    let bytes = crate::wire::registry::pol::write(&[entry]).unwrap();
    assert_eq!(refusal(FileFormat::Pol, &bytes, Some(Source::UserGpo)), expected.replace("line 4", "record 1"));
    assert!(import(FileFormat::Pol, &bytes, TENANT, Some(Source::ComputerGpo)).is_ok());
}

#[test]
fn a_registry_row_is_refused_with_node_value_range_and_line() {
    let gpo = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork";
    for (body, expected) in [
        (
            format!("{gpo}\\PINComplexity]\r\n\"MinimumPINLength\"=dword:00000003\r\n"),
            "line 4: PINComplexity/MinimumPINLength does not take \"3\"; allowed: 4 to 127".to_owned(),
        ),
        (
            format!("{gpo}\\PINComplexity]\r\n\"Digits\"=dword:00000000\r\n"),
            "line 4: PINComplexity/Digits does not take \"0\"; allowed: 1 or 2".to_owned(),
        ),
        (
            format!("{gpo}]\r\n\"Enabled\"=dword:00000002\r\n"),
            "line 4: UsePassportForWork does not take \"2\"; allowed: 0 or 1".to_owned(),
        ),
        (format!("{gpo}]\r\n\"Enabled\"=\"1\"\r\n"), "line 4: UsePassportForWork does not take \"1\" as REG_SZ; it takes REG_DWORD: 0 or 1".to_owned()),
        (
            format!("{gpo}]\r\n\"Enabled\"=hex(b):01,00,00,00,00,00,00,00\r\n"),
            "line 4: UsePassportForWork does not take \"8 bytes\" as registry type 11; it takes REG_DWORD: 0 or 1".to_owned(),
        ),
        (
            format!("{gpo}\\DeviceUnlock]\r\n\"GroupA\"=dword:00000001\r\n"),
            "line 4: DeviceUnlock/GroupA does not take \"1\" as REG_DWORD; it takes REG_SZ: GUIDs in braces, separated by commas".to_owned(),
        ),
        (
            format!("{gpo}]\r\n\"RequireTpm\"=dword:00000001\r\n"),
            r"line 4: unknown policy node HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork\RequireTpm".to_owned(),
        ),
        (
            format!("[{}\\Device\\Policies]\r\n\"UsePassportForWork\"=dword:00000001\r\n", MIRROR.replace(&TENANT.to_string(), OTHER)),
            format!("line 4: the node belongs to tenant {OTHER}, this device to {TENANT}"),
        ),
        (
            format!("[{}\\Device\\Policies]\r\n\"UsePassportForWork\"=dword:00000001\r\n", MIRROR.replace(&TENANT.to_string(), "contoso")),
            "line 4: contoso is not a tenant id (a GUID, with or without braces)".to_owned(),
        ),
        (
            format!("[{MIRROR}\\S-1-12-1-1-2-3-4\\Policies\\ExcludeSecurityDevices]\r\n\"TPM12\"=dword:00000001\r\n"),
            "line 4: ExcludeSecurityDevices/TPM12 does not exist in a user CSP; it does in: computer GPO, device CSP".to_owned(),
        ),
        (
            format!("[{MIRROR}\\S-1-12-1-1-2-3-4\\Policies]\r\n\"UsePassportForWork\"=dword:00000001\r\n[{MIRROR}\\S-1-12-1-1-2-3-5\\Policies]\r\n\"UsePassportForWork\"=dword:00000001\r\n"),
            "line 6: a row of user S-1-12-1-1-2-3-5 after one of user S-1-12-1-1-2-3-4; a lab device has one user at a time".to_owned(),
        ),
    ] {
        assert_eq!(reg(&body), expected, "{body}");
    }
}

#[test]
fn syncml_is_refused_with_node_value_range_and_line() {
    for (uri, format, data, expected) in [
        (
            policy_uri("RequireSecurityDevice"),
            "bool",
            "1",
            "line 4: RequireSecurityDevice does not take \"1\"; allowed: true or false",
        ),
        (
            policy_uri("RequireSecurityDevice"),
            "int",
            "1",
            "line 4: RequireSecurityDevice does not take \"1\" as int; it takes bool: true or false",
        ),
        (
            policy_uri("PINComplexity/History"),
            "int",
            "51",
            "line 4: PINComplexity/History does not take \"51\"; allowed: 0 to 50",
        ),
        (
            policy_uri("ExcludeSecurityDevices/TPM12").replace("./Device", "./User"),
            "bool",
            "true",
            "line 4: ExcludeSecurityDevices/TPM12 does not exist in a user CSP; it does in: computer GPO, device CSP",
        ),
        (
            "./Vendor/MSFT/Policy/PassportForWork/EnablePinRecovery".to_owned(),
            "bool",
            "true",
            "line 4: unknown policy node ./Vendor/MSFT/Policy/PassportForWork/EnablePinRecovery",
        ),
    ] {
        assert_eq!(xml(&uri, format, data), expected);
    }
}

#[test]
fn lines_are_refused_with_their_number() {
    let first = "# a comment\n\n./Device/Vendor/MSFT/BitLocker/x=1\n";
    let cases = [
        (format!("{first}RequireSecurityDevice"), "line 4: expected NODE=VALUE, such as RequireSecurityDevice=true"),
        (
            format!("{first}MinimumPINLength=128"),
            "line 4: PINComplexity/MinimumPINLength does not take \"128\"; allowed: 4 to 127",
        ),
        (format!("{first}RequireTpm=true"), "line 4: unknown policy node RequireTpm"),
        (
            format!("{first}DisableSmartCardNode=true"),
            "line 4: DisableSmartCardNode does not exist in a device CSP; it does in: computer GPO",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(FileFormat::Lines, text.as_bytes(), None), expected);
    }
    assert_eq!(refusal(FileFormat::Lines, b"Digits=1\n\xff=1", None), "line 2: not UTF-8");
}

#[test]
fn intune_objects_are_refused_with_the_member() {
    let custom = |uri: &str, value: &str| format!(r#"{{"omaSettings":[{{"omaUri":"{uri}","value":{value}}}]}}"#);
    let catalogue = |id: &str, value: &str| {
        format!(r#"{{"settings":[{{"settingInstance":{{"settingDefinitionId":"{id}",{value}}}}}]}}"#)
    };
    let digits = "device_vendor_msft_passportforwork_{tenantid}_policies_pincomplexity_digits";
    let choice = |value: &str| format!(r#""choiceSettingValue":{{"value":"{value}","children":[]}}"#);
    for (text, expected) in [
        ("{".to_owned(), "line 1, column 1: not JSON".to_owned()),
        ("[]".to_owned(), "the file is no JSON object".to_owned()),
        (
            r##"{"@odata.type":"#microsoft.graph.windows10GeneralConfiguration"}"##.to_owned(),
            "the object is no tenant-wide Hello policy, no settings-catalogue profile and no custom profile of Intune"
                .to_owned(),
        ),
        (
            custom(&policy_uri("RequireSecurityDevice"), r#""true""#),
            "omaSettings[0]: RequireSecurityDevice does not take \"\\\"true\\\"\" as chr; it takes bool: true or false"
                .to_owned(),
        ),
        (
            custom(&policy_uri("PINComplexity/Expiration"), "731"),
            "omaSettings[0]: PINComplexity/Expiration does not take \"731\"; allowed: 0 to 730".to_owned(),
        ),
        (
            catalogue(digits, &choice(&format!("{digits}_3"))),
            format!("settings[0].settingInstance: PINComplexity/Digits does not take \"{digits}_3\"; allowed: 0 to 2"),
        ),
        (
            catalogue(&digits.replace("digits", "letters"), &choice("x")),
            format!("settings[0].settingInstance: unknown policy node {}", digits.replace("digits", "letters")),
        ),
        (
            catalogue(&digits.replace("digits", "letters").to_uppercase(), &choice("x")),
            format!(
                "settings[0].settingInstance: unknown policy node {}",
                digits.replace("digits", "letters").to_uppercase()
            ),
        ),
        (
            catalogue(&digits.replace("{tenantid}", OTHER), &choice("x")),
            format!("settings[0].settingInstance: the node belongs to tenant {OTHER}, this device to {TENANT}"),
        ),
        (
            r#"{"securityDeviceRequired":"yes","state":"enabled"}"#.to_owned(),
            "securityDeviceRequired: expected true or false".to_owned(),
        ),
        (
            r#"{"securityDeviceRequired":true}"#.to_owned(),
            "state: expected notConfigured, enabled or disabled".to_owned(),
        ),
        (
            r#"{"securityDeviceRequired":true,"state":"enabled","pinMinimumLength":3}"#.to_owned(),
            "pinMinimumLength: PINComplexity/MinimumPINLength does not take \"3\"; allowed: 4 to 127".to_owned(),
        ),
    ] {
        assert_eq!(refusal(FileFormat::Intune, text.as_bytes(), None), expected, "{text}");
    }
}

#[test]
fn settings_within_settings_have_an_end() {
    let mut instance =
        serde_json::json!({"settingDefinitionId": "x", "choiceSettingValue": {"value": "x", "children": []}});
    for _ in 0..12 {
        instance = serde_json::json!({"settingDefinitionId": "x", "choiceSettingValue": {"value": "x", "children": [instance]}});
    }
    let text = serde_json::json!({"settings": [{"settingInstance": instance}]}).to_string();
    let fault = refusal(FileFormat::Intune, text.as_bytes(), None);
    assert!(fault.ends_with("expected settings no deeper than the catalogue's"), "{fault}");
}

#[test]
fn a_file_of_another_source_is_not_filed_under_the_named_one() {
    let line = format!("{}=true\n", policy_uri("RequireSecurityDevice"));
    let fault = refusal(FileFormat::Lines, line.as_bytes(), Some(Source::ComputerGpo));
    assert_eq!(fault, "the file sets RequireSecurityDevice in a device CSP, which computer GPO does not deliver");
    assert!(refusal(FileFormat::Pol, b"PReg\x01\0\0\0", None).starts_with("a Registry.pol does not say"));
    assert!(
        refusal(FileFormat::Pol, b"PReg\x01\0\0\0", Some(Source::DeviceCsp)).starts_with("a Registry.pol does not say")
    );
    let tenant_wide = br#"{"securityDeviceRequired":true,"state":"enabled"}"#;
    assert!(import(FileFormat::Intune, tenant_wide, TENANT, Some(Source::IntuneTenant)).is_ok());
    assert!(refusal(FileFormat::Intune, tenant_wide, Some(Source::IntuneProfile)).contains("tenant-wide policy"));
}

#[test]
fn a_file_has_an_end() {
    let fault = refusal(FileFormat::Lines, &vec![b'#'; LARGEST_FILE + 1], None);
    assert_eq!(fault, "the file has 4194305 bytes; at most 4194304 are read");
}

#[test]
fn a_registry_file_may_have_very_many_rows() {
    let mut reg = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\r\n".to_owned();
    reg.push_str(&"\"a\"=-\r\n".repeat(50_000));
    let read = import(FileFormat::Reg, reg.as_bytes(), TENANT, None).unwrap();
    assert_eq!((read.passed_over, read.count()), (50_000, 0));
}

#[test]
fn other_policies_of_a_baseline_are_passed_over_and_counted() {
    let reg = concat!(
        "Windows Registry Editor Version 5.00\r\n\r\n",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\FVE]\r\n\"UseTPM\"=dword:00000001\r\n",
        "[HKEY_LOCAL_MACHINE\\software\\policies\\microsoft\\passportforwork]\r\n\"requiresecuritydevice\"=dword:00000001\r\n",
        "[HKEY_CLASSES_ROOT\\x]\r\n\"y\"=\"z\"\r\n",
    );
    let read = import(FileFormat::Reg, reg.as_bytes(), TENANT, None).unwrap();
    assert_eq!((read.passed_over, read.count()), (2, 1));
    assert_eq!(read.changes[&Channel::ComputerGpo][&Node::RequireSecurityDevice], Some(Value::Bool(true)));
}

#[test]
fn what_a_file_deletes_is_not_configured_afterwards() {
    let set =
        [(Node::UsePassportForWork, Value::Bool(true)), (Node::Digits, Value::Int(1)), (Node::History, Value::Int(5))];
    let policy = Policy::default().with(Source::ComputerGpo, &set).unwrap().with(Source::DeviceCsp, &set).unwrap();
    let gpo = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\PassportForWork";
    let left = |format, text: &str, channel: Channel| {
        let read = import(format, text.as_bytes(), TENANT, None).unwrap();
        let mut policy = policy.clone();
        policy.file(&read, Filing::default()).unwrap();
        let key = LayerKey::unnamed(Source::of(channel), channel);
        policy.layer(&key).map(|layer| layer.values.keys().copied().collect::<Vec<_>>()).unwrap_or_default()
    };
    let reg = |body: &str| {
        left(FileFormat::Reg, &format!("Windows Registry Editor Version 5.00\n\n{body}\n"), Channel::ComputerGpo)
    };
    assert_eq!(reg(&format!("[{gpo}]\n\"Enabled\"=-")), [Node::Digits, Node::History]);
    assert_eq!(reg(&format!("[-{gpo}\\PINComplexity]")), [Node::UsePassportForWork]);
    assert_eq!(reg(r"[-HKEY_LOCAL_MACHINE\SOFTWARE\Policies]"), []);
    assert_eq!(
        reg(r"[-HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Passport]").len(),
        3,
        "a longer name is not below it"
    );
    let xml = |tail: &str| {
        let uri = format!("./Device/Vendor/MSFT/PassportForWork/{TENANT}{tail}");
        let text =
            format!("<SyncBody><Delete><Item><Target><LocURI>{uri}</LocURI></Target></Item></Delete></SyncBody>");
        left(FileFormat::Syncml, &text, Channel::DeviceCsp)
    };
    assert_eq!(xml("/Policies/PINComplexity/Digits"), [Node::UsePassportForWork, Node::History]);
    assert_eq!(xml("/Policies/PINComplexity"), [Node::UsePassportForWork]);
    assert_eq!(xml(""), []);
}

#[test]
fn a_whole_file_takes_the_place_of_the_one_before() {
    let profile = |node: &str| {
        format!(r#"{{"displayName":"p","omaSettings":[{{"omaUri":"{}","value":true}}]}}"#, policy_uri(node))
    };
    let mut policy = Policy::default();
    for node in ["UsePassportForWork", "RequireSecurityDevice"] {
        let read = import(FileFormat::Intune, profile(node).as_bytes(), TENANT, None).unwrap();
        policy.file(&read, Filing::default()).unwrap();
    }
    assert_eq!(policy.layers().len(), 1);
    assert_eq!((policy.layers()[0].name.as_str(), policy.layers()[0].values.len()), ("p", 1));
}

#[test]
fn a_registry_pol_takes_the_place_of_the_one_before_whoever_files_it() {
    let pol = |value| {
        let set = [(Node::MinimumPinLength, Value::Int(value))];
        let policy = Policy::default().with(Source::ComputerGpo, &set).unwrap();
        let bytes = export(&policy, Source::ComputerGpo, "", FileFormat::Pol, TENANT).unwrap();
        (policy, import(FileFormat::Pol, &bytes, TENANT, Some(Source::ComputerGpo)).unwrap())
    };
    let mut policy = Policy::default().with(Source::ComputerGpo, &[(Node::Digits, Value::Int(1))]).unwrap();
    let (expected, read) = pol(8);
    policy.file(&read, Filing::default()).unwrap();
    assert_eq!(policy, expected, "what the file does not hold is gone");
}

#[test]
fn what_a_form_cannot_hold_is_not_exported() {
    let policy = Policy::default()
        .with(Source::DeviceCsp, &[(Node::UseSecurityKeyForSignin, Value::Int(1))])
        .unwrap()
        .with(Source::IntuneTenant, &[(Node::RequireSecurityDevice, Value::Bool(true))])
        .unwrap();
    let fault = |source, format| export(&policy, source, "", format, TENANT).unwrap_err().to_string();
    assert_eq!(
        fault(Source::DeviceCsp, FileFormat::Reg),
        "reg has no place for SecurityKey/UseSecurityKeyForSignin; of device-wide nodes no mirror in the registry is known"
    );
    assert_eq!(fault(Source::DeviceCsp, FileFormat::Pol), "pol cannot hold the policy of a device CSP");
    assert_eq!(fault(Source::DeviceCsp, FileFormat::Intune), "intune cannot hold the policy of a device CSP");
    assert!(
        fault(Source::IntuneTenant, FileFormat::Intune).starts_with("intune has no place for RequireSecurityDevice; ")
    );
    assert_eq!(fault(Source::UserGpo, FileFormat::Pol), "user GPO has set nothing");
}
