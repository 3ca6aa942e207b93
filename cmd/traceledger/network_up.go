package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/sync/errgroup"

	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/wallet"
	"traceledger/network/fabric"
)

// networkUp brings a network up, or what is missing of one.
func networkUp(ctx context.Context, c networkCall) error {
	network, err := c.up(ctx)
	if err != nil {
		return err
	}
	network.Detach()
	return nil
}

// up returns the network once every gateway takes submits and everything that clients
// need is written. What has come up stays up on an error: the next up goes on from there.
// Each step may take Timeout; only fetching blocks, which takes as long as the chain is, is
// waited for as long as blocks come.
func (c *networkCall) up(ctx context.Context) (*fabric.Network, error) {
	program, err := c.cfg.chaincode()
	if err != nil {
		return nil, err
	}
	cfg, err := c.patient().Prepare(ctx)
	if errors.Is(err, fabric.ErrNoAuthorities) {
		return nil, fmt.Errorf("%w; or make a network without Fabric CAs: certificateAuthorities: false", err)
	}
	if err != nil {
		return nil, err
	}
	began := time.Now()
	starting, cancel := fabric.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	network, err := fabric.Start(starting, cfg)
	if err != nil {
		return nil, err
	}
	deploying, cancel := fabric.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	undone := ready(deploying, network, program)
	if undone != nil && !errors.Is(undone, fabric.ErrOthersNeeded) {
		network.Detach()
		return nil, undone
	}
	c.sayReady(network, time.Since(began))
	if same, err := network.Serves(chaincodeName, program); err != nil || !same {
		fmt.Fprintf(c.out, "%s is another program than the one deployed: traceledger network upgrade brings it in\n", program)
	}
	began = time.Now()
	equipping, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	err = network.StartAuthorities(equipping)
	if err == nil {
		err = writeClients(network)
	}
	if err != nil {
		network.Detach()
		return nil, errors.Join(undone, fmt.Errorf("what clients need: %w", err))
	}
	if undone != nil {
		network.Detach()
		return nil, undone
	}
	fmt.Fprintf(c.out, "clients in %s: %s holds per organisation connection file, connection profile, sample identities\n",
		time.Since(began).Round(100*time.Millisecond), filepath.Join(c.cfg.Dir, "clients"))
	return network, nil
}

// sayReady tells whose gateways take submits, and what was not looked at.
func (c *networkCall) sayReady(network *fabric.Network, took time.Duration) {
	readiness{
		took: took.Round(100 * time.Millisecond), version: network.Version(chaincodeName),
		absent: network.Absent(), own: network.Administered(), departed: network.Departed(),
	}.say(c.out)
}

// readiness is what up has come to.
type readiness struct {
	took    time.Duration
	version string
	// own are the members whose administrators' keys are here, absent the others, and departed the
	// organisations that are planned and that the channel does not have.
	own, absent []string
	departed    []fabric.Member
}

func (r readiness) say(out io.Writer) {
	switch {
	case len(r.absent) == 0:
		fmt.Fprintf(out, "ready in %s: every gateway takes submits, chaincode %s %s\n", r.took, chaincodeName, r.version)
	case len(r.own) == 0:
		fmt.Fprintf(out, "the nodes here run after %s; no administrator's key is here to ask how they are\n", r.took)
	default:
		fmt.Fprintf(out, "ready in %s: the gateway of %s takes submits, chaincode %s %s\n", r.took, strings.Join(r.own, ", "), chaincodeName, r.version)
	}
	if len(r.absent) > 0 {
		fmt.Fprintf(out, "left to %s, whose administrators' keys are not here: their nodes and approvals\n", strings.Join(r.absent, ", "))
	}
	for _, m := range r.departed {
		fmt.Fprintln(out, departedWarning(m, len(r.absent) == 0))
	}
}

// departedWarning tells of an organisation that is planned and that the channel does not have. Only
// where all members' administrators' keys are can it be taken out of the plan or in again by a command.
func departedWarning(m fabric.Member, here bool) string {
	says := fmt.Sprintf("WARNING: the channel has %s no more, its nodes are left alone", m.MSPID)
	switch {
	case !here:
		return says + ", and topology.json here still lists it; where the keys of most members' administrators are it is taken out of that or in again, else by Fabric's tools (docs/operations.md)"
	case trace.Founding(m.MSPID):
		return fmt.Sprintf("%s and what it answers for is not taken; traceledger network add -msp %[2]s -kind %[2]s takes it in again", says, m.MSPID)
	}
	return fmt.Sprintf("%s; traceledger network remove -msp %[2]s takes it out of topology.json, network add -msp %[2]s -kind %[3]s takes it in again", says, m.MSPID, m.Kind)
}

// ready deploys the contracts, or what is missing of them, to be endorsed by most of the
// members, and waits for the gateways. Another program than the one deployed is brought in
// by upgrade only. Where organisations keep their own keys, what needs those of others is
// left to them.
func ready(ctx context.Context, network *fabric.Network, program string) error {
	policy := endorsementPolicy(network)
	if len(network.Absent()) > 0 {
		if err := network.HealOwn(ctx, chaincodeName, policy); err != nil {
			return err
		}
		return network.AwaitLevel(ctx)
	}
	deployed, err := network.Heal(ctx, chaincodeName, policy)
	if err != nil {
		return err
	}
	if !deployed {
		if err := network.Deploy(ctx, fabric.Chaincode{Name: chaincodeName, Version: "1", Binary: program, Policy: policy}); err != nil {
			return err
		}
	}
	if err := network.AwaitSubmits(ctx); err != nil {
		return err
	}
	// A peer without data takes minutes to come back, in which another node may have stopped.
	return network.AwaitLevel(ctx)
}

// networkUpgrade brings in another program of the contracts.
func networkUpgrade(ctx context.Context, c networkCall) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	program, err := c.cfg.chaincode()
	if err != nil {
		return err
	}
	network, err := fabric.Open(ctx, c.fabric())
	if err != nil {
		return err
	}
	defer network.Detach()
	before := network.Version(chaincodeName)
	if before == "" {
		return errors.New("no contracts are deployed: traceledger network up")
	}
	same, err := network.Serves(chaincodeName, program)
	if err != nil {
		return err
	}
	if same {
		return fmt.Errorf("%s is the program that the network runs already, as version %s", program, before)
	}
	version := c.flags.version
	if version == "" {
		number, err := strconv.Atoi(before)
		if err != nil {
			return fmt.Errorf("version %q is no number to count on from: give -version", before)
		}
		version = strconv.Itoa(number + 1)
	}
	began := time.Now()
	if err := network.Deploy(ctx, fabric.Chaincode{Name: chaincodeName, Version: version, Binary: program}); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "upgraded %s from %s to %s in %s\n", chaincodeName, before, version, time.Since(began).Round(100*time.Millisecond))
	return nil
}

// networkEnrol issues an identity of an organisation into a wallet.
func networkEnrol(ctx context.Context, c networkCall) error {
	role, party := trace.Role(c.flags.role), trace.PartyID(c.flags.party)
	if trace.MSPOf(role) == "" || c.flags.wallet == "" {
		return fmt.Errorf("enrol needs -role (%q is none), -party and -to WALLET; docs/access.md has the roles", c.flags.role)
	}
	if err := party.Validate(); err != nil {
		return err
	}
	network, err := fabric.View(ctx, c.fabric())
	if err != nil {
		return err
	}
	defer network.Detach()
	msp, err := organisationOf(network, c.flags.organisation, role)
	if err != nil {
		return err
	}
	identities, err := wallet.Open(c.flags.wallet, nil)
	if err != nil {
		return err
	}
	if err := enrolInto(identities, network, msp, role, party); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "enrolled %s of %s in %s\n", enrolmentName(party, role), msp, c.flags.wallet)
	return nil
}

// organisationOf finds the organisation that certifies for a role: the one named, which
// must be of the role's kind, or the founding one. Every organisation has scanners, which
// only read.
func organisationOf(network *fabric.Network, named string, role trace.Role) (string, error) {
	home := trace.MSPOf(role)
	if named == "" || named == home {
		return home, nil
	}
	for _, member := range network.Members() {
		if member.MSPID == named && (member.Kind == home || role == trace.RoleScanner) {
			return named, nil
		}
	}
	return "", fmt.Errorf("role %s is one of %s, not of %s: the contracts would refuse it", role, home, named)
}

// enrolInto has the organisation's CA issue an identity, or its authority's key where
// there is no CA.
func enrolInto(identities *wallet.Wallet, network *fabric.Network, msp string, role trace.Role, party trace.PartyID) error {
	name := enrolmentName(party, role)
	attributes := map[string]string{trace.AttributeRole: string(role), trace.AttributeParty: string(party)}
	issue := network.EnrolAtCA
	if !network.HasAuthorities() {
		issue = func(msp, name string, attributes map[string]string) ([]byte, []byte, error) {
			return network.Enrol(msp, name, attributes)
		}
	}
	certificate, key, err := issue(msp, name, attributes)
	if err != nil {
		return err
	}
	return identities.Put(name, msp, certificate, key)
}

// writeClients lays out, organisation by organisation, what its clients need.
// Identities that are there already are kept.
func writeClients(network *fabric.Network) error {
	samples, err := sampleIdentities()
	if err != nil {
		return err
	}
	var group errgroup.Group
	for _, msp := range network.Administered() {
		group.Go(func() error { return writeClient(network, msp, samples[msp]) })
	}
	return group.Wait()
}

func writeClient(network *fabric.Network, msp string, samples []who) error {
	folder, err := network.ClientFolder(msp)
	if err != nil {
		return err
	}
	endpoints, err := network.Endpoints(msp)
	if err != nil {
		return err
	}
	connection := Connection{Channel: channelName, Chaincode: chaincodeName}
	for _, e := range endpoints {
		connection.Peers = append(connection.Peers, Peer{Address: e.Address, TLSCA: e.TLSCA})
	}
	if err := connection.write(filepath.Join(folder, connectionName)); err != nil {
		return err
	}
	profile, err := network.Profile(msp)
	if err != nil {
		return err
	}
	asJSON, err := json.MarshalIndent(profile, "", "  ")
	if err != nil {
		return err
	}
	asYAML, err := yaml.Marshal(profile)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{profileJSONName: append(asJSON, '\n'), profileYAMLName: asYAML} {
		if err := writeAside(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	identities, err := wallet.Open(filepath.Join(folder, "wallet"), nil)
	if err != nil {
		return err
	}
	for _, sample := range samples {
		_, err := identities.Identity(enrolmentName(sample.party, sample.role))
		if trace.CodeOf(err) == wallet.CodeUnknownIdentity {
			err = enrolInto(identities, network, msp, sample.role, sample.party)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sampleIdentities are, by organisation, those the house works as and those of the
// demonstration.
func sampleIdentities() (map[string][]who, error) {
	demo, err := fixtures.ReadDemo(fixtures.Files())
	if err != nil {
		return nil, err
	}
	all := []who{{operatorParty, trace.RoleRegulator}}
	for _, id := range demo.Identities {
		all = append(all, who{id.Party, id.Role})
	}
	byOrganisation := map[string][]who{}
	for _, msp := range trace.MSPs() {
		byOrganisation[msp] = []who{{readerPartyOf(msp), trace.RoleScanner}}
	}
	for _, id := range all {
		msp := trace.MSPOf(id.role)
		byOrganisation[msp] = append(byOrganisation[msp], id)
	}
	return byOrganisation, nil
}

// copyWallet adds to a wallet what it lacks of another.
func copyWallet(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		target := filepath.Join(to, entry.Name())
		if _, err := os.Stat(target); err == nil || !entry.IsDir() {
			continue
		}
		aside, err := os.MkdirTemp(to, ".new-")
		if err != nil {
			return err
		}
		if err := errors.Join(os.CopyFS(aside, os.DirFS(filepath.Join(from, entry.Name()))), os.Rename(aside, target)); err != nil {
			return err
		}
	}
	return nil
}
