package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// stub is what a chaincode sees of the ledger while one proposal is simulated.
// It behaves as the shim of a chaincode process does, checks of keys and batch
// writes included, only without the process in between.
type stub struct {
	ctx       context.Context
	endorser  *endorser
	sim       *simulation
	proposal  *proposal
	namespace string
	args      [][]byte
	event     *peer.ChaincodeEvent
	batch     *writeBatch
	depth     int
}

var _ shim.ChaincodeStubInterface = (*stub)(nil)

// maxCallDepth bounds calls from chaincode to chaincode.
const maxCallDepth = 32

func (s *stub) GetArgs() [][]byte { return s.args }

func (s *stub) GetStringArgs() []string {
	out := make([]string, len(s.args))
	for i, a := range s.args {
		out[i] = string(a)
	}
	return out
}

func (s *stub) GetFunctionAndParameters() (string, []string) {
	args := s.GetStringArgs()
	if len(args) == 0 {
		return "", []string{}
	}
	return args[0], args[1:]
}

func (s *stub) GetArgsSlice() ([]byte, error) {
	out := []byte{}
	for _, a := range s.args {
		out = append(out, a...)
	}
	return out, nil
}

func (s *stub) GetTxID() string      { return s.proposal.txID() }
func (s *stub) GetChannelID() string { return s.proposal.channel.GetChannelId() }

func (s *stub) GetCreator() ([]byte, error) { return s.proposal.signature.GetCreator(), nil }

func (s *stub) GetTransient() (map[string][]byte, error) { return s.proposal.transient, nil }

func (s *stub) GetBinding() ([]byte, error) {
	h := sha256.New()
	h.Write(s.proposal.signature.GetNonce())
	h.Write(s.proposal.signature.GetCreator())
	h.Write(binary.LittleEndian.AppendUint64(nil, s.proposal.channel.GetEpoch()))
	return h.Sum(nil), nil
}

func (s *stub) GetDecorations() map[string][]byte { return nil }

func (s *stub) GetSignedProposal() (*peer.SignedProposal, error) { return s.proposal.signed, nil }

func (s *stub) GetTxTimestamp() (*timestamppb.Timestamp, error) {
	return s.proposal.channel.GetTimestamp(), nil
}

func (s *stub) SetEvent(name string, payload []byte) error {
	if name == "" {
		return errors.New("event name can not be empty string")
	}
	s.event = &peer.ChaincodeEvent{EventName: name, Payload: clone(payload)}
	return nil
}

// live fails once the caller has gone away, so that a chaincode which loops
// over state ends with its request.
func (s *stub) live() error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("timeout expired while executing transaction: %w", err)
	}
	return nil
}

func (s *stub) GetState(key string) ([]byte, error) {
	if err := s.live(); err != nil {
		return nil, err
	}
	v, err := s.sim.get(s.namespace, key)
	if err != nil || v == nil {
		return nil, err
	}
	return v.Value, nil
}

func (s *stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	out := make([][]byte, len(keys))
	for i, key := range keys {
		v, err := s.GetState(key)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (s *stub) PutState(key string, value []byte) error {
	if key == "" {
		return errors.New("key must not be an empty string")
	}
	return s.write(write{kind: putValue, key: key, value: value})
}

func (s *stub) DelState(key string) error {
	return s.write(write{kind: deleteValue, key: key})
}

func (s *stub) SetStateValidationParameter(key string, ep []byte) error {
	return s.write(write{kind: putMetadata, key: key, value: ep})
}

func (s *stub) GetStateValidationParameter(key string) ([]byte, error) {
	if err := s.live(); err != nil {
		return nil, err
	}
	v, err := s.sim.get(s.namespace, key)
	if err != nil || v == nil {
		return nil, err
	}
	return parameterOf(v.Metadata)
}

// StartWriteBatch holds back writes until FinishWriteBatch. Within a batch a
// key's last write and last metadata write count, as in the shim.
func (s *stub) StartWriteBatch() {
	if s.batch == nil {
		s.batch = &writeBatch{byKey: map[batchKey]int{}}
	}
}

func (s *stub) FinishWriteBatch() error {
	batch := s.batch
	s.batch = nil
	if batch == nil {
		return nil
	}
	for _, w := range batch.writes {
		if err := s.write(w); err != nil {
			return fmt.Errorf("failed send batch: %w", err)
		}
	}
	return nil
}

type writeKind int

const (
	putValue writeKind = iota
	deleteValue
	purgeValue
	putMetadata
)

// write is one write of a chaincode; collection is empty for public state.
type write struct {
	kind            writeKind
	collection, key string
	value           []byte
}

type batchKey struct {
	collection, key string
	metadata        bool
}

type writeBatch struct {
	writes []write
	byKey  map[batchKey]int
}

func (s *stub) write(w write) error {
	if s.batch != nil {
		w.value = clone(w.value)
		k := batchKey{w.collection, w.key, w.kind == putMetadata}
		if i, ok := s.batch.byKey[k]; ok {
			s.batch.writes[i] = w
			return nil
		}
		s.batch.byKey[k] = len(s.batch.writes)
		s.batch.writes = append(s.batch.writes, w)
		return nil
	}
	if err := s.live(); err != nil {
		return err
	}
	if w.collection != "" {
		if err := s.sim.permission(s.GetChannelID(), s.namespace, w.collection, true); err != nil {
			return err
		}
	}
	parameter := peer.MetaDataKeys_VALIDATION_PARAMETER.String()
	switch {
	case w.kind == putMetadata && w.collection == "":
		return s.sim.putMetadata(s.namespace, w.key, parameter, w.value)
	case w.kind == putMetadata:
		return s.sim.putPrivateMetadata(s.namespace, w.collection, w.key, parameter, w.value)
	case w.collection == "":
		return s.sim.put(s.namespace, w.key, w.value)
	default:
		return s.sim.putPrivate(s.namespace, w.collection, w.key, w.value, w.kind == purgeValue)
	}
}

// InvokeChaincode calls another chaincode of the channel within this
// transaction. What it writes joins this transaction whatever it answers; its
// event is dropped.
func (s *stub) InvokeChaincode(name string, args [][]byte, channel string) *peer.Response {
	name, target, _ := strings.Cut(name, "/")
	if target != "" {
		channel = target
	}
	name, _, _ = strings.Cut(name, ":")
	fail := func(format string, args ...any) *peer.Response {
		return &peer.Response{Status: shim.ERROR, Payload: fmt.Appendf(nil, format, args...)}
	}
	if channel != "" && channel != s.GetChannelID() {
		return fail("failed to find ledger for channel: %s", channel)
	}
	if s.depth >= maxCallDepth {
		return fail("execute failed: calls nested deeper than %d", maxCallDepth)
	}
	callee := &stub{
		ctx: s.ctx, endorser: s.endorser, sim: s.sim, proposal: s.proposal,
		namespace: name, args: args, depth: s.depth + 1,
	}
	response, err := callee.run()
	if err != nil {
		return fail("execute failed: %v", err)
	}
	return response
}

// run invokes the chaincode of the stub's namespace.
func (s *stub) run() (response *peer.Response, err error) {
	if s.namespace == qsccName {
		return s.endorser.query(s.args), nil
	}
	chaincode, ok := s.endorser.chaincodes[s.namespace]
	if !ok {
		return nil, fmt.Errorf("[channel %s] failed to get chaincode container info for %s: chaincode %s not found",
			s.GetChannelID(), s.namespace, s.namespace)
	}
	if _, err := s.sim.definition(s.namespace); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			s.endorser.log.Error("chaincode panicked", "chaincode", s.namespace, "tx", s.GetTxID(), "panic", r)
			response, err = nil, errors.New("chaincode stream terminated")
		}
	}()
	response = chaincode.Invoke(s)
	if response == nil {
		response = &peer.Response{}
	}
	return response, s.FinishWriteBatch()
}
