//go:build soak

package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
)

// soakFleet is what a carrier of a province has: 5,000 trackers connected, 2,000 of them
// on the road, which report every second.
var soakFleet = fleetPlan{sending: 2_000, connected: 5_000, every: time.Second}

// soakMemory is what the gateway may take meanwhile.
const soakMemory = 1024 // MB

// soakOutage is how long the ledger is away: ten minutes, or TRACELEDGER_SOAK_OUTAGE.
func soakOutage(t *testing.T) time.Duration {
	text := os.Getenv("TRACELEDGER_SOAK_OUTAGE")
	if text == "" {
		return 10 * time.Minute
	}
	outage, err := time.ParseDuration(text)
	require.NoError(t, err)
	return outage
}

// TestSoakTerminals is TestTerminalsThroughKillsAndOutage's long form.
func TestSoakTerminals(t *testing.T) {
	l, address := newHouse(t), freeAddress(t)
	f := newFleet(t, soakFleet)
	for role, party := range fleetParties {
		l.command("enrol", "-role", string(role), "-party", string(party), "-to", filepath.Join(f.data, "wallet"))
	}
	l.command("enrol", "-role", string(trace.RoleRegulator), "-party", operatorParty, "-to", filepath.Join(f.data, "wallet"))
	startLedger := func() { l.start("ledger", "-ledger-addr", address) }
	startLedger()
	f.soak(filepath.Join(l.data, connectionName), l.kill, startLedger)
	l.stop()
}

// TestSoakTerminalsOnFabric is the same on a real network, of which every peer and every
// orderer is away at once.
func TestSoakTerminalsOnFabric(t *testing.T) {
	o := newOperator(t)
	t.Log(strings.TrimSpace(o.network("up")))
	f := newFleet(t, soakFleet)
	for role, party := range fleetParties {
		o.network("enrol", "-role", string(role), "-party", string(party), "-to", filepath.Join(f.data, "wallet"))
	}
	o.network("enrol", "-role", string(trace.RoleRegulator), "-party", operatorParty, "-to", filepath.Join(f.data, "wallet"))
	away := func() {
		for _, node := range o.nodes() {
			if kind := nodeKind(node.Name); kind == "peer" || kind == "orderer" {
				defer o.network("kill", node.Name) // "status" fails once one is away
			}
		}
	}
	f.soak(filepath.Join(o.dir, "clients", trace.ProducerMSP, connectionName), away, func() { t.Log(strings.TrimSpace(o.network("up"))) })
	o.network("down")
}

// soak kills the gateway at random before, in and after the ledger's absence.
func (f *fleet) soak(connection string, away, back func()) {
	t := f.t
	outage := soakOutage(t)
	f.open(connection)
	f.run()
	f.more(5 * f.plan.sending)
	kills := 0
	kill := func(restart func()) {
		<-time.After(time.Duration(rand.IntN(5_000)) * time.Millisecond)
		restart()
		kills++
		f.more(f.plan.sending)
	}
	for range 3 {
		kill(f.restart)
	}
	away()
	began := time.Now()
	for pause := outage / 4; time.Since(began) < outage; {
		<-time.After(min(pause, outage-time.Since(began)))
		if time.Since(began) < outage {
			kill(f.restartWithoutLedger)
		}
	}
	t.Logf("the ledger was away for %s, %d reports were acknowledged by then", time.Since(began).Round(time.Second), f.told())
	back()
	for range 3 {
		kill(f.restart)
	}
	f.settle()
	t.Logf("%d kills", kills)
	require.LessOrEqual(t, f.memory, float64(soakMemory), "MB of the gateway")
}
