-- The key of each subject, wrapped: bodies are sealed under it. The subject is `human:ID`, or `gateway`. Once both are gone, nobody
-- reads those bodies again; the number stays, so that it stands for nobody else. A person who comes back has another.
CREATE TABLE subject_key(number INTEGER PRIMARY KEY, subject TEXT, wrapped BLOB) STRICT;
CREATE INDEX subject_key_subject ON subject_key(subject);

-- The templates of bodies, sealed. `record.body` names one of these, and `record.human` and `used.human` the number of a subject;
-- in `seen`, a person is that number below -15.
CREATE TABLE sealed(id INTEGER PRIMARY KEY, sum INTEGER NOT NULL, key INTEGER NOT NULL, text BLOB NOT NULL) STRICT;
CREATE INDEX sealed_sum ON sealed(sum);

DROP VIEW calls;
CREATE VIEW calls AS SELECT
    r.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS time,
    (SELECT id FROM records WHERE sequence = r.sequence) AS call,
    (SELECT text FROM name WHERE id = r.agent) AS agent,
    (SELECT substr(subject, 7) FROM subject_key WHERE number = r.human) AS human,
    (SELECT text FROM name WHERE id = r.app) AS app,
    (SELECT text FROM name WHERE id = r.tool) AS tool,
    (SELECT text FROM name WHERE id = r.class) AS class,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'method:*') AS method,
    (SELECT text FROM name WHERE id = r.verdict) AS verdict,
    (SELECT group_concat(substr(n.text, 6), ' ') FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'rule:*') AS rules,
    (SELECT substr(n.text, 7) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'would:*') AS would,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'bundle:*') AS bundle,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'effect:*') AS effect,
    (SELECT substr(n.text, 8) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'status:*') AS status,
    (SELECT substr(n.text, 6) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = ended.leaf AND n.text GLOB 'code:*') AS code,
    ended.sequence AS outcome,
    (ended.at - r.at) AS ended_after_us,
    r.at AS at_us
FROM record r LEFT JOIN record ended ON ended.sequence = coalesce(r.outcome, (SELECT o.sequence FROM record o
    WHERE o.call_high = r.call_high AND o.call_low = r.call_low AND o.intent IS NULL AND o.kind = 2
    ORDER BY o.sequence LIMIT 1))
WHERE r.kind = 1;

DROP VIEW used_tools;
CREATE VIEW used_tools AS SELECT
    (SELECT text FROM name WHERE id = r.agent) AS agent,
    (SELECT substr(subject, 7) FROM subject_key WHERE number = r.human) AS human,
    (SELECT text FROM name WHERE id = r.app) AS app,
    (SELECT text FROM name WHERE id = r.tool) AS tool,
    (SELECT text FROM name WHERE id = r.verdict) AS verdict,
    r.calls,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.first_at / 1000000, 'unixepoch') AS first,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.last_at / 1000000, 'unixepoch') AS last
FROM used r;
