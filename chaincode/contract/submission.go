package contract

import (
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// submission is one submitting transaction on its way from request to writes. A
// method body runs inside submit:
//
//  1. it checks the request's own form;
//  2. it says what it is about to write: natural (a record with an id of its own) or
//     fact (one of many facts about a subject). A retry ends here, answered with
//     ALREADY_RECORDED and the key of the record that is on the chain already;
//  3. it loads what it needs through Ledger (state.Get…);
//  4. it asks a rule;
//  5. it sets balance values with put and returns its record.
//
// Nothing is written before the body has returned without error, so no read ever
// follows a write.
type submission struct {
	// Ledger is the world state as committed before this transaction.
	Ledger state.Reader
	// Caller is who signs; role, organisation, registration and standing are checked.
	Caller Caller
	// Party is the caller's registration; nil only while bootstrapping (see admitted).
	Party *trace.Party
	// Now is the transaction's time, of an imported one the original's; Today is its civil
	// day at +08:00.
	Now   trace.Time
	Today trace.Date
	// Result goes into the receipt: the contract's finding where it makes one.
	Result string

	stub   shim.ChaincodeStubInterface
	ahead  *readAhead // behind Ledger
	method trace.Method
	write  trace.Write // zero where the request has no common part
	digest trace.Digest
	key    trace.Key
	event  string
	head   trace.Head
	writes []stateWrite
	guards []trace.Key
	// installs is the guard that registry:InstallGuard makes, with its policy.
	installs trace.Key
	policy   []byte
}

type stateWrite struct {
	key   trace.Key
	value any
}

// submit is the frame of every submitting method. The body decides; submit checks
// who calls and when before it, and writes record, balances, guards and event after it.
// ahead names what the body will read, as far as the request tells: it is fetched with
// what submit itself reads.
func submit[Req any](ctx *Context, method trace.Method, argument string, body func(*submission, *Req) (any, error), ahead ...func(*Req) []trace.Key) (string, error) {
	request, err := Decode[Req](argument)
	if err != nil {
		return "", err
	}
	var keys []trace.Key
	for _, of := range ahead {
		keys = append(keys, of(request)...)
	}
	s, err := begin(ctx, method, request, keys)
	if err != nil {
		return "", err
	}
	record, err := body(s, request)
	if err != nil {
		return "", err
	}
	return s.commit(record)
}

func begin(ctx *Context, method trace.Method, request any, keys []trace.Key) (*submission, error) {
	stub := ctx.GetStub()
	ahead := &readAhead{stub: stub, fetched: map[string][]byte{}}
	s := &submission{Ledger: ahead, stub: stub, ahead: ahead, method: method}
	var err error
	if s.Caller, err = callerOf(ctx); err != nil {
		return nil, err
	}
	stamp, err := stub.GetTxTimestamp()
	if err != nil {
		return nil, fmt.Errorf("read the transaction's time: %w", err)
	}
	s.Now = trace.TimeOf(stamp.AsTime())
	s.Today = s.Now.Date()
	if s.Caller.Kind, err = s.kindOf(s.Caller.MSP); err != nil {
		return nil, err
	}
	if err := rules.MayCall(method, s.Caller.Kind, s.Caller.Role); err != nil {
		return nil, err
	}
	if err := rules.MayDecideMembers(method, s.Caller.MSP); err != nil {
		return nil, err
	}
	if s.digest, err = trace.RequestDigest(request); err != nil {
		return nil, err
	}
	if err := s.passGates(request, keys); err != nil {
		return nil, err
	}
	if w, ok := request.(trace.Writer); ok {
		s.write = *w.Writing()
		if err := rules.CheckWrite(s.write); err != nil {
			return nil, err
		}
		if err := s.claim(s.write.Claimed); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// passGates reads what makes the moment right: the epoch (so that a transaction
// endorsed before the next touch cannot commit after it), the guards this method
// answers with, and the caller's registration and standing.
func (s *submission) passGates(request any, ahead []trace.Key) error {
	channel := isChannelMethod(request)
	if err := s.fetchGates(channel, ahead); err != nil {
		return err
	}
	epoch, err := state.GetEpoch(s.Ledger)
	if err != nil {
		return err
	}
	if epoch == nil && !channel {
		return trace.Errorf(trace.CodeNotReady, "the epoch gate was never touched: the regulator begins with registry:TouchEpoch")
	}
	for _, msp := range rules.GuardsOf(s.method, s.Caller.MSP) {
		ready, err := state.GetGuardReady(s.Ledger, msp)
		if err != nil {
			return err
		}
		if ready != nil {
			s.guards = append(s.guards, state.GuardKey(msp, ready.Version))
		} else if !channel {
			return trace.Errorf(trace.CodeNotReady, "the guard of %s is not installed: the regulator does it with registry:InstallGuard", msp)
		}
	}
	if channel {
		return nil
	}
	if isImportMethod(request) { // there may be no registry yet
		return nil
	}
	if err := s.passImport(epoch.Import); err != nil {
		return err
	}
	return s.admitted(request)
}

// fetchGates reads at once what passGates and admitted look at, and what comes after them.
func (s *submission) fetchGates(channel bool, ahead []trace.Key) error {
	keys := append([]trace.Key{state.EpochKey()}, ahead...)
	for _, msp := range rules.GuardsOf(s.method, s.Caller.MSP) {
		keys = append(keys, state.GuardReadyKey(msp))
	}
	if !channel {
		keys = append(keys, state.PartyKey(s.Caller.Party), state.StandingKey(s.Caller.Party))
	}
	return s.ahead.fetch(keys...)
}

// isChannelMethod tells the methods that make the channel work at all, or decide who is
// a member of it. They need a regulator's certificate but neither gates nor registry: the
// epoch must go on even when a regulator's registration lapses, the first party can only
// be admitted once epoch and guards stand, and who keeps the guards also keeps the list
// of organisations, which is of no effect unless most organisations take the same one
// into the channel.
func isChannelMethod(request any) bool {
	switch request.(type) {
	case *trace.TouchEpochRequest, *trace.InstallGuardRequest, *trace.AdmitOrganisationRequest, *trace.EndOrganisationRequest:
		return true
	}
	return false
}

// admitted checks the caller against the registry. One exception opens it: a founding
// regulator who is not in the registry yet may admit its own party, and nothing else. One
// that joined is admitted by another, or suspending its parties would come to nothing.
func (s *submission) admitted(request any) error {
	party, err := state.GetParty(s.Ledger, s.Caller.Party)
	if err != nil {
		return err
	}
	if admit, ok := request.(*trace.AdmitPartyRequest); ok && party == nil && admit.Party == s.Caller.Party && trace.Founding(s.Caller.MSP) {
		return nil
	}
	standing, err := state.GetStanding(s.Ledger, s.Caller.Party)
	if err != nil {
		return err
	}
	s.Party = party
	if err := rules.PartyMayAct(s.Caller.Party, party, standing, s.Today); err != nil {
		return err
	}
	return rules.PartyHasRole(party, s.Caller.MSP, s.Caller.Role)
}

// claim sets the claimed time of a request that has no common part (trace.Write).
func (s *submission) claim(at trace.Time) error {
	s.head.Claimed = at
	return rules.ClaimedInTime(at, s.Now)
}

// natural prepares a record with an id of its own: one record per key, for ever, never
// corrected. The receipt's event is named after the key's kind.
func (s *submission) natural(key trace.Key) error {
	if s.write.Corrects != "" {
		return trace.Errorf(trace.CodeInvalid, "corrects: this record has an id of its own and is not corrected; what changed is told by a later fact")
	}
	kind, _, ok := state.ParseKey(key)
	if !ok {
		return trace.Errorf(trace.CodeInvalid, "%s is not the key of a record", key)
	}
	existing, err := state.GetHead(s.Ledger, key)
	if err != nil {
		return err
	}
	if err := s.refuseRepeat(key, existing); err != nil {
		return err
	}
	s.key, s.event = key, kind
	return nil
}

// fact prepares one of many facts about a subject. Its id derives from the writer and
// the idempotency key; it may correct an earlier one.
func (s *submission) fact(subject trace.Subject, kind string) error {
	return s.factWithID(subject, kind, trace.NewFactID(s.Caller.MSP, s.Caller.Party, s.write.IdempotencyKey))
}

// factWithID is fact for a kind whose id derives from its content.
func (s *submission) factWithID(subject trace.Subject, kind string, id trace.FactID) error {
	if err := state.CheckSubject(subject); err != nil {
		return err
	}
	freeze, err := state.GetFreeze(s.Ledger, subject)
	if err != nil {
		return err
	}
	for number := 0; number <= freeze; number++ {
		key := state.FactKey(subject, number, kind, string(id))
		existing, err := state.GetHead(s.Ledger, key)
		if err != nil {
			return err
		}
		if err := s.refuseRepeat(key, existing); err != nil {
			return err
		}
	}
	if err := s.checkCorrection(subject, kind); err != nil {
		return err
	}
	s.key, s.event = state.FactKey(subject, freeze, kind, string(id)), kind
	s.head.Freeze = freeze
	return nil
}

// final refuses corrections of a fact that cannot be taken back, such as a binding.
func (s *submission) final(what string) error {
	if s.write.Corrects == "" {
		return nil
	}
	return trace.Errorf(trace.CodeInvalid, "corrects: %s is final and is not corrected", what)
}

// wrote tells whether a record on the chain is what this very request would write.
func (s *submission) wrote(h *trace.Head) bool {
	return h.Request == s.digest && h.Party == s.Caller.Party && h.MSP == s.Caller.MSP
}

func (s *submission) refuseRepeat(key trace.Key, existing *trace.Head) error {
	if existing == nil {
		return nil
	}
	if s.wrote(existing) {
		return trace.Errorf(trace.CodeAlreadyRecorded, "this request is on the chain as %s", key)
	}
	return trace.Errorf(trace.CodeAlreadyExists, "%s exists with other content, recorded %s by %s", key, existing.Recorded, existing.Party)
}

func (s *submission) checkCorrection(subject trace.Subject, kind string) error {
	if s.write.Corrects == "" {
		return nil
	}
	target, ok := state.ParseFactKey(s.write.Corrects)
	if !ok || target.Subject != subject || target.Kind != kind {
		return trace.Errorf(trace.CodeInvalid, "corrects %s: must name a %s of %s %s", s.write.Corrects, kind, subject.Kind, subject.ID)
	}
	head, err := state.GetHead(s.Ledger, s.write.Corrects)
	if err != nil {
		return err
	}
	if head == nil {
		return trace.Errorf(trace.CodeNotFound, "corrects %s: there is no such record", s.write.Corrects)
	}
	if head.Party != s.Caller.Party {
		return trace.Errorf(trace.CodeForbidden, "corrects %s: it was written by %s, only that party corrects it", s.write.Corrects, head.Party)
	}
	return nil
}

// own names the key of a value that is not a single record: a channel gate, or the
// versions of a published value.
func (s *submission) own(key trace.Key) {
	kind, _, _ := state.ParseKey(key)
	s.key, s.event = key, kind
}

// install makes a guard key with its endorsement policy. The key needs a value too:
// a policy set on a key without one is lost.
func (s *submission) install(guard trace.Key, policy []byte) {
	s.installs, s.policy = guard, policy
}

// put sets a balance or state value, written after the record.
func (s *submission) put(key trace.Key, value any) {
	s.writes = append(s.writes, stateWrite{key, value})
}

// header is the head of the record that is being written.
func (s *submission) header() trace.Head {
	h := s.head
	h.ID = state.LastPart(s.key)
	h.MSP, h.Party, h.Role = s.Caller.MSP, s.Caller.Party, s.Caller.Role
	h.Recorded = s.Now
	h.Corrects, h.CorrectionReason = s.write.Corrects, s.write.CorrectionReason
	h.Request = s.digest
	return h
}

// commit writes the record (setting its head where it has one), the balances, the
// guards and the event, and answers with the receipt.
func (s *submission) commit(record any) (string, error) {
	if headed, ok := record.(trace.Headed); ok {
		*headed.Heading() = s.header()
	}
	// All writes go to the peer in one message, but for a guard's, whose policy must find it.
	if s.installs == "" {
		s.stub.StartWriteBatch()
	}
	if err := state.Put(s.stub, s.key, record); err != nil {
		return "", err
	}
	for _, w := range s.writes {
		if err := state.Put(s.stub, w.key, w.value); err != nil {
			return "", err
		}
	}
	if s.installs != "" {
		if err := s.stub.PutState(string(s.installs), []byte(s.key)); err != nil {
			return "", fmt.Errorf("write %s: %w", s.installs, err)
		}
		if err := s.stub.SetStateValidationParameter(string(s.installs), s.policy); err != nil {
			return "", fmt.Errorf("set the policy of %s: %w", s.installs, err)
		}
	}
	// Blindly: a guard is never read. Its value names the record it vouches for.
	for _, guard := range s.guards {
		if err := s.stub.PutState(string(guard), []byte(s.key)); err != nil {
			return "", fmt.Errorf("write %s: %w", guard, err)
		}
	}
	if err := s.stub.FinishWriteBatch(); err != nil {
		return "", fmt.Errorf("write %s: %w", s.key, err)
	}
	receipt, err := state.Encode(trace.Receipt{Record: s.key, ID: state.LastPart(s.key), Result: s.Result})
	if err != nil {
		return "", err
	}
	if err := s.stub.SetEvent(s.event, receipt); err != nil {
		return "", fmt.Errorf("set the event: %w", err)
	}
	return string(receipt), nil
}
