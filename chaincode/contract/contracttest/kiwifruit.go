package contracttest

import (
	"time"

	"traceledger/chaincode/trace"
)

// Kiwifruit is a farm with everything a lot of kiwifruit needs: licence, product,
// plot, yield ceiling and a pesticide's interval. Times count from today: HarvestedAt
// is 36 days ago.
type Kiwifruit struct {
	*Ledger
	Farm        *Client
	Product     trace.GTIN
	Plot        trace.PlotID
	Pesticide   string
	HarvestDay  int // days from today
	HarvestedAt trace.Time
	Season      int
}

// Facts of the demonstration lot: 8 mu at 45 t/ha give 23,998,500 g.
const (
	KiwifruitGTIN   = trace.GTIN("09520000100018")
	KiwifruitPrefix = "952000010" // the farm's GS1 company prefix
	KiwifruitArea   = trace.SquareMetres(5_333)
	KiwifruitYield  = 23_998_500
	BoxGrams        = 5_000
	Licence         = "JY-TEST-0001"
)

// StartKiwifruit starts a ledger and prepares the farm "farm-01".
func StartKiwifruit(l *Ledger) *Kiwifruit {
	l.tb.Helper()
	k := &Kiwifruit{
		Ledger: l, Farm: l.Admit(trace.RoleFarm, "farm-01"), Product: KiwifruitGTIN, Plot: "plot-08mu",
		Pesticide: "PD20269999", HarvestDay: -36, HarvestedAt: At(-36, 9*time.Hour),
	}
	k.Season = k.HarvestedAt.Date().Year()
	l.License("farm-01", Licence, trace.LicenceFarming, trace.CategoryFruit)
	l.Prefix("farm-01", KiwifruitPrefix)
	source := trace.StandardSource{Standard: "测试标准", Effective: Day(-3650), Source: "test"}
	regulator := l.Regulator()
	regulator.Must("standards:PublishYieldCeiling", &trace.PublishYieldCeilingRequest{
		Write: l.Write(), Crop: "kiwifruit", GramsPerHectare: 45_000_000, Source: source,
	})
	regulator.Must("standards:PublishInterval", &trace.PublishIntervalRequest{
		Write: l.Write(), Registration: k.Pesticide, Name: "测试农药", Crop: "kiwifruit", PreHarvestDays: 14, MaxApplications: 2, Source: source,
	})
	k.Farm.Must("origin:RegisterProduct", k.ProductRequest())
	k.Farm.Must("origin:RegisterPlot", &trace.RegisterPlotRequest{
		Write: l.Write(), Plot: k.Plot, Crop: "kiwifruit", Area: KiwifruitArea, Place: "四川蒲江",
		Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000},
	})
	return k
}

// ProductRequest registers the 5 kg box.
func (k *Kiwifruit) ProductRequest() *trace.RegisterProductRequest {
	return &trace.RegisterProductRequest{
		Write: k.Write(), GTIN: k.Product, Name: "金艳猕猴桃", NameEnglish: "Jinyan kiwifruit", Category: trace.CategoryFruit,
		Commodity: "kiwifruit", NetContent: trace.Quantity{Amount: BoxGrams, Unit: trace.Gram}, LicenceNumber: Licence,
		Producer: k.Farm.Party, Transport: &trace.TemperatureRange{Minimum: 0, Maximum: 500},
		DefrostSeconds: 900, GapSeconds: 900, ShelfLifeDays: 120,
	}
}

// BatchRequest registers a lot of so many boxes, harvested on the harvest day.
func (k *Kiwifruit) BatchRequest(lot trace.LotNumber, boxes int64) *trace.RegisterBatchRequest {
	return &trace.RegisterBatchRequest{
		Write: k.Write(), LotID: trace.LotID{GTIN: k.Product, Lot: lot}, Place: "四川蒲江",
		Point: trace.Point{Latitude: 30_200_000, Longitude: 103_510_000}, Plot: k.Plot, Made: k.HarvestedAt,
		Quantity: trace.Quantity{Amount: boxes * BoxGrams, Unit: trace.Gram},
	}
}

// Batch registers a lot of so many boxes.
func (k *Kiwifruit) Batch(lot trace.LotNumber, boxes int64) trace.LotID {
	k.tb.Helper()
	r := k.BatchRequest(lot, boxes)
	k.Farm.Must("origin:RegisterBatch", r)
	return r.LotID
}

// IssuePack issues a pack of so many codes.
func (k *Kiwifruit) IssuePack(pack trace.PackID, count int64) {
	k.tb.Helper()
	k.Farm.Must("code:IssuePack", &trace.IssuePackRequest{
		Write: k.Write(), Pack: pack, Count: count, Root: trace.DigestOf([]byte("root")), LeafFile: trace.DigestOf([]byte("leaves")),
	})
}

// ActivatePack issues a pack and binds it to a lot.
func (k *Kiwifruit) ActivatePack(pack trace.PackID, count int64, lot trace.LotID) {
	k.tb.Helper()
	k.IssuePack(pack, count)
	k.Farm.Must("code:ActivatePack", &trace.ActivatePackRequest{Write: k.Write(), Pack: pack, LotID: lot})
}

// SprayRequest logs a spray on the plot so many days before the harvest.
func (k *Kiwifruit) SprayRequest(daysBefore int) *trace.AddLogEntryRequest {
	return &trace.AddLogEntryRequest{
		Write: k.Write(), Plot: k.Plot, Season: k.Season, Activity: trace.ActivitySpray,
		At: At(k.HarvestDay-daysBefore, 8*time.Hour), Registration: k.Pesticide, Dose: "1000 倍液",
	}
}
