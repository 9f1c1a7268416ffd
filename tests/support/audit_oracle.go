// Another program's word on our logs: golang.org/x/mod/sumdb reads the notes and computes the trees.
//
//	audit_oracle verify DIR                an export: every checkpoint, every inclusion, consistency
//	audit_oracle proof FILE KEY            a c2sp.org/tlog-proof
//	audit_oracle witness KEY               a c2sp.org/tlog-witness for that log, on a port of its own
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func check(good bool, format string, values ...any) {
	if !good {
		must(fmt.Errorf(format, values...))
	}
}

type checkpoint struct {
	origin, text string
	size         int64
	root         tlog.Hash
}

func parse(text string) checkpoint {
	lines := strings.Split(text, "\n")
	check(len(lines) >= 4, "a checkpoint of %d lines", len(lines))
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return checkpoint{lines[0], text, size, root}
}

func open(signed string, keys []string) checkpoint {
	var known []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		must(err)
		known = append(known, verifier)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(known...))
	must(err)
	return parse(opened.Text)
}

func read(parts ...string) []byte {
	content, err := os.ReadFile(filepath.Join(parts...))
	must(err)
	return content
}

// A whole note ends with its signature lines; an empty line follows where there is another one.
func notes(text string) []string {
	var found []string
	for _, piece := range strings.SplitAfter(text, "\n\n") {
		last := len(found) - 1
		if last >= 0 && !strings.Contains(found[last], "\n\n— ") && strings.HasPrefix(piece, "— ") {
			found[last] += strings.TrimSuffix(piece, "\n\n")
			found[last] = strings.TrimSuffix(found[last], "\n") + "\n"
		} else if piece != "" {
			found = append(found, piece)
		}
	}
	return found
}

func verify(folder string) {
	keys := strings.Fields(string(read(folder, "keys")))
	leaves := bytes.Split(bytes.TrimSuffix(read(folder, "leaves.jsonl"), []byte("\n")), []byte("\n"))
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	var previous checkpoint
	size, proofs := int64(0), 0
	signed := notes(string(read(folder, "checkpoints")))
	for _, text := range signed {
		found := open(text, keys)
		check(found.size <= int64(len(leaves)), "cut below %d", found.size)
		for ; size < found.size; size++ {
			more, err := tlog.StoredHashes(size, leaves[size], hashes)
			must(err)
			stored = append(stored, more...)
		}
		root, err := tlog.TreeHash(size, hashes)
		must(err)
		check(root == found.root, "the root of %d leaves is %v, and not %v", size, root, found.root)
		if previous.size > 0 {
			proof, err := tlog.ProveTree(size, previous.size, hashes)
			must(err)
			must(tlog.CheckTree(proof, size, root, previous.size, previous.root))
		}
		previous = found
	}
	for index := int64(0); index < size; index += 1 + size/50 {
		proof, err := tlog.ProveRecord(size, index, hashes)
		must(err)
		must(tlog.CheckRecord(proof, size, previous.root, index, tlog.RecordHash(leaves[index])))
		proofs++
	}
	fmt.Printf("ok %s: %d leaves, %d checkpoints, %d proofs\n", previous.origin, size, len(signed), proofs)
}

func hashesIn(lines []string) []tlog.Hash {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		must(err)
		found = append(found, hash)
	}
	return found
}

func proof(file, key string) {
	head, signed, whole := strings.Cut(string(read(file)), "\n\n")
	check(whole, "no empty line")
	lines := strings.Split(head, "\n")
	check(lines[0] == "c2sp.org/tlog-proof@v1", "another format: %s", lines[0])
	leaf, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	found := open(signed, []string{key})
	path := tlog.RecordProof(hashesIn(lines[3:]))
	must(tlog.CheckRecord(path, found.size, found.root, index, tlog.RecordHash(leaf)))
	fmt.Printf("ok %d of %d: %s\n", index, found.size, leaf)
}

const cosignature = 4

type witness struct {
	key    ed25519.PrivateKey
	name   string
	log    string
	latest checkpoint
}

func (w *witness) keyID() []byte {
	public := w.key.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(append([]byte(w.name+"\n\x04"), public...))
	return sum[:4]
}

func (w *witness) vkey() string {
	public := append([]byte{cosignature}, w.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%x+%s", w.name, w.keyID(), base64.StdEncoding.EncodeToString(public))
}

func (w *witness) add(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	must(err)
	head, signed, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	must(err)
	verifier, err := note.NewVerifier(w.log)
	must(err)
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		answer.WriteHeader(http.StatusForbidden)
		return
	}
	found := parse(opened.Text)
	if old != w.latest.size {
		answer.Header().Set("Content-Type", "text/x.tlog.size")
		answer.WriteHeader(http.StatusConflict)
		fmt.Fprintf(answer, "%d\n", w.latest.size)
		return
	}
	if old > 0 && old < found.size {
		err = tlog.CheckTree(hashesIn(lines[1:]), found.size, found.root, old, w.latest.root)
		if err != nil {
			answer.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	w.latest = found
	now := uint64(time.Now().Unix())
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", now, found.text)
	blob := binary.BigEndian.AppendUint64(w.keyID(), now)
	blob = append(blob, ed25519.Sign(w.key, []byte(message))...)
	fmt.Fprintf(answer, "— %s %s\n", w.name, base64.StdEncoding.EncodeToString(blob))
}

func serve(log string) {
	_, key, err := ed25519.GenerateKey(nil)
	must(err)
	w := &witness{key: key, name: "witness.example/go", log: log}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Printf("http://%s %s\n", listener.Addr(), w.vkey())
	http.HandleFunc("/add-checkpoint", w.add)
	must(http.Serve(listener, nil))
}

func main() {
	switch os.Args[1] {
	case "verify":
		verify(os.Args[2])
	case "proof":
		proof(os.Args[2], os.Args[3])
	case "witness":
		serve(os.Args[2])
	}
}
