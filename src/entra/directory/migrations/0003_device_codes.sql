-- Device codes (RFC 8628), by SHA-256 of what the client holds; `user_code` is what a person types. `owner` is who approved.
CREATE TABLE device_codes (
    hash      TEXT    NOT NULL PRIMARY KEY,
    user_code TEXT    NOT NULL UNIQUE,
    client    TEXT    NOT NULL,
    resource  TEXT    NOT NULL,
    fresh     BOOLEAN NOT NULL,
    expires   BIGINT  NOT NULL,
    declined  BOOLEAN NOT NULL,
    proof     TEXT    NOT NULL,
    owner     TEXT REFERENCES users (id)
);
