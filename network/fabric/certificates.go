package fabric

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// attributeOID is where Fabric CA puts the attributes of an identity, and
// where chaincode (pkg/cid) looks for them: {"attrs":{"name":"value"}}.
var attributeOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// authority is one of an organisation's two certificate authorities, made by
// cryptogen: identities (ca) or TLS (tlsca).
type authority struct {
	certificate *x509.Certificate
	// certPEM is the whole file. While an authority is being renewed the old one's
	// certificate stands behind the new one's, as what it issued is still about.
	certPEM []byte
	key     crypto.Signer
}

// loadAuthority is for who issues. An organisation may keep the key elsewhere; who only trusts the
// authority takes rootsIn.
func loadAuthority(folder string) (*authority, error) {
	certPEM, err := certificatesIn(folder)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(folder, "priv_sk"))
	if err != nil {
		return nil, fmt.Errorf("the authority's key, to issue a certificate: %w", err)
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s: certificate or key is not PEM", folder)
	}
	certificate, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key of type %T cannot sign", folder, key)
	}
	return &authority{certificate: certificate, certPEM: certPEM, key: signer}, nil
}

type keyPair struct{ certPEM, keyPEM []byte }

// issue makes a P-256 key and a certificate over it from the template, whose
// serial number and, where they are missing, times it fills in.
func (a *authority) issue(template *x509.Certificate) (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return keyPair{}, err
	}
	template.SerialNumber = serial
	if template.NotBefore.IsZero() {
		template.NotBefore = a.certificate.NotBefore
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().AddDate(1, 0, 0)
	}
	template.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return keyPair{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// EnrolOption changes a certificate that Enrol issues.
type EnrolOption func(*x509.Certificate)

// ValidUntil sets the certificate's end, to the second; the default is a year
// from now. A time in the past gives an expired certificate, as long as it is
// later than the authority's own beginning (five minutes before the network
// was first started).
func ValidUntil(end time.Time) EnrolOption {
	return func(template *x509.Certificate) { template.NotAfter = end }
}

// Enrol issues an identity of an organisation: a P-256 key and a certificate
// signed by the organisation's own authority, with the name as common name,
// organisational unit "client" and the attributes (for instance trace.role and
// trace.party) in extension 1.2.3.4.5.6.7.8.1, exactly as Fabric CA issues it.
// Nothing is kept; each call makes a new key.
func (n *Network) Enrol(mspID, name string, attributes map[string]string, options ...EnrolOption) (certPEM, keyPEM []byte, err error) {
	plan := n.planned()
	peer, err := plan.peer(mspID)
	if err != nil {
		return nil, nil, err
	}
	if name == "" {
		return nil, nil, errors.New("enrol: an identity needs a name")
	}
	if attributes == nil {
		attributes = map[string]string{}
	}
	value, err := json.Marshal(struct {
		Attributes map[string]string `json:"attrs"`
	}{attributes})
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		Subject:         pkix.Name{CommonName: name, OrganizationalUnit: []string{"client"}},
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: attributeOID, Value: value}},
	}
	for _, option := range options {
		option(template)
	}
	ca, err := loadAuthority(n.organisationFolder(peer, "ca"))
	if err != nil {
		return nil, nil, err
	}
	issued, err := ca.issue(template)
	return issued.certPEM, issued.keyPEM, err
}
