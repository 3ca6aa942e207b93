package scanner

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/scanner-api/page"
)

// lot answers a lot's page: everything but a journey, which belongs to one pack.
func (s *Scanner) lot(c *gin.Context, a address, want wanted) {
	s.metrics.uncounted.Inc()
	version := s.index.Version(a.lot)
	if version == 0 {
		s.refuse(c, problemUnknown("lot "+a.lot.String()))
		return
	}
	if want.format == formatLinkset {
		s.sendLinkset(c, a.path())
		return
	}
	now := s.now()
	key := bodyKey{subject: subjectLot, lot: a.lot, version: version, today: trace.TimeOf(now).Date(), format: want.format, language: want.language}
	b, err := s.body(key, now, s.renderLot)
	if err != nil {
		s.failed(c, err)
		return
	}
	s.send(c, want.format, a.path(), b, &filling{})
}

func (s *Scanner) renderLot(key bodyKey) (*body, int64, error) {
	s.metrics.rendered.Inc()
	p, found, err := s.index.Page(key.lot, "", 0, key.today)
	if err != nil {
		return nil, 0, err
	}
	if !found {
		return nil, 0, trace.Errorf(CodeUnknown, "lot %s is not on the ledger", key.lot)
	}
	line := rules.VerdictLine(p.Facts)
	var rendered []byte
	whole := true
	if key.format == formatJSON {
		rendered, err = renderDocument(`{"address":"`+lotPath(key.lot)+`",`, newDocument(p, line))
	} else {
		rendered, whole, err = s.renderStory(key, p, line, nil)
	}
	if err != nil {
		return nil, 0, err
	}
	return s.cut(rendered, whole)
}

const (
	// productLots is how many lots, the newest, a product's page lists.
	productLots = 30
	// productAge is how old a product's page may be: unlike a lot a product has no
	// version, and a new lot on it is no emergency.
	productAge = 5 * time.Second
)

// productDocument is the JSON of a product's page.
type productDocument struct {
	Product *index.Product `json:"product"`
	Lots    []lotStanding  `json:"lots"`
}

type lotStanding struct {
	ID   trace.LotID              `json:"id"`
	Lot  index.Typed[trace.Batch] `json:"batch"`
	Line rules.Line               `json:"line"`
}

// product answers a product's page: its label, its lots and how they stand.
func (s *Scanner) product(c *gin.Context, a address, want wanted) {
	s.metrics.uncounted.Inc()
	product, found, err := s.index.Product(a.lot.GTIN)
	if err != nil {
		s.failed(c, err)
		return
	}
	if !found {
		s.refuse(c, problemUnknown("product "+string(a.lot.GTIN)))
		return
	}
	if want.format == formatLinkset {
		s.sendLinkset(c, a.path())
		return
	}
	now := s.now()
	key := bodyKey{
		subject: subjectProduct, lot: a.lot, version: uint64(now.UnixNano() / int64(productAge)), today: trace.TimeOf(now).Date(),
		format: want.format, language: want.language,
	}
	b, err := s.bodies.Load(key, func() (*body, int64, error) { return s.renderProduct(key, product) })
	if err != nil {
		s.failed(c, err)
		return
	}
	s.send(c, want.format, a.path(), b, &filling{})
}

func (s *Scanner) renderProduct(key bodyKey, product *index.Product) (*body, int64, error) {
	s.metrics.rendered.Inc()
	lots, err := s.standings(key)
	if err != nil {
		return nil, 0, err
	}
	var rendered []byte
	if key.format == formatJSON {
		rendered, err = json.Marshal(productDocument{product, lots})
	} else {
		rendered, err = s.renderProductPage(key, product, lots)
	}
	if err != nil {
		return nil, 0, err
	}
	return s.cut(rendered, true)
}

func (s *Scanner) standings(key bodyKey) ([]lotStanding, error) {
	batches, _, err := s.index.LotsFor(key.lot.GTIN, "", productLots)
	if err != nil {
		return nil, err
	}
	lots := make([]lotStanding, 0, len(batches))
	for _, b := range batches {
		facts, found, err := s.index.PageFacts(b.Record.LotID, "", 0, key.today)
		if err != nil {
			return nil, err
		}
		if found {
			lots = append(lots, lotStanding{b.Record.LotID, b, rules.VerdictLine(facts)})
		}
	}
	return lots, nil
}

func (s *Scanner) renderProductPage(key bodyKey, product *index.Product, lots []lotStanding) ([]byte, error) {
	subject := page.ProductSubject{Product: product, Root: productPath(key.lot.GTIN), Parties: map[trace.PartyID]*index.Party{}, Today: key.today}
	for _, id := range []trace.PartyID{product.Record.Producer, product.Record.Merchant} {
		party, found, err := s.index.Party(id)
		if err != nil {
			return nil, err
		}
		if found {
			subject.Parties[id] = party
		}
	}
	for _, l := range lots {
		subject.Lots = append(subject.Lots, page.LotFacts{ID: l.ID, Made: l.Lot.Record.Made, Quantity: l.Lot.Record.Quantity, Line: l.Line, Link: lotPath(l.ID)})
	}
	var out bytes.Buffer
	err := s.renderer.Render(&out, key.language, page.BuildProduct(key.language, subject))
	return out.Bytes(), err
}
