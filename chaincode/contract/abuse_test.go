package contract_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/contract/contracttest"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// packer is a second producer with a product of its own, sorted kiwifruit.
func packer(k *contracttest.Kiwifruit) (*contracttest.Client, func(lot trace.LotNumber, grams int64, inputs ...trace.Input) *trace.RegisterBatchRequest) {
	const gtin = trace.GTIN("09520000300012")
	client := k.Admit(trace.RoleProcessor, "packer-01")
	k.License(client.Party, "PK-TEST-0001", trace.LicenceFood, trace.CategoryFruit)
	k.Prefix(client.Party, "952000030")
	product := k.ProductRequest()
	product.GTIN, product.Producer, product.LicenceNumber = gtin, client.Party, "PK-TEST-0001"
	client.Must("origin:RegisterProduct", product)
	return client, func(lot trace.LotNumber, grams int64, inputs ...trace.Input) *trace.RegisterBatchRequest {
		r := k.BatchRequest(lot, 1)
		r.GTIN, r.Plot, r.Inputs, r.Quantity.Amount = gtin, "", inputs, grams
		return r
	}
}

// Another producer's lot is an input only as far as its producer released it.
func TestInputsOfOthersNeedARelease(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	parent := k.Batch("PARENT", 10)
	taker, batch := packer(k)
	input := func(grams int64) trace.Input {
		return trace.Input{LotID: parent, Quantity: trace.Quantity{Amount: grams, Unit: trace.Gram}}
	}
	release := func(to trace.PartyID, grams int64) *trace.ReleaseInputRequest {
		return &trace.ReleaseInputRequest{Write: k.Write(), LotID: parent, Taker: to, Quantity: input(grams).Quantity}
	}

	taker.Refused(trace.CodeForbidden, "origin:RegisterBatch", batch("C1", 1_000, input(1_000)))
	require.Nil(t, contracttest.Value[trace.TakenQuantity](k.Ledger, state.BatchInputsKey(parent)), "a refused taker uses nothing up")

	k.Farm.Must("origin:ReleaseInput", release(taker.Party, 30_000))
	k.Farm.Refused(trace.CodeInputs, "origin:ReleaseInput", release(taker.Party, 20_001))
	taker.Must("origin:RegisterBatch", batch("C1", 20_000, input(20_000)))
	taker.Refused(trace.CodeInputs, "origin:RegisterBatch", batch("C2", 10_001, input(10_001)))

	// What is released is the taker's: the producer cannot use it as well.
	own := k.BatchRequest("OWN", 5)
	own.Plot, own.Inputs = "", []trace.Input{input(25_000)}
	k.Farm.Refused(trace.CodeInputs, "origin:RegisterBatch", own)
	own.Inputs, own.Quantity.Amount = []trace.Input{input(20_000)}, 20_000
	k.Farm.Must("origin:RegisterBatch", own)
	taker.Must("origin:RegisterBatch", batch("C2", 10_000, input(10_000)))
	require.Equal(t, trace.ReleasedQuantity{Released: 30_000, Taken: 30_000},
		*contracttest.Value[trace.ReleasedQuantity](k.Ledger, state.InputReleaseKey(parent, taker.Party)))

	taker.Refused(trace.CodeForbidden, "origin:ReleaseInput", release("farm-01", 1))
	k.Farm.Refused(trace.CodeInvalid, "origin:ReleaseInput", release("farm-01", 1))
	k.Farm.Refused(trace.CodeInvalid, "origin:ReleaseInput", release(contracttest.Regulator, 1))
	k.Farm.Refused(trace.CodeUnknownParty, "origin:ReleaseInput", release("nobody-01", 1))
}

// Fruit comes from a plot or from other lots of the same fruit: no material, unit or
// presale makes more of it than was harvested.
func TestFreshProduceIsNotMadeOfNothing(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	parent := k.Batch("PARENT", 10)
	taker, batch := packer(k)
	input := trace.Input{LotID: parent, Quantity: trace.Quantity{Amount: 10_000, Unit: trace.Gram}}
	k.Farm.Must("origin:ReleaseInput", &trace.ReleaseInputRequest{Write: k.Write(), LotID: parent, Taker: taker.Party, Quantity: input.Quantity})

	taker.Refused(trace.CodeMissing, "origin:RegisterBatch", batch("C1", 1_000_000))
	boxed := batch("C2", 10_001, input)
	boxed.Materials = []trace.Material{{Name: "纸箱", Supplier: k.Farm.Party}}
	taker.Refused(trace.CodeInputs, "origin:RegisterBatch", boxed)
	presale := batch("C3", 1)
	presale.Presale, presale.Planned, presale.Made, presale.Quantity = true, contracttest.Day(10), 0, trace.Quantity{}
	taker.Refused(trace.CodeMissing, "origin:RegisterBatch", presale)

	other := k.ProductRequest()
	other.GTIN, other.Producer, other.LicenceNumber = "09520000300029", taker.Party, "PK-TEST-0001"
	other.Commodity, other.NetContent.Unit = "apple", trace.Piece
	taker.Must("origin:RegisterProduct", other)
	apples := batch("C4", 10, input)
	apples.GTIN, apples.Quantity = other.GTIN, trace.Quantity{Amount: 10, Unit: trace.Piece}
	taker.Refused(trace.CodeInputs, "origin:RegisterBatch", apples)

	boxed.Quantity.Amount = 10_000
	taker.Must("origin:RegisterBatch", boxed)
}

// Ids of facts are unique within a subject only: an idempotency key that a lab uses for
// two lots must not let one lot's re-test stand for the other's.
func TestSupersessionIsOfOneInspection(t *testing.T) {
	j := startJourney(t)
	sampled := j.HarvestedAt + 3_600_000
	other := j.Batch("PJ261018-B", 40)
	first, second := j.report("0.06", sampled), j.report("0.06", sampled)
	second.Lot, second.IdempotencyKey = &other, first.IdempotencyKey
	j.lab.Must("inspection:Report", first)
	failed := j.lab.Must("inspection:Report", second)

	retest := j.report("0.01", sampled+7_200_000)
	retest.Supersedes = state.FactKey(state.LotSubject(j.lot), 0, state.FactInspection, failed.ID)
	j.secondLab.Must("inspection:Report", retest)
	again := j.report("0.01", sampled+7_200_000)
	again.Lot, again.Supersedes = &other, failed.Record
	j.secondLab.Must("inspection:Report", again)
}

// A review of level 1 that fails warns on the lot's page, and who asks for it chooses
// the inspection: a competitor must not ask with a report on something else.
func TestStrangersDoNotAskForAReview(t *testing.T) {
	j := startJourney(t)
	passed := j.lab.Must("inspection:Report", j.report("0.01", j.HarvestedAt+3_600_000))
	stranger, _ := packer(j.Kiwifruit)
	ask := func(level int, inspection trace.Key) *trace.ReviewRequest {
		return &trace.ReviewRequest{Write: j.Write(), LotID: j.lot, Level: level, Inspection: inspection, Pass: level > 1}
	}
	for _, c := range []*contracttest.Client{stranger, j.store, j.Admit(trace.RoleConsumerPanel, "panel-01")} {
		c.Refused(trace.CodeForbidden, "inspection:Review", ask(1, passed.Record))
	}
	j.Farm.Must("inspection:Review", ask(1, passed.Record))
}

// The newest review of a level counts, as on the page: after a failure nothing builds on
// an older pass, nor on what was built on it.
func TestAFailedReviewTakesAPassedOneBack(t *testing.T) {
	j := startJourney(t)
	passed := j.lab.Must("inspection:Report", j.report("0.01", j.HarvestedAt+3_600_000))
	review := func(level int, pass bool) *trace.ReviewRequest {
		return &trace.ReviewRequest{Write: j.Write(), LotID: j.lot, Level: level, Inspection: passed.Record, Pass: pass}
	}
	j.Farm.Must("inspection:Review", review(1, false))
	second := j.secondLab.Must("inspection:Review", review(2, true))
	wrong := review(2, false)
	wrong.Corrects, wrong.CorrectionReason = second.Record, "看错了报告"
	j.secondLab.Must("inspection:Review", wrong)
	j.Admit(trace.RoleConsumerPanel, "panel-01").Refused(trace.CodeReview, "inspection:Review",
		&trace.ReviewRequest{Write: j.Write(), LotID: j.lot, Level: 3, Panel: 5, Satisfied: 4, Pass: true})

	j.secondLab.Must("inspection:Review", review(2, true))
	j.Regulator().Must("registry:RevokeLicence", &trace.RevokeLicenceRequest{
		Write: j.Write(), Party: "farm-01", Number: contracttest.Licence, From: contracttest.Day(-100), Reason: "伪造",
	})
	require.Equal(t, "fail", j.Farm.Must("inspection:Review", review(1, false)).Result)
	j.secondLab.Refused(trace.CodeReview, "inspection:Review", review(2, true))
	require.Empty(t, contracttest.Value[trace.ReviewLevels](j.Ledger, state.ReviewLevelsKey(j.lot)).Passed)
}

// One harvest is labelled once: goods that carry codes do not go into another lot that
// would label them again, and goods that went into another lot get no codes here.
func TestGoodsAreLabelledOnce(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	first := k.Batch("FIRST", 10)
	k.ActivatePack("PACK0001", 6, first)
	sorted := func(lot trace.LotNumber, boxes int64) *trace.RegisterBatchRequest {
		r := k.BatchRequest(lot, boxes)
		r.Plot, r.Inputs = "", []trace.Input{{LotID: first, Quantity: r.Quantity}}
		return r
	}
	k.Farm.Refused(trace.CodeInputs, "origin:RegisterBatch", sorted("SECOND", 5))
	taker, _ := packer(k)
	k.Farm.Refused(trace.CodeInputs, "origin:ReleaseInput", &trace.ReleaseInputRequest{
		Write: k.Write(), LotID: first, Taker: taker.Party, Quantity: trace.Quantity{Amount: 5 * contracttest.BoxGrams, Unit: trace.Gram},
	})
	k.Farm.Must("origin:RegisterBatch", sorted("SECOND", 3))
	k.IssuePack("PACK0002", 2)
	k.Farm.Refused(trace.CodeTooManyCodes, "code:ActivatePack", &trace.ActivatePackRequest{Write: k.Write(), Pack: "PACK0002", LotID: first})
	k.ActivatePack("PACK0003", 1, first)
	k.ActivatePack("PACK0004", 3, trace.LotID{GTIN: k.Product, Lot: "SECOND"})
}

// The two balances of one lot are written by different methods: writers of either see
// each other, also when they come at once.
func TestLabellingAndTakingAtOnce(t *testing.T) {
	k := contracttest.StartKiwifruit(contracttest.Start(t))
	lot := k.Batch("LOT", 10)
	type step struct {
		transaction string
		request     any
	}
	var steps []step
	for i := range 4 {
		pack := trace.PackID(fmt.Sprintf("PACK000%d", i))
		k.IssuePack(pack, 3)
		child := k.BatchRequest(trace.LotNumber(fmt.Sprintf("CHILD-%d", i)), 3)
		child.Plot, child.Inputs = "", []trace.Input{{LotID: lot, Quantity: child.Quantity}}
		steps = append(steps,
			step{"code:ActivatePack", &trace.ActivatePackRequest{Write: k.Write(), Pack: pack, LotID: lot}},
			step{"origin:RegisterBatch", child})
	}
	codes := make(chan trace.Code, len(steps))
	for _, s := range steps {
		go func() {
			for {
				_, err := k.Farm.Submit(s.transaction, s.request)
				if code := trace.CodeOf(err); err == nil || code != "" {
					codes <- code
					return
				}
			}
		}()
	}
	done := 0
	for range steps {
		switch code := <-codes; code {
		case "", trace.CodeAlreadyRecorded:
			done++
		default:
			require.Contains(t, []trace.Code{trace.CodeInputs, trace.CodeTooManyCodes}, code)
		}
	}
	require.Equal(t, 3, done)
	bound := contracttest.Value[trace.BoundItems](k.Ledger, state.BatchCodesKey(lot))
	taken := contracttest.Value[trace.TakenQuantity](k.Ledger, state.BatchInputsKey(lot))
	var total int64
	if bound != nil {
		total += bound.Count * contracttest.BoxGrams
	}
	if taken != nil {
		total += taken.Amount
	}
	require.EqualValues(t, 9*contracttest.BoxGrams, total)
}

// Goods are not sent to a party that may not act, no more than they come from one: also
// not on the word it gave before.
func TestNothingIsSentToOrFromASuspendedParty(t *testing.T) {
	j := startJourney(t)
	j.consign("ship-01", "carrier-01")
	for _, party := range []trace.PartyID{j.store.Party, j.Farm.Party} {
		standing := func(status trace.PartyStatus) *trace.SetStandingRequest {
			return &trace.SetStandingRequest{Write: j.Write(), Party: party, Status: status, Reason: "检查"}
		}
		j.Regulator().Must("registry:SetStanding", standing(trace.PartySuspended))
		j.carrier.Refused(trace.CodePartySuspended, "transit:Dispatch", j.dispatch("ship-01", j.codes(1, 20)))
		j.Regulator().Must("registry:SetStanding", standing(trace.PartyActive))
	}
	j.carrier.Must("transit:Dispatch", j.dispatch("ship-01", j.codes(1, 20)))
}
