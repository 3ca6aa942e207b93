package block

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Transaction is one envelope of a block, parsed once. Fields behind the first
// defect are left empty. Byte slices share the envelope's memory.
type Transaction struct {
	// Raw is the envelope as it stands in the block.
	Raw []byte
	// Payload is what Signature covers.
	Payload   []byte
	Signature []byte

	Type            common.HeaderType
	ChannelHeader   *common.ChannelHeader
	SignatureHeader *common.SignatureHeader
	// ChannelHeaderBytes is the channel header as sent; it enters the proposal
	// hash.
	ChannelHeaderBytes []byte
	// Data is the payload behind the headers: a ConfigEnvelope for CONFIG.
	Data []byte

	// Action is set for a well-formed ENDORSER_TRANSACTION.
	Action *Action

	// Defect is nil for a well-formed envelope.
	Defect *Defect
}

// Action is the chaincode call of an endorser transaction and its endorsed
// outcome. Fabric allows exactly one per transaction.
type Action struct {
	// Chaincode and Version name the chaincode that was called and the
	// definition that endorsers ran.
	Chaincode string
	Version   string

	// ProposalPayload is the ChaincodeProposalPayload: the call's arguments.
	ProposalPayload []byte
	// ResponsePayload is the ProposalResponsePayload every endorser signed.
	ResponsePayload []byte
	Endorsements    []*peer.Endorsement

	Response *peer.Response
	// Event is the one event a transaction may emit; nil when it emitted none.
	Event        *peer.ChaincodeEvent
	ReadWriteSet *ReadWriteSet
}

// Stage says how far into validation a malformed envelope gets before Fabric
// looks at the broken part. It decides which code wins when several things are
// wrong at once.
type Stage int

const (
	// StageHeader defects are found before the creator's signature is checked.
	StageHeader Stage = iota + 1
	// StageStructure defects are found after the signature, before the
	// duplicate-id look-up.
	StageStructure
	// StageAction defects are found after the duplicate-id look-up.
	StageAction
)

// Defect says what is wrong with an envelope, in Fabric's own vocabulary.
type Defect struct {
	Stage  Stage
	Code   peer.TxValidationCode
	Reason string
}

func (d *Defect) Error() string {
	return fmt.Sprintf("%s: %s", d.Code, d.Reason)
}

// ID returns the transaction id, or "" when the channel header is unreadable.
func (t *Transaction) ID() string { return t.ChannelHeader.GetTxId() }

// Creator returns the serialized identity that signed the envelope.
func (t *Transaction) Creator() []byte { return t.SignatureHeader.GetCreator() }

// Arguments returns the call's arguments, the function name first.
func (a *Action) Arguments() ([][]byte, error) {
	payload := &peer.ChaincodeProposalPayload{}
	if err := proto.Unmarshal(a.ProposalPayload, payload); err != nil {
		return nil, fmt.Errorf("chaincode proposal payload: %w", err)
	}
	spec := &peer.ChaincodeInvocationSpec{}
	if err := proto.Unmarshal(payload.GetInput(), spec); err != nil {
		return nil, fmt.Errorf("chaincode invocation spec: %w", err)
	}
	return spec.GetChaincodeSpec().GetInput().GetArgs(), nil
}

// ParseTransaction reads one envelope. It always returns a Transaction; what
// could not be read is named in its Defect. Signatures are not checked.
func ParseTransaction(raw []byte) *Transaction {
	return parseTransaction(raw, wire{})
}

func parseTransaction(raw []byte, w wire) *Transaction {
	t := &Transaction{Raw: raw}
	t.Defect = t.parse(w)
	return t
}

func (t *Transaction) parse(w wire) *Defect {
	var err error
	if t.Payload, t.Signature, err = w.envelope(t.Raw); err != nil {
		return header(peer.TxValidationCode_INVALID_OTHER_REASON, "envelope: %v", err)
	}
	h, data, err := w.payload(t.Payload)
	if err != nil {
		return header(peer.TxValidationCode_BAD_PAYLOAD, "payload: %v", err)
	}
	t.Data = data
	if d := t.parseHeader(h); d != nil {
		return d
	}
	switch t.Type {
	case common.HeaderType_CONFIG:
		return nil
	case common.HeaderType_ENDORSER_TRANSACTION:
		return t.parseAction(w)
	default:
		return structure(peer.TxValidationCode_UNSUPPORTED_TX_PAYLOAD,
			"header type %s does not belong into a block", t.Type)
	}
}

func (t *Transaction) parseHeader(h *headers) *Defect {
	const code = peer.TxValidationCode_BAD_COMMON_HEADER
	if h == nil {
		return header(code, "no header")
	}
	channel, signature := &common.ChannelHeader{}, &common.SignatureHeader{}
	if err := proto.Unmarshal(h.channel, channel); err != nil {
		return header(code, "channel header: %v", err)
	}
	t.ChannelHeader, t.ChannelHeaderBytes = channel, h.channel
	t.Type = common.HeaderType(channel.GetType())
	if err := proto.Unmarshal(h.signature, signature); err != nil {
		return header(code, "signature header: %v", err)
	}
	t.SignatureHeader = signature
	switch t.Type {
	case common.HeaderType_ENDORSER_TRANSACTION, common.HeaderType_CONFIG, common.HeaderType_CONFIG_UPDATE:
	default:
		return header(code, "invalid header type %s", t.Type)
	}
	if channel.GetEpoch() != 0 {
		return header(code, "epoch is %d, must be 0", channel.GetEpoch())
	}
	return checkSignatureHeader(signature, func(reason string) *Defect { return header(code, "%s", reason) })
}

func checkSignatureHeader(h *common.SignatureHeader, defect func(string) *Defect) *Defect {
	switch {
	case len(h.GetNonce()) == 0:
		return defect("signature header has no nonce")
	case len(h.GetCreator()) == 0:
		return defect("signature header has no creator")
	}
	return nil
}

func (t *Transaction) parseAction(w wire) *Defect {
	if want := TransactionID(t.SignatureHeader.GetNonce(), t.Creator()); t.ID() != want {
		return structure(peer.TxValidationCode_BAD_PROPOSAL_TXID, "transaction id %q, must be %s", t.ID(), want)
	}
	action := &Action{}
	outcome, d := t.parseEndorsedAction(w, action)
	if d != nil {
		return d
	}
	if d := t.parseOutcome(w, action, outcome); d != nil {
		return d
	}
	t.Action = action
	return nil
}

// parseEndorsedAction unwraps the call down to the endorsed response and checks
// that the response answers this very proposal. It returns what the endorsers
// agreed on, still packed; nil when there is nothing.
func (t *Transaction) parseEndorsedAction(w wire, a *Action) ([]byte, *Defect) {
	const code = peer.TxValidationCode_INVALID_ENDORSER_TRANSACTION
	actionHeader, wrapped, count, err := w.action(t.Data)
	if err != nil {
		return nil, structure(code, "transaction: %v", err)
	}
	if count != 1 {
		return nil, structure(code, "%d actions, must be 1", count)
	}
	signature := &common.SignatureHeader{}
	if err := proto.Unmarshal(actionHeader, signature); err != nil {
		return nil, structure(code, "action header: %v", err)
	}
	if d := checkSignatureHeader(signature, func(r string) *Defect { return structure(code, "action: %s", r) }); d != nil {
		return nil, d
	}
	payload, err := w.endorsed(wrapped)
	if err != nil {
		return nil, structure(code, "chaincode action payload: %v", err)
	}
	if !payload.present {
		return nil, structure(code, "chaincode action payload has no endorsed action")
	}
	a.ProposalPayload, a.ResponsePayload, a.Endorsements = payload.proposal, payload.response, payload.endorsements

	answered, extension, err := w.response(a.ResponsePayload)
	if err != nil {
		return nil, structure(code, "proposal response payload: %v", err)
	}
	hash := ProposalHash(t.ChannelHeaderBytes, actionHeader, a.ProposalPayload)
	if string(hash) != string(answered) {
		return nil, structure(code, "proposal hash %x, must be %x", answered, hash)
	}
	return extension, nil
}

// parseOutcome reads what the endorsers agreed on and checks that it names the
// chaincode that was asked.
func (t *Transaction) parseOutcome(w wire, a *Action, packed []byte) *Defect {
	extension := &peer.ChaincodeHeaderExtension{}
	if err := proto.Unmarshal(t.ChannelHeader.GetExtension(), extension); err != nil {
		return action(peer.TxValidationCode_BAD_HEADER_EXTENSION, "header extension: %v", err)
	}
	if packed == nil {
		return action(peer.TxValidationCode_BAD_RESPONSE_PAYLOAD, "proposal response has no chaincode action")
	}
	result, err := w.result(packed)
	if err != nil {
		return action(peer.TxValidationCode_BAD_RESPONSE_PAYLOAD, "chaincode action: %v", err)
	}
	sets, err := parseReadWriteSet(result.results, w)
	if err != nil {
		return action(peer.TxValidationCode_BAD_RWSET, "%v", err)
	}
	a.ReadWriteSet, a.Response = sets, result.response

	if extension.GetChaincodeId() == nil || result.chaincode == nil {
		return action(peer.TxValidationCode_INVALID_OTHER_REASON, "no chaincode id")
	}
	a.Chaincode, a.Version = extension.GetChaincodeId().GetName(), result.chaincode.GetVersion()
	switch {
	case a.Chaincode == "":
		return action(peer.TxValidationCode_INVALID_CHAINCODE, "empty chaincode name")
	case a.Chaincode != result.chaincode.GetName():
		return action(peer.TxValidationCode_INVALID_CHAINCODE, "asked for chaincode %q, endorsed for %q",
			a.Chaincode, result.chaincode.GetName())
	case a.Version == "":
		return action(peer.TxValidationCode_INVALID_CHAINCODE, "empty chaincode version")
	}
	if result.events == nil {
		return nil
	}
	a.Event = &peer.ChaincodeEvent{}
	if err := proto.Unmarshal(result.events, a.Event); err != nil {
		return action(peer.TxValidationCode_INVALID_OTHER_REASON, "chaincode event: %v", err)
	}
	if a.Event.GetChaincodeId() != a.Chaincode {
		return action(peer.TxValidationCode_INVALID_OTHER_REASON, "event of chaincode %q in a call of %q",
			a.Event.GetChaincodeId(), a.Chaincode)
	}
	return nil
}

func header(code peer.TxValidationCode, format string, args ...any) *Defect {
	return &Defect{StageHeader, code, fmt.Sprintf(format, args...)}
}

func structure(code peer.TxValidationCode, format string, args ...any) *Defect {
	return &Defect{StageStructure, code, fmt.Sprintf(format, args...)}
}

func action(code peer.TxValidationCode, format string, args ...any) *Defect {
	return &Defect{StageAction, code, fmt.Sprintf(format, args...)}
}
