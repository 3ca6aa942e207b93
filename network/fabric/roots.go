package fabric

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

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
	ca, err := loadAuthority(n.organisationFolder(plan, "tlsca"))
	if err == nil {
		return string(ca.certPEM), nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if roots := n.tlsRoots[plan.MSPID]; roots != "" && !exists(n.organisationFolder(plan, "tlsca")) {
		return roots, nil
	}
	return "", err
}
