package state

import "traceledger/chaincode/trace"

// GetProduct reads a trade item.
func GetProduct(l Reader, g trace.GTIN) (*trace.Product, error) {
	return Get[trace.Product](l, ProductKey(g))
}

// GetPlot reads a producer's plot.
func GetPlot(l Reader, producer trace.PartyID, plot trace.PlotID) (*trace.Plot, error) {
	return Get[trace.Plot](l, PlotKey(producer, plot))
}

// GetBatch reads a lot's record.
func GetBatch(l Reader, lot trace.LotID) (*trace.Batch, error) {
	return Get[trace.Batch](l, BatchKey(lot))
}

// GetCompletion reads the harvest of a presale lot, nil while it is open.
func GetCompletion(l Reader, lot trace.LotID) (*trace.Completion, error) {
	return Get[trace.Completion](l, CompletionKey(lot))
}

// GetBatchInputs reads what a lot gave to other lots.
func GetBatchInputs(l Reader, lot trace.LotID) (trace.TakenQuantity, error) {
	return GetOrZero[trace.TakenQuantity](l, BatchInputsKey(lot))
}

// GetInputRelease reads what a lot's producer released to a taker.
func GetInputRelease(l Reader, lot trace.LotID, taker trace.PartyID) (trace.ReleasedQuantity, error) {
	return GetOrZero[trace.ReleasedQuantity](l, InputReleaseKey(lot, taker))
}

// GetBatchCodes reads how many items of a lot have a code.
func GetBatchCodes(l Reader, lot trace.LotID) (trace.BoundItems, error) {
	return GetOrZero[trace.BoundItems](l, BatchCodesKey(lot))
}

// GetSeason reads the balance of one season of a plot.
func GetSeason(l Reader, producer trace.PartyID, plot trace.PlotID, season int) (trace.Season, error) {
	return GetOrZero[trace.Season](l, SeasonKey(producer, plot, season))
}

// GetRecallLot reads whether a whole lot is recalled, nil when it never was.
func GetRecallLot(l Reader, lot trace.LotID) (*trace.Recall, error) {
	return Get[trace.Recall](l, RecallLotKey(lot))
}
