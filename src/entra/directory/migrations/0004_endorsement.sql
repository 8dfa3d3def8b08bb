-- The endorsement key (hexadecimal SHA-256 of its SubjectPublicKeyInfo) behind each certificate of an attestation key, by the
-- certificate's serial number. The certificate and not the attestation key is what counts: whoever knows its public area can
-- have it certified once more under an endorsement key of software. Rows of expired certificates go.
CREATE TABLE aik_certificates (
    serial  TEXT   NOT NULL PRIMARY KEY,
    ek      TEXT   NOT NULL,
    expires BIGINT NOT NULL
);

CREATE INDEX aik_certificates_by_expiry ON aik_certificates (expires);

-- The devices from which a key was registered that a TPM with this endorsement key vouched for. A deleted device frees it.
CREATE TABLE endorsed_devices (
    ek     TEXT NOT NULL,
    device TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    PRIMARY KEY (ek, device)
);
