package index

import (
	"encoding/binary"
	"errors"
	"strings"

	"traceledger/chaincode/trace"
)

// Every key of the index. A key is a letter for its kind, a slash and parts; a NUL
// ends a part that may hold anything else. Keys of the chain stand as they are, so
// that one prefix scan reads all facts of a subject.
//
// place is where a write stands on the chain: block (8 bytes), position of its
// transaction (4), position among the transaction's writes (4), all big-endian, so
// that rows in key order are in chain order. latest is place with every bit
// flipped: newest first.
const (
	rowFormat   = "a/format"  // → version of this layout
	rowMembers  = "m/members" // → MSP ids that the channel's newest configuration names, as JSON
	kindBlock   = 'b'         // b/ number (8 bytes) → header hash of a folded block; the last one is the cursor
	kindRecord  = 'r'         // r/ chain key → newest value with its provenance
	kindHistory = 'h'         // h/ chain key NUL place → every value of a state key that is not a balance
	kindList    = 'i'         // i/ scope NUL kind NUL latest → chain key; see scope… below
	kindEdge    = 'e'         // e/ relation / from NUL place to → nothing
	kindVersion = 'v'         // v/ topic → 1 + number of the last block that changed the topic
	kindQueue   = 'q'         // q/ rank of the level (1 digit) latest → key of a verdict that waits for its review
	kindGrown   = 'g'         // g/ party NUL plot NUL date (year-month-day) → what the plot's sensors measured that day
	kindReject  = 'x'         // x/ place → value that was not admitted, with the reason
)

// formatVersion changes with the layout or with what the fold derives; an index of
// another version is rebuilt.
const formatVersion = "traceledger index 7"

// Scopes of lists.
const scopeAll = ""

func scopeParty(p trace.PartyID) string { return "party/" + string(p) }

// scopeFor is what others wrote for a party to act on.
func scopeFor(p trace.PartyID) string { return "for/" + string(p) }

// scopeListed is the streams that list a product, scopeActed the steps taken on such.
func scopeListed(gtin trace.GTIN) string { return "listed/" + string(gtin) }
func scopeActed(gtin trace.GTIN) string  { return "acted/" + string(gtin) }

// scopeIn is the streams in which a party is merchant or host.
func scopeIn(p trace.PartyID) string { return "in/" + string(p) }

func scopeLot(subjectID string) string { return "lot/" + subjectID }

// relation is a kind of edge: from is a chain key or the id of a subject, to
// likewise.
type relation string

const (
	edgeCorrected  relation = "corrected"    // record key → key of the record that corrects it
	edgeDescendant relation = "descendant"   // lot subject → lot subject of a batch made from it
	edgeCarried    relation = "carried"      // lot subject → shipment id
	edgePacked     relation = "codes-packed" // pack id → SSCC
	edgeUnit       relation = "unit-carried" // SSCC → shipment id
	edgeActivated  relation = "activated"    // pack id → key of its activation
	edgeSegment    relation = "segment"      // shipment id → segment key
	edgeBound      relation = "bound"        // shipment id → device binding key
	edgeProduct    relation = "product"      // party id → product key, as its producer or merchant
)

// place orders writes on the chain.
type place struct {
	block    uint64
	position uint32
	write    uint32
}

const placeBytes = 16

func (p place) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, p.block)
	b = binary.BigEndian.AppendUint32(b, p.position)
	return binary.BigEndian.AppendUint32(b, p.write)
}

func (p place) appendLatest(b []byte) []byte {
	return place{^p.block, ^p.position, ^p.write}.append(b)
}

func blockRow(number uint64) []byte {
	return binary.BigEndian.AppendUint64(appendRow(kindBlock, "", 8), number)
}

func recordRow(key string) []byte { return appendRow(kindRecord, key, 0) }

func historyRows(key string) []byte {
	return append(appendRow(kindHistory, key, 1+placeBytes), 0)
}

func historyRow(key string, at place) []byte { return at.append(historyRows(key)) }

func listRows(scope, kind string) []byte {
	row := append(appendRow(kindList, scope, len(kind)+2+placeBytes), 0)
	return append(append(row, kind...), 0)
}

func listRow(scope, kind string, at place) []byte { return at.appendLatest(listRows(scope, kind)) }

// edgeRows is the prefix of all edges whose from begins with the given text.
func edgeRows(r relation, from string) []byte {
	row := appendRow(kindEdge, string(r), len(from)+1)
	return append(append(row, '/'), from...)
}

func edgeRow(r relation, from string, at place, to string) []byte {
	row := append(edgeRows(r, from), 0)
	return append(at.append(row), to...)
}

var errEdge = errors.New("edge row is not of this form")

// parseEdge takes an edge row of a known relation apart.
func parseEdge(r relation, row []byte) (from, to string, err error) {
	rest, found := strings.CutPrefix(string(row), string(kindEdge)+"/"+string(r)+"/")
	from, rest, ended := strings.Cut(rest, "\x00")
	if !found || !ended || len(rest) < placeBytes {
		return "", "", errEdge
	}
	return from, rest[placeBytes:], nil
}

func versionRow(topic string) []byte { return appendRow(kindVersion, topic, 0) }

func grownRows(party trace.PartyID, plot trace.PlotID) []byte {
	row := append(appendRow(kindGrown, string(party), len(plot)+2+len(dateForm)), 0)
	return append(append(row, plot...), 0)
}

const dateForm = "2006-01-02" // days in order

func grownRow(party trace.PartyID, plot trace.PlotID, on trace.Date) []byte {
	return append(grownRows(party, plot), on.String()...)
}

func parseGrownRow(row []byte) (trace.Date, error) {
	if len(row) < len(dateForm) {
		return 0, errRow
	}
	on, err := trace.ParseDate(string(row[len(row)-len(dateForm):]))
	if err != nil {
		return 0, errors.Join(errRow, err)
	}
	return on, nil
}

func rejectRow(at place) []byte { return at.append(appendRow(kindReject, "", placeBytes)) }

func appendRow(kind byte, part string, more int) []byte {
	row := make([]byte, 0, 2+len(part)+more)
	return append(append(row, kind, '/'), part...)
}

// after is the first key behind every key that begins with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
