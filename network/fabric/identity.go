package fabric

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// maxMessage is the largest gRPC message that peers send and accept
// (maxRecvMsgSize in core.yaml). The client's default of 4 MB is less than a
// full block.
const maxMessage = 100 << 20

// signer signs what is asked of nodes.
type signer struct {
	id       identity.Identity
	sign     identity.Sign
	notAfter time.Time // of its certificate
}

// administrator is a member's administrator, whose certificate cryptogen made.
func (n *Network) administrator(peer peerPlan) (signer, error) {
	user := "Admin@" + peer.Domain
	return signerIn(n.organisationFolder(peer, "users/"+user+"/msp"), peer.MSPID, user)
}

// signerIn is who has the keys in a folder that cryptogen has laid out.
func signerIn(folder, mspID, name string) (signer, error) {
	certPEM, err := os.ReadFile(filepath.Join(folder, "signcerts", name+"-cert.pem"))
	if err != nil {
		return signer{}, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(folder, "keystore", "priv_sk"))
	if err != nil {
		return signer{}, err
	}
	certificate, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return signer{}, err
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return signer{}, err
	}
	id, err := identity.NewX509Identity(mspID, certificate)
	if err != nil {
		return signer{}, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	return signer{id: id, sign: sign, notAfter: certificate.NotAfter}, err
}

// Conn is a connection to the gateway of an organisation's peer over TLS. It
// is shared by all callers and closed by Stop; it redials by itself when the
// peer comes back after having been away.
func (n *Network) Conn(mspID string) (*grpc.ClientConn, error) {
	plan := n.planned()
	peer, err := plan.peer(mspID)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		return nil, fmt.Errorf("connect to the peer of %s: the network is stopped", mspID)
	}
	if conn, ok := n.conns[mspID]; ok {
		return conn, nil
	}
	conn, err := n.dial(peer)
	if err != nil {
		return nil, err
	}
	n.conns[mspID] = conn
	return conn, nil
}

// dial connects to a peer over TLS, with a client certificate if one is given.
func (n *Network) dial(peer peerPlan, certificates ...tls.Certificate) (*grpc.ClientConn, error) {
	roots, err := rootsIn(n.organisationFolder(peer, "tlsca"))
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(peer.Address(),
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: certificates, MinVersion: tls.VersionTLS12})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
}
