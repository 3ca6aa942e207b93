package trace

// The types in this file are the values of balance keys: the few keys that a
// conserved quantity needs to read and write again. Other balance values are
// declared beside their subject (PackStatus, PackCustody, ShipmentStatus, …).
// They keep what was *taken*, never what is left, so that a balance that does not
// exist yet is simply zero.

// TakenQuantity is how much of a batch its producer put into other batches or released
// to other producers, in the batch's unit.
type TakenQuantity struct {
	Amount int64 `json:"amount"`
}

// ReleasedQuantity is how much of a batch was released to one other producer, and how
// much of that went into the taker's batches, in the batch's unit.
type ReleasedQuantity struct {
	Released int64 `json:"released"`
	Taken    int64 `json:"taken"`
}

// BoundItems is how many of a batch's items have a code. Codes of a pack that was
// voided stay counted: a lot has at most one code for each of its items, ever.
type BoundItems struct {
	Count int64 `json:"count"`
}

// Season is what one season of a plot has given and received. A season is named by
// the civil year of its harvest.
type Season struct {
	// Grams is the yield registered as batches so far.
	Grams int64 `json:"grams"`
	// Sprays are in order of day, then registration; at most MaxSprays.
	Sprays []SprayWindow `json:"sprays,omitempty"`
	// Harvests are the days on which something was harvested, rising.
	Harvests []Date `json:"harvests,omitempty"`
}

// MaxSprays is the most sprays a plot's season keeps, MaxHarvests the most days of harvest.
const (
	MaxSprays   = 300
	MaxHarvests = 366
)

// SprayWindow is one spray with the days during which nothing may be harvested:
// from Day until the day before SafeFrom.
type SprayWindow struct {
	Registration string `json:"registration"`
	Day          Date   `json:"day"`
	SafeFrom     Date   `json:"safeFrom"`
	// Correction marks the window of a log entry that corrects an earlier spray of
	// the same registration: it binds like any other, but is not one more application.
	Correction bool `json:"correction,omitempty"`
}

// FreezeNumber is a subject's gate: how many cases have frozen its facts. Facts are
// written under the number in force, so the range before it never changes again.
type FreezeNumber struct {
	Number int `json:"number"`
}
