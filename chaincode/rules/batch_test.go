package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

func batchRequest() *trace.RegisterBatchRequest {
	return &trace.RegisterBatchRequest{
		LotID: trace.LotID{GTIN: "09520000100018", Lot: "PJ261018-A"}, Place: "四川蒲江", Plot: "plot-08mu",
		Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000},
		Made:  at("2026-10-18T09:00:00+08:00"), Quantity: grams(9_600_000),
	}
}

func TestCheckBatch(t *testing.T) {
	parent := trace.Input{LotID: trace.LotID{GTIN: "09520000100018", Lot: "P"}, Quantity: grams(10)}
	material := trace.Material{Name: "纸箱", Supplier: "factory-02"}
	presale := func(r *trace.RegisterBatchRequest) {
		r.Presale, r.Planned, r.Made, r.Quantity = true, day("2026-11-01"), 0, trace.Quantity{}
	}
	cases := []struct {
		name   string
		mutate func(*trace.RegisterBatchRequest)
		code   trace.Code
	}{
		{"harvested", func(*trace.RegisterBatchRequest) {}, ""},
		{"made from other lots", func(r *trace.RegisterBatchRequest) { r.Plot, r.Inputs = "", []trace.Input{parent} }, ""},
		{"with materials", func(r *trace.RegisterBatchRequest) { r.Materials = []trace.Material{material} }, ""},
		{"presale", presale, ""},
		{"no place", func(r *trace.RegisterBatchRequest) { r.Place = "" }, trace.CodeMissing},
		{"point off the earth", func(r *trace.RegisterBatchRequest) { r.Point.Latitude = 91_000_000 }, trace.CodeOutOfRange},
		{"point too exact", func(r *trace.RegisterBatchRequest) { r.Point.Latitude++ }, trace.CodeInvalid},
		{"neither plot nor inputs", func(r *trace.RegisterBatchRequest) { r.Plot = "" }, trace.CodeMissing},
		{"plot and inputs", func(r *trace.RegisterBatchRequest) { r.Inputs = []trace.Input{parent} }, trace.CodeInvalid},
		{"its own input", func(r *trace.RegisterBatchRequest) { r.Inputs = []trace.Input{{LotID: r.LotID}} }, trace.CodeInvalid},
		{"input twice", func(r *trace.RegisterBatchRequest) { r.Inputs = []trace.Input{parent, parent} }, trace.CodeInvalid},
		{"input with wrong check digit", func(r *trace.RegisterBatchRequest) {
			r.Inputs = []trace.Input{{LotID: trace.LotID{GTIN: "09520000100017", Lot: "P"}}}
		}, trace.CodeCheckDigit},
		{"too many inputs", func(r *trace.RegisterBatchRequest) { r.Inputs = make([]trace.Input, 51) }, trace.CodeTooLarge},
		{"too many materials", func(r *trace.RegisterBatchRequest) { r.Materials = make([]trace.Material, 51) }, trace.CodeTooLarge},
		{"material without supplier", func(r *trace.RegisterBatchRequest) { r.Materials = []trace.Material{{Name: "纸箱"}} }, trace.CodeMissing},
		{"no quantity", func(r *trace.RegisterBatchRequest) { r.Quantity = trace.Quantity{} }, trace.CodeMissing},
		{"another unit than the product's", func(r *trace.RegisterBatchRequest) { r.Quantity.Unit = trace.Piece }, trace.CodeInvalid},
		{"planned without presale", func(r *trace.RegisterBatchRequest) { r.Planned = day("2026-11-01") }, trace.CodeInvalid},
		{"presale with quantity", func(r *trace.RegisterBatchRequest) { presale(r); r.Quantity = grams(1) }, trace.CodeInvalid},
		{"presale with harvest", func(r *trace.RegisterBatchRequest) { presale(r); r.Made = 1 }, trace.CodeInvalid},
		{"presale without plan", func(r *trace.RegisterBatchRequest) { presale(r); r.Planned = 0 }, trace.CodeMissing},
		{"presale with inputs", func(r *trace.RegisterBatchRequest) { presale(r); r.Plot, r.Inputs = "", []trace.Input{parent} }, trace.CodeInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := batchRequest()
			c.mutate(r)
			err := CheckBatch(r, "farm-01", trace.RoleFarm, kiwifruit())
			require.Equal(t, c.code, trace.CodeOf(err), "%v", err)
		})
	}
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(CheckBatch(batchRequest(), "farm-01", trace.RoleFarm, nil)))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(CheckBatch(batchRequest(), "farm-02", trace.RoleFarm, kiwifruit())))
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(CheckBatch(batchRequest(), "farm-01", trace.RoleFactory, kiwifruit())))
}

func TestMakeLot(t *testing.T) {
	licence := HeldLicence{Number: "N1", Licence: fruitLicence()}
	now := at("2026-10-18T12:00:00+08:00")
	made := at("2026-10-18T09:00:00+08:00")
	require.NoError(t, MakeLot(made, now, kiwifruit(), licence))
	require.Equal(t, trace.CodeMissing, trace.CodeOf(MakeLot(0, now, kiwifruit(), licence)))
	require.Equal(t, trace.CodeChronology, trace.CodeOf(MakeLot(now+trace.ClockSkew+1, now, kiwifruit(), licence)))
	require.Equal(t, trace.CodeLicence, trace.CodeOf(MakeLot(at("2025-10-18T09:00:00+08:00"), now, kiwifruit(), licence)))
	require.Equal(t, trace.CodeLicence, trace.CodeOf(MakeLot(made, now, kiwifruit(), HeldLicence{Number: "N1"})))
	cream := kiwifruit()
	cream.Category = trace.CategoryCosmetics
	require.Equal(t, trace.CodeLicence, trace.CodeOf(MakeLot(made, now, cream, licence)))
}

func TestWithinInputs(t *testing.T) {
	fruit, jam := kiwifruit(), kiwifruit()
	jam.Category, jam.Commodity = trace.CategoryFood, "kiwifruit-jam"
	of := []*trace.Product{kiwifruit(), kiwifruit()}
	r := batchRequest()
	r.Plot, r.Quantity = "", grams(30)
	r.Inputs = []trace.Input{{Quantity: grams(10)}, {Quantity: grams(20)}}
	require.NoError(t, WithinInputs(r, fruit, of))
	require.NoError(t, WithinInputs(r, jam, of))
	r.Quantity.Amount++
	require.Equal(t, trace.CodeInputs, trace.CodeOf(WithinInputs(r, fruit, of)))
	require.Equal(t, trace.CodeInputs, trace.CodeOf(WithinInputs(r, jam, of)))
	r.Materials = []trace.Material{{Name: "糖"}}
	require.NoError(t, WithinInputs(r, jam, of), "materials may add to a lot")
	require.Equal(t, trace.CodeInputs, trace.CodeOf(WithinInputs(r, fruit, of)), "but not to fruit")
	r.Materials, r.Inputs[0].Quantity.Unit = nil, trace.Piece
	require.NoError(t, WithinInputs(r, jam, of), "other units cannot be compared")
	require.Equal(t, trace.CodeInputs, trace.CodeOf(WithinInputs(r, fruit, of)), "fruit stays fruit")
	r.Quantity, r.Inputs[0].Quantity = grams(30), grams(10)
	require.Equal(t, trace.CodeInputs, trace.CodeOf(WithinInputs(r, fruit, []*trace.Product{kiwifruit(), jam})))
}

func TestPresale(t *testing.T) {
	licence := HeldLicence{Number: "N1", Licence: fruitLicence()}
	today := day("2026-10-01")
	request := &trace.RegisterBatchRequest{Plot: "plot-08mu", Planned: day("2026-10-18")}
	require.NoError(t, OpenPresale(request, kiwifruit(), licence, plot8mu(), today))
	require.Equal(t, trace.CodeChronology, trace.CodeOf(OpenPresale(request, kiwifruit(), licence, plot8mu(), day("2026-10-19"))))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(OpenPresale(request, kiwifruit(), licence, nil, today)))
	require.Equal(t, trace.CodeInvalid, trace.CodeOf(OpenPresale(request, kiwifruit(), licence, &trace.Plot{Crop: "apple"}, today)))
	require.Equal(t, trace.CodeLicence, trace.CodeOf(OpenPresale(request, kiwifruit(), HeldLicence{Number: "N1"}, plot8mu(), today)))

	batch := lotOf("A", trace.Quantity{}).Batch
	batch.Presale = true
	complete := &trace.CompleteBatchRequest{LotID: batch.LotID, Made: at("2026-10-18T09:00:00+08:00"), Quantity: grams(10)}
	require.NoError(t, CompletePresale(complete, "farm-01", batch, kiwifruit()))
	require.Equal(t, trace.CodeNotFound, trace.CodeOf(CompletePresale(complete, "farm-01", nil, kiwifruit())))
	require.Equal(t, trace.CodeForbidden, trace.CodeOf(CompletePresale(complete, "farm-02", batch, kiwifruit())))
	complete.Made = at("2026-09-30T09:00:00+08:00")
	require.Equal(t, trace.CodeChronology, trace.CodeOf(CompletePresale(complete, "farm-01", batch, kiwifruit())))
	batch.Presale = false
	require.Equal(t, trace.CodeState, trace.CodeOf(CompletePresale(complete, "farm-01", batch, kiwifruit())))

	batch.Presale = true
	open := Lot{Batch: batch}
	require.False(t, open.Complete())
	done := Lot{Batch: batch, Completion: &trace.Completion{Made: 7, Quantity: grams(10)}}
	require.True(t, done.Complete())
	require.Equal(t, trace.Time(7), done.Made())
	require.Equal(t, grams(10), done.Quantity())
}

func TestCheckSupplier(t *testing.T) {
	party := &trace.Party{ValidFrom: day("2026-01-01"), ValidTo: day("2026-12-31")}
	m := trace.Material{Supplier: "factory-02", LicenceNumber: "N1"}
	good := Supplier{Party: party, Licence: HeldLicence{Number: "N1", Licence: fruitLicence()}}
	on := day("2026-10-18")
	require.NoError(t, CheckSupplier(m, good, on))
	require.Equal(t, trace.CodeUnknownParty, trace.CodeOf(CheckSupplier(m, Supplier{}, on)))
	require.Equal(t, trace.CodePartySuspended, trace.CodeOf(CheckSupplier(m, Supplier{Party: party, Standing: &trace.Standing{Status: trace.PartySuspended}}, on)))
	require.Equal(t, trace.CodeLicence, trace.CodeOf(CheckSupplier(m, Supplier{Party: party}, on)))
	m.LicenceNumber = ""
	require.NoError(t, CheckSupplier(m, Supplier{Party: party}, on))
}
