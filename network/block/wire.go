package block

import (
	"unicode/utf8"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// A transaction is wrapped in eight messages, each a bytes field of the one
// around it, and the protobuf library copies the whole inside at every layer.
// The wrappers are therefore taken apart in place: what comes out shares the
// memory of what went in. Only the plain form that encoders produce is read this
// way; anything else (fields twice, out of order, unknown) goes through the
// library, which alone knows what it means.

// wire takes wrappers apart. With exact set everything goes through the library;
// tests compare the two.
type wire struct{ exact bool }

// split reads a message whose fields 1 to len(fields) are length-delimited. It
// reports false for anything but each field at most once, in order. Absent
// fields stay nil; present empty ones do not.
func (w wire) split(raw []byte, fields ...*[]byte) bool {
	if w.exact {
		return false
	}
	next := protowire.Number(1)
	for len(raw) > 0 {
		number, value, size := field(raw)
		if size < 0 || number < next || int(number) > len(fields) {
			return w.reset(fields)
		}
		*fields[number-1] = value
		next, raw = number+1, raw[size:]
	}
	return true
}

func (w wire) reset(fields []*[]byte) bool {
	for _, f := range fields {
		*f = nil
	}
	return false
}

// field reads one length-delimited field; size is negative when there is none.
func field(raw []byte) (number protowire.Number, value []byte, size int) {
	number, kind, tag := protowire.ConsumeTag(raw)
	if tag < 0 || kind != protowire.BytesType {
		return 0, nil, -1
	}
	value, n := protowire.ConsumeBytes(raw[tag:])
	if n < 0 {
		return 0, nil, -1
	}
	return number, value[:len(value):len(value)], tag + n
}

func (w wire) envelope(raw []byte) (payload, signature []byte, err error) {
	if w.split(raw, &payload, &signature) {
		return payload, signature, nil
	}
	m := &common.Envelope{}
	err = proto.Unmarshal(raw, m)
	return m.GetPayload(), m.GetSignature(), err
}

// headers are the two headers of a payload; nil when it has none.
type headers struct{ channel, signature []byte }

func (w wire) payload(raw []byte) (h *headers, data []byte, err error) {
	var wrapped []byte
	if w.split(raw, &wrapped, &data) {
		if wrapped == nil {
			return nil, data, nil
		}
		h = &headers{}
		if w.split(wrapped, &h.channel, &h.signature) {
			return h, data, nil
		}
	}
	m := &common.Payload{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, nil, err
	}
	if m.GetHeader() == nil {
		return nil, m.GetData(), nil
	}
	return &headers{m.GetHeader().GetChannelHeader(), m.GetHeader().GetSignatureHeader()}, m.GetData(), nil
}

// actions returns the one action of a transaction, or how many it has.
func (w wire) action(raw []byte) (header, payload []byte, count int, err error) {
	var only []byte
	if w.split(raw, &only) && only != nil && w.split(only, &header, &payload) {
		return header, payload, 1, nil
	}
	m := &peer.Transaction{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, nil, 0, err
	}
	if count = len(m.GetActions()); count == 1 {
		header, payload = m.GetActions()[0].GetHeader(), m.GetActions()[0].GetPayload()
	}
	return header, payload, count, nil
}

// endorsed is a ChaincodeActionPayload.
type endorsed struct {
	proposal     []byte
	present      bool // there is an endorsed action
	response     []byte
	endorsements []*peer.Endorsement
}

func (w wire) endorsed(raw []byte) (*endorsed, error) {
	e := &endorsed{}
	var action []byte
	if w.split(raw, &e.proposal, &action) {
		if e.present = action != nil; !e.present {
			return e, nil
		}
		if w.endorsements(action, e) {
			return e, nil
		}
	}
	m := &peer.ChaincodeActionPayload{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, err
	}
	return &endorsed{
		proposal:     m.GetChaincodeProposalPayload(),
		present:      m.GetAction() != nil,
		response:     m.GetAction().GetProposalResponsePayload(),
		endorsements: m.GetAction().GetEndorsements(),
	}, nil
}

// endorsements reads a ChaincodeEndorsedAction: the response payload, then any
// number of endorsements.
func (w wire) endorsements(raw []byte, e *endorsed) bool {
	for first := true; len(raw) > 0; first = false {
		number, value, size := field(raw)
		switch {
		case size < 0:
			return false
		case number == 1 && first:
			e.response = value
		case number == 2:
			one := &peer.Endorsement{}
			if !w.split(value, &one.Endorser, &one.Signature) {
				return false
			}
			e.endorsements = append(e.endorsements, one)
		default:
			return false
		}
		raw = raw[size:]
	}
	return true
}

func (w wire) response(raw []byte) (hash, extension []byte, err error) {
	if w.split(raw, &hash, &extension) {
		return hash, extension, nil
	}
	m := &peer.ProposalResponsePayload{}
	err = proto.Unmarshal(raw, m)
	return m.GetProposalHash(), m.GetExtension(), err
}

// result is a ChaincodeAction.
type result struct {
	results, events []byte
	response        *peer.Response
	chaincode       *peer.ChaincodeID
}

func (w wire) result(raw []byte) (*result, error) {
	r := &result{}
	var response, chaincode []byte
	if w.split(raw, &r.results, &r.events, &response, &chaincode) && r.messages(response, chaincode) {
		return r, nil
	}
	m := &peer.ChaincodeAction{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, err
	}
	return &result{m.GetResults(), m.GetEvents(), m.GetResponse(), m.GetChaincodeId()}, nil
}

func (r *result) messages(response, chaincode []byte) bool {
	if response != nil {
		r.response = &peer.Response{}
		if proto.Unmarshal(response, r.response) != nil {
			return false
		}
	}
	if chaincode != nil {
		r.chaincode = &peer.ChaincodeID{}
		return proto.Unmarshal(chaincode, r.chaincode) == nil
	}
	return true
}

// namespaces returns the namespaces of a TxReadWriteSet with their sets still
// packed. Encoders leave out the data model, whose only value is zero.
func (w wire) namespaces(raw []byte) ([]*rwset.NsReadWriteSet, error) {
	if out, ok := w.plainNamespaces(raw); ok {
		return out, nil
	}
	m := &rwset.TxReadWriteSet{}
	err := proto.Unmarshal(raw, m)
	return m.GetNsRwset(), err
}

func (w wire) plainNamespaces(raw []byte) (out []*rwset.NsReadWriteSet, ok bool) {
	for len(raw) > 0 {
		number, value, size := field(raw)
		if size < 0 || number != 2 {
			return nil, false
		}
		var name, set []byte
		if !w.split(value, &name, &set) || !utf8.Valid(name) {
			// Private collections are rare; the library reads those.
			return nil, false
		}
		out = append(out, &rwset.NsReadWriteSet{Namespace: string(name), Rwset: set})
		raw = raw[size:]
	}
	return out, !w.exact
}
