package desk

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/floor"
)

// eachMember visits the fields of a type and of everything within it.
func eachMember(t reflect.Type, visit func(member)) {
	for _, m := range members(t) {
		visit(m)
		if w := m.widget(); w == widgetGroup || w == widgetList {
			eachMember(m.structType(), visit)
		}
	}
}

func TestEveryFieldIsNamed(t *testing.T) {
	for _, m := range trace.Methods() {
		eachMember(reflect.TypeOf(m.NewRequest()).Elem(), func(f member) {
			l, known := labelOf(f.owner, f.name)
			require.True(t, known && l.name.zh != "" && l.name.en != "", "%s: %s.%s has no label", m.Transaction(), f.owner, f.name)
		})
	}
	for _, kind := range []string{
		state.KindParty, state.FactStanding, state.KindLicence, state.KindRevocation, state.KindAccreditation, state.KindProduct, state.KindPlot,
		state.KindBatch, state.KindCompletion, state.FactRelease, state.FactLog, state.FactCertificate, state.KindCodePack, state.FactActivation, state.FactPackChange,
		state.FactInspection, state.FactReview, state.KindSSCC, state.KindShipment, state.FactConsignment, state.FactHandover, state.FactArrival, state.FactBinding,
		state.KindSegment, state.KindRule, state.FactVerdict, state.FactVerdictReview, state.FactAction,
		state.KindStream, state.KindStreamClose, state.KindUtterances, state.FactClaim,
	} {
		record := newRecord(kind)
		require.NotNil(t, record, kind)
		for _, f := range described(reflect.TypeOf(record).Elem()) {
			_, known := labelOf(f.owner, f.name)
			require.True(t, known, "%s: %s.%s has no label", kind, f.owner, f.name)
		}
	}
}

// What a form was opened on is what it sends.
func TestFillIsTheInverseOfDecode(t *testing.T) {
	half := trace.Decimal(50_000)
	lot := trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}
	for _, request := range []any{
		&trace.ReportInspectionRequest{
			Write:  trace.Write{Claimed: 1_790_000_000_000, Corrects: "fact/lot/x", CorrectionReason: "抄错"},
			Sample: trace.SampleLot, Lot: &lot, SampledAt: 1_790_000_000_000, ReportedAt: 1_790_000_001_500, CertificateNumber: "R-1",
			Certificate: trace.DigestOf([]byte("r")),
			Items: []trace.InspectionItem{
				{Substance: "spinosad", Method: "GB", Result: trace.ResultNumber, Value: &half, Unit: "mg/kg"},
				{Substance: "asbestos", Method: "GB", Result: trace.ResultNotDetected},
			},
		},
		&trace.RegisterBatchRequest{
			LotID: lot, Write: trace.Write{Claimed: 1_790_000_000_000}, Place: "四川蒲江", Point: trace.Point{Latitude: 30_210_000, Longitude: -103_510_000},
			Plot: "plot-01", Made: 1_790_000_000_000, Quantity: trace.Quantity{Amount: 9_600_500, Unit: trace.Gram},
			Materials: []trace.Material{{Name: "肥", Supplier: "supplier-01"}},
		},
		&trace.RegisterProductRequest{
			Write: trace.Write{Claimed: 1_790_000_000_000}, GTIN: lot.GTIN, Name: "果", Category: trace.CategoryFruit, Commodity: "kiwifruit",
			NetContent: trace.Quantity{Amount: 1, Unit: trace.Piece}, Ingredients: []string{"甲", "乙"}, LicenceNumber: "L", Producer: "farm-01",
			Transport: &trace.TemperatureRange{Minimum: -1_850, Maximum: 0}, DefrostSeconds: 90, ShelfLifeDays: 120, HighRisk: true,
		},
		&trace.IssueCertificateRequest{Write: trace.Write{Claimed: 1_790_000_000_000}, LotID: lot, Basis: []trace.CertificateBasis{trace.BasisOwnTest, trace.BasisDeclaration}, IssuedOn: 20_000},
		&trace.ArriveRequest{Write: trace.Write{Claimed: 1_790_000_000_000}, Shipment: "ship-01", At: 1_790_000_000_000, Place: trace.Place{Name: "杭州"}, BadGoods: 160},
	} {
		values := url.Values{}
		fill(values, reflect.ValueOf(request).Elem(), "")
		back := reflect.New(reflect.TypeOf(request).Elem())
		d := &decoder{values: values}
		d.request(back.Elem(), "")
		require.Empty(t, d.errors, "%T", request)
		want, err := json.Marshal(request)
		require.NoError(t, err)
		got, err := json.Marshal(back.Interface())
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
	}
}

func TestTheFieldOfARefusal(t *testing.T) {
	form := buildForm(Chinese, trace.RoleFarm, &trace.RegisterPlotRequest{}, url.Values{}, nil)
	for message, name := range map[string]string{
		`plot "X" must be lower-case letters`: "plot", "area 0 must be positive": "area", "point: latitude 1": "point.latitude",
		"claimed 2030-01-01T00:00:00Z lies after now": "claimed",
	} {
		f, found := fieldOf(trace.CodeInvalid, message, form.all)
		require.True(t, found, message)
		require.Equal(t, name, f.Name)
	}
	_, found := fieldOf(trace.CodeInvalid, "nothing of the form", form.all)
	require.False(t, found)

	form = buildForm(Chinese, trace.RoleFarm, &trace.RegisterBatchRequest{}, url.Values{}, nil)
	f, found := fieldOf(trace.CodeYield, "30000000 g: plot plot-08 of 5333 m² gives at most 8000000 g a season, 100 are left", form.all)
	require.True(t, found)
	require.Equal(t, "quantity", f.Name, "not the plot, whose name comes first")

	form = buildForm(Chinese, trace.RoleCarrier, &trace.DispatchRequest{}, url.Values{}, nil)
	f, found = fieldOf(trace.CodeOutOfRange, "target.point: latitude 120300000, longitude 30400000; latitude must be within ±90°", form.all)
	require.True(t, found)
	require.Equal(t, "target.point.latitude", f.Name, "not the place it starts from, whose fields come first")
}

func TestWhatIsTypedAsPeopleDo(t *testing.T) {
	d := decoder{values: url.Values{"claimed": {"2026-10-18T16:00"}, "gtin": {"952000010 0018"}, "lot": {"PJ1"}, "place": {"蒲江"}, "point.latitude": {"30,205"}, "point.longitude": {"1O3.5"}, "quantity.amount": {"9,600"}, "quantity.unit": {"kg"}}}
	q := &trace.RegisterBatchRequest{}
	d.request(reflect.ValueOf(q).Elem(), "")
	require.Equal(t, trace.GTIN("09520000100018"), q.GTIN, "the 13 digits that are printed")
	said := map[string]string{}
	for _, e := range d.errors {
		said[e.name] = e.text.zh
	}
	require.Equal(t, map[string]string{
		"point.latitude":  "应为数字，小数位不要太多；不写逗号，小数点写“.”",
		"point.longitude": "应为数字，小数位不要太多；这里有字母（O 或 l），请改成数字 0 或 1",
		"quantity":        "应为数字，如 9600；不写逗号，小数点写“.”",
	}, said)
}

// Terms may overlap, as those of two rules do: all that is found is marked, once.
func TestMarked(t *testing.T) {
	text := "孕妇也能用，三天治好激素脸。"
	at := func(words string) floor.Term {
		begin := strings.Index(text, words)
		return floor.Term{Begin: begin, End: begin + len(words)}
	}
	said := ""
	for _, p := range marked(text, []floor.Term{at("用，三天治好激素脸"), at("孕妇也能用"), at("治好"), {Begin: 3, End: 1000}}) {
		if p.Marked {
			said += "[" + p.Text + "]"
		} else {
			said += p.Text
		}
	}
	require.Equal(t, "[孕妇也能用][，三天治好激素脸]。", said)
	require.Equal(t, []piece{{"x", false}}, marked("x", nil))
}

// What a list offers and what is typed beside it are one value, or one list of them.
func TestRecordsAreChosenOrTyped(t *testing.T) {
	values := url.Values{"kind": {"recall"}, "causes": {"fact/a", "fact/b", "fact/b\nfact/typed"}, "undoes": {"", "fact/lifted"}, "inspection": {"fact/a", ""}}
	var request trace.TakeActionRequest
	(&decoder{values: values}).request(reflect.ValueOf(&request).Elem(), "")
	require.Equal(t, []trace.Key{"fact/a", "fact/b", "fact/typed"}, request.Causes)
	require.Equal(t, trace.Key("fact/lifted"), request.Undoes)
	require.Equal(t, trace.Key("fact/a"), request.Inspection)

	form := buildForm(Chinese, trace.RoleRegulator, &request, values, nil)
	form.offer([]suggestions{
		{ID: "known-cause", Records: true, Values: []known{{"fact/a", "甲"}, {"fact/b", "乙"}, {"fact/c", "丙"}}},
		{ID: "known-inspection", Records: true, Values: []known{{"fact/a", "甲"}}}, {ID: "known-action", Records: true},
	})
	found := map[string]*field{}
	for _, n := range form.Main {
		if n.Field != nil {
			found[n.Field.Name] = n.Field
		}
	}
	causes := found["causes"]
	require.Equal(t, widgetRecords, causes.Widget)
	require.Equal(t, []option{{"fact/a", "甲", true}, {"fact/b", "乙", true}, {"fact/c", "丙", false}}, causes.Options)
	require.Equal(t, "fact/typed", causes.Lines(), "what no list offers stays typed")
	require.Equal(t, widgetRecord, found["inspection"].Widget)
	require.Empty(t, found["inspection"].Value(), "it is chosen")
	require.Equal(t, widgetText, found["undoes"].Widget, "nothing to choose from")
}
