package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/codes"
	"traceledger/gateway/label"
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
	pack := order.Pack
	if pack == "" {
		pack = codes.PackOf(who.Identity.MSPID, trace.PartyID(who.Identity.Party), key)
	}
	pack, err := rules.ParsePackID(string(pack))
	if err != nil {
		return CodesMade{}, err
	}
	if err := a.ownOrNew(who, pack); err != nil {
		return CodesMade{}, err
	}
	made, err := a.codes.Make(pack, order.Count)
	if err != nil {
		return CodesMade{}, err
	}
	file, err := a.Store.Files().Keep(made.LeafFile, store.About{MediaType: "application/octet-stream", Uploader: who.Token.Party})
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

// printed is a run of a pack's codes that the caller may print.
type printed struct {
	pack        trace.PackID
	lot         *trace.LotID
	first, last int64
}

func (a *API) printable(c *gin.Context, most int64) (printed, error) {
	pack, err := rules.ParsePackID(c.Param("pack"))
	if err != nil {
		return printed{}, err
	}
	known, found, err := a.Index.Pack(pack)
	if err != nil {
		return printed{}, err
	}
	if !found {
		return printed{}, trace.Errorf(trace.CodeNotFound, "there is no pack %s", pack)
	}
	if err := a.ownOrNew(callerOf(c), pack); err != nil {
		return printed{}, err
	}
	p := printed{pack: pack, lot: known.Status.Lot, first: 1, last: known.Status.Count}
	for _, bound := range []struct {
		name string
		to   *int64
	}{{"first", &p.first}, {"last", &p.last}} {
		if text := c.Query(bound.name); text != "" {
			if *bound.to, err = strconv.ParseInt(text, 10, 64); err != nil {
				return printed{}, trace.Errorf(trace.CodeInvalid, "%s %q is not an item number", bound.name, text)
			}
		}
	}
	if p.first < 1 || p.last > known.Status.Count || p.first > p.last {
		return printed{}, trace.Errorf(trace.CodeInvalid, "items %d to %d are not within 1 to %d", p.first, p.last, known.Status.Count)
	}
	if p.last-p.first >= most {
		return printed{}, trace.Errorf(trace.CodeTooLarge, "%d items at once, at most %d: name first and last", p.last-p.first+1, most)
	}
	return p, nil
}

// address is what an item's code says: the GS1 Digital Link once the pack is bound,
// the short form before.
func (a *API) address(p printed, serial trace.Serial) string {
	if p.lot == nil {
		return a.PublicBase + "/c/" + string(p.pack) + string(serial)
	}
	return a.PublicBase + "/01/" + string(p.lot.GTIN) + "/10/" + url.PathEscape(string(p.lot.Lot)) + "/21/" + string(serial)
}

func (a *API) listCodes(c *gin.Context) {
	p, err := a.printable(c, trace.MaxPackCount)
	if err != nil {
		a.fail(c, err)
		return
	}
	serials, err := a.codes.Serials(p.pack, p.first, p.last)
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="codes-`+string(p.pack)+`.csv"`)
	c.Header("Cache-Control", "no-store")
	w := csv.NewWriter(c.Writer)
	// The client's broken connection is the only thing that can fail below.
	_ = w.Write([]string{"item", "serial", "address", "short"})
	for item, serial := range serials {
		if w.Write([]string{strconv.FormatInt(item, 10), string(serial), a.address(p, serial), a.PublicBase + "/c/" + string(p.pack) + string(serial)}) != nil {
			return
		}
	}
	w.Flush()
}

func (a *API) labels(c *gin.Context) {
	if err := a.drawLabels(c); err != nil {
		a.fail(c, err)
	}
}

// Label sizes in millimetres, by name: the A4 sheet of 24, and rolls.
func layoutOf(name string) (label.Layout, error) {
	switch name {
	case "", "a4-24":
		return label.A4Grid(), nil
	case "roll-70x37":
		return label.Roll(70, 37), nil
	case "roll-60x40":
		return label.Roll(60, 40), nil
	}
	return label.Layout{}, trace.Errorf(trace.CodeInvalid, "layout %q must be a4-24, roll-70x37 or roll-60x40", name)
}

// drawLabels draws into memory first, so that a failure is still an answer.
func (a *API) drawLabels(c *gin.Context) error {
	layout, err := layoutOf(c.Query("layout"))
	if err != nil {
		return err
	}
	format, most := c.DefaultQuery("format", "pdf"), int64(label.MaxItems)
	if format != "pdf" {
		most = 1
	}
	p, err := a.printable(c, most)
	if err != nil {
		return err
	}
	items, err := a.labelItems(p)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	media := ""
	switch format {
	case "pdf":
		media, err = "application/pdf", label.PDF(&out, layout, items)
	case "png":
		media, err = "image/png", label.PNG(&out, items[0], layout.Width, layout.Height)
	case "svg":
		media, err = "image/svg+xml", label.SVG(&out, items[0], layout.Width, layout.Height)
	default:
		err = trace.Errorf(trace.CodeInvalid, "format %q must be pdf, png or svg", format)
	}
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, media, out.Bytes())
	return nil
}

// labelItems says what each label of a run says.
func (a *API) labelItems(p printed) ([]label.Item, error) {
	serials, err := a.codes.Serials(p.pack, p.first, p.last)
	if err != nil {
		return nil, err
	}
	blank := label.Item{}
	if p.lot != nil {
		blank.GTIN, blank.Lot = p.lot.GTIN, p.lot.Lot
		product, found, err := a.Index.Product(p.lot.GTIN)
		if err != nil {
			return nil, err
		}
		if found {
			blank.Product, blank.ProductEnglish, blank.Note = product.Record.Name, product.Record.NameEnglish, product.Record.LabelContent
		}
	}
	items := make([]label.Item, 0, p.last-p.first+1)
	for _, serial := range serials {
		item := blank
		item.Serial, item.Link, item.Short = serial, a.address(p, serial), string(p.pack)+string(serial)
		items = append(items, item)
	}
	return items, nil
}
