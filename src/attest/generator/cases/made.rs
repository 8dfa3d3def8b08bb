//! What the TPM signed, and what it was made for.

use super::*;

pub(super) fn add(cases: &mut Cases<'_>) {
    use Check::*;
    let trailing = TpmFormat::TrailingBytes { count: 1 };
    cases.sent("public-area-longer", PublicArea, Fault::PublicMalformed(trailing), |made| made.public.push(0));
    cases.sent("public-area-empty", PublicArea, Fault::PublicMalformed(TpmFormat::Truncated), |made| {
        made.public.clear()
    });
    cases.signed("certify-info-longer", CertifyInfo, Fault::CertifyInfoMalformed(trailing), |recipe| {
        recipe.trailing.push(0)
    });
    cases.signed("magic", Magic, Fault::NotGeneratedByTpm, |recipe| recipe.attest.magic = 0xff54_4346);
    cases.signed("quote", Type, Fault::NotACertification, |recipe| {
        recipe.attest.kind = 0x8018;
        recipe.attest.attested = Attested::Other(vec![0; 8]);
    });
    cases.signed("creation-for-certification", Type, Fault::NotACertification, |recipe| {
        recipe.attest.kind = ATTEST_CREATION;
        recipe.attest.attested = Attested::Creation { object_name: vec![], creation_hash: vec![] };
    });
    cases.signed("another-nonce", Nonce, Fault::OtherNonce, |recipe| recipe.nonce = "another nonce".into());
    cases.signed("no-nonce", Nonce, Fault::OtherNonce, |recipe| recipe.nonce.clear());
    cases.sent("no-client-data", RelyingParty, Fault::OtherOperation, |made| made.client = None);
    cases.signed("webauthn-get", RelyingParty, Fault::OtherOperation, |recipe| {
        recipe.client.kind = "webauthn.get".into()
    });
    cases.signed("origin", RelyingParty, Fault::OtherOrigin, |recipe| recipe.client.origin.push('x'));
    cases.signed("relying-party", RelyingParty, Fault::OtherRelyingParty, |recipe| recipe.client.rp_id_hash[0] ^= 1);
    cases.signed("extra-data", ExtraData, Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data[31] ^= 1);
    cases.signed("extra-data-empty", ExtraData, Fault::ExtraDataDiffers, |recipe| recipe.attest.extra_data.clear());
    cases.signed("clock-not-safe", Clock, Fault::ClockNotSafe, |recipe| recipe.attest.clock.safe = false);
    cases.sent("name", Name, Fault::NameDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |name, _, _| name[33] ^= 1);
    cases.sent("qualified-name", QualifiedName, Fault::QualifiedNameDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |_, qualified, _| qualified[33] ^= 1);
    cases.sent("storage-name", QualifiedName, Fault::StorageNameMalformed, |made| {
        made.storage_name = Some(vec![0x00, 0x04, 1, 2]);
    });
    cases.sent("qualified-signer", QualifiedSigner, Fault::SignerDiffers, |_| ());
    let last = cases.made.last_mut().unwrap();
    last.statement = with_names(cases.lab, |_, _, signer| signer[33] ^= 1);
}

/// A statement whose Names are changed after they were made: certified Name, its qualified Name, qualified signer. What is
/// derived from the certified Name follows it.
fn with_names(lab: &Lab, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut Vec<u8>)) -> Statement {
    let mut recipe = lab.recipe();
    let good = Attest::from_bytes(&lab.make(&recipe).certify_info).unwrap();
    let Attested::Certify { mut name, mut qualified_name } = good.attested else { panic!("a certification") };
    let (before, mut signer) = (name.clone(), good.qualified_signer);
    change(&mut name, &mut qualified_name, &mut signer);
    if name != before {
        let parent = owner_qualified_name(&recipe.storage_name);
        qualified_name = crate::wire::tpm::qualified_name(&parent, &name);
    }
    recipe.honest_name = false;
    recipe.attest.qualified_signer = signer;
    recipe.attest.attested = Attested::Certify { name, qualified_name };
    lab.make(&recipe)
}
