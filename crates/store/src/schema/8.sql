-- A change is found by what it concerns: a name of `met` below -2^40 is the number of a person whom it concerns, one below -2^41
-- is 32 bits of a sum of what it concerns else, and -15 stands for all of which the body alone says it, as those from before this.
INSERT INTO met SELECT -15, span, blocks FROM met WHERE name = -3;
