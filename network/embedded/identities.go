package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"traceledger/network/validation"
)

const (
	ordererMSP = "OrdererMSP"
	// maxOrganisations bounds the search for sets of endorsers, which tries
	// every subset.
	maxOrganisations = 10

	caLifetime        = 20 * 365 * 24 * time.Hour
	enrolmentLifetime = 5 * 365 * 24 * time.Hour
	// backdated is how far before "now" a certificate starts, so that a
	// client's slow clock does not make it invalid.
	backdated = 10 * time.Minute
	// caBackdated is the same for CAs, wide enough for enrolments that a test
	// wants to have expired already.
	caBackdated = 400 * 24 * time.Hour
)

// keyPair is a certificate and its private key, both in PEM.
type keyPair struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// organisationKeys are the keys that this process holds for one organisation.
type organisationKeys struct {
	MSPID string  `json:"mspId"`
	CA    keyPair `json:"ca"`
	// Node is the peer's identity, or the orderer's for the orderers' MSP.
	Node keyPair `json:"node"`
	// Admin signs what the organisation decides, such as chaincode definitions.
	Admin keyPair `json:"admin"`
}

// signer signs in the name of one certificate.
type signer struct {
	mspID      string
	serialized []byte
	key        *ecdsa.PrivateKey
	identity   *validation.Identity
}

// sign returns an ASN.1 ECDSA signature over SHA-256 of the message, in the
// low-S form that Fabric asks for.
func (s *signer) sign(message []byte) ([]byte, error) {
	return s.signDigest(sha256.Sum256(message))
}

func (s *signer) signDigest(digest [sha256.Size]byte) ([]byte, error) {
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", s.mspID, err)
	}
	return lowS(s.key.Curve, signature)
}

func lowS(curve elliptic.Curve, signature []byte) ([]byte, error) {
	var r, s big.Int
	in := cryptobyte.String(signature)
	var inner cryptobyte.String
	if !in.ReadASN1(&inner, cbasn1.SEQUENCE) || !inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) {
		return nil, errors.New("signature is not an ASN.1 sequence of two integers")
	}
	order := curve.Params().N
	if s.Cmp(new(big.Int).Rsh(order, 1)) <= 0 {
		return signature, nil
	}
	s.Sub(order, &s)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(&r)
		b.AddASN1BigInt(&s)
	})
	return b.Bytes()
}

// newOrganisationKeys founds an organisation: a CA, its node and its admin.
func newOrganisationKeys(mspID, nodeRole string, now time.Time) (*organisationKeys, error) {
	o := &organisationKeys{MSPID: mspID}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := certificateTemplate(pkix.Name{
		CommonName:   "ca." + domain(mspID),
		Organization: []string{mspID},
	}, now.Add(-caBackdated), now.Add(caLifetime))
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if o.CA, err = encodePair(der, key); err != nil {
		return nil, err
	}
	node := enrolment{name: nodeRole + "0." + domain(mspID), role: nodeRole, notAfter: now.Add(caLifetime)}
	if o.Node, err = o.issue(node, now); err != nil {
		return nil, err
	}
	admin := enrolment{name: "admin." + domain(mspID), role: "admin", notAfter: now.Add(caLifetime)}
	o.Admin, err = o.issue(admin, now)
	return o, err
}

// enrolment is what a certificate will say.
type enrolment struct {
	name       string
	role       string
	attributes map[string]string
	notAfter   time.Time
}

// attributesOID is where Fabric CA puts an identity's attributes and where
// chaincode looks for them.
var attributesOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// issue makes a key and a certificate for it, signed by the organisation's CA.
func (o *organisationKeys) issue(e enrolment, now time.Time) (keyPair, error) {
	caCertificate, caKey, err := decodePair(o.CA)
	if err != nil {
		return keyPair{}, fmt.Errorf("CA of %s: %w", o.MSPID, err)
	}
	notBefore := now.Add(-backdated)
	if !notBefore.Before(e.notAfter) {
		notBefore = e.notAfter.Add(-time.Hour)
	}
	template, err := certificateTemplate(pkix.Name{
		CommonName:         e.name,
		OrganizationalUnit: []string{e.role},
		Organization:       []string{o.MSPID},
	}, notBefore, e.notAfter)
	if err != nil {
		return keyPair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if len(e.attributes) > 0 {
		value, err := json.Marshal(map[string]map[string]string{"attrs": e.attributes})
		if err != nil {
			return keyPair{}, err
		}
		template.ExtraExtensions = []pkix.Extension{{Id: attributesOID, Value: value}}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, caCertificate, &key.PublicKey, caKey)
	if err != nil {
		return keyPair{}, err
	}
	return encodePair(der, key)
}

func certificateTemplate(subject pkix.Name, notBefore, notAfter time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    notBefore.UTC(),
		NotAfter:     notAfter.UTC(),
	}, nil
}

func encodePair(der []byte, key *ecdsa.PrivateKey) (keyPair, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
	}, nil
}

func decodePair(p keyPair) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(p.Certificate))
	if block == nil {
		return nil, nil, errors.New("certificate is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	if block, _ = pem.Decode([]byte(p.Key)); block == nil {
		return nil, nil, errors.New("private key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("private key is a %T, must be ECDSA", parsed)
	}
	return certificate, key, nil
}

// newSigner opens a key pair for signing in an organisation's name.
func newSigner(mspID string, p keyPair, v *validation.Validator) (*signer, error) {
	_, key, err := decodePair(p)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", mspID, err)
	}
	serialized, err := validation.Serialize(mspID, []byte(p.Certificate))
	if err != nil {
		return nil, err
	}
	id, err := v.Identify(serialized)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", mspID, err)
	}
	if id.Err != nil {
		return nil, fmt.Errorf("identity of %s: %w", mspID, id.Err)
	}
	return &signer{mspID: mspID, serialized: serialized, key: key, identity: id}, nil
}

// domain is the host name an organisation's nodes go by.
func domain(mspID string) string {
	return strings.ToLower(strings.TrimSuffix(mspID, "MSP")) + ".embedded"
}

// peerAddress is how error details name an organisation's peer. Nothing
// listens there: all peers live in this process.
func peerAddress(mspID string) string { return "peer0." + domain(mspID) + ":7051" }
