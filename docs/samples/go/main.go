// Command go registers a lot with the stock Fabric gateway client, reads it back, and
// finds its chaincode event and its block. docs/integrate.md walks through it. It imports
// nothing of traceledger: take the file along.
//
// Usage: go run . CONNECTION-PROFILE.json IDENTITY-FOLDER LOT
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run . CONNECTION-PROFILE.json IDENTITY-FOLDER LOT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(profile, wallet, lot string) error {
	id, sign, err := readIdentity(wallet)
	if err != nil {
		return err
	}
	conn, err := dial(profile, id.MspID())
	if err != nil {
		return err
	}
	defer conn.Close()
	gw, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn),
		client.WithEvaluateTimeout(5*time.Second), client.WithEndorseTimeout(15*time.Second),
		client.WithSubmitTimeout(5*time.Second), client.WithCommitStatusTimeout(time.Minute))
	if err != nil {
		return err
	}
	defer gw.Close()
	network := gw.GetNetwork("trace")
	origin := network.GetContractWithName("trace", "origin")

	// The same lot is the same request, to the byte: run it twice and there is one record.
	batch := map[string]any{
		"idempotencyKey": "lot-" + lot,
		"claimed":        "2026-09-01T09:00:00+08:00",
		"gtin":           "09520000200015", "lot": lot,
		"made":     "2026-09-01T08:00:00+08:00",
		"quantity": map[string]any{"amount": 1200, "unit": "piece"},
		"place":    "广州市白云区",
		"point":    map[string]any{"latitude": 23_160_000, "longitude": 113_270_000}, // 1e-6°, two decimals
	}
	key, err := record(origin, "RegisterBatch", batch)
	if err != nil {
		return err
	}
	fmt.Println("record", key)

	stored, err := origin.Evaluate("Get", argument(map[string]any{"key": key}))
	if err != nil {
		return err
	}
	fmt.Println("stored", string(stored))

	// To evaluate a submitting method is to try it: nothing is recorded.
	batch["place"] = "elsewhere"
	_, err = origin.Evaluate("RegisterBatch", argument(batch))
	fmt.Println("refused", refusal(err))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := follow(ctx, network, key); err != nil {
		return err
	}
	fmt.Println("page /01/09520000200015/10/" + url.PathEscape(lot))
	return nil
}

// record submits a request until it is known to be on the chain, and gives its key.
//
// After a SubmitError or CommitStatusError nobody knows whether the transaction will take effect, and
// one that lost a race (MVCC_READ_CONFLICT) has not. In both cases the same request is sent again:
// its record has one key, so it is written once, and a repetition is refused as ALREADY_RECORDED.
func record(contract *client.Contract, method string, request any) (string, error) {
	var doubt error
	unknown := false
	for range 5 {
		answer, commit, err := contract.SubmitAsync(method, argument(request))
		if err == nil {
			var outcome *client.Status
			if outcome, err = commit.Status(); err == nil && outcome.Successful {
				var receipt struct{ Record string }
				return receipt.Record, json.Unmarshal(answer, &receipt)
			} else if err == nil {
				err = fmt.Errorf("committed as void: %s", outcome.Code)
			}
		}
		if text := refusal(err); strings.HasPrefix(text, "ALREADY_RECORDED: ") {
			return text[strings.LastIndex(text, " ")+1:], nil // the message ends with the key
		} else if text != "" {
			return "", errors.New(text)
		}
		doubt = err
		var submit *client.SubmitError
		var status *client.CommitStatusError
		unknown = unknown || errors.As(err, &submit) || errors.As(err, &status)
		time.Sleep(time.Second)
	}
	if !unknown {
		return "", fmt.Errorf("nothing is recorded: %w", doubt)
	}
	return "", fmt.Errorf("not known to be recorded, send the same request again: %w", doubt)
}

// follow reads the channel's chaincode events from its first block to that of the
// record, and then that block. A service would give a client.FileCheckpointer instead of 0.
func follow(ctx context.Context, network *client.Network, key string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := network.ChaincodeEvents(ctx, "trace", client.WithStartBlock(0))
	if err != nil {
		return err
	}
	for event := range events {
		var receipt struct{ Record string }
		if err := json.Unmarshal(event.Payload, &receipt); err != nil || receipt.Record != key {
			continue
		}
		fmt.Println("event", event.EventName, event.TransactionID, event.BlockNumber)
		blocks, err := network.BlockEvents(ctx, client.WithStartBlock(event.BlockNumber))
		if err != nil {
			return err
		}
		block, ok := <-blocks
		if !ok {
			break
		}
		fmt.Println("block", block.GetHeader().GetNumber(), len(block.GetData().GetData()))
		return nil
	}
	return fmt.Errorf("the events ended before that of %s: %w", key, context.Cause(ctx))
}

var coded = regexp.MustCompile(`(?s)chaincode response \d+, ([A-Z_]+: .*)`)

// refusal is what the contract said, "CODE: message", or "" where it was not the contract.
func refusal(err error) string {
	state := status.Convert(err)
	texts := []string{state.Message()}
	for _, detail := range state.Details() {
		if detail, ok := detail.(*gateway.ErrorDetail); ok {
			texts = append(texts, detail.GetMessage())
		}
	}
	for _, text := range texts {
		if found := coded.FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	return ""
}

func argument(request any) client.ProposalOption {
	content, err := json.Marshal(request)
	if err != nil {
		panic(err) // of maps of texts and numbers
	}
	return client.WithBytesArguments(content)
}

// dial reaches the organisation's own peer as the connection profile has it.
func dial(path, mspID string) (*grpc.ClientConn, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var profile struct {
		Organizations map[string]struct{ Peers []string }
		Peers         map[string]struct {
			URL         string
			TLSCACerts  struct{ PEM string }
			GRPCOptions map[string]string
		}
	}
	if err := json.Unmarshal(content, &profile); err != nil {
		return nil, err
	}
	organization := profile.Organizations[mspID]
	if len(organization.Peers) == 0 {
		return nil, fmt.Errorf("%s names no peer of %s", path, mspID)
	}
	peer := profile.Peers[organization.Peers[0]]
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(peer.TLSCACerts.PEM)) {
		return nil, fmt.Errorf("%s names no TLS authority of %s", path, organization.Peers[0])
	}
	return grpc.NewClient("passthrough:///"+strings.TrimPrefix(peer.URL, "grpcs://"),
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, peer.GRPCOptions["ssl-target-name-override"])),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(100<<20))) // blocks
}

// readIdentity reads one folder of a wallet: msp, cert.pem, key.pem.
func readIdentity(folder string) (*identity.X509Identity, identity.Sign, error) {
	var parts [3][]byte
	for i, name := range []string{"msp", "cert.pem", "key.pem"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, nil, err
		}
		parts[i] = content
	}
	certificate, err := identity.CertificateFromPEM(parts[1])
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(strings.TrimSpace(string(parts[0])), certificate)
	if err != nil {
		return nil, nil, err
	}
	key, err := identity.PrivateKeyFromPEM(parts[2])
	if err != nil {
		return nil, nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	return id, sign, err
}
