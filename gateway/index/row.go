package index

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"

	"traceledger/chaincode/trace"
)

// A record's row is its provenance, then the value as it stands on the chain:
//
//	form (1 byte), transaction id (32 bytes), block, position, recorded, claimed,
//	organisation, party, role, number of endorsers, endorsers, original, kind, value
//
// Numbers are varints, times Unix milliseconds, texts prefixed by their length.
const recordForm = 2

// provenance is what is the same for all writes of a transaction.
type provenance struct {
	transaction [32]byte
	block       uint64
	position    int
	recorded    trace.Time
	original    *trace.Original // of an imported transaction
	writer      writer
	endorsers   []string // sorted
}

func appendRecord(row []byte, p *provenance, claimed trace.Time, kind string, value []byte) []byte {
	row = append(row, recordForm)
	row = append(row, p.transaction[:]...)
	row = binary.AppendUvarint(row, p.block)
	row = binary.AppendUvarint(row, uint64(p.position))
	row = binary.AppendVarint(row, int64(p.recorded))
	row = binary.AppendVarint(row, int64(claimed))
	row = appendText(row, p.writer.msp)
	row = appendText(row, string(p.writer.party))
	row = appendText(row, string(p.writer.role))
	row = binary.AppendUvarint(row, uint64(len(p.endorsers)))
	for _, e := range p.endorsers {
		row = appendText(row, e)
	}
	row = appendOriginal(row, p.original)
	row = appendText(row, kind)
	return append(row, value...)
}

func appendText(row []byte, text string) []byte {
	row = binary.AppendUvarint(row, uint64(len(text)))
	return append(row, text...)
}

var errRow = errors.New("row is not of this form")

// parseRecord takes a record's row apart; the value is copied.
func parseRecord(key string, row []byte) (Record, error) {
	r := rowReader{rest: row}
	form := r.bytes(1)
	transaction := r.bytes(32)
	rec := Record{Provenance: Provenance{Key: trace.Key(key)}}
	rec.Block = r.unsigned()
	rec.Position = int(r.unsigned())
	rec.Recorded = trace.Time(r.signed())
	rec.Claimed = trace.Time(r.signed())
	rec.MSP = r.text()
	rec.Party = trace.PartyID(r.text())
	rec.Role = trace.Role(r.text())
	for n := r.unsigned(); n > 0 && !r.failed; n-- {
		rec.Endorsers = append(rec.Endorsers, r.text())
	}
	rec.Original = r.original()
	rec.Kind = r.text()
	if r.failed || form[0] != recordForm {
		return Record{}, errRow
	}
	rec.TransactionID = hex.EncodeToString(transaction)
	rec.Value = append(json.RawMessage(nil), r.rest...)
	return rec, nil
}

// rowReader takes a row apart; the first field that does not fit makes it fail.
type rowReader struct {
	rest   []byte
	failed bool
}

func (r *rowReader) fail() { r.rest, r.failed = nil, true }

func (r *rowReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *rowReader) text() string { return string(r.bytes(r.unsigned())) }

func (r *rowReader) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *rowReader) signed() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}
