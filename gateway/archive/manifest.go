package archive

import (
	"bytes"
	"encoding/json"
	"io"

	"traceledger/chaincode/trace"
)

// format names this layout.
const format = "traceledger archive 1"

// Names within the folder.
const (
	manifestName = "manifest.json"
	sealName     = "manifest.sha256"
	blocksName   = "blocks"
	filesName    = "files"
)

// Manifest says what an archive holds. Its own SHA-256 stands on the chain that the
// records are imported into.
type Manifest struct {
	Format    string       `json:"format"`
	Channel   string       `json:"channel"`
	Chaincode string       `json:"chaincode"`
	Genesis   trace.Digest `json:"genesis"` // header hash of block 0
	Height    int64        `json:"height"`
	Tip       trace.Digest `json:"tip"` // header hash of the last block
	// Count and Root are of the transactions to import, see trace.SourceLedger.
	Count int64        `json:"count"`
	Root  trace.Digest `json:"root"`
	// Blocks is the SHA-256 of the file of blocks.
	Blocks trace.Digest `json:"blocks"`
	Bytes  int64        `json:"bytes"`
	Files  []File       `json:"files"` // by hash
}

// File is one file that records name.
type File struct {
	Hash      trace.Digest `json:"hash"`
	Size      int64        `json:"size"`
	MediaType string       `json:"mediaType"`
	Uploader  string       `json:"uploader"` // party id
}

func (m *Manifest) encode() ([]byte, error) {
	content, err := json.MarshalIndent(m, "", " ")
	return append(content, '\n'), err
}

// Digest is the SHA-256 of the manifest as it is written.
func (m *Manifest) Digest() (trace.Digest, error) {
	content, err := m.encode()
	return trace.DigestOf(content), err
}

func readManifest(content []byte) (*Manifest, error) {
	m := &Manifest{}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return nil, trace.Errorf(CodeFormat, "%s cannot be read: %v", manifestName, err)
	}
	if m.Format != format {
		return nil, trace.Errorf(CodeFormat, "%s is of format %q, this program reads %q", manifestName, m.Format, format)
	}
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF || !bytes.Equal(again, content) {
		return nil, trace.Errorf(CodeFormat, "%s is not as it was written", manifestName)
	}
	return m, nil
}
