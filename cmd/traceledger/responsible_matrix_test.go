package main

import (
	"traceledger/chaincode/trace"
)

// responsibleCases has a case for every transaction of the access matrix but those of
// casesBeforeFounding.
//
// To add one for a new method: put a function under its transaction's name. It is called
// once for each role that may call the method, with p.role set, from many goroutines at
// once. It writes what the request builds on with p.must, under ids of its own (p.lot,
// p.pack, p.shipment, p.id), so that rows do not meet, and returns the request, not yet
// sent. The party that has the role's own name sends it; found admits those, with their
// licences and products.
func responsibleCases() map[string]func(*preparation) responsibleCall {
	own := func(p *preparation) trace.PartyID { return trace.PartyID(p.role) }
	just := func(request any) responsibleCall { return responsibleCall{request: request} }
	return map[string]func(*preparation) responsibleCall{
		"registry:TouchEpoch": func(p *preparation) responsibleCall {
			return responsibleCall{request: &trace.TouchEpochRequest{Number: 2}, last: true}
		},
		"registry:InstallGuard": func(p *preparation) responsibleCall {
			return responsibleCall{request: &trace.InstallGuardRequest{MSP: trace.CarrierMSP, Version: 2}, last: true}
		},
		"registry:AdmitParty": func(p *preparation) responsibleCall {
			return just(p.world.admission(trace.PartyID(p.id("party")), trace.RoleFarm))
		},
		"registry:SetStanding": func(p *preparation) responsibleCall {
			party := p.world.admission(trace.PartyID(p.id("party")), trace.RoleFarm)
			p.must(own(p), p.role, "registry:AdmitParty", party)
			return just(&trace.SetStandingRequest{Write: p.world.write(0), Party: party.Party, Status: trace.PartySuspended, Reason: "测试"})
		},
		"registry:GrantLicence": func(p *preparation) responsibleCall {
			return just(p.world.licence(trace.PartyID(trace.RoleFactory), p.id("SC"), trace.LicenceFood, trace.CategoryFood))
		},
		"registry:RevokeLicence": func(p *preparation) responsibleCall {
			licence := p.world.licence(trace.PartyID(trace.RoleFactory), p.id("SC"), trace.LicenceFood, trace.CategoryFood)
			p.must(own(p), p.role, "registry:GrantLicence", licence)
			return just(&trace.RevokeLicenceRequest{Write: p.world.write(0), Party: licence.Party, Number: licence.Number, From: p.world.now.Date(), Reason: "测试"})
		},
		"registry:GrantAccreditation": func(p *preparation) responsibleCall {
			return just(p.world.accreditation(secondLab, p.id("CNAS")))
		},

		"registry:AdmitOrganisation": func(p *preparation) responsibleCall {
			return just(&trace.AdmitOrganisationRequest{Write: p.world.write(0), MSP: p.id("Org"), Kind: trace.LabMSP})
		},
		"registry:EndOrganisation": func(p *preparation) responsibleCall {
			admitted := &trace.AdmitOrganisationRequest{Write: p.world.write(0), MSP: p.id("Org"), Kind: trace.LabMSP}
			p.must(own(p), p.role, "registry:AdmitOrganisation", admitted)
			return just(&trace.EndOrganisationRequest{Write: p.world.write(0), MSP: admitted.MSP, From: p.world.now.Date() + 1, Reason: "测试"})
		},

		"standards:PublishLimit": func(p *preparation) responsibleCall {
			return just(&trace.PublishLimitRequest{
				Write: p.world.write(0), Commodity: "kiwifruit", Substance: p.id("substance"), Name: "测试物质", Kind: trace.LimitNotDetected, Source: p.world.source(),
			})
		},
		"standards:PublishInterval": func(p *preparation) responsibleCall {
			return just(&trace.PublishIntervalRequest{
				Write: p.world.write(0), Registration: p.id("PD"), Name: "测试农药", Crop: "kiwifruit", PreHarvestDays: 14, MaxApplications: 2, Source: p.world.source(),
			})
		},
		"standards:PublishYieldCeiling": func(p *preparation) responsibleCall {
			return just(&trace.PublishYieldCeilingRequest{Write: p.world.write(0), Crop: p.id("crop"), GramsPerHectare: 45_000_000, Source: p.world.source()})
		},

		"origin:RegisterProduct": func(p *preparation) responsibleCall {
			if p.role == trace.RoleMerchant {
				return just(p.world.product(trace.RoleFactory, gtinUnder(merchantPrefix, 2), own(p)))
			}
			return just(p.world.product(p.role, gtinUnder(makers[p.role].prefix, 2), ""))
		},
		"origin:RegisterPlot":  func(p *preparation) responsibleCall { return just(p.plotRequest()) },
		"origin:RegisterBatch": func(p *preparation) responsibleCall { return just(p.batch(p.role)) },
		"origin:ReleaseInput": func(p *preparation) responsibleCall {
			taker := trace.RoleFactory
			if p.role == taker {
				taker = trace.RoleProcessor
			}
			return just(&trace.ReleaseInputRequest{
				Write: p.world.write(hourCoded), LotID: p.lot(p.role), Taker: trace.PartyID(taker), Quantity: trace.Quantity{Amount: 1_000, Unit: trace.Gram},
			})
		},
		"origin:CompleteBatch": func(p *preparation) responsibleCall {
			presale := p.batch(p.role)
			made, quantity := p.world.now, presale.Quantity
			presale.Write, presale.Presale, presale.Planned, presale.Made, presale.Quantity = p.world.write(0), true, p.world.now.Date()+1, 0, trace.Quantity{}
			p.must(own(p), p.role, "origin:RegisterBatch", presale)
			return just(&trace.CompleteBatchRequest{Write: p.world.write(0), LotID: presale.LotID, Made: made, Quantity: quantity})
		},
		"origin:AddLogEntry": func(p *preparation) responsibleCall {
			lot := p.lot(p.role)
			return just(&trace.AddLogEntryRequest{Write: p.world.write(hourCoded), Lot: &lot, Activity: trace.ActivityPack, At: p.world.at(hourCoded)})
		},
		"origin:IssueCertificate": func(p *preparation) responsibleCall {
			return just(&trace.IssueCertificateRequest{
				Write: p.world.write(hourCoded), LotID: p.lot(p.role), Basis: []trace.CertificateBasis{trace.BasisOwnTest}, IssuedOn: p.world.now.Date(),
			})
		},

		"code:IssuePack": func(p *preparation) responsibleCall { return just(p.issue()) },
		"code:ActivatePack": func(p *preparation) responsibleCall {
			return just(&trace.ActivatePackRequest{Write: p.world.write(hourCoded), Pack: p.issued(p.role), LotID: p.lot(p.role)})
		},
		"code:ChangePack": func(p *preparation) responsibleCall {
			owner := p.role
			if owner == trace.RoleRegulator {
				owner = trace.RoleFarm
			}
			return just(&trace.ChangePackRequest{Write: p.world.write(0), Pack: p.issued(owner), To: trace.PackFrozen, Reason: "标签待查"})
		},

		"inspection:Report": func(p *preparation) responsibleCall { return just(p.report(p.lot(trace.RoleFarm))) },
		"inspection:Review": func(p *preparation) responsibleCall {
			maker := p.role
			if _, makes := makers[maker]; !makes {
				maker = trace.RoleFactory // whose product the merchant sells
			}
			lot := p.lot(maker)
			first := &trace.ReviewRequest{Write: p.world.write(0), LotID: lot, Level: 1, Inspection: p.inspected(lot)}
			if p.role != trace.RoleConsumerPanel {
				return just(first)
			}
			p.must(trace.PartyID(maker), maker, "inspection:Review", first)
			p.must(secondLab, trace.RoleLab, "inspection:Review", &trace.ReviewRequest{Write: p.world.write(0), LotID: lot, Level: 2, Inspection: first.Inspection, Pass: true})
			return just(&trace.ReviewRequest{Write: p.world.write(0), LotID: lot, Level: 3, Panel: 5, Satisfied: 4, Pass: true})
		},

		"transit:PackUnit": func(p *preparation) responsibleCall {
			pack, _ := p.pack(p.role)
			return just(&trace.PackUnitRequest{
				Write: p.world.write(hourConsigned), SSCC: ssccUnder(makers[p.role].prefix, p.world.next()), Codes: []trace.CodeRange{{Pack: pack, First: 1, Last: 10}},
			})
		},
		"transit:Consign": func(p *preparation) responsibleCall {
			lot := p.lot(trace.RoleFarm)
			return just(&trace.ConsignRequest{
				Write: p.world.write(hourConsigned), Shipment: trace.ShipmentID(p.id("ship")), Carrier: secondCarrier, Consignee: trace.PartyID(trace.RoleScanner), Lots: []trace.LotID{lot},
			})
		},
		"transit:Dispatch": func(p *preparation) responsibleCall { return just(p.dispatch(own(p))) },
		"transit:Handover": func(p *preparation) responsibleCall {
			shipment := p.shipment(secondCarrier)
			p.must(secondCarrier, trace.RoleCarrier, "transit:Consign", &trace.ConsignRequest{Write: p.world.write(hourHandedOver), Shipment: shipment, Carrier: own(p)})
			return just(&trace.HandoverRequest{
				Write: p.world.write(hourHandedOver), Shipment: shipment, Giver: secondCarrier, At: p.world.at(hourHandedOver), Place: trace.Place{Name: "武汉"},
			})
		},
		"transit:Arrive": func(p *preparation) responsibleCall {
			return just(&trace.ArriveRequest{
				Write: p.world.write(hourArrived), Shipment: p.shipment(own(p)), At: p.world.at(hourArrived), Place: trace.Place{Name: "临平"}, BadGoods: 160,
			})
		},
		"transit:BindDevice": func(p *preparation) responsibleCall { return just(p.bind()) },
		"transit:AnchorSegment": func(p *preparation) responsibleCall {
			bind := p.bind()
			p.must(own(p), p.role, "transit:BindDevice", bind)
			return p.segment(bind)
		},

		"verdict:PublishRule": func(p *preparation) responsibleCall { return just(p.rule()) },
		"verdict:Give":        func(p *preparation) responsibleCall { return just(p.verdict(p.lot(trace.RoleFarm))) },
		"verdict:Review": func(p *preparation) responsibleCall {
			given := p.must(trace.PartyID(trace.RoleMonitor), trace.RoleMonitor, "verdict:Give", p.verdict(p.lot(trace.RoleFarm)))
			return just(&trace.ReviewVerdictRequest{Write: p.world.write(0), Verdict: given.Record, Outcome: trace.OutcomeConfirmed})
		},

		"stream:Open": func(p *preparation) responsibleCall { return just(p.streamRequest()) },
		"stream:Close": func(p *preparation) responsibleCall {
			return just(&trace.CloseStreamRequest{Write: p.world.write(0), Stream: p.stream(p.role), Ended: p.world.now})
		},
		"stream:AnchorTranscript": func(p *preparation) responsibleCall {
			opener := trace.RoleMerchant
			if p.role != trace.RoleMonitor {
				opener = p.role // who anchors only what was said in its own stream
			}
			return just(p.transcript(p.stream(opener)))
		},
		"stream:Claim": func(p *preparation) responsibleCall { return just(p.claim()) },

		"rulebook:Publish": func(p *preparation) responsibleCall { return just(p.world.rulebook(p.world.now.Date() + 30)) },

		"enforcement:TakeAction": func(p *preparation) responsibleCall {
			if p.role == trace.RolePlatformOperator {
				return just(p.hint())
			}
			lot := p.lot(trace.RoleFarm)
			kind := trace.ActionRecall
			if p.role != trace.RoleRegulator {
				kind = trace.ActionDelist
			}
			return just(&trace.TakeActionRequest{
				Write: p.world.write(0), Kind: kind, Lot: &lot, Reason: "测试", Causes: []trace.Key{p.inspected(lot)},
				Basis: []trace.LegalBasis{{Law: "食品安全法", Article: "第六十三条", Effective: p.world.now.Date() - 2000}},
			})
		},
	}
}
