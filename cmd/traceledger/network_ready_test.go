package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/network/fabric"
)

// TestReadiness: whoever has left the channel is named whether all administrators' keys are in the folder, some or one.
func TestReadiness(t *testing.T) {
	joined := fabric.Member{MSPID: "Lab2MSP", Kind: trace.LabMSP}
	founder := fabric.Member{MSPID: trace.CarrierMSP}
	for name, c := range map[string]struct {
		of   readiness
		says string
	}{
		"all": {readiness{own: trace.MSPs()}, "ready in 5s: every gateway takes submits, chaincode trace 1"},
		"all but one that has left": {
			readiness{own: []string{trace.LabMSP}, departed: []fabric.Member{joined, founder}},
			`ready in 5s: every gateway takes submits, chaincode trace 1
WARNING: the channel has Lab2MSP no more, its nodes are left alone; traceledger network remove -msp Lab2MSP takes it out of topology.json, network add -msp Lab2MSP -kind LabMSP takes it in again
WARNING: the channel has CarrierMSP no more, its nodes are left alone and what it answers for is not taken; traceledger network add -msp CarrierMSP -kind CarrierMSP takes it in again`,
		},
		"some": {readiness{own: []string{trace.LabMSP, trace.CarrierMSP}, absent: []string{trace.ProducerMSP}}, `ready in 5s: the gateway of LabMSP, CarrierMSP takes submits, chaincode trace 1
left to ProducerMSP, whose administrators' keys are not here: their nodes and approvals`},
		"some, of which one has left": {
			readiness{own: []string{trace.LabMSP}, absent: []string{trace.ProducerMSP, trace.PlatformMSP}, departed: []fabric.Member{founder}},
			`ready in 5s: the gateway of LabMSP takes submits, chaincode trace 1
left to ProducerMSP, PlatformMSP, whose administrators' keys are not here: their nodes and approvals
WARNING: the channel has CarrierMSP no more, its nodes are left alone, and topology.json here still lists it; where the keys of most members' administrators are it is taken out of that or in again, else by Fabric's tools (docs/operations.md)`,
		},
		"none": {readiness{absent: trace.MSPs()}, `the nodes here run after 5s; no administrator's key is here to ask how they are
left to ProducerMSP, LabMSP, CarrierMSP, PlatformMSP, RegulatorMSP, whose administrators' keys are not here: their nodes and approvals`},
	} {
		t.Run(name, func(t *testing.T) {
			c.of.took, c.of.version = 5*time.Second, "1"
			var said strings.Builder
			c.of.say(&said)
			require.Equal(t, c.says+"\n", said.String())
		})
	}
}
