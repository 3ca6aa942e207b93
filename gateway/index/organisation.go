package index

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// organisation is what the chain holds about an organisation that joined later, up to the
// transaction that is being folded.
type organisation struct {
	joined *trace.Organisation
	end    *trace.OrganisationEnd
}

// admitJoined is admit for a writer whose organisation is not a founding one: what kind it
// is of, and whether it is a member, the transactions before this one say.
func (f *fold) admitJoined(t *transaction) (*trace.Error, error) {
	known, err := f.organisation(t.writer.msp)
	if err != nil {
		return nil, err
	}
	kind, refusal := rules.KindOf(t.writer.msp, known.joined, known.end, t.recorded.Date())
	if refusal != nil {
		return trace.Errorf(ReasonWriter, "%v", refusal), nil
	}
	return admit(t, kind), nil
}

// organisation reads what is known of an organisation, once.
func (f *fold) organisation(msp string) (*organisation, error) {
	if known, ok := f.organisations[msp]; ok {
		return known, nil
	}
	known := &organisation{}
	var err error
	if known.joined, err = recordOf[trace.Organisation](f.index, state.OrganisationKey(msp)); err != nil {
		return nil, err
	}
	if known.end, err = recordOf[trace.OrganisationEnd](f.index, state.OrganisationEndKey(msp)); err != nil {
		return nil, err
	}
	f.organisations[msp] = known
	return known, nil
}

// noteOrganisation keeps what the batch holds and the database does not show yet.
func (f *fold) noteOrganisation(w *write) error {
	known, err := f.organisation(w.parts[0])
	if err != nil {
		return err
	}
	if w.kind.id == state.KindOrganisation {
		known.joined, err = decoded[trace.Organisation](w)
	} else {
		known.end, err = decoded[trace.OrganisationEnd](w)
	}
	return err
}

// relateOrganisation refuses what the fold could not go by.
func relateOrganisation(w *write, l *links) error {
	v, err := decoded[trace.Organisation](w)
	if err != nil {
		return err
	}
	if v.Organisation != w.parts[0] || !trace.Founding(v.Kind) {
		return fmt.Errorf("value of %s: organisation %q of kind %q", w.key, v.Organisation, v.Kind)
	}
	return w.decode(&l.head)
}

func relateOrganisationEnd(w *write, l *links) error {
	if _, err := decoded[trace.OrganisationEnd](w); err != nil {
		return err
	}
	return w.decode(&l.head)
}

func decoded[T any](w *write) (*T, error) {
	value := new(T)
	return value, w.decode(value)
}

// recordOf reads a record that is committed, nil when there is none.
func recordOf[T any](x *Index, key trace.Key) (*T, error) {
	rec, found, err := record(x.db, key)
	if err != nil || !found {
		return nil, x.failure(err)
	}
	value := new(T)
	return value, json.Unmarshal(rec.Value, value)
}

// membersOf are the organisations that a configuration of the channel names; nil if it cannot
// be read.
func membersOf(configuration []byte) []string {
	var envelope common.ConfigEnvelope
	if proto.Unmarshal(configuration, &envelope) != nil {
		return nil
	}
	var out []string
	for _, group := range envelope.GetConfig().GetChannelGroup().GetGroups()["Application"].GetGroups() {
		var kept msp.MSPConfig
		var fabric msp.FabricMSPConfig
		if proto.Unmarshal(group.GetValues()["MSP"].GetValue(), &kept) != nil || proto.Unmarshal(kept.GetConfig(), &fabric) != nil {
			return nil
		}
		out = append(out, fabric.GetName())
	}
	slices.Sort(out)
	return out
}

func (f *fold) noteMembers(members []string) error {
	if members == nil {
		return nil
	}
	row, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return f.batch.Set([]byte(rowMembers), row, nil)
}

// channelMembers are those of the channel's newest configuration, nil if none could be read.
func (x *Index) channelMembers() ([]string, error) {
	row, found, err := get(x.db, []byte(rowMembers))
	if err != nil || !found {
		return nil, x.failure(err)
	}
	var members []string
	return members, json.Unmarshal(row, &members)
}

// Organisations lists the organisations whose endorsements count on the channel: the
// founding ones, then those that joined, by name. One that joins counts from its admission
// on; one whose membership has ended until the channel's configuration drops it.
func (x *Index) Organisations() ([]Organisation, error) {
	members, err := x.channelMembers()
	if err != nil {
		return nil, err
	}
	outside := func(msp string) bool { return members != nil && !slices.Contains(members, msp) }
	var out []Organisation
	for _, msp := range trace.MSPs() {
		out = append(out, Organisation{MSP: msp, Kind: msp, Outside: outside(msp)})
	}
	joined, err := records(x.db, prefixOf(state.OrganisationKey("n")))
	if err != nil {
		return nil, x.failure(err)
	}
	for _, rec := range joined {
		var o trace.Organisation
		if err := json.Unmarshal(rec.Value, &o); err != nil {
			return nil, err
		}
		_, ended, err := record(x.db, state.OrganisationEndKey(o.Organisation))
		if err != nil {
			return nil, x.failure(err)
		}
		if ended && outside(o.Organisation) {
			continue
		}
		out = append(out, Organisation{MSP: o.Organisation, Kind: o.Kind, Ended: ended, Outside: outside(o.Organisation)})
	}
	return out, nil
}

// Organisation is a member of the consortium.
type Organisation struct {
	MSP   string `json:"msp"`
	Kind  string `json:"kind"`            // the founding organisation of its kind
	Ended bool   `json:"ended,omitempty"` // its end is on the chain, for today or for a later day
	// Outside: the channel's configuration does not name it, or not yet.
	Outside bool `json:"outside,omitempty"`
}
