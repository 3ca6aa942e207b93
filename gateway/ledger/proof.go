package ledger

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// prove reads the blocks since the transaction was made, up to the height the ledger
// has now, and says how it ended if that is certain:
//
//   - it is in one of them, byte for byte: its first occurrence decides. If that is a
//     duplicate, another envelope took its id before it, and it is void;
//   - it is in none of them, and a valid transaction has since written a key that it
//     read at a version: versions only grow, so wherever it were ordered from now
//     on, it would be marked MVCC_READ_CONFLICT. It is void without being there.
//
// Keys read as absent prove nothing, since a key may be deleted again. Every
// submitting method reads the epoch, which the regulator's gateway rewrites every
// hour, so the second case comes true within about an hour.
func (c *Client) prove(id Identity, route *route, p *prepared) (end ending, proven bool, err error) {
	envelope, reads, latest, err := versionedReads(p.transaction)
	if err != nil {
		return ending{}, false, err
	}
	height, err := c.height(c.ctx, id, route)
	if err != nil {
		return ending{}, false, err
	}
	stale := false
	// The transaction was simulated on a state that had the blocks it read from.
	for number := max(p.after, latest); number < height; {
		next, err := c.readBlocks(id, route, number, height, func(block *common.Block) (bool, error) {
			return c.inspect(block, envelope, reads, &end, &proven, &stale)
		})
		if err != nil || proven {
			return end, proven, err
		}
		if next == number {
			return ending{}, false, fmt.Errorf("the block stream ended before block %d", number)
		}
		number = next
	}
	return ending{never: true}, stale, nil
}

func (c *Client) inspect(block *common.Block, sought *common.Envelope, reads map[stateKey]version, end *ending, proven, stale *bool) (stop bool, err error) {
	number := block.GetHeader().GetNumber()
	flags := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	for i, data := range block.GetData().GetData() {
		code := peer.TxValidationCode(flags[i])
		if isEnvelope(data, sought, code) {
			*end, *proven = ending{code: code, block: number, never: code == peer.TxValidationCode_DUPLICATE_TXID}, true
			return true, nil
		}
		// What is not valid may be anything, also bytes that nobody can read.
		if code != peer.TxValidationCode_VALID || *stale {
			continue
		}
		writes, err := readWrites(data)
		if err != nil {
			return false, fmt.Errorf("block %d, transaction %d: %w", number, i, err)
		}
		for _, written := range writes {
			if read, ok := reads[written]; ok && read.before(version{number, uint64(i)}) {
				*stale = true
			}
		}
	}
	return false, nil
}

// isEnvelope tells whether data are the envelope that was sent. With another signature
// they are somebody's copy, unless they are valid.
func isEnvelope(data []byte, sent *common.Envelope, code peer.TxValidationCode) bool {
	envelope := &common.Envelope{}
	return proto.Unmarshal(data, envelope) == nil && bytes.Equal(envelope.GetPayload(), sent.GetPayload()) &&
		(code == peer.TxValidationCode_VALID || bytes.Equal(envelope.GetSignature(), sent.GetSignature()))
}

// height asks for the number of blocks the peer behind route has.
func (c *Client) height(ctx context.Context, id Identity, route *route) (uint64, error) {
	options := []client.ProposalOption{client.WithArguments(c.cfg.Channel)}
	raw, err := c.evaluateAt(ctx, route, id, "qscc", "GetChainInfo", options)
	if err != nil {
		return 0, err
	}
	info := &common.BlockchainInfo{}
	if err := proto.Unmarshal(raw, info); err != nil {
		return 0, err
	}
	return info.GetHeight(), nil
}

// readBlocks hands blocks from..until-1 to inspect while they come, and returns the
// number of the first one not inspected.
func (c *Client) readBlocks(id Identity, route *route, from, until uint64, inspect func(*common.Block) (stop bool, err error)) (uint64, error) {
	gw, err := connect(route, id)
	if err != nil {
		return from, err
	}
	defer gw.Close()
	ctx, cancel := route.use(c.ctx)
	blocks, err := gw.GetNetwork(c.cfg.Channel).BlockEvents(ctx, client.WithStartBlock(from))
	if err != nil {
		cancel()
		return from, err
	}
	defer drain(cancel, blocks)
	// A stream that stands still is given up; whoever needs it tries elsewhere.
	patience := time.AfterFunc(c.cfg.StatusTimeout, cancel)
	defer patience.Stop()
	for block := range blocks {
		patience.Reset(c.cfg.StatusTimeout)
		if block.GetHeader().GetNumber() != from {
			return from, fmt.Errorf("asked for block %d and got %d", from, block.GetHeader().GetNumber())
		}
		if err := wellFormed(block); err != nil {
			return from, err
		}
		stop, err := inspect(block)
		if err != nil {
			return from, err
		}
		from++
		if stop || from == until {
			break
		}
	}
	return from, nil
}

// wellFormed says whether every transaction of a block has its validation code.
func wellFormed(block *common.Block) error {
	metadata := block.GetMetadata().GetMetadata()
	const filter = int(common.BlockMetadataIndex_TRANSACTIONS_FILTER)
	if len(metadata) <= filter || len(metadata[filter]) != len(block.GetData().GetData()) {
		return fmt.Errorf("block %d does not say which of its transactions are valid", block.GetHeader().GetNumber())
	}
	return nil
}

type stateKey struct{ namespace, key string }

type version struct{ block, transaction uint64 }

func (v version) before(w version) bool {
	return v.block < w.block || v.block == w.block && v.transaction < w.transaction
}

// versionedReads returns a prepared transaction's envelope, the keys it read that
// existed, with their versions, and the highest block among these.
func versionedReads(preparedTransaction []byte) (envelope *common.Envelope, reads map[stateKey]version, latest uint64, err error) {
	message := &gateway.PreparedTransaction{}
	if err := proto.Unmarshal(preparedTransaction, message); err != nil {
		return nil, nil, 0, err
	}
	sets, err := readWriteSets(message.GetEnvelope().GetPayload())
	if err != nil {
		return nil, nil, 0, err
	}
	reads = make(map[stateKey]version)
	for namespace, set := range sets {
		for _, read := range set.GetReads() {
			if v := read.GetVersion(); v != nil {
				reads[stateKey{namespace, read.GetKey()}] = version{v.GetBlockNum(), v.GetTxNum()}
				latest = max(latest, v.GetBlockNum())
			}
		}
	}
	return message.GetEnvelope(), reads, latest, nil
}

// readWrites returns the keys an envelope of a block writes. Envelopes of other kinds than
// endorsed transactions write none.
func readWrites(data []byte) ([]stateKey, error) {
	envelope := &common.Envelope{}
	if err := proto.Unmarshal(data, envelope); err != nil {
		return nil, err
	}
	payload := &common.Payload{}
	if err := proto.Unmarshal(envelope.GetPayload(), payload); err != nil {
		return nil, err
	}
	header := &common.ChannelHeader{}
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header); err != nil {
		return nil, err
	}
	if common.HeaderType(header.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return nil, nil
	}
	sets, err := readWriteSets(envelope.GetPayload())
	var writes []stateKey
	for namespace, set := range sets {
		for _, write := range set.GetWrites() {
			writes = append(writes, stateKey{namespace, write.GetKey()})
		}
	}
	return writes, err
}

// readWriteSets unpacks an endorsed transaction's payload down to the public
// read-write set of each namespace.
func readWriteSets(payloadBytes []byte) (map[string]*kvrwset.KVRWSet, error) {
	payload, transaction := &common.Payload{}, &peer.Transaction{}
	if err := proto.Unmarshal(payloadBytes, payload); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(payload.GetData(), transaction); err != nil {
		return nil, err
	}
	sets := make(map[string]*kvrwset.KVRWSet)
	for _, action := range transaction.GetActions() {
		if err := readAction(action.GetPayload(), sets); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

func readAction(raw []byte, sets map[string]*kvrwset.KVRWSet) error {
	action, response, chaincode, results := &peer.ChaincodeActionPayload{}, &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}, &rwset.TxReadWriteSet{}
	if err := proto.Unmarshal(raw, action); err != nil {
		return err
	}
	if err := proto.Unmarshal(action.GetAction().GetProposalResponsePayload(), response); err != nil {
		return err
	}
	if err := proto.Unmarshal(response.GetExtension(), chaincode); err != nil {
		return err
	}
	if err := proto.Unmarshal(chaincode.GetResults(), results); err != nil {
		return err
	}
	for _, namespace := range results.GetNsRwset() {
		set := &kvrwset.KVRWSet{}
		if err := proto.Unmarshal(namespace.GetRwset(), set); err != nil {
			return err
		}
		sets[namespace.GetNamespace()] = set
	}
	return nil
}
