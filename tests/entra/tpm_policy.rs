//! Which TPMs a tenant takes: their vendor, whether they are chips, and how strong their attestation keys are.

use serde_json::Value;
use whfb::attest::{TpmIdentity, VendorId, ek_certificate};
use whfb::base::OsRng;
use whfb::crypto::SoftwareKey;
use whfb::crypto::cert::Validity;
use whfb::crypto::digest::sha256;
use whfb::entra::{Profile, Rules, VirtualTpm};
use whfb::wire::encoding::base64;

use crate::client::*;
use crate::profiles::roca_key;
use crate::software_tpm::*;
use crate::statements::AikLeaf;
use crate::theft;

/// An EK certificate of this vendor's TPM, by the lab's root for all vendors.
fn ek_of(manufacturer: &str) -> String {
    let manufacturer = VendorId::from_text(manufacturer).unwrap().0;
    let tpm = TpmIdentity { manufacturer, model: "SLB9670".into(), version: 0x0007_0055 };
    let validity = Validity::days_from(start(), 30);
    base64(ek_certificate(vendor(), &public(ek_key()), &tpm, validity, &mut OsRng).unwrap().der())
}

/// Registers by a TPM of this vendor, or of one that nobody vouches for: the level, or the refusal with its HRESULT.
async fn registers_by(rules: &Rules, manufacturer: Option<&str>, refusal: Option<&str>) {
    let (lab, token) = lab_of(rules.clone()).await;
    let chain = certified_aik(&lab, manufacturer.map(ek_of)).await;
    let made = statement(&drs_nonce(&lab).await, &chain);
    let request = register(&token, &attested(user_key(), &made));
    match refusal {
        None => assert_eq!(lab.send(request).await.status, 200, "{manufacturer:?}"),
        Some(name) => assert_eq!(lab.refuses(request, 400, name).await["hresult"], "0x801C03EE"),
    }
}

#[test]
fn a_tenant_takes_the_vendors_that_it_lists() {
    run(async {
        let (_, rules) = Rules::from_toml("vendors = \"IFX, STM\"").unwrap();
        for (manufacturer, refusal) in [
            (Some("IFX"), None),
            // STMicroelectronics writes its number with a blank.
            (Some("STM "), None),
            (Some("INTC"), Some("AttestationVendor")),
            (None, Some("AttestationVendor")),
        ] {
            registers_by(&rules, manufacturer, refusal).await;
        }
    });
}

#[test]
fn software_tpms_are_refused_where_a_rules_file_says_so_and_in_no_profile() {
    run(async {
        for profile in Profile::ALL {
            assert_eq!(profile.rules().virtual_tpm, VirtualTpm::Allow, "{profile}");
        }
        registers_by(&Rules::hardware_required(), Some("IBM"), None).await;
        let (_, rules) = Rules::from_toml("profile = \"hardware-required\"\nvirtual-tpm = \"refuse\"").unwrap();
        for (manufacturer, refusal) in [
            (Some("INTC"), None),
            (Some("IBM"), Some("AttestationVirtual")),
            (Some("MSFT"), Some("AttestationVirtual")),
            (None, Some("AttestationVirtual")),
        ] {
            registers_by(&rules, manufacturer, refusal).await;
        }
    });
}

#[test]
fn refuses_attestation_keys_that_are_weak() {
    run(async {
        let other = SoftwareKey::Rsa(Box::new(rsa::RsaPrivateKey::new(&mut OsRng, 3072).unwrap()));
        for (rules, key, refused) in [
            (Rules::entra(), &other, true),
            (Rules::strict(), roca_key(), true),
            // Where a weak user key is stored, a weak attestation key is taken.
            (Rules::entra(), roca_key(), false),
        ] {
            let (lab, token) = lab_of(rules).await;
            let authority = theft::authority(&lab, "aik-ca").await;
            let aik = AikLeaf::good().issued_for(key, &authority, &lab);
            let mut made = statement(&drs_nonce(&lab).await, &[base64(aik.der())]);
            made.signature = key.sign(&sha256(&made.certify_info), &mut OsRng).unwrap();
            let request = register(&token, &attested(user_key(), &made));
            if refused {
                let body = lab.refuses(request, 400, "AttestationAikStrength").await;
                assert_eq!(body["hresult"], "0x801C0010");
            } else {
                assert_eq!(lab.send(request).await.json::<Value>().unwrap()["attestationLevel"], "aik");
            }
        }
    });
}
