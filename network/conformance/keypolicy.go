package conformance

import (
	"slices"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"traceledger/network/conformance/chaincode"
)

func setPolicy(key string, mspIDs ...string) chaincode.Step {
	return chaincode.Step{Op: "setPolicy", Key: key, Orgs: mspIDs}
}

func getPolicy(key string) chaincode.Step { return chaincode.Step{Op: "getPolicy", Key: key} }

// testKeyPolicy covers endorsement policies of single keys, and with them the
// guard: a key that only transactions endorsed by one organisation can write,
// written blindly by every transaction that this organisation answers for.
func testKeyPolicy(t *testing.T, s *suite) {
	m := s.members[producer]
	const policyFailure = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	const valid = peer.TxValidationCode_VALID
	try := func(t *testing.T, list []chaincode.Step, endorsers ...string) peer.TxValidationCode {
		t.Helper()
		return s.commit(t, m, m.endorse(t, list, orgs(endorsers...))).code
	}

	t.Run("SetAndGet", func(t *testing.T) {
		key := s.prefix() + "a"
		done := s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab, carrier), getPolicy(key)))
		require.False(t, done.results[2].Found, "a transaction does not read the policy it sets")
		require.Equal(t, []string{carrier, lab}, m.evaluate(t, steps(getPolicy(key)))[0].Values)
		require.False(t, m.evaluate(t, steps(getPolicy(key+"-none")))[0].Found)
	})
	t.Run("PolicyReplacesThatOfTheChaincode", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		require.Equal(t, policyFailure, try(t, steps(put(key, "2")), producer, carrier, platform, regulator))
		require.Equal(t, valid, try(t, steps(put(key, "3")), lab))
		require.Equal(t, "3", m.get(t, key).Value)
	})
	t.Run("AllOrganisationsOfThePolicy", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab, carrier)))
		require.Equal(t, policyFailure, try(t, steps(put(key, "2")), lab))
		require.Equal(t, policyFailure, try(t, steps(put(key, "2")), carrier, producer, platform))
		require.Equal(t, valid, try(t, steps(put(key, "2")), carrier, lab))
	})
	t.Run("GuardBesideAPlainKey", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)))
		fact := steps(put(p+"fact", "1"), put(p+"guard", "1"))
		require.Equal(t, policyFailure, try(t, fact, producer, carrier, platform), "a majority without the guard's organisation")
		require.Equal(t, policyFailure, try(t, fact, lab), "the guard's organisation alone")
		require.Equal(t, policyFailure, try(t, fact, lab, producer), "both, but no majority")
		require.False(t, m.get(t, p+"fact").Found)
		require.Equal(t, valid, try(t, fact, lab, producer, carrier))
	})
	t.Run("GatewayFindsTheGuardsOrganisation", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", regulator)))
		for _, mspID := range []string{producer, carrier, regulator} {
			from := s.members[mspID]
			transaction := from.endorse(t, steps(put(p+"fact", mspID), put(p+"guard", "1")))
			endorsers := endorsingOrganisations(t, transaction)
			require.Contains(t, endorsers, regulator)
			require.GreaterOrEqual(t, len(endorsers), 3)
			requireCode(t, valid, s.commit(t, from, transaction))
		}
	})
	// The four traps of guards.
	t.Run("TrapReadingThePolicyConflicts", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)))
		reading := func(fact string) []chaincode.Step {
			return steps(getPolicy(p+"guard"), put(p+"guard", "1"), put(p+fact, "1"))
		}
		first, second := m.endorse(t, reading("a")), m.endorse(t, reading("b"))
		requireCode(t, valid, s.commit(t, m, first))
		requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, s.commit(t, m, second))

		blind := func(fact string) []chaincode.Step { return steps(put(p+"guard", "1"), put(p+fact, "1")) }
		first, second = m.endorse(t, blind("c")), m.endorse(t, blind("d"))
		requireCode(t, valid, s.commit(t, m, first))
		requireCode(t, valid, s.commit(t, m, second))
	})
	t.Run("TrapGuardAloneNeedsItsOrganisationAlone", func(t *testing.T) {
		key := s.prefix() + "guard"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		transaction := s.members[lab].endorse(t, steps(put(key, "2")))
		require.Equal(t, []string{lab}, endorsingOrganisations(t, transaction))
		requireCode(t, valid, s.commit(t, m, transaction))
	})
	t.Run("TrapSettingThePolicyAgainInvalidatesLaterWrites", func(t *testing.T) { testPolicyChangeInBlock(t, s) })
	t.Run("TrapAGuardCanBeLeftOut", func(t *testing.T) {
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)))
		require.Equal(t, valid, try(t, steps(put(p+"fact", "1")), producer, carrier, platform),
			"nothing but the chaincode itself ties a fact to its guard")
	})

	t.Run("ChangingThePolicyNeedsThePolicy", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		require.Equal(t, policyFailure, try(t, steps(setPolicy(key, carrier)), producer, carrier, platform))
		require.Equal(t, []string{lab}, m.evaluate(t, steps(getPolicy(key)))[0].Values)
		require.Equal(t, valid, try(t, steps(setPolicy(key, carrier)), lab))
		require.Equal(t, []string{carrier}, m.evaluate(t, steps(getPolicy(key)))[0].Values)
		require.Equal(t, policyFailure, try(t, steps(put(key, "2")), lab))
		require.Equal(t, valid, try(t, steps(put(key, "2")), carrier))
	})
	t.Run("RemovingThePolicyRestoresThatOfTheChaincode", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		require.Equal(t, valid, try(t, steps(setPolicy(key)), lab))
		require.Equal(t, policyFailure, try(t, steps(put(key, "2")), lab))
		require.Equal(t, valid, try(t, steps(put(key, "2")), producer, carrier, platform))
	})
	t.Run("DeletingAKeyForgetsItsPolicy", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		require.Equal(t, policyFailure, try(t, steps(chaincode.Step{Op: "delete", Key: key}), producer, carrier, platform))
		require.Equal(t, valid, try(t, steps(chaincode.Step{Op: "delete", Key: key}), lab))
		require.False(t, m.evaluate(t, steps(getPolicy(key)))[0].Found)
		require.Equal(t, valid, try(t, steps(put(key, "2")), producer, carrier, platform))
	})
	t.Run("WritingAValueKeepsThePolicy", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		require.Equal(t, valid, try(t, steps(put(key, "2")), lab))
		require.Equal(t, []string{lab}, m.evaluate(t, steps(getPolicy(key)))[0].Values)
	})
	t.Run("PolicyOfAnAbsentKeyIsIgnored", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(setPolicy(key, lab)))
		require.False(t, m.evaluate(t, steps(getPolicy(key)))[0].Found)
		require.Equal(t, valid, try(t, steps(put(key, "1")), producer, carrier, platform))
	})
	t.Run("DeletingAndSettingAPolicyAtOnce", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1")))
		s.submit(t, m, steps(chaincode.Step{Op: "delete", Key: key}, setPolicy(key, lab)))
		require.False(t, m.get(t, key).Found)
		require.False(t, m.evaluate(t, steps(getPolicy(key)))[0].Found)
		require.Equal(t, valid, try(t, steps(put(key, "2")), producer, carrier, platform))
	})
	t.Run("SettingAPolicyCountsAsAWriteOfTheKey", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(put(key, "1"), setPolicy(key, lab)))
		reader := m.endorse(t, steps(get(key), put(key+"-other", "1")))
		s.submit(t, m, steps(setPolicy(key, lab)))
		requireCode(t, peer.TxValidationCode_MVCC_READ_CONFLICT, s.commit(t, m, reader))
	})
	t.Run("PrivateKey", func(t *testing.T) {
		key := s.prefix() + "a"
		s.submit(t, m, steps(private("open", key, "1"),
			chaincode.Step{Op: "privateSetPolicy", Collection: "open", Key: key, Orgs: []string{carrier}}), orgs(producer, lab, carrier))
		read := s.members[lab].evaluate(t, steps(chaincode.Step{Op: "privateGetPolicy", Collection: "open", Key: key}), orgs(lab))
		require.Equal(t, []string{carrier}, read[0].Values)
		require.Equal(t, policyFailure, try(t, steps(private("open", key, "2")), producer, lab, platform))
		require.Equal(t, valid, try(t, steps(private("open", key, "2")), carrier))
	})
}

// testPolicyChangeInBlock sends a change of a key's policy and, right behind it,
// writes of the key. Those that end up behind it in the same block are invalid,
// although their endorsements satisfy the old policy and the new.
func testPolicyChangeInBlock(t *testing.T, s *suite) {
	m := s.members[producer]
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 100, "the two never met in one block")
		p := s.prefix()
		s.submit(t, m, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)))
		change := m.endorse(t, steps(put(p+"guard", "1"), setPolicy(p+"guard", lab)), orgs(lab))
		var writers []*client.Transaction
		for range 4 {
			writers = append(writers, m.endorse(t, steps(put(p+"guard", "2")), orgs(lab)))
		}
		m.send(t, change)
		sendAtOnce(t, writers)
		changed := s.outcome(t, change)
		requireCode(t, peer.TxValidationCode_VALID, changed)
		order := s.order(t, changed.block)
		met := false
		for _, writer := range writers {
			done := s.outcome(t, writer)
			want := peer.TxValidationCode_VALID
			if done.block == changed.block && slices.Index(order, done.id) > slices.Index(order, changed.id) {
				want = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
				met = true
			}
			requireCode(t, want, done)
		}
		if met {
			return
		}
	}
}

// endorsingOrganisations lists who endorsed a transaction, sorted.
func endorsingOrganisations(t *testing.T, transaction *client.Transaction) []string {
	t.Helper()
	var list []string
	for _, endorsement := range parseTransaction(t, transaction).endorsements {
		var endorser msp.SerializedIdentity
		unmarshal(t, endorsement.GetEndorser(), &endorser)
		list = append(list, endorser.GetMspid())
	}
	slices.Sort(list)
	return list
}
