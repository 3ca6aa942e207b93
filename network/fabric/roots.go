package fabric

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// certificatesIn is the file of an authority's certificate, PEM, whole: while it is being renewed the
// old one stands behind the new one.
func certificatesIn(folder string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*-cert.pem"))
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("%s holds %d authority certificates, want 1", folder, len(files))
	}
	return os.ReadFile(files[0])
}

// rootsIn are what to trust of an authority: every certificate of its file. Its key need not be here.
func rootsIn(folder string) (*x509.CertPool, error) {
	certPEM, err := certificatesIn(folder)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certPEM) {
		return nil, fmt.Errorf("%s: the authority's certificate is not PEM", folder)
	}
	return pool, nil
}

// tlsRootsIn are the certificates of the members' TLS authorities in the channel's configuration,
// by MSP id: those of absent ones are nowhere else in this folder.
func tlsRootsIn(members map[string]*common.ConfigGroup) (map[string]string, error) {
	roots := map[string]string{}
	for id, group := range members {
		var kept msp.MSPConfig
		var fabric msp.FabricMSPConfig
		err := errors.Join(proto.Unmarshal(group.GetValues()["MSP"].GetValue(), &kept), proto.Unmarshal(kept.GetConfig(), &fabric))
		if err != nil {
			return nil, fmt.Errorf("the certificates of %s in the channel's configuration: %w", id, err)
		}
		roots[id] = "" // a member all the same
		for _, certificate := range fabric.GetTlsRootCerts() {
			roots[id] += string(certificate)
		}
	}
	return roots, nil
}

// tlsRootsOf are the certificates of the authorities behind an organisation's TLS, PEM.
func (n *Network) tlsRootsOf(plan peerPlan) (string, error) {
	certPEM, err := certificatesIn(n.organisationFolder(plan, "tlsca"))
	if err == nil {
		return string(certPEM), nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if roots := n.tlsRoots[plan.MSPID]; roots != "" && !exists(n.organisationFolder(plan, "tlsca")) {
		return roots, nil
	}
	return "", err
}
