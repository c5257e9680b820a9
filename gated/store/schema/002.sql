-- Secrets the server has revoked or blocked, whether or not their tickets stand on a list of ours.
CREATE TABLE barred_secrets (
    secret_hash BLOB NOT NULL,
    kind TEXT NOT NULL,                -- 'revoked' or 'blocked'
    PRIMARY KEY (secret_hash, kind)
) STRICT, WITHOUT ROWID;
