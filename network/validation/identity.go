package validation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// Identity is a certificate that a CA of an organisation of the channel has
// issued.
type Identity struct {
	MSPID       string
	Certificate *x509.Certificate
	// Err says why the organisation does not accept the certificate all the
	// same: it was revoked, or it names no role. It is nil for a valid one. An
	// expired certificate is valid here: callers that answer live requests
	// compare NotAfter with their clock.
	Err error

	serialized []byte
	id         [sha256.Size]byte
	roles      []msp.MSPRole_MSPRoleType
	key        *ecdsa.PublicKey
}

// Serialized returns the identity as it stands in headers and endorsements.
func (i *Identity) Serialized() []byte { return i.serialized }

// Serialize builds the form in which an identity travels: a
// msp.SerializedIdentity of the organisation's id and the certificate in PEM.
func Serialize(mspID string, certificatePEM []byte) ([]byte, error) {
	return proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: certificatePEM})
}

// Organisation is one membership service provider of a channel: the CAs it
// trusts and how its certificates name their roles.
type Organisation struct {
	MSPID string

	roots, intermediates *x509.CertPool
	caCertificates       []*x509.Certificate
	revoked              []*x509.RevocationList
	admins               [][]byte
	nodeOUs              map[string]msp.MSPRole_MSPRoleType
}

// newOrganisation reads an MSP definition as a configuration block holds it.
func newOrganisation(raw []byte) (*Organisation, error) {
	wrapped := &msp.MSPConfig{}
	if err := proto.Unmarshal(raw, wrapped); err != nil {
		return nil, fmt.Errorf("MSP configuration: %w", err)
	}
	if wrapped.GetType() != 0 {
		return nil, fmt.Errorf("MSP type %d, only X.509 (type 0) is supported", wrapped.GetType())
	}
	c := &msp.FabricMSPConfig{}
	if err := proto.Unmarshal(wrapped.GetConfig(), c); err != nil {
		return nil, fmt.Errorf("MSP configuration: %w", err)
	}
	o := &Organisation{MSPID: c.GetName(), roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
	if err := o.addCertificates(c.GetRootCerts(), o.roots); err != nil {
		return nil, err
	}
	if err := o.addCertificates(c.GetIntermediateCerts(), o.intermediates); err != nil {
		return nil, err
	}
	for _, raw := range c.GetRevocationList() {
		if p, _ := pem.Decode(raw); p != nil {
			raw = p.Bytes
		}
		list, err := x509.ParseRevocationList(raw)
		if err != nil {
			return nil, fmt.Errorf("revocation list of %s: %w", o.MSPID, err)
		}
		o.revoked = append(o.revoked, list)
	}
	for _, raw := range c.GetAdmins() {
		certificate, err := parseCertificate(raw)
		if err != nil {
			return nil, fmt.Errorf("administrator of %s: %w", o.MSPID, err)
		}
		o.admins = append(o.admins, certificate.Raw)
	}
	if ous := c.GetFabricNodeOus(); ous.GetEnable() {
		o.nodeOUs = map[string]msp.MSPRole_MSPRoleType{}
		for role, ou := range map[msp.MSPRole_MSPRoleType]*msp.FabricOUIdentifier{
			msp.MSPRole_CLIENT:  ous.GetClientOuIdentifier(),
			msp.MSPRole_PEER:    ous.GetPeerOuIdentifier(),
			msp.MSPRole_ADMIN:   ous.GetAdminOuIdentifier(),
			msp.MSPRole_ORDERER: ous.GetOrdererOuIdentifier(),
		} {
			if name := ou.GetOrganizationalUnitIdentifier(); name != "" {
				o.nodeOUs[name] = role
			}
		}
	}
	return o, nil
}

func (o *Organisation) addCertificates(raw [][]byte, pool *x509.CertPool) error {
	for _, r := range raw {
		certificate, err := parseCertificate(r)
		if err != nil {
			return fmt.Errorf("CA certificate of %s: %w", o.MSPID, err)
		}
		pool.AddCert(certificate)
		o.caCertificates = append(o.caCertificates, certificate)
	}
	return nil
}

// CACertificates returns the organisation's root and intermediate CAs.
func (o *Organisation) CACertificates() []*x509.Certificate { return slices.Clone(o.caCertificates) }

func parseCertificate(raw []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("not a PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

// identify reads a serialized identity. The error says that the bytes name no
// certificate that a CA of a known organisation has issued.
func identify(organisations map[string]*Organisation, serialized []byte) (*Identity, error) {
	s := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(serialized, s); err != nil {
		return nil, fmt.Errorf("serialized identity: %w", err)
	}
	org, ok := organisations[s.GetMspid()]
	if !ok {
		return nil, fmt.Errorf("MSP %q is unknown", s.GetMspid())
	}
	certificate, err := parseCertificate(s.GetIdBytes())
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", s.GetMspid(), err)
	}
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("certificate of %s holds a %T, must be ECDSA", s.GetMspid(), certificate.PublicKey)
	}
	i := &Identity{
		MSPID:       s.GetMspid(),
		Certificate: certificate,
		serialized:  serialized,
		id:          sha256.Sum256(append([]byte(s.GetMspid()), certificate.Raw...)),
		key:         key,
	}
	chains, err := org.chains(certificate)
	if err != nil {
		return nil, err
	}
	i.Err = org.accept(i, chains)
	return i, nil
}

// chains links a certificate to the organisation's CAs.
func (o *Organisation) chains(c *x509.Certificate) ([][]*x509.Certificate, error) {
	if c.IsCA {
		return nil, errors.New("a CA certificate cannot be used as an identity")
	}
	chains, err := c.Verify(x509.VerifyOptions{
		Roots:         o.roots,
		Intermediates: o.intermediates,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		// Expiry is judged elsewhere, so the chain is checked at a moment
		// when the certificate was certainly meant to be valid.
		CurrentTime: c.NotBefore.Add(time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("not issued by a CA of %s: %w", o.MSPID, err)
	}
	return chains, nil
}

// accept checks that the certificate was not revoked and finds its roles.
func (o *Organisation) accept(i *Identity, chains [][]*x509.Certificate) error {
	c := i.Certificate
	for _, list := range o.revoked {
		for _, chain := range chains {
			if len(chain) > 1 && list.CheckSignatureFrom(chain[1]) == nil && isRevoked(list, c) {
				return fmt.Errorf("certificate %s was revoked", c.SerialNumber)
			}
		}
	}
	if slices.ContainsFunc(o.admins, func(raw []byte) bool { return bytes.Equal(raw, c.Raw) }) {
		i.roles = append(i.roles, msp.MSPRole_ADMIN)
	}
	if o.nodeOUs == nil {
		return nil
	}
	var named []msp.MSPRole_MSPRoleType
	for _, ou := range c.Subject.OrganizationalUnit {
		if role, ok := o.nodeOUs[ou]; ok {
			named = append(named, role)
		}
	}
	if len(named) != 1 {
		return fmt.Errorf("certificate names %d of the roles client, peer, admin, orderer; must name one", len(named))
	}
	i.roles = append(i.roles, named[0])
	return nil
}

func isRevoked(list *x509.RevocationList, c *x509.Certificate) bool {
	return slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(c.SerialNumber) == 0
	})
}

// satisfies reports whether the identity matches one principal of a policy.
func (i *Identity) satisfies(p *principal) bool {
	switch p.kind {
	case msp.MSPPrincipal_IDENTITY:
		return bytes.Equal(p.identity, i.serialized)
	case msp.MSPPrincipal_ORGANIZATION_UNIT:
		return i.Err == nil && i.MSPID == p.mspID &&
			slices.Contains(i.Certificate.Subject.OrganizationalUnit, p.unit)
	default:
		if i.Err != nil || i.MSPID != p.mspID {
			return false
		}
		return p.role == msp.MSPRole_MEMBER || slices.Contains(i.roles, p.role)
	}
}
