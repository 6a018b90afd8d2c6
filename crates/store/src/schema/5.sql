-- The Merkle tree over the leaf hashes, as the tiles of tlog-tiles: the 32-byte hashes of up to 256 nodes one after the other.
-- The number is the level in the upper bits and the index in the lower 48. The last tile of a level grows until it is full.
CREATE TABLE tile(number INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
