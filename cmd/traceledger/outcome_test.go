package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// outcomeOf hands a transaction to the orderers and tells how it ended. A SubmitError leaves
// that open: a network that is slow says "request already processed" of what it has ordered; and
// so does a CommitStatusError. The peer is asked then, and who has not heard of the transaction is
// sent it again.
func outcomeOf(ctx context.Context, network *client.Network, transaction *client.Transaction) (peer.TxValidationCode, error) {
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		commit, err := transaction.SubmitWithContext(ctx)
		if err == nil {
			var ended *client.Status
			if ended, err = commit.StatusWithContext(ctx); err == nil {
				return ended.Code, nil
			}
		}
		var submit *client.SubmitError
		var status *client.CommitStatusError
		if !errors.As(err, &submit) && !errors.As(err, &status) {
			return -1, err
		}
		found, unknown := network.GetContract("qscc").EvaluateWithContext(ctx, "GetTransactionByID",
			client.WithArguments(network.Name(), transaction.TransactionID()))
		if unknown == nil {
			var processed peer.ProcessedTransaction
			if err := proto.Unmarshal(found, &processed); err != nil {
				return -1, err
			}
			return peer.TxValidationCode(processed.GetValidationCode()), nil
		}
		select {
		case <-ctx.Done():
			return -1, fmt.Errorf("%w; last: %s; %w", ctx.Err(), wholeText(err), unknown)
		case <-pause.C:
		}
	}
}
