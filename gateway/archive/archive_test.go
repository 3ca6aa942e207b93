package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/evidence"
	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/archive"
	"traceledger/gateway/store"
	"traceledger/network/block"
)

// farm is a ledger with a lot, its certificate with a document, and a segment of readings.
func farm(t *testing.T) (*contracttest.Ledger, *store.Store, store.Hash) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	files, err := store.Open(store.Config{Dir: "store", FS: vfs.NewMem()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, files.Close()) })
	keep := func(content []byte) trace.Digest {
		kept, err := files.Files().Keep(content, store.About{MediaType: "application/pdf", Uploader: string(k.Farm.Party)})
		require.NoError(t, err)
		return trace.Digest(kept.Hash)
	}
	lot := k.Batch("LOT-1", 10)
	k.Farm.Must("origin:IssueCertificate", &trace.IssueCertificateRequest{
		Write: k.Write(), LotID: lot, Basis: []trace.CertificateBasis{trace.BasisOwnTest}, IssuedOn: contracttest.Day(0), Document: keep([]byte("%PDF certificate")),
	})
	from := trace.TimeOf(time.Now()) - 3_600_000
	k.Farm.Must("transit:BindDevice", &trace.BindDeviceRequest{Write: k.Write(), Device: "dev-01", Plot: k.Plot, Probes: []string{trace.ProbeReturnAir}, From: from})
	payload, err := trace.EncodeReadings(1, []trace.Reading{
		{At: from + 1, Temperatures: []trace.CentiCelsius{100}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed},
		{At: from + 60_000, Temperatures: []trace.CentiCelsius{120}, Humidity: trace.NoHumidity, Shock: trace.NoShock, Speed: trace.NoSpeed},
	})
	require.NoError(t, err)
	segment := &trace.AnchorSegmentRequest{Device: "dev-01", Sequence: 1, Plot: k.Plot, Count: 2, From: from + 1, To: from + 60_000, Payload: keep(payload)}
	_, err = k.Farm.SubmitTransient("transit:AnchorSegment", segment, map[string][]byte{trace.TransientReadings: payload}, trace.ProducerMSP, trace.CarrierMSP, trace.RegulatorMSP)
	require.NoError(t, err)
	return k.Ledger, files, store.Hash(segment.Payload)
}

func export(t *testing.T, l *contracttest.Ledger, files *store.Store) string {
	dir := filepath.Join(t.TempDir(), "archive")
	_, err := archive.Export(t.Context(), dir, source(l, files))
	require.NoError(t, err)
	return dir
}

func source(l *contracttest.Ledger, files *store.Store) archive.Ledger {
	blocks := l.Blocks()
	return archive.Ledger{
		Chaincode: contracttest.Chaincode, Height: uint64(len(blocks)), Files: files.Files(),
		Blocks: func(_ context.Context, handle func(*common.Block) error) error {
			for _, b := range blocks {
				if err := handle(b); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// folder is an archive that somebody works on.
type folder struct {
	t   *testing.T
	dir string
}

func (f folder) read(name string) []byte {
	content, err := os.ReadFile(filepath.Join(f.dir, name))
	require.NoError(f.t, err)
	return content
}

func (f folder) write(name string, content []byte) {
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, name), content, 0o644))
}

// manifest changes the manifest and writes it as an export would.
func (f folder) manifest(change func(*archive.Manifest)) {
	var m archive.Manifest
	require.NoError(f.t, json.Unmarshal(f.read("manifest.json"), &m))
	change(&m)
	content, err := json.MarshalIndent(m, "", " ")
	require.NoError(f.t, err)
	f.seal(append(content, '\n'))
}

// seal writes a manifest with a seal that agrees.
func (f folder) seal(manifest []byte) {
	f.write("manifest.json", manifest)
	f.write("manifest.sha256", []byte(trace.DigestOf(manifest).String()+"\n"))
}

// blocks changes the blocks and has the manifest name the changed file, as somebody
// would who wants it to pass.
func (f folder) blocks(change func([]*common.Block) []*common.Block) {
	var blocks []*common.Block
	for rest := f.read("blocks"); len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		b := &common.Block{}
		require.NoError(f.t, proto.Unmarshal(rest[n:n+int(size)], b))
		blocks, rest = append(blocks, b), rest[n+int(size):]
	}
	var out []byte
	for _, b := range change(blocks) {
		raw, err := proto.Marshal(b)
		require.NoError(f.t, err)
		out = append(binary.AppendUvarint(out, uint64(len(raw))), raw...)
	}
	f.write("blocks", out)
	f.manifest(func(m *archive.Manifest) { m.Blocks, m.Bytes = trace.DigestOf(out), int64(len(out)) })
}

func (f folder) block(number int, change func(*common.Block)) {
	f.blocks(func(blocks []*common.Block) []*common.Block {
		change(blocks[number])
		return blocks
	})
}

// The same ledger gives the same bytes, and what is in them is all that an import needs.
func TestExportAndOpen(t *testing.T) {
	l, files, payload := farm(t)
	dir := export(t, l, files)
	first, second := folder{t, dir}, folder{t, export(t, l, files)}
	for _, name := range []string{"manifest.json", "blocks", filepath.Join("files", payload.String())} {
		require.Equal(t, first.read(name), second.read(name), name)
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		about, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, about.Mode().Perm()&0o077, "%s: positions and uploads are for who gets the archive", path)
		return nil
	}))
	a, err := archive.Open(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, trace.Digest(block.HeaderHash(l.Blocks()[0].GetHeader())), a.Manifest.Genesis)
	require.Len(t, a.Manifest.Files, 2)
	require.NoError(t, evidence.CheckAuthorities(a.Source().Authorities))
	next, segments := int64(0), 0
	require.NoError(t, a.Transactions(t.Context(), 0, func(tx archive.Transaction) error {
		require.Equal(t, next, tx.Evidence.Index)
		leaf := rules.ImportLeaf(tx.Evidence.Block, tx.Evidence.Position, trace.DigestOf(tx.Evidence.Envelope))
		require.True(t, rules.VerifyInclusion(a.Manifest.Root, leaf, next, a.Manifest.Count, tx.Evidence.Proof))
		require.Equal(t, tx.Method.Transaction(), string(tx.By.Facts.Arguments[0]))
		if tx.Method.Transient != "" {
			segments++
			require.Equal(t, trace.Digest(payload), trace.DigestOf(tx.Payload))
		}
		next++
		return nil
	}))
	require.Equal(t, a.Manifest.Count, next)
	require.Equal(t, 1, segments)
	same, err := archive.Compare(a.Values(), a.Values())
	require.NoError(t, err)
	require.Zero(t, same.Differences)
	require.Greater(t, same.Equal, 10)
	changed := archive.Values{}
	for key, value := range a.Values() {
		changed[key] = value
	}
	delete(changed, "party/farm-01")
	changed["party/farm-02"] = []byte(`{}`)
	changed["plot/farm-01/plot-08mu"] = []byte(`{"original":{}}`)
	c, err := archive.Compare(a.Values(), changed)
	require.NoError(t, err)
	require.Equal(t, 3, c.Differences)
	require.Equal(t, [3]string{"party/farm-01", "party/farm-02", "plot/farm-01/plot-08mu"}, [3]string{c.Missing[0], c.Surplus[0], c.Different[0]})
}

// TestDamagedArchives damages an archive in every way; each has its code, also where the
// manifest was made to agree.
func TestDamagedArchives(t *testing.T) {
	l, files, payload := farm(t)
	whole := export(t, l, files)
	other := contracttest.Start(t)
	readings := filepath.Join("files", payload.String())
	last := len(l.Blocks()) - 1
	for _, c := range []struct {
		name   string
		code   trace.Code
		damage func(f folder)
	}{
		{"no manifest", archive.CodeIncomplete, func(f folder) { require.NoError(t, os.Remove(filepath.Join(f.dir, "manifest.json"))) }},
		{"manifest cut off", archive.CodeFormat, func(f folder) { f.seal(f.read("manifest.json")[:100]) }},
		{"manifest with more", archive.CodeFormat, func(f folder) { f.seal(append(f.read("manifest.json"), ' ')) }},
		{"manifest changed", archive.CodeHash, func(f folder) {
			f.write("manifest.json", bytes.Replace(f.read("manifest.json"), []byte("pdf"), []byte("pdg"), 1))
		}},
		{"no seal", archive.CodeIncomplete, func(f folder) { require.NoError(t, os.Remove(filepath.Join(f.dir, "manifest.sha256"))) }},
		{"another version", archive.CodeFormat, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Format = "traceledger archive 2" }) }},
		{"a file twice", archive.CodeFormat, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Files = append(m.Files, m.Files[1]) }) }},
		{"another count", archive.CodeContent, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Count-- }) }},
		{"another root", archive.CodeContent, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Root[0] ^= 1 }) }},
		{"another ledger's name", archive.CodeContent, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Genesis[0] ^= 1 }) }},
		{"another chaincode", archive.CodeContent, func(f folder) { f.manifest(func(m *archive.Manifest) { m.Chaincode = "other" }) }},
		{"no blocks", archive.CodeIncomplete, func(f folder) { require.NoError(t, os.Remove(filepath.Join(f.dir, "blocks"))) }},
		{"readings gone", archive.CodeIncomplete, func(f folder) { require.NoError(t, os.Remove(filepath.Join(f.dir, readings))) }},
		{"readings left out", archive.CodeIncomplete, func(f folder) {
			require.NoError(t, os.Remove(filepath.Join(f.dir, readings)))
			f.manifest(func(m *archive.Manifest) {
				var kept []archive.File
				for _, file := range m.Files {
					if file.Hash != trace.Digest(payload) {
						kept = append(kept, file)
					}
				}
				m.Files = kept
			})
		}},
		{"a file more", archive.CodeIncomplete, func(f folder) { f.write("files/"+trace.DigestOf(nil).String(), nil) }},
		{"readings changed", archive.CodeHash, func(f folder) {
			content := f.read(readings)
			content[len(content)/2] ^= 1
			f.write(readings, content)
		}},
		{"readings longer than said", archive.CodeHash, func(f folder) { f.write(readings, append(f.read(readings), 0)) }},
		{"blocks cut off", archive.CodeHash, func(f folder) { f.write("blocks", f.read("blocks")[:20_000]) }},
		{"blocks cut off, manifest agrees", archive.CodeChain, func(f folder) {
			cut := f.read("blocks")[:20_000]
			f.write("blocks", cut)
			f.manifest(func(m *archive.Manifest) { m.Blocks = trace.DigestOf(cut) })
		}},
		{"last block left out", archive.CodeContent, func(f folder) {
			f.blocks(func(b []*common.Block) []*common.Block { return b[:last] })
		}},
		{"a block left out", archive.CodeChain, func(f folder) {
			f.blocks(func(b []*common.Block) []*common.Block { return append(b[:9], b[10:]...) })
		}},
		{"blocks swapped", archive.CodeChain, func(f folder) {
			f.blocks(func(b []*common.Block) []*common.Block { b[8], b[9] = b[9], b[8]; return b })
		}},
		{"genesis of another ledger", archive.CodeChain, func(f folder) {
			f.blocks(func(b []*common.Block) []*common.Block { b[0] = other.Blocks()[0]; return b })
		}},
		{"request changed", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) {
				b.Data.Data[0] = bytes.Replace(b.Data.Data[0], []byte("dev-01"), []byte("dev-02"), 1)
			})
		}},
		{"request changed, data hash agrees", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) {
				b.Data.Data[0] = bytes.Replace(b.Data.Data[0], []byte("dev-01"), []byte("dev-02"), 1)
				b.Header.DataHash = block.DataHash(b.Data.Data)
			})
		}},
		{"previous hash changed", archive.CodeChain, func(f folder) { f.block(last, func(b *common.Block) { b.Header.PreviousHash[3] ^= 1 }) }},
		{"orderers' signature changed", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) {
				signatures := b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES]
				signatures[len(signatures)-1] ^= 1
			})
		}},
		{"no orderers' signature", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) { b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = nil })
		}},
		{"a valid transaction flagged invalid", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) { b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER][0] = 11 })
		}},
		{"no flags", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) { b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = nil })
		}},
		{"commit hash changed", archive.CodeChain, func(f folder) {
			f.block(last, func(b *common.Block) {
				require.NoError(t, block.SetCommitHash(b, bytes.Repeat([]byte{1}, 32)))
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := folder{t, filepath.Join(t.TempDir(), "archive")}
			require.NoError(t, os.CopyFS(f.dir, os.DirFS(whole)))
			c.damage(f)
			_, err := archive.Open(t.Context(), f.dir)
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
		})
	}
	t.Run("any bit", func(t *testing.T) {
		f := folder{t, filepath.Join(t.TempDir(), "archive")}
		require.NoError(t, os.CopyFS(f.dir, os.DirFS(whole)))
		for _, name := range []string{"blocks", "manifest.json", "manifest.sha256", readings} {
			content := f.read(name)
			for range 12 {
				changed := bytes.Clone(content)
				at := rand.IntN(len(changed))
				changed[at] ^= 1 << rand.IntN(8)
				f.write(name, changed)
				_, err := archive.Open(t.Context(), f.dir)
				require.NotEmpty(t, trace.CodeOf(err), "%s: byte %d: %v", name, at, err)
			}
			f.write(name, content)
		}
		_, err := archive.Open(t.Context(), f.dir)
		require.NoError(t, err)
	})
}

// A ledger that an organisation joined cannot be moved: on a channel that knows nothing of
// it the admission of one of its parties is refused, and the import never ends.
func TestExportWithAnOrganisationThatJoined(t *testing.T) {
	l, files, _ := farm(t)
	l.Regulator().Must("registry:AdmitOrganisation", &trace.AdmitOrganisationRequest{Write: l.Write(), MSP: "Producer2MSP", Kind: trace.ProducerMSP})
	_, err := archive.Export(t.Context(), filepath.Join(t.TempDir(), "archive"), source(l, files))
	require.Equal(t, archive.CodeUnmovable, trace.CodeOf(err), "%v", err)
}

// A ledger whose segments have lost their readings cannot be moved, and nothing that is
// not whole can be opened.
func TestExportWithoutReadings(t *testing.T) {
	l, files, payload := farm(t)
	require.NoError(t, files.Files().Erase(payload))
	dir := filepath.Join(t.TempDir(), "archive")
	_, err := archive.Export(t.Context(), dir, source(l, files))
	require.Equal(t, store.CodeFileUnknown, trace.CodeOf(err), "%v", err)
	_, err = archive.Open(t.Context(), dir)
	require.Equal(t, archive.CodeIncomplete, trace.CodeOf(err), "%v", err)
}
