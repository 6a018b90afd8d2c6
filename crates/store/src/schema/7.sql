-- Which names are met in a span of 1,024 records, that of a facet, too, and for each a bit for each of the span's blocks of 32 that
-- it stands in. A kind of record stands there as its negative number, a person as the number of a subject below -15; how a call
-- ended stands in the block of its intent as well, unless it ended as most do. In a span of a busy gateway a name is met many times.
CREATE TABLE met(name INTEGER, span INTEGER, blocks INTEGER NOT NULL, PRIMARY KEY(name, span)) STRICT, WITHOUT ROWID;
INSERT INTO met SELECT name, block >> 5, sum(1 << (block & 31)) FROM seen GROUP BY name, block >> 5;

DROP VIEW changes;
DROP TABLE seen;
CREATE VIEW changes AS
WITH RECURSIVE place(bit) AS (SELECT 0 UNION ALL SELECT bit + 1 FROM place WHERE bit < 31)
SELECT
    r.sequence,
    strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000, 'unixepoch') || printf('.%06dZ', r.at % 1000000) AS time,
    (SELECT id FROM records WHERE sequence = r.sequence) AS change,
    (SELECT substr(n.text, 6) FROM facet f JOIN name n ON n.id = f.name
        WHERE f.template = r.leaf AND n.text GLOB 'what:*') AS what,
    r.at AS at_us
FROM met m CROSS JOIN place p ON m.blocks >> p.bit & 1
    CROSS JOIN record r ON r.sequence >= (m.span << 5 | p.bit) << 5 AND r.sequence < ((m.span << 5 | p.bit) + 1) << 5
WHERE m.name = -3 AND r.kind = 3;
