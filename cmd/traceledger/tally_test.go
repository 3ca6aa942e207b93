package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/contract/contracttest"
	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/network/block"
	"traceledger/network/fabric"
)

// tally is what became of the writers' lots.
type tally struct {
	acknowledged int           // receipts given: each names a transaction
	found        int           // of these, valid on every peer
	doubled      int           // lots that more than one valid transaction registered, on any peer
	lost         []string      // acknowledged and not valid on some peer
	refused      int           // answers that nothing was recorded, to be repeated
	unknown      int           // answers that the outcome is open, to be repeated
	stall        time.Duration // the longest between two acknowledgements
}

func (y tally) String() string {
	return fmt.Sprintf("acknowledged %d, found on every peer %d, doubled %d, lost %d, refused %d, unknown %d, longest stall %.1f s",
		y.acknowledged, y.found, y.doubled, len(y.lost), y.refused, y.unknown, y.stall.Seconds())
}

// peerChain is what one peer has of the chain.
type peerChain struct {
	valid  map[string]bool   // ids of its valid transactions
	lots   map[string]int    // how many of these registered a lot
	writes map[trace.Key]int // how many of these wrote a key of the contracts
}

// tally reads every peer's whole chain and compares it with what was acknowledged:
// lot → transaction.
func (o *operator) tally(w *writers, acknowledged map[string]string) tally {
	o.t.Helper()
	y := tally{acknowledged: len(acknowledged), refused: w.refused, unknown: w.unknown, stall: w.longestStall(time.Time{})}
	chains := o.chains()
	doubled := map[string]bool{}
	for _, chain := range chains {
		for lot, times := range chain.lots {
			if times > 1 {
				doubled[lot] = true
			}
		}
	}
	y.doubled = len(doubled)
	for lot, transaction := range acknowledged {
		everywhere := true
		for msp, chain := range chains {
			if !chain.valid[transaction] || chain.lots[lot] == 0 {
				y.lost = append(y.lost, lot+" on "+msp)
				everywhere = false
			}
		}
		if everywhere {
			y.found++
		}
	}
	return y
}

// chains reads every peer up to the height that the highest has now.
func (o *operator) chains() map[string]*peerChain {
	o.t.Helper()
	network, err := fabric.View(o.t.Context(), fabric.Config{Dir: o.dir})
	require.NoError(o.t, err)
	defer network.Detach()
	height, problem := peersHeight(o.t.Context(), network)
	for began := time.Now(); problem != ""; height, problem = peersHeight(o.t.Context(), network) {
		require.Less(o.t, time.Since(began), 2*time.Minute, problem)
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), 5*time.Minute)
	defer cancel()
	chains := map[string]*peerChain{}
	var group errgroup.Group
	for _, member := range network.Members() {
		msp := member.MSPID
		chain := &peerChain{valid: map[string]bool{}, lots: map[string]int{}, writes: map[trace.Key]int{}}
		chains[msp] = chain
		reader := auditor(o.t, network, msp)
		group.Go(func() error {
			if err := chain.read(ctx, reader, height); err != nil {
				return fmt.Errorf("the peer of %s: %w", msp, err)
			}
			return nil
		})
	}
	require.NoError(o.t, group.Wait())
	return chains
}

// peersHeight is that of the highest peer, and what is wrong with one of them.
func peersHeight(ctx context.Context, network *fabric.Network) (height uint64, problem string) {
	for _, node := range network.Status(ctx) {
		if strings.HasSuffix(node.Name, "/peer") {
			height = max(height, node.Height)
			if node.Problem != "" {
				problem = node.Name + ": " + node.Problem
			}
		}
	}
	return height, problem
}

// read follows a peer's blocks from the first on.
func (c *peerChain) read(ctx context.Context, member *client.Network, height uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := member.BlockEvents(ctx, client.WithStartBlock(0))
	if err != nil {
		return err
	}
	for next := uint64(0); next < height; next++ {
		b, open := <-blocks
		if !open {
			return fmt.Errorf("the blocks ended before %d of %d: %w", next, height, context.Cause(ctx))
		}
		if err := c.add(b); err != nil {
			return fmt.Errorf("block %d: %w", next, err)
		}
	}
	return nil
}

func (c *peerChain) add(b *common.Block) error {
	codes, err := block.Flags(b)
	if err != nil {
		return err
	}
	for i, raw := range b.GetData().GetData() {
		tx := block.ParseTransaction(raw)
		if codes[i] != peer.TxValidationCode_VALID || tx.Action == nil || tx.Action.ReadWriteSet == nil {
			continue
		}
		c.valid[tx.ChannelHeader.GetTxId()] = true
		for _, namespace := range tx.Action.ReadWriteSet.Namespaces {
			if namespace.Name != chaincodeName {
				continue
			}
			for _, write := range namespace.Public.GetWrites() {
				key := trace.Key(write.GetKey())
				c.writes[key]++
				if kind, parts, ok := keys.ParseKey(key); ok && kind == keys.KindBatch {
					c.lots[parts[len(parts)-1]]++
				}
			}
		}
	}
	return nil
}

// TestPeerChain: what the tallies rest on. A record of one transaction counts once, and one that
// a second transaction writes counts twice.
func TestPeerChain(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	chain := &peerChain{valid: map[string]bool{}, lots: map[string]int{}, writes: map[trace.Key]int{}}
	blocks := k.Blocks()
	for _, b := range blocks {
		require.NoError(t, chain.add(b))
	}
	require.NotEmpty(t, chain.valid)
	product := keys.ProductKey(k.Product)
	require.Equal(t, 1, chain.writes[product])
	require.Zero(t, chain.writes[keys.ProductKey("09520000200015")])
	for _, b := range blocks {
		require.NoError(t, chain.add(b))
	}
	require.Equal(t, 2, chain.writes[product])
}
