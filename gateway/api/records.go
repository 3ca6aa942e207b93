package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

// Me says who a token stands for.
type Me struct {
	Name  string     `json:"name"`
	Party string     `json:"party"`
	Role  trace.Role `json:"role"`
	MSP   string     `json:"msp"`
}

func (a *API) me(c *gin.Context) (answer, error) {
	who := callerOf(c)
	return answer{http.StatusOK, Me{Name: who.Token.Name, Party: who.Identity.Party, Role: trace.Role(who.Identity.Role), MSP: who.Identity.MSPID}}, nil
}

// RecordPage is a page of a list; Next is the cursor of the page after it.
type RecordPage struct {
	Records []Record `json:"records"`
	Next    string   `json:"next,omitempty"`
}

// Record is a record with its provenance.
type Record = index.Record

func (a *API) readRecord(c *gin.Context) (answer, error) {
	key := trace.Key(strings.TrimPrefix(c.Param("key"), "/"))
	record, found, err := a.Index.Record(key)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, trace.Errorf(trace.CodeNotFound, "there is no record %s", key)
	}
	return answer{http.StatusOK, record}, nil
}

func (a *API) listRecords(c *gin.Context) (answer, error) {
	query := index.ListQuery{Kind: c.Query("kind"), Party: trace.PartyID(c.Query("party")), Cursor: c.Query("cursor"), Limit: 50}
	if gtin := c.Query("gtin"); gtin != "" {
		lot := trace.LotID{GTIN: trace.GTIN(gtin), Lot: trace.LotNumber(c.Query("lot"))}
		if err := lot.Validate(); err != nil {
			return answer{}, err
		}
		query.Lot = &lot
	}
	if text := c.Query("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > 200 {
			return answer{}, trace.Errorf(trace.CodeInvalid, "limit %q must be 1 to 200", text)
		}
		query.Limit = limit
	}
	records, next, err := a.Index.List(query)
	if err != nil {
		return answer{}, err
	}
	if records == nil {
		records = []Record{}
	}
	return answer{http.StatusOK, RecordPage{Records: records, Next: next}}, nil
}

func (a *API) readLot(c *gin.Context) (answer, error) {
	id := trace.LotID{GTIN: trace.GTIN(c.Param("gtin")), Lot: trace.LotNumber(strings.TrimPrefix(c.Param("lot"), "/"))}
	if err := id.Validate(); err != nil {
		return answer{}, err
	}
	lot, found, err := a.Index.Lot(id)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, trace.Errorf(trace.CodeNotFound, "there is no lot %s", id)
	}
	return answer{http.StatusOK, lot}, nil
}
