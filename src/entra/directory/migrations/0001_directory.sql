-- The directory of one tenant. Binary values are text (base64 or hexadecimal), instants are seconds since 1970, so that
-- SQLite and PostgreSQL read the same schema.

CREATE TABLE tenant (
    id           TEXT   NOT NULL PRIMARY KEY,
    domain       TEXT   NOT NULL UNIQUE,
    display_name TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    created      BIGINT NOT NULL
);

-- The tenant's own keys: token signing, the three certificate authorities, sealing, nonces.
CREATE TABLE tenant_keys (
    tenant      TEXT NOT NULL REFERENCES tenant (id),
    purpose     TEXT NOT NULL,
    material    TEXT NOT NULL,
    certificate TEXT,
    PRIMARY KEY (tenant, purpose)
);

-- A password is kept as PBKDF2-HMAC-SHA256 of it, never itself. `upn` is lower case.
CREATE TABLE users (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL REFERENCES tenant (id),
    upn          TEXT    NOT NULL UNIQUE,
    display_name TEXT    NOT NULL,
    salt         TEXT    NOT NULL,
    rounds       BIGINT  NOT NULL,
    verifier     TEXT    NOT NULL,
    mfa_method   BOOLEAN NOT NULL
);

CREATE TABLE devices (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant        TEXT    NOT NULL REFERENCES tenant (id),
    owner         TEXT    NOT NULL REFERENCES users (id),
    display_name  TEXT    NOT NULL,
    os            TEXT    NOT NULL,
    os_version    TEXT    NOT NULL,
    trust_type    TEXT    NOT NULL,
    enabled       BOOLEAN NOT NULL,
    thumbprint    TEXT    NOT NULL UNIQUE,
    certificate   TEXT    NOT NULL,
    transport_key TEXT    NOT NULL,
    created       BIGINT  NOT NULL
);

-- A key outlives its device, as in Entra: `device` is no foreign key. `slot` is what makes two registrations one.
CREATE TABLE keys (
    kid     TEXT   NOT NULL PRIMARY KEY,
    slot    TEXT   NOT NULL UNIQUE,
    owner   TEXT   NOT NULL REFERENCES users (id),
    device  TEXT   NOT NULL,
    key_id  TEXT   NOT NULL,
    blob    TEXT   NOT NULL,
    created BIGINT NOT NULL,
    level   TEXT   NOT NULL,
    report  TEXT   NOT NULL
);

CREATE INDEX keys_by_key_id ON keys (owner, key_id);

-- Whatever is good once, by SHA-256: nonces, authorization codes, tickets.
CREATE TABLE consumed (
    hash    TEXT   NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL
);

CREATE INDEX consumed_by_expiry ON consumed (expires);

-- PRTs and refresh tokens, by SHA-256; they describe themselves, the row is for revocation.
CREATE TABLE grants (
    hash    TEXT    NOT NULL PRIMARY KEY,
    kind    TEXT    NOT NULL,
    owner   TEXT    NOT NULL REFERENCES users (id),
    device  TEXT,
    issued  BIGINT  NOT NULL,
    expires BIGINT  NOT NULL,
    revoked BOOLEAN NOT NULL
);

CREATE TABLE audit (
    id     TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    event  TEXT   NOT NULL,
    owner  TEXT,
    device TEXT,
    detail TEXT   NOT NULL
);
