package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/label"
)

// CodeRun is a run of a pack's codes that a caller may print. Only CodeRun makes one.
type CodeRun struct {
	party       string // whose it is
	pack        trace.PackID
	lot         *trace.LotID // nil while the pack is not bound
	first, last int64
}

// CodeRun finds the items first to last of a caller's own pack; 0 stands for the
// pack's first and last item.
func (a *API) CodeRun(who Caller, typed string, first, last int64) (CodeRun, error) {
	pack, err := rules.ParsePackID(typed)
	if err != nil {
		return CodeRun{}, err
	}
	known, found, err := a.Index.Pack(pack)
	if err != nil {
		return CodeRun{}, err
	}
	if !found {
		return CodeRun{}, trace.Errorf(trace.CodeNotFound, "there is no pack %s", pack)
	}
	if err := a.ownOrNew(who, pack); err != nil {
		return CodeRun{}, err
	}
	if first == 0 {
		first = 1
	}
	if last == 0 {
		last = known.Status.Count
	}
	if first < 1 || last > known.Status.Count || first > last {
		return CodeRun{}, trace.Errorf(trace.CodeInvalid, "items %d to %d are not within 1 to %d", first, last, known.Status.Count)
	}
	return CodeRun{party: who.Token.Party, pack: pack, lot: known.Status.Lot, first: first, last: last}, nil
}

func (r CodeRun) atMost(most int64) error {
	if n := r.last - r.first + 1; n > most {
		return trace.Errorf(trace.CodeTooLarge, "%d items at once, at most %d: name first and last", n, most)
	}
	return nil
}

// address is what an item's code says: the GS1 Digital Link once the pack is bound,
// the short form before.
func (a *API) address(r CodeRun, serial trace.Serial) string {
	if r.lot == nil {
		return a.short(r, serial)
	}
	return a.PublicBase + "/01/" + string(r.lot.GTIN) + "/10/" + url.PathEscape(string(r.lot.Lot)) + "/21/" + string(serial)
}

func (a *API) short(r CodeRun, serial trace.Serial) string {
	return a.PublicBase + "/c/" + string(r.pack) + string(serial)
}

// WriteCodes writes a run as CSV: item number, serial, printed address, short form.
// Nothing is written when the codes cannot be read.
func (a *API) WriteCodes(to io.Writer, r CodeRun) error {
	serials, err := a.codes.Serials(r.pack, r.first, r.last)
	if err != nil {
		return err
	}
	w := csv.NewWriter(to)
	_ = w.Write([]string{"item", "serial", "address", "short"}) // what fails here, Flush reports
	for item, serial := range serials {
		if w.Write([]string{strconv.FormatInt(item, 10), string(serial), a.address(r, serial), a.short(r, serial)}) != nil {
			break
		}
	}
	w.Flush()
	return w.Error()
}

// Labels draws a run's labels: a PDF of sheets or a roll, or one item's PNG or SVG.
// Empty names mean the first of layouts and formats.
func (a *API) Labels(r CodeRun, layoutName, format string) (media string, content []byte, err error) {
	layout, err := layoutOf(layoutName)
	if err != nil {
		return "", nil, err
	}
	most := int64(label.MaxItems)
	if format != "" && format != "pdf" {
		most = 1
	}
	if err := r.atMost(most); err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	err = a.heavy(context.Background(), r.party, func() error {
		media, err = a.draw(&out, r, layout, format)
		return err
	})
	return media, out.Bytes(), err
}

func (a *API) draw(to io.Writer, r CodeRun, layout label.Layout, format string) (media string, err error) {
	items, err := a.labelItems(r)
	if err != nil {
		return "", err
	}
	switch format {
	case "", "pdf":
		return "application/pdf", label.PDF(to, layout, items)
	case "png":
		return "image/png", label.PNG(to, items[0], layout.Width, layout.Height)
	case "svg":
		return "image/svg+xml", label.SVG(to, items[0], layout.Width, layout.Height)
	}
	return "", trace.Errorf(trace.CodeInvalid, "format %q must be pdf, png or svg", format)
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

// labelItems says what each label of a run says.
func (a *API) labelItems(r CodeRun) ([]label.Item, error) {
	serials, err := a.codes.Serials(r.pack, r.first, r.last)
	if err != nil {
		return nil, err
	}
	blank := label.Item{}
	if r.lot != nil {
		blank.GTIN, blank.Lot = r.lot.GTIN, r.lot.Lot
		product, found, err := a.Index.Product(r.lot.GTIN)
		if err != nil {
			return nil, err
		}
		if found {
			blank.Product, blank.ProductEnglish, blank.Note = product.Record.Name, product.Record.NameEnglish, product.Record.LabelContent
		}
	}
	items := make([]label.Item, 0, r.last-r.first+1)
	for _, serial := range serials {
		item := blank
		item.Serial, item.Link, item.Short = serial, a.address(r, serial), string(r.pack)+string(serial)
		items = append(items, item)
	}
	return items, nil
}

// runOf reads the pack and the query of a route.
func (a *API) runOf(c *gin.Context) (CodeRun, error) {
	var bounds [2]int64
	for i, name := range []string{"first", "last"} {
		text := c.Query(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return CodeRun{}, trace.Errorf(trace.CodeInvalid, "%s %q is not an item number", name, text)
		}
		bounds[i] = n
	}
	return a.CodeRun(callerOf(c), c.Param("pack"), bounds[0], bounds[1])
}

func (a *API) listCodes(c *gin.Context) {
	run, err := a.runOf(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="codes-`+string(run.pack)+`.csv"`)
	c.Header("Cache-Control", "no-store")
	// Once bytes are out, the client's broken connection is all that can fail.
	if err := a.WriteCodes(c.Writer, run); err != nil && !c.Writer.Written() {
		c.Writer.Header().Del("Content-Disposition")
		a.fail(c, err)
	}
}

func (a *API) labels(c *gin.Context) {
	run, err := a.runOf(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	// Drawn into memory first, so that a failure is still an answer.
	media, content, err := a.Labels(run, c.Query("layout"), c.Query("format"))
	if err != nil {
		a.fail(c, err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, media, content)
}
