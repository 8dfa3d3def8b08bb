//! A verifier who wants other TPMs than the one that both certificates name.

use super::*;

/// A verifier who wants other TPMs than the one that both certificates name.
pub(super) fn add(cases: &mut Cases<'_>) {
    use Check::*;
    let stm = VendorId::from_text("STM ").unwrap();
    cases.wanted("vendor", Vendor, Fault::OtherVendor, |terms| terms.policy.vendors = vec![stm]);
    cases.wanted("model", Model, Fault::OtherModel, |terms| terms.policy.models = vec!["SLB 9665".into()]);
    cases.wanted("firmware", Firmware, Fault::OldFirmware, |terms| terms.policy.firmware[0].minor = 21);
    let lab = cases.lab;
    for (name, vendor) in [("virtual-tpm", "IBM"), ("nobodys-tpm", "????")] {
        let named = TpmIdentity { manufacturer: VendorId::from_text(vendor).unwrap().0, ..tpm() };
        cases.signed(name, Virtual, Fault::VirtualTpm, |recipe| {
            recipe.extensions[0] = Extension::directory_name(&named.to_name().unwrap()).unwrap();
            recipe.ek_extensions = ek_extensions(&lab.ek, &named).unwrap();
        });
        cases.made.last_mut().unwrap().terms.policy.vendors.clear();
    }
    let nobody = lab.certificate(&lab.recipe());
    let quiet = Extension::opaque(oid::SUBJECT_ALT_NAME, nobody.extension(oid::SUBJECT_ALT_NAME).unwrap());
    let common = super::Name::common_name("swtpm", Text::Utf8).unwrap();
    for (name, extension) in [
        ("aik-no-name", None),
        ("aik-name-not-critical", Some(quiet)),
        ("aik-nameless", Some(Extension::directory_name(&common).unwrap())),
    ] {
        cases.signed(name, AikAlternativeName, Fault::AikNamesNoTpm, |recipe| match extension {
            None => drop(recipe.extensions.remove(0)),
            Some(extension) => recipe.extensions[0] = extension,
        });
    }
}
