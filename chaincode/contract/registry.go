package contract

import (
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// Registry is the contract of who takes part: organisations that joined later, parties, their standing, licences and
// accreditations; and of the two channel gates, epoch and guards.
type Registry struct{ subject }

// TouchEpoch advances the epoch gate by one.
func (r *Registry) TouchEpoch(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["TouchEpoch"], argument, func(s *submission, request *trace.TouchEpochRequest) (any, error) {
		current, err := state.GetEpoch(s.Ledger)
		if err != nil {
			return nil, err
		}
		next, err := rules.NextEpoch(current, request.Number, s.Now)
		if err != nil {
			return nil, err
		}
		s.own(state.EpochKey())
		return next, nil
	})
}

// InstallGuard makes one organisation's guard: a key that only transactions endorsed
// by that organisation can write. The policy is set once per version, because setting
// it again would invalidate every later write of the guard in the same block.
func (r *Registry) InstallGuard(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["InstallGuard"], argument, func(s *submission, request *trace.InstallGuardRequest) (any, error) {
		joined, err := s.joined(request.MSP)
		if err != nil {
			return nil, err
		}
		ready, err := state.GetGuardReady(s.Ledger, request.MSP)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckGuard(request, joined, ready); err != nil {
			return nil, err
		}
		policy, err := onlyPeersOf(request.MSP)
		if err != nil {
			return nil, err
		}
		s.install(state.GuardKey(request.MSP, request.Version), policy)
		s.own(state.GuardReadyKey(request.MSP))
		return &trace.GuardReady{MSP: request.MSP, Version: request.Version}, nil
	})
}

// joined loads the admission of an organisation, nil of a founding one.
func (s *submission) joined(msp string) (*trace.Organisation, error) {
	if trace.Founding(msp) {
		return nil, nil
	}
	return state.GetOrganisation(s.Ledger, msp)
}

// AdmitOrganisation admits an organisation that joins later, as one of a kind.
func (r *Registry) AdmitOrganisation(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["AdmitOrganisation"], argument, func(s *submission, request *trace.AdmitOrganisationRequest) (any, error) {
		if err := rules.CheckOrganisation(request); err != nil {
			return nil, err
		}
		if err := s.natural(state.OrganisationKey(request.MSP)); err != nil {
			return nil, err
		}
		return &trace.Organisation{Organisation: request.MSP, Kind: request.Kind}, nil
	})
}

// EndOrganisation ends the membership of an organisation that joined later.
func (r *Registry) EndOrganisation(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["EndOrganisation"], argument, func(s *submission, request *trace.EndOrganisationRequest) (any, error) {
		if err := s.natural(state.OrganisationEndKey(request.MSP)); err != nil {
			return nil, err
		}
		joined, err := s.joined(request.MSP)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckOrganisationEnd(request, joined, s.Today); err != nil {
			return nil, err
		}
		return &trace.OrganisationEnd{Organisation: request.MSP, From: request.From, Reason: request.Reason}, nil
	})
}

// AdmitParty admits a party.
func (r *Registry) AdmitParty(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["AdmitParty"], argument, func(s *submission, request *trace.AdmitPartyRequest) (any, error) {
		kind := ""
		var err error
		if request.Org != "" {
			kind, err = s.kindOf(request.Org)
		}
		if err != nil {
			return nil, err
		}
		org, err := rules.CheckParty(request, kind)
		if err != nil {
			return nil, err
		}
		if err := s.natural(state.PartyKey(request.Party)); err != nil {
			return nil, err
		}
		return &trace.Party{
			Roles: request.Roles, Org: org, LegalPerson: request.LegalPerson,
			Name: request.Name, NameEnglish: request.NameEnglish, Region: request.Region, Size: request.Size,
			ValidFrom: request.ValidFrom, ValidTo: request.ValidTo,
		}, nil
	})
}

// SetStanding suspends a party or restores it. Each change is a fact about the party;
// the newest is also kept where every submitting method reads it.
func (r *Registry) SetStanding(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["SetStanding"], argument, func(s *submission, request *trace.SetStandingRequest) (any, error) {
		if err := request.Party.Validate(); err != nil {
			return nil, err
		}
		if err := s.fact(state.PartySubject(request.Party), state.FactStanding); err != nil {
			return nil, err
		}
		target, err := state.GetParty(s.Ledger, request.Party)
		if err != nil {
			return nil, err
		}
		current, err := state.GetStanding(s.Ledger, request.Party)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckStanding(request, s.Caller.Party, target, current); err != nil {
			return nil, err
		}
		standing := &trace.Standing{Head: s.header(), Of: request.Party, Status: request.Status, Reason: request.Reason}
		s.put(state.StandingKey(request.Party), standing)
		return standing, nil
	})
}

// GrantLicence puts a licence on file.
func (r *Registry) GrantLicence(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["GrantLicence"], argument, func(s *submission, request *trace.GrantLicenceRequest) (any, error) {
		if err := rules.CheckLicence(request); err != nil {
			return nil, err
		}
		if err := s.natural(state.LicenceKey(request.Party, request.Number)); err != nil {
			return nil, err
		}
		holder, err := state.GetParty(s.Ledger, request.Party)
		if err != nil {
			return nil, err
		}
		if holder == nil {
			return nil, trace.Errorf(trace.CodeUnknownParty, "party %s is not in the registry", request.Party)
		}
		if request.Kind == trace.LicenceGS1Prefix {
			if err := s.givePrefix(request); err != nil {
				return nil, err
			}
		}
		return &trace.Licence{
			Holder: request.Party, Number: request.Number, Kind: request.Kind, Scope: request.Scope,
			Issuer: request.Issuer, ValidFrom: request.ValidFrom, ValidTo: request.ValidTo, Document: request.Document,
		}, nil
	})
}

// RevokeLicence ends a licence before its time, once.
func (r *Registry) RevokeLicence(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["RevokeLicence"], argument, func(s *submission, request *trace.RevokeLicenceRequest) (any, error) {
		if err := request.Party.Validate(); err != nil {
			return nil, err
		}
		if err := trace.ValidText("number", request.Number, true, 40); err != nil {
			return nil, err
		}
		if err := s.natural(state.RevocationKey(request.Party, request.Number)); err != nil {
			return nil, err
		}
		licence, err := state.GetLicence(s.Ledger, request.Party, request.Number)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckRevocation(request, licence); err != nil {
			return nil, err
		}
		return &trace.LicenceRevocation{Holder: request.Party, Number: request.Number, From: request.From, Reason: request.Reason}, nil
	})
}

// GrantAccreditation puts a lab's accreditation on file.
func (r *Registry) GrantAccreditation(ctx *Context, argument string) (string, error) {
	return submit(ctx, r.methods["GrantAccreditation"], argument, func(s *submission, request *trace.GrantAccreditationRequest) (any, error) {
		if err := request.Lab.Validate(); err != nil {
			return nil, err
		}
		lab, err := state.GetParty(s.Ledger, request.Lab)
		if err != nil {
			return nil, err
		}
		if err := rules.CheckAccreditation(request, lab); err != nil {
			return nil, err
		}
		if err := s.natural(state.AccreditationKey(request.Lab, request.Number)); err != nil {
			return nil, err
		}
		return &trace.Accreditation{
			Lab: request.Lab, Number: request.Number, Issuer: request.Issuer,
			ValidFrom: request.ValidFrom, ValidTo: request.ValidTo, Items: request.Items,
		}, nil
	})
}

// onlyPeersOf is the key-level endorsement policy "a peer of this organisation".
func onlyPeersOf(msp string) ([]byte, error) {
	policy, err := statebased.NewStateEP(nil)
	if err != nil {
		return nil, fmt.Errorf("make an endorsement policy: %w", err)
	}
	if err := policy.AddOrgs(statebased.RoleTypePeer, msp); err != nil {
		return nil, fmt.Errorf("make an endorsement policy: %w", err)
	}
	return policy.Policy()
}
