// Package evidence reads one signed transaction of another ledger and checks what it shows
// by itself: who wrote it, what was asked, when, and which organisations' peers endorsed
// it. The contracts judge an imported request by it, and whoever doubts an imported
// record can do the same with the transaction that is kept beside it.
//
// In comes a Fabric envelope; out come plain values. Whether the transaction stood in a
// block of that ledger is not to be seen from it: that is what trace.SourceLedger.Root is
// for. The package knows no ledger and no contract.
package evidence

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/attrmgr"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
)

// Transaction is one original transaction. What it says is shown only once Check has
// returned nil.
type Transaction struct {
	ID trace.Digest
	// Facts are what it shows. Endorsers are set by Check.
	Facts rules.OriginalFacts

	creator            *x509.Certificate
	payload, signature []byte
	response           []byte // what the endorsers signed, without their names
	endorsements       []*peer.Endorsement
}

// Read takes an envelope apart. An error says which part is not what it should be.
func Read(envelope []byte) (*Transaction, error) {
	t := &Transaction{}
	e, payload := &common.Envelope{}, &common.Payload{}
	if err := into("envelope", envelope, e); err != nil {
		return nil, err
	}
	if err := into("payload", e.GetPayload(), payload); err != nil {
		return nil, err
	}
	t.payload, t.signature = e.GetPayload(), e.GetSignature()
	if err := t.readHeaders(payload.GetHeader()); err != nil {
		return nil, err
	}
	return t, t.readAction(payload)
}

func (t *Transaction) readHeaders(h *common.Header) error {
	channel, signature := &common.ChannelHeader{}, &common.SignatureHeader{}
	if err := into("channel header", h.GetChannelHeader(), channel); err != nil {
		return err
	}
	if err := into("signature header", h.GetSignatureHeader(), signature); err != nil {
		return err
	}
	if common.HeaderType(channel.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return fmt.Errorf("it is a %s, not a chaincode's transaction", common.HeaderType(channel.GetType()))
	}
	id := sha256.Sum256(append(bytes.Clone(signature.GetNonce()), signature.GetCreator()...))
	if channel.GetTxId() != hex.EncodeToString(id[:]) {
		return fmt.Errorf("its id is %q, must be %x", channel.GetTxId(), id)
	}
	t.ID, t.Facts.At, t.Facts.Channel = id, trace.TimeOf(channel.GetTimestamp().AsTime()), channel.GetChannelId()
	return t.readCreator(signature.GetCreator())
}

func (t *Transaction) readCreator(serialized []byte) (err error) {
	if t.Facts.MSP, t.creator, err = member(serialized); err != nil {
		return err
	}
	attributes, err := attrmgr.New().GetAttributesFromCert(t.creator)
	if err != nil {
		return fmt.Errorf("its writer's certificate: %w", err)
	}
	t.Facts.Role, t.Facts.Party = trace.Role(attributes.Attrs[trace.AttributeRole]), trace.PartyID(attributes.Attrs[trace.AttributeParty])
	return nil
}

// readAction reads the one call and that the endorsers answered this very call.
func (t *Transaction) readAction(payload *common.Payload) error {
	tx, action := &peer.Transaction{}, &peer.ChaincodeActionPayload{}
	if err := into("transaction", payload.GetData(), tx); err != nil {
		return err
	}
	if len(tx.GetActions()) != 1 {
		return fmt.Errorf("it has %d actions, must have 1", len(tx.GetActions()))
	}
	if err := into("action", tx.GetActions()[0].GetPayload(), action); err != nil {
		return err
	}
	proposal, spec := &peer.ChaincodeProposalPayload{}, &peer.ChaincodeInvocationSpec{}
	if err := into("proposal", action.GetChaincodeProposalPayload(), proposal); err != nil {
		return err
	}
	if err := into("invocation", proposal.GetInput(), spec); err != nil {
		return err
	}
	t.Facts.Chaincode, t.Facts.Arguments = spec.GetChaincodeSpec().GetChaincodeId().GetName(), spec.GetChaincodeSpec().GetInput().GetArgs()

	response := &peer.ProposalResponsePayload{}
	t.response, t.endorsements = action.GetAction().GetProposalResponsePayload(), action.GetAction().GetEndorsements()
	if err := into("response", t.response, response); err != nil {
		return err
	}
	answered := sha256.New()
	for _, part := range [][]byte{payload.GetHeader().GetChannelHeader(), tx.GetActions()[0].GetHeader(), action.GetChaincodeProposalPayload()} {
		answered.Write(part)
	}
	if !bytes.Equal(answered.Sum(nil), response.GetProposalHash()) {
		return errors.New("its endorsements answer another request")
	}
	return nil
}

// Check verifies the writer's signature and finds whose endorsements hold, by the
// certificates of the ledger's authorities. Certificates are taken as of their own
// time: whether one had expired was that ledger's to judge.
func (t *Transaction) Check(authorities []trace.SourceAuthority) error {
	if err := issued(t.Facts.MSP, t.creator, authorities); err != nil {
		return fmt.Errorf("its writer: %w", err)
	}
	if err := signed(t.creator, sha256.Sum256(t.payload), t.signature); err != nil {
		return fmt.Errorf("its writer: %w", err)
	}
	t.Facts.Endorsers = nil
	for _, e := range t.endorsements {
		mspID, certificate, err := member(e.GetEndorser())
		if err != nil || !slices.Contains(certificate.Subject.OrganizationalUnit, "peer") || issued(mspID, certificate, authorities) != nil {
			continue
		}
		if signed(certificate, sha256.Sum256(append(bytes.Clone(t.response), e.GetEndorser()...)), e.GetSignature()) == nil {
			t.Facts.Endorsers = append(t.Facts.Endorsers, mspID)
		}
	}
	slices.Sort(t.Facts.Endorsers)
	t.Facts.Endorsers = slices.Compact(t.Facts.Endorsers)
	return nil
}

// CheckAuthorities refuses what Check could not use.
func CheckAuthorities(authorities []trace.SourceAuthority) error {
	for _, a := range authorities {
		for i, text := range a.Certificates {
			c, err := parse([]byte(text))
			if err == nil && !c.IsCA {
				err = errors.New("it is not an authority's")
			}
			if err != nil {
				return fmt.Errorf("certificate %d of %s: %w", i+1, a.MSP, err)
			}
		}
	}
	return nil
}

func member(serialized []byte) (mspID string, certificate *x509.Certificate, err error) {
	s := &msp.SerializedIdentity{}
	if err := into("identity", serialized, s); err != nil {
		return "", nil, err
	}
	certificate, err = parse(s.GetIdBytes())
	if err != nil {
		return "", nil, fmt.Errorf("certificate of %s: %w", s.GetMspid(), err)
	}
	return s.GetMspid(), certificate, nil
}

func parse(text []byte) (*x509.Certificate, error) {
	p, rest := pem.Decode(text)
	if p == nil || p.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("not one PEM certificate")
	}
	return x509.ParseCertificate(p.Bytes)
}

func issued(mspID string, c *x509.Certificate, authorities []trace.SourceAuthority) error {
	if c.IsCA {
		return errors.New("an authority's certificate is nobody's identity")
	}
	roots := x509.NewCertPool()
	for _, a := range authorities {
		if a.MSP != mspID {
			continue
		}
		for _, text := range a.Certificates {
			authority, err := parse([]byte(text))
			if err != nil {
				return err
			}
			roots.AddCert(authority)
		}
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		// Not now: endorsers must agree, and a certificate outlives what it signed.
		CurrentTime: c.NotBefore.Add(time.Second),
	})
	if err != nil {
		return fmt.Errorf("certificate not issued by %s of the source: %w", mspID, err)
	}
	return nil
}

func signed(c *x509.Certificate, digest [sha256.Size]byte, signature []byte) error {
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(key, digest[:], signature) {
		return errors.New("the signature does not hold")
	}
	return nil
}

func into(what string, raw []byte, m proto.Message) error {
	if err := proto.Unmarshal(raw, m); err != nil {
		return fmt.Errorf("its %s cannot be read: %w", what, err)
	}
	return nil
}
