package ledger

import (
	"crypto/sha256"
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Outbox keeps, per outbox key, a signed transaction under way or the answer given.
// gateway/store implements it; the comments are what this package relies on.
type Outbox interface {
	// Get returns the row under key, and whether it is settled.
	Get(key string) (row []byte, settled, found bool, err error)
	// Prepare stores a row that is not settled, replacing another such row under the
	// key. Once it returned nil the row survives a crash.
	Prepare(key string, row []byte) error
	// Settle replaces the row under key by the answer given at at, atomically. It
	// need not wait for the disk: if a crash undoes it, the earlier row is back, and
	// its transaction id leads to the same answer.
	Settle(key string, at time.Time, row []byte) error
	// Forget drops the unsettled row under key; it need not wait for the disk either.
	Forget(key string) error
	// Pending visits every row that is not settled.
	Pending(visit func(key string, row []byte) error) error
}

// prepared is a signed transaction with all that is needed to send it again and to
// ask for its outcome, by anybody, without the key that signed it.
type prepared struct {
	content       [sha256.Size]byte // content hash of its call
	transactionID string
	after         uint64 // a block committed before the transaction existed
	transaction   []byte // gateway.PreparedTransaction, signed
	status        []byte // gateway.SignedCommitStatusRequest, signed; empty: whoever asks signs
	result        []byte // what the contract returned to the endorsers
}

// answered is a settled row.
type answered struct {
	content [sha256.Size]byte
	receipt Receipt
}

// Rows are protobuf messages of these fields, so that a later version can add some.
const (
	fieldContent     protowire.Number = 1
	fieldID          protowire.Number = 2
	fieldBlock       protowire.Number = 3 // after, or where it was committed
	fieldResult      protowire.Number = 4
	fieldTransaction protowire.Number = 5
	fieldStatus      protowire.Number = 6
)

func (p *prepared) row() []byte {
	row := make([]byte, 0, len(p.transaction)+len(p.status)+len(p.result)+256)
	row = appendHead(row, p.content, p.transactionID, p.after, p.result)
	row = appendField(row, fieldTransaction, p.transaction)
	if len(p.status) == 0 {
		return row
	}
	return appendField(row, fieldStatus, p.status)
}

func (a answered) row() []byte {
	r := a.receipt
	return appendHead(nil, a.content, r.TransactionID, r.Block, r.Result)
}

func appendHead(row []byte, content [sha256.Size]byte, id string, block uint64, result []byte) []byte {
	row = appendField(row, fieldContent, content[:])
	row = appendField(row, fieldID, []byte(id))
	row = protowire.AppendTag(row, fieldBlock, protowire.VarintType)
	row = protowire.AppendVarint(row, block)
	return appendField(row, fieldResult, result)
}

func appendField(row []byte, field protowire.Number, value []byte) []byte {
	row = protowire.AppendTag(row, field, protowire.BytesType)
	return protowire.AppendBytes(row, value)
}

var errRow = errors.New("outbox row is not of a form this version knows")

func readPrepared(row []byte) (*prepared, error) {
	p := &prepared{}
	err := readFields(row, func(field protowire.Number, number uint64, value []byte) {
		switch field {
		case fieldContent:
			copy(p.content[:], value)
		case fieldID:
			p.transactionID = string(value)
		case fieldBlock:
			p.after = number
		case fieldResult:
			p.result = value
		case fieldTransaction:
			p.transaction = value
		case fieldStatus:
			p.status = value
		}
	})
	if err == nil && (p.transactionID == "" || len(p.transaction) == 0) {
		err = errRow
	}
	return p, err
}

func readAnswered(row []byte) (answered, error) {
	var a answered
	err := readFields(row, func(field protowire.Number, number uint64, value []byte) {
		switch field {
		case fieldContent:
			copy(a.content[:], value)
		case fieldID:
			a.receipt.TransactionID = string(value)
		case fieldBlock:
			a.receipt.Block = number
		case fieldResult:
			a.receipt.Result = value
		}
	})
	if err == nil && a.receipt.TransactionID == "" {
		err = errRow
	}
	return a, err
}

// readFields calls visit for every field of a row; values point into the row.
func readFields(row []byte, visit func(field protowire.Number, number uint64, value []byte)) error {
	for len(row) > 0 {
		field, kind, size := protowire.ConsumeTag(row)
		if size < 0 {
			return errRow
		}
		row = row[size:]
		var number uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(row)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(row)
		default:
			size = -1
		}
		if size < 0 {
			return errRow
		}
		row = row[size:]
		visit(field, number, value)
	}
	return nil
}
