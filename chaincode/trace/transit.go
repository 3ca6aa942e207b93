package trace

// Load is something that travels: a run of item codes, or a logistic unit.
// Exactly one is set.
type Load struct {
	Codes *CodeRange `json:"codes,omitempty"`
	SSCC  SSCC       `json:"sscc,omitempty"`
}

// Place is a named place with a coarse position.
type Place struct {
	Name  string `json:"name"`
	Point Point  `json:"point"`
}

// PackUnitRequest aggregates item codes into a logistic unit (pallet, carton). The
// codes must be in the packer's custody and in no other unit.
type PackUnitRequest struct {
	Write
	SSCC  SSCC        `json:"sscc"`
	Codes []CodeRange `json:"codes"` // 1 to 50
}

// LogisticUnit is the record.
type LogisticUnit struct {
	Head
	Codes []CodeRange `json:"codes"`
	Lots  []LotID     `json:"lots"` // whose items it holds, sorted
}

// DispatchRequest opens a shipment: the carrier takes custody of units.
type DispatchRequest struct {
	Write
	Shipment  ShipmentID `json:"shipment"`
	Loads     []Load     `json:"loads"` // 1 to 50
	From      PartyID    `json:"from"`  // who holds them now
	Consignee PartyID    `json:"consignee"`
	Origin    Place      `json:"origin"`
	Target    Place      `json:"target"`
	Departed  Time       `json:"departed"`
	Vehicle   string     `json:"vehicle,omitempty"` // pseudonym, never a plate
	Drivers   int        `json:"drivers,omitempty"`
}

// Shipment is the record.
type Shipment struct {
	Head
	Loads     []Load  `json:"loads"`
	From      PartyID `json:"from"`
	Consignee PartyID `json:"consignee"`
	Origin    Place   `json:"origin"`
	Target    Place   `json:"target"`
	Departed  Time    `json:"departed"`
	Vehicle   string  `json:"vehicle,omitempty"`
	Drivers   int     `json:"drivers,omitempty"`
	Lots      []LotID `json:"lots"` // whose items travel, sorted
	// Categories are what travels: the transport licences of its carriers must cover them.
	Categories []Category `json:"categories,omitempty"`
	// Consignment is the record by which From appointed the carrier; absent where the
	// carrier held the goods itself.
	Consignment Key `json:"consignment,omitempty"`
	// Codes is every run of codes that travels, logistic units opened up, sorted.
	Codes []CodeRange `json:"codes"`
	// Range, DefrostSeconds and GapSeconds are the strictest of its products'.
	Range          *TemperatureRange `json:"range,omitempty"`
	DefrostSeconds int64             `json:"defrostSeconds,omitempty"`
	GapSeconds     int64             `json:"gapSeconds,omitempty"`
}

// HandoverRequest passes a whole open shipment to the next carrier, who writes it.
type HandoverRequest struct {
	Write
	Shipment ShipmentID `json:"shipment"`
	Giver    PartyID    `json:"giver"` // the carrier who holds it now
	At       Time       `json:"at"`
	Place    Place      `json:"place"`
}

// Handover is the record.
type Handover struct {
	Head
	Shipment ShipmentID `json:"shipment"`
	Giver    PartyID    `json:"giver"`
	At       Time       `json:"at"`
	Place    Place      `json:"place"`
	// Consignment is the record by which Giver appointed the carrier who takes over.
	Consignment Key `json:"consignment"`
}

// ArriveRequest closes a shipment at its consignee, written by the carrier who
// holds it.
type ArriveRequest struct {
	Write
	Shipment ShipmentID  `json:"shipment"`
	At       Time        `json:"at"`
	Place    Place       `json:"place"`
	BadGoods BasisPoints `json:"badGoods"` // share of bad goods found on arrival
}

// Arrival is the record.
type Arrival struct {
	Head
	Shipment  ShipmentID  `json:"shipment"`
	Consignee PartyID     `json:"consignee"`
	At        Time        `json:"at"`
	Place     Place       `json:"place"`
	BadGoods  BasisPoints `json:"badGoods"`
}

// ShipmentStatus is a shipment's balance key.
type ShipmentStatus struct {
	Open     bool      `json:"open"`
	Carrier  PartyID   `json:"carrier"`  // who holds it, or held it last
	Carriers []PartyID `json:"carriers"` // all, in order
	Since    Time      `json:"since"`    // of the last change of custody
	Departed Time      `json:"departed"`
	Arrived  Time      `json:"arrived,omitempty"`
}

// CustodyHolder is who has an item: a party, an open shipment, or a logistic unit.
type CustodyHolder struct {
	Party    PartyID    `json:"party,omitempty"`
	Shipment ShipmentID `json:"shipment,omitempty"`
	SSCC     SSCC       `json:"sscc,omitempty"`
	Since    Time       `json:"since"`
}

// CustodySpan is a run of one pack's items with one holder.
type CustodySpan struct {
	First  int64         `json:"first"`
	Last   int64         `json:"last"`
	Holder CustodyHolder `json:"holder"`
}

// PackCustody is the balance key of a pack's custody: spans in item order that
// cover the pack without gap or overlap; at most 500.
type PackCustody struct {
	Spans []CustodySpan `json:"spans"`
}

// UnitCustody is the balance key of a logistic unit's custody.
type UnitCustody struct {
	Holder CustodyHolder `json:"holder"`
}

// BindDeviceRequest binds a tracker or sensor to a shipment, a plot or a store for
// a time. Binding again ends the binding before it; End alone ends it and binds to nothing.
type BindDeviceRequest struct {
	Write
	Device   DeviceID   `json:"device"`
	Shipment ShipmentID `json:"shipment,omitempty"`
	Plot     PlotID     `json:"plot,omitempty"`
	Store    string     `json:"store,omitempty"`
	Probes   []string   `json:"probes,omitempty"` // names of its temperature probes, in reading order; at most 8
	From     Time       `json:"from"`
	End      bool       `json:"end,omitempty"` // from then on bound to nothing: taken off the truck, out of the store
}

// Names of probes that rules know. Other names are shown but not judged.
const (
	ProbeReturnAir = "return-air"
	ProbeSupplyAir = "supply-air"
	ProbePulp      = "pulp"
	ProbeSoil      = "soil" // soil temperature, of a plot
)

// DeviceBinding is the record.
type DeviceBinding struct {
	Head
	Device   DeviceID   `json:"device"`
	Shipment ShipmentID `json:"shipment,omitempty"`
	Plot     PlotID     `json:"plot,omitempty"`
	Store    string     `json:"store,omitempty"`
	Probes   []string   `json:"probes,omitempty"`
	From     Time       `json:"from"`
	End      bool       `json:"end,omitempty"`
}

// DeviceStatus is a device's balance key: owner and bindings, newest last, at most 50.
type DeviceStatus struct {
	Owner    PartyID       `json:"owner"`
	Bindings []BoundPeriod `json:"bindings"`
}

// BoundPeriod is one binding in a device's status; To is zero while it lasts.
type BoundPeriod struct {
	Shipment ShipmentID `json:"shipment,omitempty"`
	Plot     PlotID     `json:"plot,omitempty"`
	Store    string     `json:"store,omitempty"`
	Probes   []string   `json:"probes,omitempty"`
	From     Time       `json:"from"`
	To       Time       `json:"to,omitempty"`
}
