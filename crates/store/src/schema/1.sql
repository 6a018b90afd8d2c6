-- Call ids begin with their time, so every index here but those of names grows at its right edge.
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE record(
    sequence  INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,
    call      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    agent     TEXT,
    human     TEXT,
    app       TEXT,
    tool      TEXT,
    class     TEXT,
    verdict   TEXT,
    leaf      TEXT NOT NULL,
    leaf_hash BLOB NOT NULL
) STRICT;

CREATE TABLE body(sequence INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;

CREATE TABLE state(
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(kind, key)
) STRICT, WITHOUT ROWID;

-- A row's sequence stands at the end of each index entry by itself.
CREATE INDEX record_call    ON record(call);
CREATE INDEX record_at      ON record(at);
CREATE INDEX record_agent   ON record(agent)   WHERE kind = 'intent';
CREATE INDEX record_human   ON record(human)   WHERE kind = 'intent';
CREATE INDEX record_app     ON record(app)     WHERE kind = 'intent';
CREATE INDEX record_refused ON record(verdict) WHERE verdict <> 'allow';
CREATE INDEX record_change  ON record(kind)    WHERE kind = 'change';
