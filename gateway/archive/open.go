package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/evidence"
	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/network/block"
)

// maxBlock bounds what one block may take, in bytes; Fabric's own bound is 100 MB.
const maxBlock = 128 << 20

// Archive is a folder that was verified as a whole.
type Archive struct {
	Manifest Manifest
	// Digest is the SHA-256 of the manifest.
	Digest trace.Digest

	dir    string
	chain  *chain
	proofs *proofs
}

// Open verifies everything in a folder. A refusal carries a code of this package and names
// the file or block that is wrong.
func Open(ctx context.Context, dir string) (*Archive, error) {
	content, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, trace.Errorf(CodeIncomplete, "%s has no %s: the export did not end, or this is no archive", dir, manifestName)
	}
	seal, err := os.ReadFile(filepath.Join(dir, sealName))
	if err != nil {
		return nil, trace.Errorf(CodeIncomplete, "%s is missing", sealName)
	}
	if !bytes.Equal(seal, sealOf(content)) {
		return nil, trace.Errorf(CodeHash, "%s is not the one that %s names", manifestName, sealName)
	}
	m, err := readManifest(content)
	if err != nil {
		return nil, err
	}
	a := &Archive{Manifest: *m, Digest: trace.DigestOf(content), dir: dir, chain: newChain(m.Chaincode)}
	if err := a.checkNames(); err != nil {
		return nil, err
	}
	if err := a.checkBlocks(ctx); err != nil {
		return nil, err
	}
	if err := a.checkFiles(ctx); err != nil {
		return nil, err
	}
	a.proofs = newProofs(a.chain.leaves)
	return a, nil
}

// checkNames compares what is in the folder with what the manifest names.
func (a *Archive) checkNames() error {
	expected := map[string]bool{manifestName: true, sealName: true, blocksName: true, filesName: true}
	for i, f := range a.Manifest.Files {
		if i > 0 && a.Manifest.Files[i-1].Hash.String() >= f.Hash.String() {
			return trace.Errorf(CodeFormat, "%s: files are not in order at %s", manifestName, f.Hash)
		}
		expected[filepath.Join(filesName, f.Hash.String())] = true
	}
	err := filepath.WalkDir(a.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == a.dir {
			return err
		}
		name, err := filepath.Rel(a.dir, path)
		if err != nil {
			return err
		}
		if !expected[name] || entry.IsDir() != (name == filesName) {
			return trace.Errorf(CodeIncomplete, "%s is not in the manifest", name)
		}
		delete(expected, name)
		return nil
	})
	if err != nil {
		return err
	}
	for name := range expected {
		return trace.Errorf(CodeIncomplete, "%s is missing", name)
	}
	return nil
}

// checkBlocks verifies the chain, then the file as a whole. A changed byte is found by
// either; which block it is in, by the first.
func (a *Archive) checkBlocks(ctx context.Context) error {
	f, err := os.Open(filepath.Join(a.dir, blocksName))
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	broken := readBlocks(io.TeeReader(f, digest), func(b *common.Block) error {
		return errors.Join(ctx.Err(), a.chain.add(b))
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if trace.CodeOf(broken) == CodeUnmovable {
		return broken
	}
	if _, err := io.Copy(digest, f); err != nil {
		return err
	}
	if trace.Digest(digest.Sum(nil)) != a.Manifest.Blocks {
		where := ""
		if broken != nil {
			where = fmt.Sprintf(" (%v)", broken)
		}
		return trace.Errorf(CodeHash, "%s is not the file that the manifest names%s", blocksName, where)
	}
	if broken != nil {
		return broken
	}
	want := a.chain.content()
	want.Blocks, want.Bytes, want.Files = a.Manifest.Blocks, a.Manifest.Bytes, a.Manifest.Files
	said, err := a.Manifest.encode()
	if err != nil {
		return err
	}
	found, err := want.encode()
	if err != nil {
		return err
	}
	if string(said) != string(found) {
		return trace.Errorf(CodeContent, "the blocks are %d of the ledger %s with %d transactions under root %s and tip %s; the manifest says %d of %s with %d under %s and %s",
			want.Height, want.Genesis, want.Count, want.Root, want.Tip, a.Manifest.Height, a.Manifest.Genesis, a.Manifest.Count, a.Manifest.Root, a.Manifest.Tip)
	}
	return nil
}

func (a *Archive) checkFiles(ctx context.Context) error {
	have := map[store.Hash]bool{}
	for _, file := range a.Manifest.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := a.OpenFile(file)
		if err != nil {
			return err
		}
		digest := sha256.New()
		size, err := io.Copy(digest, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if trace.Digest(digest.Sum(nil)) != file.Hash || size != file.Size {
			return trace.Errorf(CodeHash, "%s/%s is damaged: its %d bytes hash to %x", filesName, file.Hash, size, digest.Sum(nil))
		}
		have[store.Hash(file.Hash)] = true
	}
	for _, h := range a.chain.payloads {
		if !have[h] {
			return trace.Errorf(CodeIncomplete, "the readings %s of a segment are missing", h)
		}
	}
	return nil
}

// OpenFile opens a file of the manifest.
func (a *Archive) OpenFile(f File) (io.ReadCloser, error) {
	return os.Open(filepath.Join(a.dir, filesName, f.Hash.String()))
}

// Source is what the import is opened for.
func (a *Archive) Source() trace.SourceLedger {
	m := a.Manifest
	return trace.SourceLedger{
		Genesis: m.Genesis, Height: m.Height, Tip: m.Tip, Channel: m.Channel, Chaincode: m.Chaincode,
		Authorities: a.chain.authorities, Count: m.Count, Root: m.Root, Archive: a.Digest,
	}
}

// Transaction is one transaction to submit again.
type Transaction struct {
	Method    trace.Method
	Arguments []byte // exactly the original's
	// By is who wrote it; the same role and party of the target submits it again.
	By       *evidence.Transaction
	Evidence trace.Evidence
	// Payload is what travels beside it under Method.Transient.
	Payload []byte
}

// Transactions calls visit with every transaction from number from on, in order.
func (a *Archive) Transactions(ctx context.Context, from int64, visit func(Transaction) error) error {
	f, err := os.Open(filepath.Join(a.dir, blocksName))
	if err != nil {
		return err
	}
	defer f.Close()
	index := int64(0)
	return readBlocks(f, func(b *common.Block) error {
		if err := ctx.Err(); err != nil || b.GetHeader().GetNumber() == 0 {
			return err
		}
		flags, err := block.Flags(b)
		if err != nil {
			return err
		}
		for i, raw := range b.GetData().GetData() {
			if flags[i] != 0 {
				continue
			}
			m, arguments, err := a.chain.movable(block.ParseTransaction(raw))
			if err != nil {
				return err
			}
			if m == nil {
				continue
			}
			if index >= from {
				t, err := a.transaction(index, m, arguments, raw)
				if err != nil {
					return err
				}
				t.Evidence.Block, t.Evidence.Position = int64(b.GetHeader().GetNumber()), i
				if err := visit(t); err != nil {
					return err
				}
			}
			index++
		}
		return nil
	})
}

func (a *Archive) transaction(index int64, m *trace.Method, arguments, raw []byte) (Transaction, error) {
	t := Transaction{Method: *m, Arguments: arguments, Evidence: trace.Evidence{Index: index, Proof: a.proofs.path(index), Envelope: raw}}
	var err error
	if t.By, err = evidence.Read(raw); err != nil || m.Transient == "" {
		return t, err
	}
	h, err := payloadOf(arguments)
	if err != nil {
		return t, err
	}
	t.Payload, err = os.ReadFile(filepath.Join(a.dir, filesName, h.String()))
	return t, err
}

func readBlocks(from io.Reader, handle func(*common.Block) error) error {
	r := bufio.NewReaderSize(from, 1<<20)
	for number := 0; ; number++ {
		size, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && size > maxBlock {
			err = fmt.Errorf("it is said to have %d bytes", size)
		}
		var raw []byte
		if err == nil {
			raw = make([]byte, size)
			_, err = io.ReadFull(r, raw)
		}
		b := &common.Block{}
		if err == nil {
			err = proto.Unmarshal(raw, b)
		}
		if err != nil {
			return trace.Errorf(CodeChain, "block %d cannot be read: %v", number, err)
		}
		if err := handle(b); err != nil {
			return err
		}
	}
}
