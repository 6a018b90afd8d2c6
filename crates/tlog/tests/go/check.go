// Checks a log that our test wrote, with the Go team's sumdb/tlog and sumdb/note: code by people who do not know ours.
//
//	go run check.go DIRECTORY
//
// Every checkpoint, tile, entry, proof and receipt has to be right, and wrong as soon as a bit of it is another one. What Go
// signs is left in DIRECTORY/from-go for our side to check.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

var (
	folder  string
	counted = map[string]int{}
)

func main() {
	if len(os.Args) != 2 {
		fail("the directory of a log is expected")
	}
	folder = os.Args[1]
	logKey, err := note.NewVerifier(read("vkey"))
	must(err, "the key of the log")
	witnessKey := newWitness(read("witness-vkey"))
	trees := map[int64]tlog.Tree{}
	for _, name := range names("checkpoint") {
		tree := checkpoint(read("checkpoint/"+name), logKey, witnessKey)
		expect(strconv.FormatInt(tree.N, 10) == name, "checkpoint %s is of %d leaves", name, tree.N)
		trees[tree.N] = tree
	}
	tilePaths()
	for _, tree := range trees {
		tiles(tree)
	}
	for _, name := range names("inclusion") {
		size, index := pair(name)
		inclusion(trees[size], index, hashes(read("inclusion/"+name)))
	}
	for _, name := range names("consistency") {
		old, size := pair(name)
		consistency(trees[old], trees[size], hashes(read("consistency/"+name)))
	}
	for _, name := range names("receipt") {
		receipt(read("receipt/"+name), logKey, witnessKey)
	}
	signSomething()
	for _, what := range []string{"checkpoints", "entries", "inclusion proofs", "consistency proofs", "receipts", "tamperings rejected"} {
		expect(counted[what] > 0, "no %s were checked", what)
		fmt.Printf("%s: %d\n", what, counted[what])
	}
}

// checkpoint opens a note that log and witness signed, and no other text.
func checkpoint(text string, logKey, witnessKey note.Verifier) tlog.Tree {
	keys := note.VerifierList(logKey, witnessKey)
	opened, err := note.Open([]byte(text), keys)
	must(err, "a checkpoint")
	expect(len(opened.Sigs) == 2 && len(opened.UnverifiedSigs) == 1, "a checkpoint has two known signatures and an unknown one")
	lines := strings.Split(opened.Text, "\n")
	expect(len(lines) == 4 && lines[0] == logKey.Name() && lines[3] == "", "a checkpoint has three lines")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "the size of a checkpoint")
	root, err := tlog.ParseHash(lines[2])
	must(err, "the root of a checkpoint")
	for place := range opened.Text {
		other := []byte(text)
		other[place] ^= 1
		_, err := note.Open(other, keys)
		rejected(err != nil, "a checkpoint with another byte %d", place)
	}
	for _, signature := range opened.Sigs {
		raw, err := base64.StdEncoding.DecodeString(signature.Base64)
		must(err, "a signature")
		for place := 4; place < len(raw); place++ {
			raw[place] ^= 1
			other := strings.Replace(text, signature.Base64, base64.StdEncoding.EncodeToString(raw), 1)
			_, err := note.Open([]byte(other), keys)
			rejected(err != nil, "a signature with another byte %d", place)
			raw[place] ^= 1
		}
	}
	counted["checkpoints"]++
	return tlog.Tree{N: size, Hash: root}
}

// witness checks cosignatures (c2sp.org/tlog-cosignature), which sumdb/note does not know.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(vkey string) note.Verifier {
	parts := strings.SplitN(vkey, "+", 3)
	expect(len(parts) == 3, "the key of a witness has three parts")
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err, "the key of a witness")
	expect(len(key) == 33 && key[0] == 4, "the key of a witness is of type 4")
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	expect(fmt.Sprintf("%08x", hash) == parts[1], "the id of a witness")
	return &witness{parts[0], hash, key[1:]}
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

// tilePaths reads the name of every tile as Go writes it, which has the height in it.
func tilePaths() {
	must(filepath.WalkDir(filepath.Join(folder, "tile"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		ours, _ := filepath.Rel(filepath.Join(folder, "tile"), path)
		theirs := fmt.Sprintf("tile/%d/%s", height, strings.Replace(ours, "entries/", "data/", 1))
		tile, err := tlog.ParseTilePath(theirs)
		must(err, ours)
		expect(tile.Path() == theirs, "%s is %s to Go", theirs, tile.Path())
		counted["tiles"]++
		return nil
	}), "the tiles")
}

// reader reads our tiles, and spoils one if asked to.
type reader struct{ spoil string }

func (r *reader) Height() int                         { return height }
func (r *reader) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (r *reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return nil, err
		}
		if path == r.spoil {
			data[len(data)-1] ^= 1
		}
		all = append(all, data)
	}
	return all, nil
}

// tiles authenticates the tiles of a tree by its root, and the entries by the tiles.
func tiles(tree tlog.Tree) {
	if tree.N == 0 {
		expect(tree.Hash == tlog.Hash(sha256.Sum256(nil)), "the root of the empty tree")
		return
	}
	hashReader := tlog.TileHashReader(tree, &reader{})
	root, err := tlog.TreeHash(tree.N, hashReader)
	must(err, "the root from tiles")
	expect(root == tree.Hash, "another root from tiles")
	// All the leaf hashes of a large tree would take long: the first and the last tile of each.
	for _, number := range []int64{0, (tree.N - 1) / 256} {
		width := tree.N - number*256
		path := tlog.Tile{H: height, L: -1, N: number, W: 256}
		if width < 256 {
			path.W = int(width)
		}
		bundle := []byte(read(strings.Replace(path.Path(), fmt.Sprintf("tile/%d/data/", height), "tile/entries/", 1)))
		for at := number * 256; at < number*256+int64(path.W); at++ {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			expect(string(entry) == fmt.Sprintf("entry %d", at), "another entry %d", at)
			hash, err := hashReader.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
			must(err, "a leaf hash")
			expect(hash[0] == tlog.RecordHash(entry), "another leaf hash %d", at)
			counted["entries"]++
		}
		expect(len(bundle) == 0, "more than the entries in %s", path.Path())
		if tree.N == 1 {
			continue // a proof in it reads nothing
		}
		spoiled := strings.Replace(path.Path(), fmt.Sprintf("tile/%d/data/", height), "tile/0/", 1)
		leaf := tlog.RecordHash([]byte(fmt.Sprintf("entry %d", number*256)))
		// The reader does not compare every tile with its parent; what is made of a spoiled one does not pass.
		proof, err := tlog.ProveRecord(tree.N, number*256, tlog.TileHashReader(tree, &reader{spoiled}))
		rejected(err != nil || tlog.CheckRecord(proof, tree.N, tree.Hash, number*256, leaf) != nil, "%s spoiled", spoiled)
	}
}

func inclusion(tree tlog.Tree, index int64, proof []tlog.Hash) {
	theirs, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, &reader{}))
	must(err, "a proof from tiles")
	same(theirs, proof)
	leaf := tlog.RecordHash([]byte(fmt.Sprintf("entry %d", index)))
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf), "an inclusion proof")
	for _, spoiled := range spoil(proof) {
		rejected(tlog.CheckRecord(spoiled, tree.N, tree.Hash, index, leaf) != nil, "an inclusion proof with another bit")
	}
	other := leaf
	other[0] ^= 1
	rejected(tlog.CheckRecord(proof, tree.N, tree.Hash, index, other) != nil, "another leaf")
	counted["inclusion proofs"]++
}

func consistency(old, tree tlog.Tree, proof []tlog.Hash) {
	theirs, err := tlog.ProveTree(tree.N, old.N, tlog.TileHashReader(tree, &reader{}))
	must(err, "a proof from tiles")
	same(theirs, proof)
	must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), "a consistency proof")
	for _, spoiled := range spoil(proof) {
		rejected(tlog.CheckTree(spoiled, tree.N, tree.Hash, old.N, old.Hash) != nil, "a consistency proof with another bit")
	}
	other := old.Hash
	other[0] ^= 1
	rejected(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, other) != nil, "another old root")
	counted["consistency proofs"]++
}

func receipt(text string, logKey, witnessKey note.Verifier) {
	head, rest, found := strings.Cut(text, "\n\n")
	expect(found, "a receipt has a blank line")
	lines := strings.Split(head, "\n")
	expect(len(lines) >= 3 && lines[0] == "c2sp.org/tlog-proof@v1" && lines[1] == "extra aGVsbG8=", "the head of a receipt")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err, "the index of a receipt")
	tree := checkpoint(rest, logKey, witnessKey)
	leaf := tlog.RecordHash([]byte(fmt.Sprintf("entry %d", index)))
	must(tlog.CheckRecord(hashes(strings.Join(lines[3:], "\n")), tree.N, tree.Hash, index, leaf), "a receipt")
	counted["receipts"]++
}

// signSomething leaves a note that our side has to accept.
func signSomething() {
	skey, vkey, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)), "go.example/signer")
	must(err, "a key")
	signer, err := note.NewSigner(skey)
	must(err, "a signer")
	signed, err := note.Sign(&note.Note{Text: "A text by Go.\n\nIt has an empty line.\n"}, signer)
	must(err, "a note")
	must(os.MkdirAll(filepath.Join(folder, "from-go"), 0o777), "a folder")
	must(os.WriteFile(filepath.Join(folder, "from-go/vkey"), []byte(vkey), 0o666), "a key")
	must(os.WriteFile(filepath.Join(folder, "from-go/note"), signed, 0o666), "a note")
}

// spoil gives the proof with one bit of each byte flipped, one hash fewer, and one more.
func spoil(proof []tlog.Hash) [][]tlog.Hash {
	var all [][]tlog.Hash
	for at := range proof {
		for place := range proof[at] {
			other := append([]tlog.Hash(nil), proof...)
			other[at][place] ^= 1 << (place % 8)
			all = append(all, other)
		}
	}
	if len(proof) > 0 {
		all = append(all, proof[1:], proof[:len(proof)-1])
	}
	return append(all, append(append([]tlog.Hash(nil), proof...), tlog.Hash{}))
}

func same(theirs, ours []tlog.Hash) {
	expect(len(theirs) == len(ours), "Go's proof has %d hashes, ours %d", len(theirs), len(ours))
	for at := range ours {
		expect(theirs[at] == ours[at], "hash %d of a proof is another one to Go", at)
	}
}

func hashes(text string) []tlog.Hash {
	var all []tlog.Hash
	for _, line := range strings.Fields(text) {
		hash, err := tlog.ParseHash(line)
		must(err, "a hash")
		all = append(all, hash)
	}
	return all
}

func pair(name string) (int64, int64) {
	one, other, _ := strings.Cut(name, "-")
	first, err := strconv.ParseInt(one, 10, 64)
	must(err, name)
	second, err := strconv.ParseInt(other, 10, 64)
	must(err, name)
	return first, second
}

func names(kind string) []string {
	entries, err := os.ReadDir(filepath.Join(folder, kind))
	must(err, kind)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func read(name string) string {
	content, err := os.ReadFile(filepath.Join(folder, name))
	must(err, name)
	return string(content)
}

func rejected(truth bool, format string, values ...interface{}) {
	expect(truth, "accepted: "+format, values...)
	counted["tamperings rejected"]++
}

func expect(truth bool, format string, values ...interface{}) {
	if !truth {
		fail(fmt.Sprintf(format, values...))
	}
}

func must(err error, what string) {
	if err != nil {
		fail(fmt.Sprintf("%s: %v", what, err))
	}
}

func fail(sentence string) {
	fmt.Fprintln(os.Stderr, errors.New(sentence))
	os.Exit(1)
}
