package index

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/trace"
)

// writer is who signed a transaction, by its certificate. The ledger checked the
// certificate against the organisation's authority; here it is only read.
type writer struct {
	msp   string
	party trace.PartyID // "" when the certificate carries no such attribute
	role  trace.Role    // likewise
}

// identities remembers what serialized identities say: a channel sees the same few
// certificates in every transaction. Safe for concurrent use.
type identities struct {
	mu      sync.RWMutex
	writers map[string]writer
	msps    map[string]string
}

// maxIdentities bounds each map; a full one starts again.
const maxIdentities = 4096

func newIdentities() *identities {
	return &identities{writers: map[string]writer{}, msps: map[string]string{}}
}

// writer reads a creator's identity with its attributes. What cannot be read stays
// empty and then fits no record: a strange certificate must not stop the fold.
func (c *identities) writer(serialized []byte) writer {
	c.mu.RLock()
	w, known := c.writers[string(serialized)]
	c.mu.RUnlock()
	if known {
		return w
	}
	w = parseWriter(serialized)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.writers) >= maxIdentities {
		clear(c.writers)
	}
	c.writers[string(serialized)] = w
	return w
}

// msp reads an endorser's organisation, "" when it cannot be read.
func (c *identities) msp(serialized []byte) string {
	c.mu.RLock()
	id, known := c.msps[string(serialized)]
	c.mu.RUnlock()
	if known {
		return id
	}
	id = mspOf(serialized).GetMspid()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.msps) >= maxIdentities {
		clear(c.msps)
	}
	c.msps[string(serialized)] = id
	return id
}

func mspOf(serialized []byte) *msp.SerializedIdentity {
	parsed := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(serialized, parsed); err != nil {
		return nil
	}
	return parsed
}

// attributeOID is where fabric-ca puts a certificate's attributes, as JSON
// {"attrs":{name: value}}.
func attributeOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}
}

func parseWriter(serialized []byte) writer {
	identity := mspOf(serialized)
	w := writer{msp: identity.GetMspid()}
	block, _ := pem.Decode(identity.GetIdBytes())
	if block == nil {
		return w
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return w
	}
	for _, extension := range certificate.Extensions {
		var held struct {
			Attrs map[string]string `json:"attrs"`
		}
		if !extension.Id.Equal(attributeOID()) || json.Unmarshal(extension.Value, &held) != nil {
			continue
		}
		w.role = trace.Role(held.Attrs[trace.AttributeRole])
		w.party = trace.PartyID(held.Attrs[trace.AttributeParty])
	}
	return w
}
