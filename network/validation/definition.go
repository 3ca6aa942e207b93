package validation

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"
)

// LifecycleNamespace is where Fabric keeps committed chaincode definitions.
const LifecycleNamespace = "_lifecycle"

// Definition is a chaincode as the channel agreed on it.
type Definition struct {
	Name     string
	Version  string
	Sequence int64
	// Policy is the chaincode's endorsement policy.
	Policy      *peer.ApplicationPolicy
	Collections []*peer.StaticCollectionConfig
}

// Collection returns the named collection, the implicit one of an organisation
// included, or nil.
func (d *Definition) Collection(name string) *peer.StaticCollectionConfig {
	for _, c := range d.Collections {
		if c.GetName() == name {
			return c
		}
	}
	if mspID, ok := implicitOrganisation(name); ok {
		return &peer.StaticCollectionConfig{
			Name: name,
			MemberOrgsPolicy: &peer.CollectionPolicyConfig{
				Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: signedByMember(mspID)},
			},
		}
	}
	return nil
}

// SequenceKey is the key that changes with every new definition of a chaincode.
// Endorsers read it in every simulation, so a transaction endorsed under an old
// definition is a read conflict under the new one.
func SequenceKey(chaincode string) string { return fieldKey(chaincode, "Sequence") }

func fieldKey(chaincode, field string) string {
	return "namespaces/fields/" + chaincode + "/" + field
}

// DefinitionFields returns the keys and values in LifecycleNamespace that hold
// the definition, in the form in which a Fabric peer stores them.
func DefinitionFields(d *Definition) (map[string][]byte, error) {
	policy, err := proto.Marshal(d.Policy)
	if err != nil {
		return nil, fmt.Errorf("endorsement policy of chaincode %s: %w", d.Name, err)
	}
	collections := &peer.CollectionConfigPackage{}
	for _, c := range d.Collections {
		collections.Config = append(collections.Config, &peer.CollectionConfig{
			Payload: &peer.CollectionConfig_StaticCollectionConfig{StaticCollectionConfig: c},
		})
	}
	out := map[string][]byte{}
	metadata, err := proto.Marshal(&lifecycle.StateMetadata{
		Datatype: "ChaincodeDefinition",
		Fields:   []string{"Sequence", "EndorsementInfo", "ValidationInfo", "Collections"},
	})
	if err != nil {
		return nil, err
	}
	out["namespaces/metadata/"+d.Name] = metadata
	sequence, err := proto.Marshal(&lifecycle.StateData{Type: &lifecycle.StateData_Int64{Int64: d.Sequence}})
	if err != nil {
		return nil, err
	}
	out[SequenceKey(d.Name)] = sequence
	for field, message := range map[string]proto.Message{
		"EndorsementInfo": &lifecycle.ChaincodeEndorsementInfo{Version: d.Version, EndorsementPlugin: "escc"},
		"ValidationInfo":  &lifecycle.ChaincodeValidationInfo{ValidationPlugin: "vscc", ValidationParameter: policy},
		"Collections":     collections,
	} {
		raw, err := proto.Marshal(message)
		if err != nil {
			return nil, err
		}
		raw, err = proto.Marshal(&lifecycle.StateData{Type: &lifecycle.StateData_Bytes{Bytes: raw}})
		if err != nil {
			return nil, err
		}
		out[fieldKey(d.Name, field)] = raw
	}
	return out, nil
}

// ReadDefinition returns the committed definition of a chaincode, nil when
// there is none.
func ReadDefinition(state State, chaincode string) (*Definition, error) {
	d := &Definition{Name: chaincode}
	data, err := field(state, chaincode, "Sequence")
	if err != nil || data == nil {
		return nil, err
	}
	d.Sequence = data.GetInt64()

	endorsement := &lifecycle.ChaincodeEndorsementInfo{}
	if err := message(state, chaincode, "EndorsementInfo", endorsement); err != nil {
		return nil, err
	}
	d.Version = endorsement.GetVersion()

	validation := &lifecycle.ChaincodeValidationInfo{}
	if err := message(state, chaincode, "ValidationInfo", validation); err != nil {
		return nil, err
	}
	d.Policy = &peer.ApplicationPolicy{}
	if err := proto.Unmarshal(validation.GetValidationParameter(), d.Policy); err != nil {
		return nil, fmt.Errorf("endorsement policy of chaincode %s: %w", chaincode, err)
	}

	collections := &peer.CollectionConfigPackage{}
	if err := message(state, chaincode, "Collections", collections); err != nil {
		return nil, err
	}
	for _, c := range collections.GetConfig() {
		if static := c.GetStaticCollectionConfig(); static != nil {
			d.Collections = append(d.Collections, static)
		}
	}
	return d, nil
}

func field(state State, chaincode, name string) (*lifecycle.StateData, error) {
	v, err := state.Public(LifecycleNamespace, fieldKey(chaincode, name))
	if err != nil || v == nil {
		return nil, err
	}
	data := &lifecycle.StateData{}
	if err := proto.Unmarshal(v.Value, data); err != nil {
		return nil, fmt.Errorf("%s of chaincode %s: %w", name, chaincode, err)
	}
	return data, nil
}

func message(state State, chaincode, name string, into proto.Message) error {
	data, err := field(state, chaincode, name)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data.GetBytes(), into); err != nil {
		return fmt.Errorf("%s of chaincode %s: %w", name, chaincode, err)
	}
	return nil
}
