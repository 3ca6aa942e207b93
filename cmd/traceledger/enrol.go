package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"

	"traceledger/chaincode/trace"
	"traceledger/gateway/wallet"
)

// enrolment asks a ledger for an identity.
type enrolment struct {
	Role  trace.Role    `json:"role"`
	Party trace.PartyID `json:"party"`
}

// enrolled is the identity: private key and certificate, PEM.
type enrolled struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

func (e enrolment) validate() error {
	if trace.MSPOf(e.Role) == "" {
		return trace.Errorf(trace.CodeInvalid, "role %q is not a role", e.Role)
	}
	return e.Party.Validate()
}

// enrol issues an identity in the engine's own authorities.
func (e *embeddedEngine) enrol(request enrolment) (enrolled, error) {
	if err := request.validate(); err != nil {
		return enrolled{}, err
	}
	certificate, key, err := e.Enrol(trace.MSPOf(request.Role), enrolmentName(request.Party, request.Role), map[string]string{
		trace.AttributeRole: string(request.Role), trace.AttributeParty: string(request.Party),
	})
	return enrolled{string(certificate), string(key)}, err
}

// answerEnrol is enrol for the admin socket.
func (e *embeddedEngine) answerEnrol(_ context.Context, content []byte) (any, error) {
	var request enrolment
	if err := json.Unmarshal(content, &request); err != nil {
		return nil, err
	}
	return e.enrol(request)
}

// runEnrol issues an identity of a ledger into a wallet, which then goes to where it is
// used. A running ledger is asked over its admin socket; one that is stopped is opened,
// and one that does not exist yet is founded.
func runEnrol(ctx context.Context, args []string, out io.Writer) error {
	var role, party, to string
	cfg, err := readConfig("enrol", args, func(f *flag.FlagSet) {
		f.StringVar(&role, "role", "", "role the identity acts in")
		f.StringVar(&party, "party", "", "party the identity acts for")
		f.StringVar(&to, "to", "", "wallet directory to write, DATA/wallet of the role that will use it")
	})
	if err != nil {
		return err
	}
	request := enrolment{trace.Role(role), trace.PartyID(party)}
	if to == "" {
		return fmt.Errorf("enrol needs -role, -party and -to WALLET")
	}
	if err := request.validate(); err != nil {
		return err
	}
	logger, err := logTo(cfg.LogLevel)
	if err != nil {
		return err
	}
	identities, err := wallet.Open(to, nil)
	if err != nil {
		return err
	}
	var identity enrolled
	running, err := askRunning(ctx, cfg.Data, "enrol", request, &identity)
	if err != nil {
		return err
	}
	if !running {
		eng, err := openEmbedded(cfg.Data, logger)
		if err != nil {
			return err
		}
		defer eng.Close()
		if identity, err = eng.enrol(request); err != nil {
			return err
		}
	}
	name, msp := enrolmentName(request.Party, request.Role), trace.MSPOf(request.Role)
	if err := identities.Put(name, msp, []byte(identity.Certificate), []byte(identity.Key)); err != nil {
		return err
	}
	fmt.Fprintf(out, "enrolled %s of %s in %s\n", name, msp, to)
	return nil
}
