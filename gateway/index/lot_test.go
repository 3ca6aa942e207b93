package index_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
)

func open(t testing.TB, fs vfs.FS) *index.Index {
	t.Helper()
	x, err := index.Open(index.Config{Dir: "index", FS: fs, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return x
}

// folded opens an index in memory that has folded the chain.
func folded(t testing.TB, c *chain) *index.Index {
	t.Helper()
	x := open(t, vfs.NewMem())
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	require.NoError(t, x.Follow(context.Background(), c.source))
	return x
}

// tale is a chain with an index that follows it by hand.
type tale struct {
	*world
	*index.Index
	lot trace.LotID
}

func newTale(t testing.TB) *tale {
	c := newChain(t)
	w, id := kiwifruit(c)
	return &tale{w, folded(t, c), id}
}

// then puts a transaction into the next block and folds it.
func (s *tale) then(transactions ...sent) {
	s.t.Helper()
	s.add(transactions...)
	require.NoError(s.t, s.Follow(context.Background(), s.source))
}

func (s *tale) story() *index.Lot {
	s.t.Helper()
	l, found, err := s.Lot(s.lot)
	require.NoError(s.t, err)
	require.True(s.t, found)
	return l
}

func TestLotTellsItsWholeStory(t *testing.T) {
	s := newTale(t)
	l := s.story()
	require.Equal(t, trace.CategoryFruit, l.Product.Record.Category)
	require.Equal(t, "四川蒲江", l.Batch.Record.Place)
	require.Equal(t, int64(9_600_000), l.Quantity.Amount)
	require.Equal(t, season, l.Season)
	require.Equal(t, "蒲江基地", l.Plot.Record.Place)
	require.Len(t, l.Log, 3, "two sprays of the plot, one step of the lot")
	require.Equal(t, trace.ActivityPrecool, l.Log[2].Record.Activity)
	require.Equal(t, []trace.Key{l.Log[1].Provenance.Key}, l.Log[0].Provenance.CorrectedBy)
	require.Empty(t, l.Log[1].Provenance.CorrectedBy)
	require.Len(t, l.Inspections, 2)
	require.Equal(t, []trace.Key{l.Inspections[1].Provenance.Key}, l.Inspections[0].SupersededBy)
	require.Len(t, l.Packs, 1)
	require.Equal(t, trace.PackActive, l.Packs[0].Status.State)
	require.Equal(t, unitA, l.Packs[0].Units[0].SSCC)
	require.Contains(t, l.Parties, lab)
	require.Equal(t, licenceN, l.Producer().Licence(licenceN).Record.Number)
	require.NotContains(t, l.Parties, office, "a regulator's own admission is not the lot's story")
	require.Equal(t, &index.PartyName{ID: office, Name: "名 " + string(office)}, l.Producer().Registrar)

	p := l.Inspections[0].Provenance
	require.Equal(t, trace.LabMSP, p.MSP)
	require.Equal(t, lab, p.Party)
	require.Equal(t, trace.RoleLab, p.Role)
	require.Contains(t, p.Endorsers, trace.LabMSP)
	require.NotZero(t, p.Claimed)
	require.Greater(t, p.Recorded, p.Claimed)
	require.Len(t, p.TransactionID, 64)

	_, found, err := s.Lot(lotOf(kiwi, "OTHER"))
	require.NoError(t, err)
	require.False(t, found)
}

func TestParentsAndDescendantsFindEachOther(t *testing.T) {
	s := newTale(t)
	drink := lotOf(juice, "J/1")
	before := s.Version(s.lot)
	s.then(s.batch(drink, s.lot))
	require.Greater(t, s.Version(s.lot), before)
	require.Equal(t, []trace.LotID{drink}, s.story().Descendants)
	l, found, err := s.Lot(drink)
	require.NoError(t, err)
	require.True(t, found)
	require.Len(t, l.Ancestors, 1)
	require.True(t, l.Ancestors[0].Direct)

	before = s.Version(drink)
	recalled, key := s.recall(s.lot, nil, true, "")
	s.then(recalled)
	require.Greater(t, s.Version(drink), before, "a parent's recall changes the page")
	f, found, err := s.PageFacts(drink, "", 0, day(2026, 10, 20))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []rules.RecallFact{{Lot: s.lot, Parent: true, Action: key}}, f.Recalls)
	require.Equal(t, rules.LineRecalled, rules.VerdictLine(f).Level)
}

func TestJourneyIsTheItemsOwn(t *testing.T) {
	s := newTale(t)
	pulp, off := trace.CentiCelsius(410), s.at()
	s.then(s.dispatch(truck, unitA, pack, farm, s.lot), s.bind(tracker, truck))
	s.then(s.segment(tracker, truck, 1), s.segment(tracker, truck, 2, trace.Breach{
		Probe: trace.ProbeReturnAir, From: off, To: off + 4_500_000, Peak: 1180, PulpMinimum: &pulp, PulpMaximum: &pulp,
	}))

	carried, found, err := s.Journey(s.lot, pack, 50)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []index.StepKind{index.StepActivated, index.StepPacked, index.StepDispatched}, kindsOf(carried.Steps))
	require.Equal(t, truck, carried.Holder.Shipment, "through its unit")
	require.Len(t, carried.Legs, 1)
	require.Len(t, carried.Legs[0].Segments, 2)
	require.Len(t, carried.Legs[0].Bindings, 1)
	require.Equal(t, int64(4500), carried.Legs[0].Findings.ExcursionSeconds)

	loose, found, err := s.Journey(s.lot, pack, 200)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []index.StepKind{index.StepActivated, index.StepDispatched}, kindsOf(loose.Steps))
	stayed, found, err := s.Journey(s.lot, pack, 1920)
	require.NoError(t, err)
	require.True(t, found)
	require.Empty(t, stayed.Legs)
	require.Equal(t, farm, stayed.Holder.Party)
	for _, item := range []int64{0, 1921} {
		_, found, err = s.Journey(s.lot, pack, item)
		require.NoError(t, err)
		require.False(t, found)
	}

	groups := s.story().JourneyGroups(pack)
	require.Equal(t, []index.JourneyGroup{
		{First: 1, Last: 100, Group: carried.Group}, {First: 101, Last: 400, Group: loose.Group}, {First: 401, Last: 1920, Group: stayed.Group},
	}, groups)
}

func kindsOf(steps []index.CustodyStep) []index.StepKind {
	var out []index.StepKind
	for _, s := range steps {
		out = append(out, s.Kind)
	}
	return out
}

func TestCustodyReadsTheChain(t *testing.T) {
	s := newTale(t)
	facts := func(item int64) rules.PageFacts {
		t.Helper()
		f, found, err := s.PageFacts(s.lot, pack, item, day(2026, 10, 20))
		require.NoError(t, err)
		require.True(t, found)
		return f
	}
	require.Empty(t, facts(50).Journey.Custody)
	s.then(s.dispatch(truck, unitA, pack, farm, s.lot))
	require.Equal(t, rules.CustodyInTransit, facts(50).Journey.Custody)
	s.then(s.handover(truck, carrier, carrier2))
	s.then(s.arrive(truck, carrier2, unitA))
	require.Equal(t, rules.CustodyUnbroken, facts(50).Journey.Custody)
	require.Equal(t, rules.CustodyUnbroken, facts(200).Journey.Custody)
	require.Empty(t, facts(500).Journey.Custody)
	require.Len(t, facts(50).Journey.Shipments, 3, "dispatch, handover, arrival")
	f, found, err := s.PageFacts(s.lot, "", 0, day(2026, 10, 20))
	require.NoError(t, err)
	require.True(t, found)
	require.Nil(t, f.Pack)
	require.Equal(t, rules.CustodyUnbroken, f.Journey.Custody)

	s.then(s.dispatch("truck-02", unitA, pack, carrier, s.lot)) // from someone who gave it away
	require.Equal(t, rules.CustodyBroken, facts(50).Journey.Custody)
}

func TestVersionChangesWithEverythingThePageShows(t *testing.T) {
	s := newTale(t)
	s.then(s.dispatch(truck, unitA, pack, farm, s.lot), s.bind(tracker, truck))
	standing, _ := s.stand(trace.PartySuspended, carrier)
	onTruck, _ := s.verdict(state.ShipmentSubject(truck), trace.LevelWarning)
	onDevice, deviceVerdict := s.verdict(state.DeviceSubject(tracker), trace.LevelWarning)
	onPlot, _ := s.log(nil, trace.ActivitySoil, "")
	codes, _ := s.recall(s.lot, &trace.CodeRange{Pack: pack, First: 7, Last: 9}, true, "")
	changes := map[string]sent{
		"segment of its shipment":       s.segment(tracker, truck, 1),
		"carrier suspended":             standing,
		"verdict on its shipment":       onTruck,
		"verdict on its device":         onDevice,
		"review of that verdict":        s.overturn(state.DeviceSubject(tracker), deviceVerdict),
		"entry in its plot's log":       onPlot,
		"recall of some codes":          codes,
		"handover":                      s.handover(truck, carrier, carrier2),
		"arrival":                       s.arrive(truck, carrier2, unitA),
		"licence of the next carrier":   s.licence(carrier2, "T-1"),
		"supplier's licence":            s.licence(shop, "S-1"),
		"something about another party": s.admit("nobody-01", trace.RoleFarm),
	}
	order := []string{
		"segment of its shipment", "carrier suspended", "verdict on its shipment", "verdict on its device", "review of that verdict",
		"entry in its plot's log", "recall of some codes", "handover", "licence of the next carrier", "arrival", "supplier's licence",
	}
	for _, name := range order {
		before := s.Version(s.lot)
		require.Equal(t, before, s.Version(s.lot))
		s.then(changes[name])
		require.Greater(t, s.Version(s.lot), before, name)
		require.Equal(t, s.Version(s.lot), s.story().Version, name)
		require.Equal(t, s.Height(), s.Version(s.lot), name)
	}
	before := s.Version(s.lot)
	s.then(changes["something about another party"])
	require.Equal(t, before, s.Version(s.lot))
	require.Zero(t, s.Version(lotOf(kiwi, "NONE")))
}

func TestPageFactsFoldTheStory(t *testing.T) {
	s := newTale(t)
	facts := func(on trace.Date) rules.PageFacts {
		t.Helper()
		f, found, err := s.PageFacts(s.lot, pack, 8, on)
		require.NoError(t, err)
		require.True(t, found)
		return f
	}
	today := day(2026, 10, 20)
	f := facts(today)
	require.True(t, f.Harvested)
	require.Equal(t, s.story().Made.Date()+120, f.Expires)
	require.Equal(t, rules.LicenceValid, f.Licence.Status)
	require.True(t, f.CertificateRequired)
	require.Empty(t, f.Certificate)
	require.True(t, f.Journey.ColdChain)
	require.Equal(t, trace.PackActive, f.Pack.State)
	require.Equal(t, []bool{true, false}, []bool{f.Inspections[0].Superseded, f.Inspections[1].Superseded})

	onLot, verdict := s.verdict(state.LotSubject(s.lot), trace.LevelViolation)
	s.then(onLot)
	require.False(t, facts(today).Verdicts[0].Overturned)
	s.then(s.overturn(state.LotSubject(s.lot), verdict))
	require.True(t, facts(today).Verdicts[0].Overturned)
	require.False(t, s.story().Verdicts[0].Adverse())

	some := trace.CodeRange{Pack: pack, First: 7, Last: 9}
	recalled, action := s.recall(s.lot, &some, true, "")
	s.then(recalled)
	require.Equal(t, []rules.RecallFact{{Lot: s.lot, Codes: &some, Action: action}}, facts(today).Recalls)
	other, _, err := s.PageFacts(s.lot, pack, 10, today)
	require.NoError(t, err)
	require.Empty(t, other.Recalls)
	whole, _, err := s.PageFacts(s.lot, "", 0, today)
	require.NoError(t, err)
	require.True(t, whole.Recalls[0].Partial)
	lifted, undoing := s.recall(s.lot, &some, false, action)
	s.then(lifted)
	require.Empty(t, facts(today).Recalls)
	require.Equal(t, []trace.Key{undoing}, s.story().Actions[0].UndoneBy)

	suspended, _ := s.stand(trace.PartySuspended, farm)
	s.then(suspended)
	require.Equal(t, rules.LicenceSuspended, facts(today).Licence.Status)
	restored, _ := s.stand(trace.PartyActive, farm)
	s.then(restored)
	require.Equal(t, rules.LicenceValid, facts(today).Licence.Status)
	s.then(s.by(trace.RoleRegulator, office, s.put(state.RevocationKey(farm, licenceN), trace.LicenceRevocation{
		Head: s.head(trace.RoleRegulator, office, licenceN), Holder: farm, Number: licenceN, From: today,
	})))
	require.Equal(t, rules.LicenceValid, facts(today-1).Licence.Status)
	require.Equal(t, rules.LicenceRevoked, facts(today).Licence.Status)
}

func dumpOf(t testing.TB, x *index.Index) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, x.Dump(&out))
	return out.String()
}

// A lot that failed does not become good by being packed anew under another name.
func TestAFailedParentShowsOnItsChildren(t *testing.T) {
	s := newTale(t)
	child := trace.LotID{GTIN: s.lot.GTIN, Lot: "CHILD"}
	s.then(s.batch(child, s.lot))
	failures := func() []rules.AncestorFact {
		facts, found, err := s.PageFacts(child, "", 0, day(2026, 10, 20))
		require.NoError(t, err)
		require.True(t, found)
		return facts.FailedAncestors
	}
	before := s.Version(child)
	require.Empty(t, failures())
	bad, key := s.inspect(s.lot, trace.JudgedFail, "")
	s.then(bad)
	require.Equal(t, []rules.AncestorFact{{Lot: s.lot, Inspection: key}}, failures())
	require.Greater(t, s.Version(child), before, "the child's page changed")
	retest, _ := s.inspect(s.lot, trace.JudgedPass, key)
	s.then(retest)
	require.Empty(t, failures())
}
