package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/store"
)

// tokenCommand makes a token when Make is set, revokes one when Revoke is, and lists
// them otherwise.
type tokenCommand struct {
	Make   string        `json:"make,omitempty"` // name of the new token
	Role   trace.Role    `json:"role,omitempty"`
	Party  trace.PartyID `json:"party,omitempty"`
	Days   int           `json:"days,omitempty"`
	Revoke string        `json:"revoke,omitempty"`
}

// tokens does a command and gives what it prints.
func (n *node) tokens(command tokenCommand) (string, error) {
	switch {
	case command.Make != "":
		presented, err := n.issueToken(command.Make, command.Role, command.Party, time.Duration(command.Days)*24*time.Hour)
		return presented + "\n", err
	case command.Revoke != "":
		return "", n.store.Tokens().Revoke(command.Revoke)
	}
	var out strings.Builder
	err := n.store.Tokens().List(func(t store.Token) error {
		state := "valid"
		if !t.Revoked.IsZero() {
			state = "revoked"
		}
		_, err := fmt.Fprintf(&out, "%s %-10s %-20s %-16s %s %s\n", t.ID, t.Role, t.Party, t.MSPID, state, t.Name)
		return err
	})
	return out.String(), err
}

// answerTokens is tokens for the admin socket.
func (n *node) answerTokens(_ context.Context, content []byte) (any, error) {
	var command tokenCommand
	if err := json.Unmarshal(content, &command); err != nil {
		return nil, err
	}
	return n.tokens(command)
}

// runToken makes, lists or revokes access tokens of a house, running or stopped.
func runToken(ctx context.Context, args []string, out io.Writer) error {
	var command tokenCommand
	var party, role string
	cfg, err := readConfig("token", args, func(f *flag.FlagSet) {
		f.StringVar(&command.Make, "make", "", "name of a new token; needs -party and -role")
		f.StringVar(&party, "party", "", "party the token stands for")
		f.StringVar(&role, "role", "", "role the token stands for")
		f.IntVar(&command.Days, "days", 90, "days until the new token expires")
		f.StringVar(&command.Revoke, "revoke", "", "id of a token to revoke")
	})
	if err != nil {
		return err
	}
	command.Party, command.Role = trace.PartyID(party), trace.Role(role)
	var printed string
	running, err := askRunning(ctx, cfg.Data, "token", command, &printed)
	if !running {
		printed, err = tokensOfStopped(cfg, command)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, printed)
	return err
}

// tokensOfStopped opens a house to do a command.
func tokensOfStopped(cfg Config, command tokenCommand) (string, error) {
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return "", err
	}
	eng, err := openEngine(cfg, logger)
	if err != nil {
		return "", err
	}
	defer eng.Close()
	n, err := openNode(cfg.withBase(), eng, logger)
	if err != nil {
		return "", err
	}
	defer n.Close()
	return n.tokens(command)
}
