package archive

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
	"traceledger/network/block"
	"traceledger/network/validation"
)

// chain follows a ledger from its first block and verifies every one.
type chain struct {
	chaincode string
	methods   map[string]trace.Method

	validator  *validation.Validator
	state      *memory
	previous   []byte
	commitHash []byte

	genesis     trace.Digest
	height      int64
	channel     string
	authorities []trace.SourceAuthority

	leaves   []trace.Digest
	payloads []store.Hash        // travelled beside transactions and must be here
	named    map[store.Hash]bool // stand in records; files among them are kept
}

func newChain(chaincode string) *chain {
	c := &chain{chaincode: chaincode, methods: map[string]trace.Method{}, state: newMemory(), named: map[store.Hash]bool{}}
	for _, m := range trace.Methods() {
		c.methods[m.Transaction()] = m
	}
	return c
}

// add verifies the next block.
func (c *chain) add(b *common.Block) error {
	number := c.height
	if b.GetHeader() == nil || int64(b.GetHeader().GetNumber()) != number {
		return trace.Errorf(CodeChain, "block %d is expected, this is block %d", number, b.GetHeader().GetNumber())
	}
	if err := c.follow(b); err != nil {
		if trace.CodeOf(err) != "" {
			return err
		}
		return trace.Errorf(CodeChain, "block %d: %v", number, err)
	}
	c.previous = block.HeaderHash(b.GetHeader())
	if c.height++; number == 0 {
		c.genesis = trace.Digest(c.previous)
	}
	return nil
}

func (c *chain) follow(b *common.Block) error {
	if err := block.CheckLink(b, c.previous); err != nil {
		return err
	}
	number := b.GetHeader().GetNumber()
	if number == 0 {
		return c.configure(b)
	}
	if err := c.validator.VerifyOrderers(b); err != nil {
		return err
	}
	flags, err := block.Flags(b)
	if err != nil {
		return err
	}
	txs := make([]*validation.Checked, len(b.GetData().GetData()))
	for i, raw := range b.GetData().GetData() {
		txs[i] = c.validator.Check(block.ParseTransaction(raw))
	}
	outcome, err := c.validator.Validate(number, txs, c.state)
	if err != nil {
		return err
	}
	for i, code := range outcome.Codes {
		if code != flags[i] {
			return fmt.Errorf("transaction %d, %s, is flagged %s, must be %s", i, txs[i].ID(), flags[i], code)
		}
	}
	c.commitHash = validation.CommitHash(c.commitHash, b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER], outcome.Updates)
	if have, err := block.CommitHash(b); err != nil || !bytes.Equal(have, c.commitHash) {
		return errors.Join(err, fmt.Errorf("commit hash is %x, must be %x", have, c.commitHash))
	}
	for i, tx := range txs {
		if flags[i] != peer.TxValidationCode_VALID {
			continue
		}
		if err := c.valid(b, i, tx.Transaction); err != nil {
			return err
		}
	}
	c.state.apply(outcome.Updates)
	for _, tx := range txs {
		c.state.committed[tx.ID()] = true
	}
	return nil
}

// valid takes note of a valid transaction.
func (c *chain) valid(b *common.Block, position int, tx *block.Transaction) error {
	if tx.Type == common.HeaderType_CONFIG {
		return c.configure(b)
	}
	m, arguments, err := c.movable(tx)
	if err != nil || m == nil {
		return err
	}
	c.leaves = append(c.leaves, rules.ImportLeaf(int64(b.GetHeader().GetNumber()), position, trace.DigestOf(tx.Raw)))
	for _, w := range tx.Action.ReadWriteSet.Namespace(c.chaincode).Public.GetWrites() {
		for _, h := range store.Mentioned(w.GetValue()) {
			c.named[h] = true
		}
	}
	if m.Transient == "" {
		return nil
	}
	h, err := payloadOf(arguments)
	c.payloads = append(c.payloads, h)
	return err
}

// movable tells whether a valid transaction is one to import, nil if not: a recorded
// request of the chaincode, and no step of the channel itself.
func (c *chain) movable(tx *block.Transaction) (*trace.Method, []byte, error) {
	if tx.Action == nil || tx.Action.Chaincode != c.chaincode {
		return nil, nil, nil
	}
	set := tx.Action.ReadWriteSet.Namespace(c.chaincode)
	if set == nil || len(set.Public.GetWrites()) == 0 {
		return nil, nil, nil
	}
	arguments, err := tx.Action.Arguments()
	if err != nil {
		return nil, nil, err
	}
	if len(arguments) != 2 {
		return nil, nil, trace.Errorf(CodeUnmovable, "transaction %s has %d arguments, requests have one and the method's name", tx.ID(), len(arguments))
	}
	m, known := c.methods[string(arguments[0])]
	switch {
	case !known:
		return nil, nil, trace.Errorf(CodeUnmovable, "transaction %s calls %q, which this version does not know", tx.ID(), arguments[0])
	case m.Name == "OpenImport":
		return nil, nil, trace.Errorf(CodeUnmovable, "the ledger was itself imported, by transaction %s: its records' original times would be lost", tx.ID())
	case m.Name == "AdmitOrganisation": // an admission of one of its parties would hold up an import for good
		return nil, nil, trace.Errorf(CodeUnmovable, "an organisation joined the ledger, by transaction %s: a channel begins with the records of the founding ones alone", tx.ID())
	case !rules.Imported(m.Transaction()):
		return nil, nil, nil
	}
	return &m, arguments[1], nil
}

// payloadOf is the hash of what travelled beside a request as transient data.
func payloadOf(arguments []byte) (store.Hash, error) {
	var named struct {
		Payload trace.Digest `json:"payload"`
	}
	err := json.Unmarshal(arguments, &named)
	return store.Hash(named.Payload), err
}

// configure takes over what a configuration block says. Authorities that are replaced
// later stay: what was signed under them was signed.
func (c *chain) configure(b *common.Block) error {
	channel, err := validation.ReadChannel(b)
	if err != nil {
		return err
	}
	c.validator, c.channel = validation.New(channel), channel.ID
	for _, msp := range channel.Members {
		i := slices.IndexFunc(c.authorities, func(a trace.SourceAuthority) bool { return a.MSP == msp })
		if i < 0 {
			i = len(c.authorities)
			c.authorities = append(c.authorities, trace.SourceAuthority{MSP: msp})
		}
		a := &c.authorities[i]
		for _, certificate := range channel.Organisations[msp].CACertificates() {
			text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
			if !slices.Contains(a.Certificates, text) {
				a.Certificates = append(a.Certificates, text)
			}
		}
	}
	return nil
}

// content is what a manifest must say of the blocks.
func (c *chain) content() Manifest {
	return Manifest{
		Format: format, Channel: c.channel, Chaincode: c.chaincode, Genesis: c.genesis, Height: c.height, Tip: trace.Digest(c.previous),
		Count: int64(len(c.leaves)), Root: rules.MerkleRoot(c.leaves),
	}
}
