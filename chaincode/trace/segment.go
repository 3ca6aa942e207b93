package trace

// TransientReadings is the transient-data key under which a segment's payload
// travels.
const TransientReadings = "readings"

// Bounds of a segment.
const (
	MaxReadings     = 5_000
	MaxProbes       = 8
	MaxPayloadBytes = 512 << 10
)

// Absent values of a reading's optional parts.
const (
	NoTemperature CentiCelsius = -1 << 31
	NoHumidity    CentiPercent = -1
	NoShock       int32        = -1
	NoSpeed       int32        = -1

	NoSoilMoisture CentiPercent = -1
	NoIlluminance  Lux          = -1
)

// Reading is one measurement of one device. Times strictly rise within a segment.
type Reading struct {
	At           Time
	Temperatures []CentiCelsius // one per probe of the binding; NoTemperature where absent
	Humidity     CentiPercent   // NoHumidity where absent
	Shock        int32          // milli-g; NoShock where absent
	Fix          bool           // position valid
	Point        Point          // only with Fix
	Speed        int32          // 0.1 km/h; NoSpeed where absent
	// SoilMoisture is the soil's volumetric water content, m³/m³ as 1/100 %, and
	// Illuminance what falls on the sensor: what a sensor in an orchard measures.
	SoilMoisture CentiPercent // NoSoilMoisture where absent
	Illuminance  Lux          // NoIlluminance where absent
}

// NewReading is a reading of a time without a measurement.
func NewReading(at Time) Reading {
	return Reading{At: at, Humidity: NoHumidity, Shock: NoShock, Speed: NoSpeed, SoilMoisture: NoSoilMoisture, Illuminance: NoIlluminance}
}

// AnchorSegmentRequest anchors many readings of one device. The readings travel as
// transient data (TransientReadings); the contract unpacks them, checks them
// against these boundaries and writes their summary. Its id is device and
// sequence, so it carries no idempotency key.
type AnchorSegmentRequest struct {
	Device   DeviceID   `json:"device"`
	Sequence int64      `json:"sequence"` // from 1
	Shipment ShipmentID `json:"shipment,omitempty"`
	Plot     PlotID     `json:"plot,omitempty"`
	Store    string     `json:"store,omitempty"`
	Count    int        `json:"count"`
	From     Time       `json:"from"` // time of the first reading
	To       Time       `json:"to"`   // time of the last
	// Previous is the payload hash of the sequence before, zero for the first. The
	// segmenter fixes it before sending; late and missing segments stay visible.
	Previous Digest `json:"previous,omitzero"`
	Payload  Digest `json:"payload"` // SHA-256 of the transient bytes
}

// ProbeSummary is what a segment keeps of one probe.
type ProbeSummary struct {
	Probe   string       `json:"probe"`
	Count   int          `json:"count"` // readings present
	Minimum CentiCelsius `json:"minimum"`
	Maximum CentiCelsius `json:"maximum"`
	Mean    CentiCelsius `json:"mean"` // rounded half away from zero
}

// Breach is a run of consecutive readings of the air probe outside the range. A run
// that touches the segment's edge may go on in the next one; readers join runs
// before they judge them.
type Breach struct {
	Probe string       `json:"probe"`
	From  Time         `json:"from"`
	To    Time         `json:"to"` // time of the last reading outside
	Peak  CentiCelsius `json:"peak"`
	Below bool         `json:"below,omitempty"` // under the minimum rather than over the maximum
	// PulpMinimum and PulpMaximum are the pulp probe's extremes meanwhile, absent
	// where there is none.
	PulpMinimum *CentiCelsius `json:"pulpMinimum,omitempty"`
	PulpMaximum *CentiCelsius `json:"pulpMaximum,omitempty"`
	AtStart     bool          `json:"atStart,omitempty"` // touches the first reading
	AtEnd       bool          `json:"atEnd,omitempty"`   // touches the last reading
}

// Gap is a stretch longer than the allowance without a temperature (of a device
// without probes: without a reading), or with Fix without a position.
type Gap struct {
	From Time `json:"from"`
	To   Time `json:"to"`
	Fix  bool `json:"fix,omitempty"` // without a position fix; readings may have gone on
}

// Segment is the record under seg/{device}/{sequence}.
type Segment struct {
	Head
	Device   DeviceID          `json:"device"`
	Sequence int64             `json:"sequence"`
	Shipment ShipmentID        `json:"shipment,omitempty"`
	Plot     PlotID            `json:"plot,omitempty"`
	Store    string            `json:"store,omitempty"`
	Count    int               `json:"count"`
	From     Time              `json:"from"`
	To       Time              `json:"to"`
	Previous Digest            `json:"previous,omitzero"`
	Payload  Digest            `json:"payload"`
	Root     Digest            `json:"root"` // RFC 6962 Merkle root over the readings' canonical bytes
	Range    *TemperatureRange `json:"range,omitempty"`
	Probes   []ProbeSummary    `json:"probes,omitempty"`
	Humidity *HumiditySummary  `json:"humidity,omitempty"`
	Shock    int32             `json:"shock,omitempty"`    // largest, milli-g
	Breaches []Breach          `json:"breaches,omitempty"` // at most 100; BreachesCut tells of more
	Gaps     []Gap             `json:"gaps,omitempty"`     // at most 100
	Cut      bool              `json:"cut,omitempty"`      // more breaches or gaps than listed
	// First and Last are the first and last positions, coarse.
	First *Point `json:"first,omitempty"`
	Last  *Point `json:"last,omitempty"`
	Fixes int    `json:"fixes,omitempty"` // readings with a position

	SoilMoisture *MoistureSummary `json:"soilMoisture,omitempty"`
	Illuminance  *LightSummary    `json:"illuminance,omitempty"`
	// Days divide what a plot's sensors measured by the day in China, at most 100; Cut
	// tells of more.
	Days []GrowingDay `json:"days,omitempty"`
}

// HumiditySummary is what a segment keeps of relative humidity.
type HumiditySummary struct {
	Minimum CentiPercent `json:"minimum"`
	Maximum CentiPercent `json:"maximum"`
	Mean    CentiPercent `json:"mean"`
}

// MoistureSummary is what a segment, or a day of one, keeps of soil moisture.
type MoistureSummary struct {
	Count   int          `json:"count"` // readings present
	Minimum CentiPercent `json:"minimum"`
	Maximum CentiPercent `json:"maximum"`
	Mean    CentiPercent `json:"mean"` // rounded half away from zero
}

// LightSummary is MoistureSummary of illuminance. Its mean is over day and night.
type LightSummary struct {
	Count   int `json:"count"`
	Minimum Lux `json:"minimum"`
	Maximum Lux `json:"maximum"`
	Mean    Lux `json:"mean"`
}

// TemperatureSummary is MoistureSummary of a temperature.
type TemperatureSummary struct {
	Count   int          `json:"count"`
	Minimum CentiCelsius `json:"minimum"`
	Maximum CentiCelsius `json:"maximum"`
	Mean    CentiCelsius `json:"mean"`
}

// GrowingDay is what a plot's sensors measured on one day; absent is what they did not.
type GrowingDay struct {
	Date            Date                `json:"date"`
	SoilMoisture    *MoistureSummary    `json:"soilMoisture,omitempty"`
	SoilTemperature *TemperatureSummary `json:"soilTemperature,omitempty"` // of the probe ProbeSoil
	Illuminance     *LightSummary       `json:"illuminance,omitempty"`
}
