-- One row a record, in the order of the log. Ids that many records share stand there as the numbers of names, and a text as
-- the number of its template and what is its own (`trace::Form`).
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE state(
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE template(id INTEGER PRIMARY KEY, sum INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX template_sum ON template(sum);

CREATE TABLE record(
    sequence    INTEGER PRIMARY KEY,
    kind        INTEGER NOT NULL, -- 1 intent, 2 outcome, 3 change
    call_high   INTEGER NOT NULL, -- the 128 bits of the id
    call_low    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    agent       INTEGER,
    human       INTEGER,
    app         INTEGER,
    tool        INTEGER,
    class       INTEGER,
    verdict     INTEGER,
    intent      INTEGER,          -- of an outcome that came into the tables with its intent: where that stands
    outcome     INTEGER,          -- of an intent: where that outcome stands
    leaf        INTEGER NOT NULL,
    body        INTEGER,
    leaf_hash   BLOB NOT NULL,
    leaf_values BLOB NOT NULL,
    body_values BLOB
) STRICT;

-- Call ids begin with their time, so this grows at its right edge. What `outcome` leads to needs no entry.
CREATE INDEX record_call ON record(call_high, call_low) WHERE intent IS NULL;

-- Which blocks of 32 records a name stands in; a kind of record stands there as its negative number. A name that is met all
-- the time costs one entry for 32 records instead of one for each.
CREATE TABLE seen(name INTEGER, block INTEGER, PRIMARY KEY(name, block)) STRICT, WITHOUT ROWID;

-- When blocks of 1,024 records were made. Times need not ascend.
CREATE TABLE span(block INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT;
CREATE INDEX span_first ON span(first_at);
CREATE INDEX span_last ON span(last_at);
