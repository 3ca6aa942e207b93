package index

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
)

// decoder turns blocks into rows to be written. It keeps no state but the memory of
// identities, so that blocks are decoded in parallel and in any order.
type decoder struct {
	chaincode  string
	kinds      map[string]*kind
	identities *identities
}

// decodedBlock is a block ready to be applied.
type decodedBlock struct {
	number       uint64
	previous     []byte // header hash of the block before
	hash         []byte // header hash of this one
	transactions []transaction
	members      []string // of the channel, by a configuration in the block; nil if it has none
	// codes counts the block's transactions by validation code.
	codes map[peer.TxValidationCode]int
}

// transaction is a valid transaction that wrote something in the chaincode's
// namespace.
type transaction struct {
	provenance
	writes  []write
	refused *trace.Error // why it is not admitted as a whole
	// joined: the writer's organisation is not a founding one, so only the fold, which
	// knows what came before, can admit the transaction.
	joined bool
}

// write is one key of a write set.
type write struct {
	key     string
	kind    *kind
	fact    bool
	subject trace.Subject // of a fact
	parts   []string      // of any other key
	value   []byte
	deleted bool
	links   *links
	row     []byte
	refused *trace.Error // why this value alone is not admitted
}

// decode reads a block. An error means that the block is not one that a peer
// delivers after validation; a strange transaction in it is no error.
func (d *decoder) decode(b *common.Block) (*decodedBlock, error) {
	header := b.GetHeader()
	if header == nil {
		return nil, trace.Errorf(CodeBlock, "a block without header")
	}
	envelopes := b.GetData().GetData()
	if got := block.DataHash(envelopes); !bytes.Equal(got, header.GetDataHash()) {
		return nil, trace.Errorf(CodeBlock, "block %d: its transactions hash to %x, its header says %x", header.GetNumber(), got, header.GetDataHash())
	}
	flags, err := block.Flags(b)
	if err != nil {
		return nil, trace.Errorf(CodeBlock, "%v", err)
	}
	out := &decodedBlock{
		number:   header.GetNumber(),
		previous: header.GetPreviousHash(),
		hash:     block.HeaderHash(header),
		codes:    map[peer.TxValidationCode]int{},
	}
	for i, raw := range envelopes {
		out.codes[flags[i]]++
		if flags[i] != peer.TxValidationCode_VALID {
			continue
		}
		parsed := block.ParseTransaction(raw)
		if common.HeaderType(parsed.ChannelHeader.GetType()) == common.HeaderType_CONFIG {
			// The first one, of the genesis block, is signed by nobody: a defect elsewhere.
			out.members = membersOf(parsed.Data)
			continue
		}
		t, err := d.transaction(parsed, out.number, i)
		if err != nil {
			return nil, trace.Errorf(CodeBlock, "block %d, transaction %d is flagged valid but cannot be read: %v", out.number, i, err)
		}
		if t != nil {
			out.transactions = append(out.transactions, *t)
		}
	}
	return out, nil
}

// transaction reads one valid envelope; nil when it wrote nothing of interest
// (lifecycle, another chaincode).
func (d *decoder) transaction(parsed *block.Transaction, number uint64, position int) (*transaction, error) {
	if parsed.Defect != nil {
		return nil, parsed.Defect
	}
	if parsed.Action == nil {
		return nil, nil
	}
	set := parsed.Action.ReadWriteSet.Namespace(d.chaincode)
	if set == nil || len(set.Public.GetWrites()) == 0 {
		return nil, nil
	}
	t := &transaction{}
	if err := d.provenance(t, parsed, number, position); err != nil {
		return nil, err
	}
	for _, kv := range set.Public.GetWrites() {
		if strings.HasPrefix(kv.GetKey(), state.KindGuard+"/") {
			continue // written for its endorsement policy only
		}
		t.writes = append(t.writes, d.write(kv.GetKey(), kv.GetValue(), block.IsDelete(kv)))
	}
	if t.joined = !trace.Founding(t.writer.msp); !t.joined {
		t.refused = admit(t, t.writer.msp)
	}
	if t.refused == nil {
		t.refused = t.asOriginal()
	}
	for i := range t.writes {
		w := &t.writes[i]
		if t.refused != nil || w.refused != nil || w.deleted {
			continue
		}
		w.row = appendRecord(make([]byte, 0, 192+len(w.value)), &t.provenance, w.links.head.Claimed, w.kind.name, w.value)
	}
	return t, nil
}

func (d *decoder) provenance(t *transaction, parsed *block.Transaction, number uint64, position int) error {
	if n, err := hex.Decode(t.transaction[:], []byte(parsed.ID())); err != nil || n != len(t.transaction) {
		return fmt.Errorf("transaction id %q is not 64 hex digits", parsed.ID())
	}
	t.block, t.position = number, position
	t.recorded = trace.TimeOf(parsed.ChannelHeader.GetTimestamp().AsTime())
	t.writer = d.identities.writer(parsed.Creator())
	for _, e := range parsed.Action.Endorsements {
		t.endorsers = append(t.endorsers, d.identities.msp(e.GetEndorser()))
	}
	slices.Sort(t.endorsers)
	t.endorsers = slices.Compact(t.endorsers)
	return nil
}

// write reads one key and its value.
func (d *decoder) write(key string, value []byte, deleted bool) write {
	w := write{key: key, value: value, deleted: deleted}
	id, parts, ok := state.ParseKey(trace.Key(key))
	if ok && id == state.KindFact {
		// Parts of a fact key: subject kind, subject id, freeze number, fact kind, id.
		w.fact, id = true, factID(parts[3])
		w.subject = trace.Subject{Kind: trace.SubjectKind(parts[0]), ID: parts[1]}
	}
	w.parts = parts
	if w.kind = d.kinds[id]; !ok || w.kind == nil {
		w.kind = nil
		w.refused = trace.Errorf(ReasonUnknownKind, "%s is of no kind this version of the index knows", key)
		return w
	}
	if deleted && w.kind.nature == natureRecord { // refused by admit
		w.links = &links{}
		return w
	}
	links, err := relate(&w)
	if err != nil {
		w.refused = trace.Errorf(ReasonMalformed, "%v", err)
		return w
	}
	w.links = links
	return w
}
