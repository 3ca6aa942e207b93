package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/codes"
	"traceledger/gateway/store"
)

// CodeOrder asks for a pack of item codes.
type CodeOrder struct {
	Count int64 `json:"count"`
	// Lot binds the pack at once; without it the pack is a pre-printed roll, bound
	// later by /v1/code-pack-activations.
	Lot     *trace.LotID `json:"lot,omitempty"`
	Claimed trace.Time   `json:"claimed,omitempty"` // default: now
	// Pack names the pack, eight characters of the serial alphabet; default: derived
	// from the idempotency key.
	Pack trace.PackID `json:"pack,omitempty"`
}

// CodesMade is the answer to an order.
type CodesMade struct {
	Pack      trace.PackID `json:"pack"`
	Count     int64        `json:"count"`
	Root      trace.Digest `json:"root"`
	LeafFile  trace.Digest `json:"leafFile"`
	Issued    Written      `json:"issued"`
	Activated *Written     `json:"activated,omitempty"`
}

func (a *API) orderCodes(c *gin.Context) (answer, error) {
	body, err := readBody(c, a.Limits.BodyBytes)
	if err != nil {
		return answer{}, err
	}
	// The contract's own decoder does not see this body, so it is read strictly here.
	var order CodeOrder
	if err := decodeStrict(body, &order); err != nil {
		return answer{}, err
	}
	key := c.GetHeader("Idempotency-Key")
	if _, err := insertKey([]byte("{}"), key); err != nil {
		return answer{}, err
	}
	made, err := a.Order(c.Request.Context(), callerOf(c), key, order)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, made}, nil
}

// Order makes a pack, publishes its leaf file, issues it on the chain and, when a lot
// is named, activates it. Repeating an order, also one that broke off half way, ends
// in the same pack.
func (a *API) Order(ctx context.Context, who Caller, key string, order CodeOrder) (CodesMade, error) {
	pack, err := packOf(who, key, order)
	if err != nil {
		return CodesMade{}, err
	}
	if err := mayIssue(who); err != nil {
		return CodesMade{}, err
	}
	if err := a.ownOrNew(who, pack); err != nil {
		return CodesMade{}, err
	}
	if err := a.MayBind(who, pack, order); err != nil {
		return CodesMade{}, err
	}
	made, file, err := a.makePack(ctx, who, pack, order.Count)
	if err != nil {
		return CodesMade{}, err
	}
	claimed := order.Claimed
	if claimed == 0 {
		claimed = made.Made
	}
	out := CodesMade{Pack: pack, Count: order.Count, Root: made.Root, LeafFile: trace.Digest(file.Hash)}
	if out.Issued, err = a.send(ctx, who, "code:IssuePack", key, trace.IssuePackRequest{
		Write: trace.Write{IdempotencyKey: key, Claimed: claimed}, Pack: pack, Count: order.Count, Root: made.Root, LeafFile: out.LeafFile,
	}); err != nil || order.Lot == nil {
		return out, err
	}
	activated, err := a.send(ctx, who, "code:ActivatePack", key, trace.ActivatePackRequest{
		Write: trace.Write{IdempotencyKey: key, Claimed: claimed}, Pack: pack, LotID: *order.Lot,
	})
	if err != nil {
		return out, err
	}
	out.Activated = &activated
	return out, nil
}

// packOf is the id of an order's pack: the one it names, or one made of who orders it
// under which key.
func packOf(who Caller, key string, order CodeOrder) (trace.PackID, error) {
	pack := order.Pack
	if pack == "" {
		pack = codes.PackOf(who.Identity.MSPID, trace.PartyID(who.Identity.Party), key)
	}
	return rules.ParsePackID(string(pack))
}

// mayIssue refuses whoever the chain would refuse by role, before up to 32 MB are
// made and kept for them.
func mayIssue(who Caller) error {
	m, err := methodOf("code:IssuePack")
	if err != nil {
		return err
	}
	if !slices.Contains(m.Roles, trace.Role(who.Identity.Role)) {
		return trace.Errorf(trace.CodeForbidden, "%s is not for role %s, only for %v", m.Transaction(), who.Identity.Role, m.Roles)
	}
	return nil
}

// makePack makes a pack's codes and keeps the list of their leaves.
func (a *API) makePack(ctx context.Context, who Caller, pack trace.PackID, count int64) (made codes.Pack, file store.File, err error) {
	err = a.heavy(ctx, who.Token.Party, func() error {
		if made, err = a.codes.Make(pack, count); err != nil {
			return err
		}
		file, err = a.Store.Files().Keep(made.LeafFile, store.About{MediaType: mediaBytes, Uploader: who.Token.Party})
		made.LeafFile = nil // kept
		return err
	})
	return made, file, err
}

// taken is how much of a lot is in other lots or released to others.
func (a *API) taken(lot trace.LotID) (trace.TakenQuantity, error) {
	var taken trace.TakenQuantity
	record, found, err := a.Index.Record(state.BatchInputsKey(lot))
	if err != nil || !found {
		return taken, err
	}
	return taken, json.Unmarshal(record.Value, &taken)
}

// MayBind judges an order that names a lot by what the read model shows, so that what
// the chain would refuse to bind is not issued first: such an order makes its pack and
// binds it, or makes nothing. The chain still decides; of two orders at once for the
// last items of a lot, one may end as a pack that waits for another lot.
func (a *API) MayBind(who Caller, pack trace.PackID, order CodeOrder) error {
	if order.Lot == nil {
		return nil
	}
	status := trace.PackStatus{State: trace.PackIssued, Count: order.Count, Owner: trace.PartyID(who.Identity.Party)}
	if known, found, err := a.Index.Pack(pack); err != nil {
		return err
	} else if found {
		status = known.Status
	}
	if status.Lot != nil && *status.Lot == *order.Lot {
		return nil // an order repeated
	}
	if err := order.Lot.Validate(); err != nil {
		return err
	}
	story, found, err := a.Index.Lot(*order.Lot)
	if err != nil {
		return err
	}
	if !found {
		return trace.Errorf(trace.CodeNotFound, "lot %s is not registered", *order.Lot)
	}
	if story.Product == nil {
		return nil // not shown here yet: for the chain to judge
	}
	lot, bound := rules.Lot{Batch: &story.Batch.Record}, trace.BoundItems{}
	if story.Completion != nil {
		lot.Completion = &story.Completion.Record
	}
	for _, p := range story.Packs {
		bound.Count += p.Status.Count
	}
	claimed := order.Claimed
	if claimed == 0 {
		claimed = trace.TimeOf(time.Now())
	}
	request := &trace.ActivatePackRequest{Write: trace.Write{Claimed: claimed}, Pack: pack, LotID: *order.Lot}
	_, bound, err = rules.ActivatePack(request, status.Owner, &status, lot, &story.Product.Record, bound)
	if err != nil {
		return err
	}
	taken, err := a.taken(*order.Lot)
	if err != nil {
		return err
	}
	if err := rules.UsedOnce(lot, &story.Product.Record, bound, taken, trace.CodeTooManyCodes); err != nil {
		return err
	}
	lots, recalls := []trace.LotID{story.ID}, []*trace.Recall{story.Recall}
	for _, a := range story.Ancestors {
		lots, recalls = append(lots, a.ID), append(recalls, a.Recall)
	}
	return rules.NotRecalled(lots, recalls)
}

func (a *API) send(ctx context.Context, who Caller, transaction, key string, request any) (Written, error) {
	m, err := methodOf(transaction)
	if err != nil {
		return Written{}, err
	}
	arguments, err := json.Marshal(request)
	if err != nil {
		return Written{}, err
	}
	return a.Write(ctx, who, m, key, arguments)
}

// ownOrNew refuses another party's pack before its seed is touched.
func (a *API) ownOrNew(who Caller, pack trace.PackID) error {
	known, found, err := a.Index.Pack(pack)
	if err != nil || !found {
		return err
	}
	if string(known.Status.Owner) != who.Identity.Party {
		return trace.Errorf(trace.CodeForbidden, "pack %s belongs to %s", pack, known.Status.Owner)
	}
	return nil
}
