//! The checks of a statement in their order, each with the section that specifies it.

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident, $section:literal;)*) => {
        /// One check of a statement. They run in this order, and all of them run: a check whose subject could not be read is
        /// reported as blocked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Check {
            $($(#[$doc])* #[doc = concat!("\n\nSource: ", $section, ".")] $name,)*
        }

        impl Check {
            /// Every check, in order.
            pub const ALL: &[Check] = &[$(Check::$name),*];

            /// Where the check is specified.
            pub fn section(self) -> &'static str {
                match self {
                    $(Self::$name => $section,)*
                }
            }
        }
    };
}

checks! {
    /// The public area is a whole `TPMT_PUBLIC` of an RSA or P-256 key, and nothing follows it.
    PublicArea, "TPM 2.0 Part 2, 12.2.4";
    /// The certify information is a whole `TPMS_ATTEST`, and nothing follows it.
    CertifyInfo, "TPM 2.0 Part 2, 10.12.12";
    /// Its magic is TPM_GENERATED_VALUE.
    Magic, "TPM 2.0 Part 2, 6.2; WebAuthn 8.3";
    /// Its type is TPM_ST_ATTEST_CERTIFY.
    Type, "TPM 2.0 Part 2, 6.9; WebAuthn 8.3";
    /// The statement names the nonce that the verifier gave out.
    Nonce, "this crate's registration member; WebAuthn 7.1, the challenge";
    /// A WebAuthn credential was made for this origin and relying party, and not used.
    RelyingParty, "WebAuthn 7.1";
    /// `extraData` binds the nonce and the key as it is registered.
    ExtraData, "TPM 2.0 Part 3, 18.2; this crate's registration member; WebAuthn 8.3";
    /// The TPM's clock is safe.
    Clock, "TPM 2.0 Part 2, 10.11.1; Part 1, 36";
    /// The certified Name is that of the public area.
    Name, "TPM 2.0 Part 1, 16; WebAuthn 8.3";
    /// Its qualified Name is that of a key right below the storage key that the statement names.
    QualifiedName, "TPM 2.0 Part 1, 26.5";
    /// The public area holds the key that is being registered.
    SubjectKey, "WebAuthn 8.3";
    /// fixedTPM: no copy can exist in another TPM.
    FixedTpm, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// fixedParent: no duplication under another parent.
    FixedParent, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// sensitiveDataOrigin: the TPM made the private part, nobody imported it.
    SensitiveDataOrigin, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// Not restricted: a restricted key does not sign what a sign-in needs.
    NotRestricted, "TPM 2.0 Part 2, 8.3 (TPMA_OBJECT)";
    /// The authorization policy is the PolicyOR of the Windows provider.
    AuthPolicy, "key policy of the Windows platform crypto provider (PCP tool kit)";
    /// The attributes are exactly 0x00060472. That the sign-in key has the template of the public sample is \[inferred\].
    Attributes, "public Windows Hello samples of WebAuthn, inferred for sign-in keys";
    /// Symmetric algorithm and scheme are NULL; \[inferred\] like the attributes.
    Scheme, "public Windows Hello samples of WebAuthn, inferred for sign-in keys";
    /// RSA-2048 with exponent 65537, or P-256.
    Strength, "MS-ADTS 2.2.20.5.1";
    /// The key does not have the fingerprint of CVE-2017-15361 (ROCA).
    Roca, "ADV190026; Microsoft Graph, windowsHelloForBusinessAuthenticationMethod keyStrength";
    /// The chain holds one to eight certificates that can be read, the first of them of an RSA or P-256 key.
    Certificates, "RFC 5280 4.1";
    /// The signature is of an algorithm that fits the attestation key, and that is good enough.
    Algorithm, "WebAuthn 8.3; RFC 8812";
    /// The attestation key's signature over the certify information.
    Signature, "TPM 2.0 Part 3, 18.2; WebAuthn 8.3";
    /// The attestation key's public area, where it comes along, is that of the certified key: restricted, signing, fixed to its TPM.
    AikTemplate, "TPM 2.0 Part 1, 25.1.6; TCG EK Credential Profile";
    /// The attestation key is right below the storage key that the statement names, and is the one that signed.
    QualifiedSigner, "TPM 2.0 Part 1, 26.5";
    /// The TPM says that it made the attestation key.
    AikCreation, "TPM 2.0 Part 3, 18.3; MS-WCCE 2.2.2.5";
    /// The attestation key's certificate is version 3.
    AikVersion, "WebAuthn 8.3.1";
    /// Its subject is empty.
    AikSubject, "WebAuthn 8.3.1";
    /// Its critical `subjectAltName` names the TPM in a directory name.
    AikAlternativeName, "WebAuthn 8.3.1; TCG EK Credential Profile 3.2.9";
    /// Its extended key usage holds tcg-kp-AIKCertificate, 2.23.133.8.3.
    AikExtendedKeyUsage, "WebAuthn 8.3.1";
    /// It is marked CA:FALSE.
    AikAuthority, "WebAuthn 8.3.1";
    /// The AAGUID that it names, if it names one, is the authenticator's.
    AikAaguid, "WebAuthn 8.3, 8.2.1";
    /// The attestation key is RSA-2048 with exponent 65537 or P-256, without the fingerprint of CVE-2017-15361.
    AikStrength, "TCG EK Credential Profile; ADV170012";
    /// Its certificate has a path to a trusted root, every certificate valid at the given time and not revoked.
    Chain, "RFC 5280 6";
    /// Its policies say how the endorsement key was verified.
    Assurance, "AD CS key attestation, 1.3.6.1.4.1.311.21.31 and .32, inferred for Entra";
    /// The endorsement key's certificates, where they come along, can be read.
    EkCertificates, "RFC 5280 4.1";
    /// The endorsement key's certificate has the profile of one.
    EkProfile, "TCG EK Credential Profile 3.2";
    /// The endorsement key does not have the fingerprint of CVE-2017-15361 (ROCA).
    EkRoca, "ADV170012";
    /// Its certificate has a path to a vendor that is trusted.
    EkChain, "RFC 5280 6";
    /// Both certificates name the same TPM.
    SameTpm, "TCG EK Credential Profile 3.2.9";
    /// The TPM is of a vendor that is taken.
    Vendor, "TCG Vendor ID Registry";
    /// The TPM is of a model that is taken.
    Model, "TCG EK Credential Profile 3.2.9";
    /// Its firmware is not older than what is taken. By the certificate: in the certify information a TPM obfuscates the version.
    Firmware, "TCG EK Credential Profile 3.2.9; TPM 2.0 Part 1, 36.7";
    /// The TPM is a chip, where software is not taken.
    Virtual, "vendor numbers of software TPMs, inferred";
}
