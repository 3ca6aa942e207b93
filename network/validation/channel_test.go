package validation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// authority is an organisation's CA in these tests.
type authority struct {
	mspID       string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// person is a certificate with its key.
type person struct {
	serialized []byte
	key        *ecdsa.PrivateKey
}

func (p *person) sign(t testing.TB, message []byte) []byte {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, p.key, digest[:])
	require.NoError(t, err)
	if n := p.key.Params().N; s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		s.Sub(n, s)
	}
	return encodeSignature(t, r, s)
}

func encodeSignature(t testing.TB, r, s *big.Int) []byte {
	raw, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	require.NoError(t, err)
	return raw
}

func newAuthority(t testing.TB, mspID string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca." + mspID},
		NotBefore: time.Now().Add(-10000 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{mspID, certificate, key}
}

// enrol issues a certificate whose organisational unit names the role.
func (a *authority) enrol(t testing.TB, units ...string) *person {
	return a.enrolUntil(t, time.Now().Add(time.Hour), units...)
}

func (a *authority) enrolUntil(t testing.TB, notAfter time.Time, units ...string) *person {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "someone", OrganizationalUnit: units},
		NotBefore: notAfter.Add(-2 * time.Hour), NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	serialized, err := Serialize(a.mspID, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	require.NoError(t, err)
	return &person{serialized, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func marshal(t testing.TB, m proto.Message) []byte {
	raw, err := proto.Marshal(m)
	require.NoError(t, err)
	return raw
}

// world is a channel of some organisations with their CAs.
type world struct {
	channel     *Channel
	validator   *Validator
	authorities map[string]*authority
	orderer     *person
}

func newWorld(t testing.TB, members ...string) *world {
	w := &world{authorities: map[string]*authority{}}
	for _, m := range append([]string{"OrdererMSP"}, members...) {
		w.authorities[m] = newAuthority(t, m)
	}
	w.orderer = w.authorities["OrdererMSP"].enrol(t, "orderer")
	var err error
	w.channel, err = ReadChannel(w.configBlock(t, members))
	require.NoError(t, err)
	w.validator = New(w.channel)
	return w
}

func group() *common.ConfigGroup {
	return &common.ConfigGroup{
		Groups: map[string]*common.ConfigGroup{}, Values: map[string]*common.ConfigValue{},
		Policies: map[string]*common.ConfigPolicy{},
	}
}

func meta(t testing.TB, g *common.ConfigGroup, name, sub string, rule common.ImplicitMetaPolicy_Rule) {
	g.Policies[name] = &common.ConfigPolicy{Policy: &common.Policy{
		Type:  int32(common.Policy_IMPLICIT_META),
		Value: marshal(t, &common.ImplicitMetaPolicy{SubPolicy: sub, Rule: rule}),
	}}
}

func signatureOf(t testing.TB, g *common.ConfigGroup, name string, p *common.SignaturePolicyEnvelope) {
	g.Policies[name] = &common.ConfigPolicy{Policy: &common.Policy{Type: int32(common.Policy_SIGNATURE), Value: marshal(t, p)}}
}

func (w *world) organisation(t testing.TB, mspID string) *common.ConfigGroup {
	g := group()
	unit := func(name string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: name}
	}
	g.Values["MSP"] = &common.ConfigValue{Value: marshal(t, &msp.MSPConfig{Config: marshal(t, &msp.FabricMSPConfig{
		Name: mspID, RootCerts: [][]byte{w.authorities[mspID].pem()},
		FabricNodeOus: &msp.FabricNodeOUs{Enable: true,
			ClientOuIdentifier: unit("client"), PeerOuIdentifier: unit("peer"),
			AdminOuIdentifier: unit("admin"), OrdererOuIdentifier: unit("orderer")},
	})})}
	signatureOf(t, g, "Readers", SignedBy(1, msp.MSPRole_MEMBER, mspID))
	signatureOf(t, g, "Writers", SignedBy(1, msp.MSPRole_CLIENT, mspID))
	signatureOf(t, g, "Endorsement", SignedBy(1, msp.MSPRole_PEER, mspID))
	return g
}

func (w *world) configBlock(t testing.TB, members []string) *common.Block {
	root, application, orderers := group(), group(), group()
	root.Groups["Application"], root.Groups["Orderer"] = application, orderers
	for _, m := range members {
		application.Groups[m] = w.organisation(t, m)
	}
	meta(t, application, "Readers", "Readers", common.ImplicitMetaPolicy_ANY)
	meta(t, application, "Writers", "Writers", common.ImplicitMetaPolicy_ANY)
	meta(t, application, "Endorsement", "Endorsement", common.ImplicitMetaPolicy_MAJORITY)
	meta(t, application, "LifecycleEndorsement", "Endorsement", common.ImplicitMetaPolicy_MAJORITY)
	meta(t, application, "Everyone", "Endorsement", common.ImplicitMetaPolicy_ALL)
	meta(t, application, "Hollow", "NoSuchPolicy", common.ImplicitMetaPolicy_ANY)
	orderers.Groups["OrdererMSP"] = w.organisation(t, "OrdererMSP")
	identity := &msp.SerializedIdentity{}
	require.NoError(t, proto.Unmarshal(w.orderer.serialized, identity))
	orderers.Values["Orderers"] = &common.ConfigValue{Value: marshal(t, &common.Orderers{
		ConsenterMapping: []*common.Consenter{{Id: 4, MspId: "OrdererMSP", Identity: identity.GetIdBytes()}},
	})}
	signatureOf(t, orderers, "BlockValidation", SignedBy(1, msp.MSPRole_ORDERER, "OrdererMSP"))
	return block.New(0, nil, [][]byte{marshal(t, &common.Envelope{Payload: marshal(t, &common.Payload{
		Header: &common.Header{
			ChannelHeader: marshal(t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: "trace"}),
		},
		Data: marshal(t, &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: root}}),
	})})})
}

func (w *world) identify(t testing.TB, p *person) *Identity {
	id, err := w.validator.Identify(p.serialized)
	require.NoError(t, err)
	return id
}

func TestReadChannel(t *testing.T) {
	w := newWorld(t, "A", "B", "C")
	require.Equal(t, "trace", w.channel.ID)
	require.Equal(t, []string{"A", "B", "C"}, w.channel.Members)
	require.Len(t, w.channel.Organisations, 4)

	_, err := ReadChannel(&common.Block{})
	require.ErrorContains(t, err, "holds 0 envelopes")
	_, err = ReadChannel(block.New(0, nil, [][]byte{[]byte("garbage")}))
	require.ErrorContains(t, err, "not a configuration block")
}

func TestIdentify(t *testing.T) {
	w := newWorld(t, "A", "B")
	_, err := w.validator.Identify([]byte{0xff})
	require.ErrorContains(t, err, "serialized identity")
	_, err = w.validator.Identify(newAuthority(t, "Z").enrol(t, "client").serialized)
	require.ErrorContains(t, err, `MSP "Z" is unknown`)
	_, err = w.validator.Identify(newAuthority(t, "A").enrol(t, "client").serialized)
	require.ErrorContains(t, err, "not issued by a CA of A")
	serialized, err := Serialize("A", []byte("no certificate"))
	require.NoError(t, err)
	_, err = w.validator.Identify(serialized)
	require.ErrorContains(t, err, "not a PEM block")
	serialized, err = Serialize("A", w.authorities["A"].pem())
	require.NoError(t, err)
	_, err = w.validator.Identify(serialized)
	require.ErrorContains(t, err, "CA certificate cannot be used")

	expired := w.identify(t, w.authorities["A"].enrolUntil(t, time.Now().Add(-time.Hour), "client"))
	require.NoError(t, expired.Err, "expiry is not part of validity")
	for _, units := range [][]string{{}, {"gardener"}, {"client", "peer"}} {
		id := w.identify(t, w.authorities["A"].enrol(t, units...))
		require.ErrorContains(t, id.Err, "must name one", units)
	}
}

func TestSignatureForms(t *testing.T) {
	w := newWorld(t, "A")
	p := w.authorities["A"].enrol(t, "client")
	id := w.identify(t, p)
	message := []byte("message")
	good := p.sign(t, message)
	require.NoError(t, w.validator.Verify(id, message, good))
	require.NoError(t, w.validator.Verify(id, message, good), "remembered")
	require.ErrorIs(t, w.validator.Verify(id, []byte("other"), good), errSignature)
	require.ErrorIs(t, w.validator.Verify(id, message, nil), errSignature)
	require.ErrorIs(t, w.validator.Verify(id, message, good[:len(good)-1]), errSignature)

	var parts struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(good, &parts)
	require.NoError(t, err)
	high := encodeSignature(t, parts.R, new(big.Int).Sub(p.key.Params().N, parts.S))
	require.ErrorIs(t, w.validator.Verify(id, message, high), errHighS, "the other form of a valid signature")
}

func TestSignatureMemoryIsBounded(t *testing.T) {
	s := newSignatures(10)
	for i := range 1000 {
		s.add(sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
		require.LessOrEqual(t, len(s.young)+len(s.old), 20)
		require.True(t, s.has(sha256.Sum256([]byte{byte(i), byte(i >> 8)})))
	}
}

func TestPolicies(t *testing.T) {
	w := newWorld(t, "A", "B", "C", "D", "E")
	ids := map[string]*Identity{}
	for _, m := range w.channel.Members {
		ids[m] = w.identify(t, w.authorities[m].enrol(t, "peer"))
		ids[m+".client"] = w.identify(t, w.authorities[m].enrol(t, "client"))
		ids[m+".admin"] = w.identify(t, w.authorities[m].enrol(t, "admin"))
	}
	compile := func(p *common.SignaturePolicyEnvelope) Policy {
		out, err := newSignaturePolicy(marshal(t, p))
		require.NoError(t, err)
		return out
	}
	twice := &common.SignaturePolicyEnvelope{
		Identities: SignedBy(1, msp.MSPRole_PEER, "A").Identities,
		Rule: &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{
			N: 2, Rules: []*common.SignaturePolicy{
				{Type: &common.SignaturePolicy_SignedBy{SignedBy: 0}},
				{Type: &common.SignaturePolicy_SignedBy{SignedBy: 0}},
			},
		}}},
	}
	cases := []struct {
		name   string
		policy Policy
		signed []string
		ok     bool
	}{
		{"majority of five", w.channel.Policy(PolicyEndorsement), []string{"A", "C", "E"}, true},
		{"two of five", w.channel.Policy(PolicyEndorsement), []string{"A", "C"}, false},
		{"clients do not endorse", w.channel.Policy(PolicyEndorsement), []string{"A", "B.client", "C.client"}, false},
		{"all", w.channel.Policy("/Channel/Application/Everyone"), []string{"A", "B", "C", "D", "E"}, true},
		{"not all", w.channel.Policy("/Channel/Application/Everyone"), []string{"A", "B", "C", "D"}, false},
		{"missing sub-policies", w.channel.Policy("/Channel/Application/Hollow"), []string{"A"}, false},
		{"no such policy", w.channel.Policy("/Channel/Nothing"), []string{"A"}, false},
		{"writer", w.channel.Policy(PolicyWriters), []string{"B.client"}, true},
		{"peers do not write", w.channel.Policy(PolicyWriters), []string{"B"}, false},
		{"nobody", w.channel.Policy(PolicyReaders), nil, false},
		{"two of three", compile(SignedBy(2, msp.MSPRole_PEER, "A", "B", "C")), []string{"B", "C"}, true},
		{"one of three", compile(SignedBy(2, msp.MSPRole_PEER, "A", "B", "C")), []string{"B", "D"}, false},
		{"member is any role", compile(SignedBy(1, msp.MSPRole_MEMBER, "A")), []string{"A.admin"}, true},
		{"admin", compile(SignedBy(1, msp.MSPRole_ADMIN, "A")), []string{"A.admin"}, true},
		{"a peer is no admin", compile(SignedBy(1, msp.MSPRole_ADMIN, "A")), []string{"A"}, false},
		{"one signature counts once", compile(twice), []string{"A"}, false},
		{"none needed", compile(SignedBy(0, msp.MSPRole_PEER, "A")), nil, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var signers []*Identity
			for _, s := range c.signed {
				signers = append(signers, ids[s])
			}
			require.Equal(t, c.ok, c.policy.Evaluate(signers) == nil)
		})
	}
	_, err := newSignaturePolicy([]byte{0xff})
	require.Error(t, err)
	_, err = newSignaturePolicy(marshal(t, &common.SignaturePolicyEnvelope{Version: 1}))
	require.ErrorContains(t, err, "version 1")
	_, err = newSignaturePolicy(marshal(t, &common.SignaturePolicyEnvelope{
		Rule: &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: 3}},
	}))
	require.ErrorContains(t, err, "identity 3 of 0")
	deep := &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{}}}
	for range 100 {
		deep = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
			NOutOf: &common.SignaturePolicy_NOutOf{Rules: []*common.SignaturePolicy{deep}},
		}}
	}
	_, err = newSignaturePolicy(marshal(t, &common.SignaturePolicyEnvelope{Rule: deep}))
	require.ErrorContains(t, err, "nested deeper")
}

func TestVerifyOrderers(t *testing.T) {
	w := newWorld(t, "A")
	sealed := func(consenter uint32, p *person) *common.Block {
		b := block.New(1, []byte("previous"), [][]byte{[]byte("envelope")})
		require.NoError(t, block.Seal(b, consenter, []byte("nonce"), 0, func(m []byte) ([]byte, error) {
			return p.sign(t, m), nil
		}))
		return b
	}
	require.NoError(t, w.validator.VerifyOrderers(sealed(4, w.orderer)))
	require.ErrorContains(t, w.validator.VerifyOrderers(sealed(5, w.orderer)), "0 of 1", "unknown consenter")
	require.ErrorContains(t, w.validator.VerifyOrderers(sealed(4, w.authorities["A"].enrol(t, "peer"))), "0 of 1", "foreign key")
	b := sealed(4, w.orderer)
	b.Header.Number = 2
	require.ErrorContains(t, w.validator.VerifyOrderers(b), "0 of 1", "other header")
	require.Error(t, w.validator.VerifyOrderers(block.New(1, nil, nil)), "unsigned")
}
